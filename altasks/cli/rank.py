"""`altasks rank`: score a file of samples and write the top of it as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks.cli.files import check_target, keep_lines
from altasks.cli.rank_request import Ranker, RankRequest, check_options
from altasks.cli.rank_summary import SHOWN, plain, show_pictures, summarise, unreadable_lines
from altasks.cli.rankers.table import find_ranker
from altasks.errors import (
    InvalidInputError,
    ScoringInterruptedError,
    UnreadableSampleError,
    invalid,
)
from altasks.registry import get_acquisition, get_strategy

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores

#: How many samples are checked at once: many are faster, few hold less in memory.
CHECKED = 1000


def run_rank(request: RankRequest, console: Console | None = None) -> None:
    """Score the pool, pick, write the queue, and say what is in it.

    Raises:
        AltasksError: for any option or file that can't be used; nothing is written then.
        ScoringInterruptedError: on Ctrl-C while scoring; what was scored is in `<out>.partial`.
        UnreadableSampleError: for samples that can't be read, once all others are scored; those
            are in `<out>.partial`.
    """
    console = console or Console()
    ranker = find_ranker(request.task)
    check_options(request, ranker)
    check_target(request.out, force=request.force)
    if request.acquisition is not None:
        get_acquisition(request.acquisition)  # a misspelt name is an error before any work
    strategy = None if request.strategy is None else get_strategy(request.strategy)()
    _check_pictures(request)
    pool = ranker.read(request)
    left = _leave_out_labelled(pool, request, console)

    from altasks._internal.random import derive_rng
    from altasks.scoring import score
    from altasks.strategies import Candidates

    task = ranker.build(request)
    strategy = strategy or get_strategy(task.default_strategy)()
    acquisition = request.acquisition or task.default_acquisition
    scorer = None if ranker.scorer is None else ranker.scorer(request, task)
    _check_samples(task, left)
    try:
        scores = score(
            task,
            left,
            scorer or acquisition,
            batch_size=request.batch_size,
            keep=_kept_for(strategy),
            round=0,
            unreadable="skip" if request.skip_unreadable else "error",
        )
    except (ScoringInterruptedError, UnreadableSampleError) as error:
        raise _save_partial(error, request, ranker, left) from error
    candidates = Candidates(
        scores.ids,
        scores.values,
        embeddings=scores.embeddings,
        mean_probs=scores.mean_probs,
        draws=scores.draws,
    )
    picks = strategy.select(candidates, request.number, rng=derive_rng(request.seed, "rank"))
    value_of = dict(zip(scores.ids, scores.values.tolist(), strict=True))
    rows, reasons = _describe(task, ranker, left, picks, value_of, request.batch_size)
    # Scoring may have taken hours: the path is looked at again, and the rows outlive it.
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    keep_lines(request.out, lines, force=request.force)
    found = [] if scorer is None else scorer.lines()
    summarise(console, request, ranker, scores, rows, reasons, acquisition, found)
    show_pictures(console, request, ranker, task, left, scores, rows)


def _kept_for(strategy: Any) -> set[str]:
    from altasks.scoring import KEEPABLE

    beyond = set(strategy.needs) - set(KEEPABLE)
    if beyond:
        raise InvalidInputError(
            f"--strategy: {type(strategy).__name__} needs {', '.join(sorted(beyond))}, which a "
            "single ranking does not have. Use it in an ActiveLoop."
        )
    return set(strategy.needs)


def _leave_out_labelled(pool: Pool, request: RankRequest, console: Console) -> Pool:
    """Return the pool without the ids of `--labelled`."""
    if request.labelled is None:
        return pool
    done = _read_ids(request.labelled, request.id_column)
    known = set(pool.ids)
    strangers = [name for name in done if name not in known]
    if done and len(strangers) == len(done):
        raise invalid(
            "--labelled",
            f"ids of the pool, such as {pool.ids[0]!r}",
            f"{len(done)} ids that are not in it, such as {done[0]!r}",
            hint="Name the column that holds the ids with --id-column.",
        )
    if strangers:
        shown = ", ".join(map(repr, strangers[:3])) + (", ..." if len(strangers) > 3 else "")
        console.print(
            plain(
                f"Note: {len(strangers)} of {len(done)} ids in {request.labelled} are not in the "
                f"pool: {shown}"
            ),
            soft_wrap=True,
        )
    gone = set(done)
    left = [name for name in pool.ids if name not in gone]
    if not left:
        raise invalid("--pool", "a sample that isn't labelled yet", "none: every id is labelled")
    return pool.subset(left)


def _read_ids(path: Path, id_column: str | None) -> list[str]:
    from altasks.data.tables import read_table
    from altasks.data.text_files import read_lines

    if path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".ndjson"):
        columns = read_table(path).columns
        name = id_column or "id"
        if name not in columns:
            raise invalid(
                "--labelled",
                f"a column {name!r} with the ids",
                f"the columns {', '.join(map(repr, columns))}",
                where=str(path),
                hint="Name the column with --id-column.",
            )
        cells = list(columns[name])
        if None in cells:
            raise invalid("--labelled", "an id in every row", "none",
                          where=f"{path}, row {cells.index(None)}")  # fmt: skip
        return list(dict.fromkeys(str(value) for value in cells))
    if not path.is_file():
        raise invalid("--labelled", "an existing file", repr(str(path)))
    # Not str.splitlines, which also breaks inside ids that are the names of files.
    return list(dict.fromkeys(line.strip() for _, line in read_lines(path) if line.strip()))


def _check_samples(task: Any, pool: Pool) -> None:
    """Refuse a sample the task can't read before any is scored, naming its id."""
    check = getattr(task, "check_samples", None)
    if check is None:
        return
    for start in range(0, len(pool), CHECKED):
        names = pool.ids[start : start + CHECKED]
        try:
            check([pool[name] for name in names])
        except InvalidInputError as whole:
            for name in names:
                try:
                    check([pool[name]])
                except UnreadableSampleError:
                    pass  # scoring goes on without it
                except InvalidInputError as error:
                    error.add_note(f"It is the sample with the id {name!r}.")
                    if "too_long" in str(error):
                        error.add_note("In the shell, that is --truncate.")
                    raise
            if not isinstance(whole, UnreadableSampleError):
                raise


