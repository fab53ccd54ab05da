"""`altasks rank`: request, ranker, pool, task, scores, queue, summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks.abilities import Costs, Embeds, provides
from altasks.cli.files import check_distinct, check_target, keep_lines
from altasks.cli.labelled import leave_out_labelled
from altasks.cli.option_names import option_names
from altasks.cli.partial import Partial, partial_path, read_queue
from altasks.cli.rank_command import SHARED
from altasks.cli.rank_summary import Queue, Say, note_unreadable, summarise, unreadable_lines
from altasks.cli.rankers.base import Ranker, RankRequest
from altasks.cli.rankers.find import find_ranker
from altasks.errors import ScoringInterruptedError, UnreadableSampleError, invalid
from altasks.registry import get_acquisition, get_strategy

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores


def run_rank(request: RankRequest, console: Console | None = None) -> None:
    """Score the pool, pick, write the queue, and print what is in it.

    Raises:
        AltasksError: for any option or file that can't be used; nothing is written then.
        ScoringInterruptedError: on Ctrl-C while scoring; what was scored is in `<out>.partial`.
        UnreadableSampleError: for samples that can't be read, once all others are scored; those
            are in `<out>.partial`.
    """
    say = Say(console or Console())
    ranker = find_ranker(request.task)
    flags = {option.flag for option in (*SHARED, *ranker.options)}
    check_request(request, ranker)
    strategy = named_strategy(request.strategy)
    with option_names(flags):
        pool = ranker.read(request)
        say_passed_over(say, pool)
        check_no_sample(request, pool)
        left, labelled = leave_out_labelled(pool, request, say)
    with option_names(flags, otherwise="--model"):
        task = ranker.build(request)
    with option_names(flags):
        strategy = strategy or named_strategy(getattr(task, "default_strategy", "top_k"))
        scorer = ranker.scorer(request, task)
        acquisition = request.acquisition or getattr(task, "default_acquisition", None)
        kept = Partial(request, ranker, str(acquisition))
        scores = score_pool(request, task, left, scorer or acquisition, strategy, kept, say)
        picks = pick(request, task, pool, labelled, strategy, scores)
        queue = describe_picks(request, ranker, task, left, picks, scores)
    # Scoring may have taken hours: the path is looked at again, and the rows outlive it.
    lines = (json.dumps(row, ensure_ascii=False) for row in queue.rows)
    keep_lines(request.out, lines, force=request.force)
    kept.remove()
    summarise(say, request, queue, scores, str(acquisition), scorer)
    note_unreadable(say, scores, len(left))
    draw_sheet(say, request, ranker, task, left, queue)


def check_request(request: RankRequest, ranker: Ranker) -> None:
    """Refuse, before any file is read, what can't be done or would overwrite what is read.

    Raises:
        InvalidInputError: naming the option.
        UnknownNameError: for a misspelt acquisition function.
    """
    known = {option.name: option for option in ranker.options}
    for name in request.options:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            raise invalid(flag, f"not to be given for {request.task}", "it")
    ranker.check(request)
    sheet = request.options.get("sheet")
    paths = {
        option.flag: request.value(option)
        for option in ranker.options
        if option.name != "sheet" and isinstance(request.value(option), Path)
    }
    check_distinct(
        {"--out": request.out, "--out (its .partial)": partial_path(request.out), "--sheet": sheet},
        {
            "--pool": request.pool,
            "--labelled": request.labelled,
            "--model": None if request.model is None else Path(request.model),
            **paths,
        },
        replaceable=lambda path: read_queue(path) is not None,
    )
    check_target(request.out, force=request.force)
    if sheet is not None:
        if sheet.suffix.lower() != ".png":
            raise invalid("--sheet", "a file that ends in .png", repr(str(sheet)))
        check_target(sheet, force=request.force, argument="--sheet")
        if request.pool.is_dir() and request.pool.resolve() in sheet.resolve().parents:
            raise invalid(
                "--sheet",
                "a path outside the folder of --pool, where it would be the next run's sample",
                repr(str(sheet)),
            )
    if request.acquisition is not None:
        get_acquisition(request.acquisition)  # a misspelt name is an error before any work


def say_passed_over(say: Say, pool: Pool) -> None:
    """Print how many files beside the samples were passed over, and the first of them."""
    from altasks.data.folders import passed_over_line

    if line := passed_over_line(pool.passed_over):
        say(line)


def check_no_sample(request: RankRequest, pool: Pool) -> None:
    """Refuse a queue that is itself one of the files to rank.

    Raises:
        InvalidInputError: naming it.
    """
    folder = request.pool.resolve()
    for path in (request.out, partial_path(request.out)):
        if folder in path.resolve().parents:
            name = path.resolve().relative_to(folder).as_posix()
            if name in pool:
                raise invalid(
                    "--out", "a path that is not read as --pool", f"the sample {name!r}",
                    where=str(path),
                )  # fmt: skip


def named_strategy(name: str | None) -> Any:
    """Return a strategy by its name, or by that of a wrapper and what is inside: `outer:inner`.

    Raises:
        UnknownNameError: if no strategy has that name.
        InvalidInputError: for one that can't be made without further settings.
    """
    if name is None:
        return None
    outer, colon, inner = name.partition(":")
    made_by = get_strategy(outer)
    try:
        return made_by(named_strategy(inner)) if colon else made_by()
    except TypeError as error:
        raise invalid(
            "--strategy",
            "a strategy that needs no settings, or a wrapper with one, such as 'balanced:top_k'",
            repr(name),
            where=str(error),
            hint="With its settings, use it from Python.",
        ) from error


def score_pool(
    request: RankRequest,
    task: Any,
    pool: Pool,
    acquisition: str | Callable[..., Any] | None,
    strategy: Any,
    kept: Partial,
    say: Say,
) -> Scores:
    """Return the scores of the pool, going on from those that an interrupted run kept.

    Raises:
        ScoringInterruptedError: on Ctrl-C, once what was scored is kept.
        UnreadableSampleError: for samples that can't be read, likewise.
    """
    from altasks.scoring import KEEPABLE, Scores, score

    keep = set(strategy.needs) & set(KEEPABLE)
    # Embeddings and probabilities are not kept, so what the strategy needs them of is read anew.
    done = {} if keep else kept.read(pool)
    left = pool.subset([name for name in pool.ids if name not in done]) if done else pool
    if done:
        say(
            f"Going on from {kept.path}, which has the scores of {len(done):,} of {len(pool):,} "
            "samples. Remove that file to score all of them again."
        )
    if not len(left):
        return Scores(list(pool.ids), _values(pool.ids, done))
    try:
        found = score(
            task,
            left,
            acquisition,
            batch_size=request.samples_at_once,
            keep=keep,
            round=0,
            unreadable="skip" if request.skip_unreadable else "error",
        )
    except (ScoringInterruptedError, UnreadableSampleError) as error:
        if done and request.skip_unreadable and isinstance(error, UnreadableSampleError):
            # None of the rest can be read, which is no error beside those that were.
            return _joined(pool, done, None, skipped=error.skipped)
        raise _keep_partial(error, _joined(pool, done, error.partial), pool, kept) from error
    return _joined(pool, done, found) if done else found


def _values(ids: Sequence[str], value_of: Mapping[str, float]) -> Any:
    import numpy as np

    return np.array([value_of[name] for name in ids], dtype=np.float64)


def _joined(
    pool: Pool, done: Mapping[str, float], found: Any, *, skipped: Mapping[str, str] | None = None
) -> Scores:
    """Return old and new scores in the pool's order; `found` may be None."""
    from altasks.scoring import Scores

    value_of = dict(done)
    if found is not None:
        value_of |= dict(zip(found.ids, found.values.tolist(), strict=True))
    ids = [name for name in pool.ids if name in value_of]
    left_out = skipped or ({} if found is None else found.skipped)
    return Scores(ids, _values(ids, value_of), skipped=left_out)


def _keep_partial(
    error: ScoringInterruptedError | UnreadableSampleError,
    scores: Scores,
    pool: Pool,
    kept: Partial,
) -> ScoringInterruptedError | UnreadableSampleError:
    """Write what was scored before an end, and return the error that says where it is."""
    interrupted = isinstance(error, ScoringInterruptedError)
    if not len(scores):
        nothing = ScoringInterruptedError("Interrupted before anything was scored.", None)
        return nothing if interrupted else error
    kept.write(scores, pool)
    there = f"best first, are in {kept.path}; {kept.request.out} was not written."
    if interrupted:
        return ScoringInterruptedError(
            f"Interrupted after {len(scores):,} of {len(pool):,} samples. Their scores, {there} "
            "The same command goes on from there.",
            scores,
        )
    assert isinstance(error, UnreadableSampleError)
    return UnreadableSampleError(
        f"{unreadable_lines(error.skipped, len(pool))} The scores of the other {len(scores):,}, "
        f"{there} Remove these files, or leave them out with --skip-unreadable: either goes on "
        "from there.",
        error.rows,
        skipped=error.skipped,
        partial=scores,
    )


def pick(
    request: RankRequest,
    task: Any,
    pool: Pool,
    labelled: Sequence[str],
    strategy: Any,
    scores: Scores,
) -> list[str]:
    """Return the ids that the strategy picks, checked before they are written.

    Raises:
        InvalidInputError: for a strategy that needs what the task doesn't have, or that returns
            something else than distinct ids of the pool.
    """
    from altasks._internal.random import derive_rng
    from altasks.strategies import Candidates
    from altasks.strategies.wrapping import select_inside

    beside: dict[str, Any] = {}
    for name, ids in (("labelled_embeddings", labelled), ("pending_embeddings", ())):
        if name in strategy.needs:
            beside[name] = embed(request, task, pool, ids, other=scores.ids[0])
    if "costs" in strategy.needs:
        beside["costs"] = [
            float(task.cost(pool[name])) if provides(task, Costs) else 1.0 for name in scores.ids
        ]
    candidates = Candidates(
        scores.ids,
        scores.values,
        embeddings=scores.embeddings,
        mean_probs=scores.mean_probs,
        draws=scores.draws,
        **beside,
    )
    count = min(request.number, len(scores))
    return select_inside(strategy, candidates, count, derive_rng(request.seed, "rank"))