def _describe(
    task: Any,
    ranker: Ranker,
    pool: Pool,
    picks: list[str],
    value_of: Mapping[str, float],
    batch_size: int,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of the queue, and the reasons of the first few."""
    rows: list[dict[str, Any]] = []
    reasons: list[str] = []
    for start in range(0, len(picks), batch_size):
        names = picks[start : start + batch_size]
        samples = [pool[name] for name in names]
        # What is too big for one prediction is looked at in pieces.
        looked = task.describe_many(samples) if hasattr(task, "describe_many") else None
        prediction = None if looked is not None else task.predict(samples)
        for place, (name, sample) in enumerate(zip(names, samples, strict=True)):
            if looked is not None:
                description = looked[place]
            else:
                assert prediction is not None
                description = task.describe(sample, prediction[place : place + 1])
            if len(reasons) < SHOWN:
                reasons.append(ranker.reason(description))
            shown = ranker.fields(sample)
            rows.append(
                {
                    "rank": len(rows) + 1,
                    "id": name,
                    "score": value_of[name],
                    **shown,
                    "prediction": {
                        name: value for name, value in description.items() if name not in shown
                    },
                }
            )
    return rows, reasons


def _check_pictures(request: RankRequest) -> None:
    """Refuse, before any work, a sheet that can't be written."""
    if request.sheet is not None:
        if request.sheet.suffix.lower() != ".png":
            raise invalid("--sheet", "a file that ends in .png", repr(str(request.sheet)))
        check_target(request.sheet, force=request.force, argument="--sheet")


def _save_partial(
    error: ScoringInterruptedError | UnreadableSampleError,
    request: RankRequest,
    ranker: Ranker,
    pool: Pool,
) -> ScoringInterruptedError | UnreadableSampleError:
    """Write what was scored before an end, and return the error that says where it is."""
    partial: Scores | None = error.partial  # type: ignore[assignment]
    if partial is None or not len(partial):
        return (
            error
            if isinstance(error, UnreadableSampleError)
            else ScoringInterruptedError("Interrupted before anything was scored.", None)
        )
    target = request.out.with_name(request.out.name + ".partial")
    value_of = dict(zip(partial.ids, partial.values.tolist(), strict=True))
    rows = (
        {"rank": place, "id": name, "score": value_of[name], **ranker.fields(pool[name])}
        for place, name in enumerate(partial.top(len(partial), seed=request.seed), start=1)
    )
    keep_lines(target, (json.dumps(row, ensure_ascii=False) for row in rows), force=True)
    if isinstance(error, UnreadableSampleError):
        listed = unreadable_lines(error.skipped, len(pool))
        return UnreadableSampleError(
            f"{listed} The scores of the other {len(partial):,}, "
            f"best first, are in {target}; {request.out} was not written. Remove these files, or "
            "leave them out with --skip-unreadable.",
            error.rows,
            skipped=error.skipped,
            partial=partial,
        )
    return ScoringInterruptedError(
        f"Interrupted after {len(partial):,} of {len(pool):,} samples. Their scores, best first, "
        f"are in {target}; {request.out} was not written.",
        partial,
    )