def embed(request: RankRequest, task: Any, pool: Pool, ids: Sequence[str], *, other: str) -> Any:
    """Return embeddings `[len(ids), d]`; of none, the width is that of the sample `other`.

    Raises:
        InvalidInputError: if the task has no embeddings.
    """
    import numpy as np
    from torch import Tensor

    if not provides(task, Embeds):
        raise invalid(
            "--strategy",
            "one that does without embeddings",
            f"{request.strategy!r}, and {request.task} has none",
        )
    blocks = []
    for start in range(0, max(len(ids), 1), request.samples_at_once):
        names = list(ids[start : start + request.samples_at_once]) or [other]
        block = task.embed([pool[name] for name in names])
        if isinstance(block, Tensor):  # NumPy has no bfloat16
            block = block.detach().cpu()
            block = (block.float() if block.dtype.itemsize < 4 else block).numpy()
        blocks.append(block)
    return np.concatenate(blocks)[: len(ids)]


def describe_picks(
    request: RankRequest,
    ranker: Ranker,
    task: Any,
    pool: Pool,
    picks: Sequence[str],
    scores: Scores,
) -> Queue:
    """Return the rows of the queue, with what the task thinks of each."""
    from altasks.scoring.describe import describe_samples

    described = describe_samples(task, pool, picks, batch_size=request.samples_at_once)
    chosen = set(picks)
    value_of = {
        name: value
        for name, value in zip(scores.ids, scores.values.tolist(), strict=True)
        if name in chosen
    }
    rows = []
    for place, name in enumerate(picks, start=1):
        fields = ranker.fields(pool[name])
        row = {"rank": place, "id": name, "score": value_of[name], **fields}
        if name in described:
            row["prediction"] = {
                key: value for key, value in described[name].items() if key not in fields
            }
        rows.append(row)
    return Queue(rows, ranker, described)


def draw_sheet(
    say: Say, request: RankRequest, ranker: Ranker, task: Any, pool: Pool, queue: Queue
) -> None:
    """Write the contact sheet, if one is wanted."""
    sheet = request.options.get("sheet")
    if sheet is None:
        return
    from altasks.report.contact_sheet import MOST, contact_sheet

    layout: dict[str, Any] = dict(ranker.sheet)
    try:
        contact_sheet(queue.rows, task, sheet, pool=pool, **layout)
    except OSError as error:  # a disk that is full; the queue is written
        raise invalid(
            "--sheet", "a path that can be written", f"{str(sheet)!r} ({error})",
            hint=f"The queue is in {request.out}.",
        ) from error  # fmt: skip
    shown = f"the first {MOST:,}" if len(queue.rows) > MOST else "all of them"
    say(f"Pictures of {shown} are in {sheet}.")
