"""`altasks rank`: score a file of samples and write the top of it as JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from altasks.cli.files import check_target, write_lines
from altasks.cli.rank_image_classification import (
    build_image_classification,
    closest_classes,
    image_classes,
    image_fields,
    read_image_folder,
)
from altasks.cli.rank_object_detection import (
    BoxScorer,
    box_labels,
    build_object_detection,
    closest_calls,
    read_images,
)
from altasks.cli.rank_ocr import build_ocr, line_fields, split_readings
from altasks.cli.rank_ocr import read_images as read_lines
from altasks.cli.rank_segmentation import (
    build_segmentation,
    mask_classes,
    mask_reason,
)
from altasks.cli.rank_segmentation import (
    image_fields as map_fields,
)
from altasks.cli.rank_segmentation import (
    read_images as read_maps,
)
from altasks.cli.rank_words import (
    build_ner,
    doubtful_spans,
    read_sentences,
    sentence_fields,
    span_labels,
)
from altasks.errors import (
    InvalidInputError,
    ScoringInterruptedError,
    UnknownNameError,
    UnreadableSampleError,
    invalid,
)
from altasks.registry import TASKS, get_acquisition, get_strategy

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores

#: How many of the picks are shown, and how much of each text.
SHOWN = 5
TEXT_WIDTH = 60

#: Passes of MC dropout for texts, unless said otherwise.
PASSES = 20

#: How many samples are checked at once: many are faster, few hold less in memory.
CHECKED = 1000


@dataclass(frozen=True, kw_only=True)
class RankRequest:
    """The options of `altasks rank`; see its help."""

    task: str
    model: str | None = None
    members: tuple[str, ...] = ()
    pool: Path
    out: Path
    number: int = 100
    acquisition: str | None = None
    strategy: str | None = None
    text_column: str | None = None
    id_column: str | None = None
    labelled: Path | None = None
    passes: int | None = None
    views: bool = False
    sheet: Path | None = None
    skip_unreadable: bool = False
    dropout_layers: Literal["all", "head"] = "all"
    dropout: float | None = None
    truncate: bool = False
    regions: str | None = None
    batch_size: int = 32
    device: str | None = None
    seed: int = 0
    force: bool = False
    class_weights: Path | None = None
    reduce: Literal["sum", "mean", "max", "top_k"] | None = None
    conf: float | None = None
    image_size: int | None = None


@dataclass(frozen=True)
class Ranker:
    """What the shell must know of a task beyond its adapter: one entry of the table below.

    Attributes:
        build: makes the task from the options.
        read: makes the pool from the options.
        fields: what of a sample goes into its row of the queue.
        classes: the predicted classes of a description, for the counts.
        reason: one line on why a sample scores as it does, from its description.
        scorer: makes the acquisition function from the options and the task, where the function
            alone won't do; its `lines()` go into the summary.
        members: whether the task is made of `--member`s, of which `--model` is one.
    """

    build: Callable[[RankRequest], Any]
    read: Callable[[RankRequest], Pool]
    fields: Callable[[Any], dict[str, Any]]
    classes: Callable[[Mapping[str, Any]], list[str]]
    reason: Callable[[Mapping[str, Any]], str]
    scorer: Callable[[RankRequest, Any], Any] | None = None
    members: bool = False


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
    _refuse_strange(request, ranker)
    if request.regions is not None and request.task != "segmentation":
        raise invalid("--regions", "not to be given for another task than segmentation", "it")
    if request.model is None and not ranker.members:
        raise invalid("--model", "a fine-tuned checkpoint: a folder or a hub name", "none")
    if request.members and not ranker.members:
        raise invalid("--member", f"not to be given for {request.task}", "it", hint="Use --model.")
    check_target(request.out, force=request.force)
    if request.acquisition is not None:
        get_acquisition(request.acquisition)  # a misspelt name is an error before any work
    strategy = None if request.strategy is None else get_strategy(request.strategy)()
    _check_pictures(request)
    pool = ranker.read(request)
    left = _leave_out_labelled(pool, request, console)

    from altasks._random import derive_rng
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
    # Looked at again: scoring may have taken hours.
    check_target(request.out, force=request.force)
    write_lines(request.out, (json.dumps(row, ensure_ascii=False) for row in rows))
    found = [] if scorer is None else scorer.lines()
    _summarise(console, request, ranker, scores, rows, reasons, acquisition, found)
    _show_pictures(console, request, task, left, scores, rows)


def find_ranker(task: str) -> Ranker:
    """Return what the shell knows of a task.

    Raises:
        UnknownNameError: naming the tasks that can be ranked from the shell.
    """
    if task in RANKERS:
        return RANKERS[task]
    known = ", ".join(sorted(RANKERS))
    if task in TASKS.names():
        raise UnknownNameError(
            f"--task: {task!r} cannot be ranked from the shell, only {known}. From Python: "
            f'al.score(al.get_task("{task}")(...), pool).'
        )
    raise UnknownNameError(f"--task: expected one of {known}, found {task!r}.")


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
            _plain(
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
        return list(dict.fromkeys(str(value) for value in columns[name]))
    if not path.is_file():
        raise invalid("--labelled", "an existing file", repr(str(path)))
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


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
        looked = task.look(samples) if hasattr(task, "look") else None
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
    """Refuse, before any work, what only images have, and a sheet that can't be written."""
    if request.sheet is not None:
        if not request.task.startswith(("image-", "object-")):
            raise invalid("--sheet", "a task whose samples are images", request.task)
        if request.sheet.suffix.lower() != ".png":
            raise invalid("--sheet", "a file that ends in .png", repr(str(request.sheet)))
        check_target(request.sheet, force=request.force, argument="--sheet")
    if request.views and request.task != "image-classification":
        raise invalid("--views", "--task image-classification", request.task)


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
    write_lines(target, (json.dumps(row, ensure_ascii=False) for row in rows))
    if isinstance(error, UnreadableSampleError):
        return UnreadableSampleError(
            f"{_unreadable(error.skipped, len(pool))} The scores of the other {len(partial):,}, "
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


def _refuse_strange(request: RankRequest, ranker: Ranker) -> None:
    """Refuse options that only detection reads, where it isn't asked for."""
    given = {
        "--class-weights": request.class_weights,
        "--reduce": request.reduce,
        "--conf": request.conf,
        "--image-size": request.image_size,
    }
    for name, value in given.items():
        if value is not None and ranker.scorer is None:
            raise invalid(name, f"not to be given for {request.task}", f"{value}")


def _unreadable(skipped: Mapping[str, str], count: int) -> str:
    """Return which samples can't be read, and why."""
    named = "".join(f"\n  {name}: {found}" for name, found in list(skipped.items())[:SHOWN])
    more = f"\n  and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
    return f"{len(skipped):,} of {count:,} samples can't be read:{named}{more}\n"


def _show_pictures(
    console: Console,
    request: RankRequest,
    task: Any,
    pool: Pool,
    scores: Scores,
    rows: list[dict[str, Any]],
) -> None:
    """Say what was left out, and write the contact sheet if one is wanted."""
    if scores.skipped:
        for line in _unreadable(scores.skipped, len(pool)).splitlines():
            console.print(_plain(line), soft_wrap=True)
    if request.sheet is not None:
        from altasks.report.sheet import MOST, contact_sheet

        contact_sheet(rows, task, request.sheet, pool=pool)
        shown = f"the first {MOST:,}" if len(rows) > MOST else "all of them"
        console.print(_plain(f"Pictures of {shown} are in {request.sheet}."), soft_wrap=True)


def _summarise(
    console: Console,
    request: RankRequest,
    ranker: Ranker,
    scores: Scores,
    rows: list[dict[str, Any]],
    reasons: list[str],
    acquisition: str,
    found: list[str],
) -> None:
    def say(text: str) -> None:
        console.print(_plain(text), soft_wrap=True)

    say(f"Scored {len(scores):,} samples by {acquisition}: {_spread(scores.values.tolist())}")
    for line in found:
        say(line)
    if len(rows) < request.number:
        say(f"Asked for {request.number:,}, but there are only {len(rows):,}: all are in.")
    say(f"Wrote {len(rows):,} to {request.out}: {_spread([row['score'] for row in rows])}")
    counts = Counter(name for row in rows for name in ranker.classes(row["prediction"]))
    if counts:
        listed = ", ".join(f"{name} {count}" for name, count in counts.most_common(12))
        more = f", and {len(counts) - 12} more classes" if len(counts) > 12 else ""
        say(f"Predicted classes among them: {listed}{more}")
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("sample", overflow="fold", ratio=1)
    table.add_column("why", overflow="fold", ratio=1)
    for row, reason in zip(rows, reasons, strict=False):
        shown = " ".join(str(row.get("text", " ".join(row.get("tokens", [row["id"]])))).split())
        if len(shown) > TEXT_WIDTH:
            shown = shown[: TEXT_WIDTH - 3] + "..."
        table.add_row(str(row["rank"]), f"{row['score']:.4g}", _plain(shown), _plain(reason))
    console.print(table)


def _spread(values: list[float]) -> str:
    mean = sum(values) / len(values)
    return f"score mean {mean:.4g}, from {min(values):.4g} to {max(values):.4g}."


def _plain(text: str) -> Text:
    """Return other people's text as what it says: no markup, no emoji codes, no control codes.

    A pool is untrusted: an escape sequence in it could clear or recolour the terminal, and a
    change of direction could make it say something else.
    """
    return Text("".join(char if char.isprintable() else "\ufffd" for char in text))


def _build_text_classification(request: RankRequest) -> Any:
    from altasks.committees import MCDropout
    from altasks.tasks.text_classification import TextClassification

    committee = None
    if passes := PASSES if request.passes is None else request.passes:
        committee = MCDropout(
            passes, layers=request.dropout_layers, p=request.dropout, seed=request.seed
        )
    assert request.model is not None  # run_rank has seen to it
    try:
        return TextClassification(
            request.model,
            **_saved_settings(Path(request.model)),
            committee=committee,
            device=request.device,
            batch_size=request.batch_size,
            too_long="truncate" if request.truncate else "error",
        )
    except InvalidInputError as error:
        if not str(error).startswith("labels:"):
            raise
        # Only a checkpoint without a head lacks labels; a head drawn at random ranks at random.
        raise invalid(
            "--model",
            "a checkpoint fine-tuned for classification",
            "one without a classification head",
            where=request.model,
            hint="Fine-tune it first (ActiveLoop.fit), or take a folder that "
            "TextClassification.save wrote.",
        ) from error


def _saved_settings(folder: Path) -> dict[str, Any]:
    """Return the labels and the kind of labels that a checkpoint was saved with."""
    ours, config = folder / "altasks.json", folder / "config.json"
    if ours.is_file():  # TextClassification.save wrote it
        settings = json.loads(ours.read_text(encoding="utf-8"))
        if settings.get("task") != "text-classification":
            raise invalid(
                "--model",
                "a folder written by TextClassification.save",
                f"one of the task {settings.get('task')!r}",
                where=str(folder),
            )
        return {"labels": settings["labels"], "multi_label": settings["multi_label"]}
    if config.is_file():
        kind = json.loads(config.read_text(encoding="utf-8")).get("problem_type")
        return {"multi_label": kind == "multi_label_classification"}
    return {}


def _read_texts(request: RankRequest) -> Pool:
    from altasks.data import as_pool

    return as_pool(request.pool, text_column=request.text_column, id_column=request.id_column)


def _text_classes(description: Mapping[str, Any]) -> list[str]:
    predicted = description["predicted"]
    return [str(name) for name in (predicted if isinstance(predicted, list) else [predicted])]


def _text_reason(description: Mapping[str, Any]) -> str:
    likeliest = description["classes"][:3]
    return ", ".join(f"{entry['label']} {entry['probability']:.2f}" for entry in likeliest)


#: Task name -> what the shell must know of it. A new task adds its entry, and its options above.
RANKERS: dict[str, Ranker] = {
    "image-classification": Ranker(
        build=build_image_classification,
        read=read_image_folder,
        fields=image_fields,
        classes=image_classes,
        reason=closest_classes,
    ),
    "ner": Ranker(
        build=build_ner,
        read=read_sentences,
        fields=sentence_fields,
        classes=span_labels,
        reason=doubtful_spans,
    ),
    "object-detection": Ranker(
        build=build_object_detection,
        read=read_images,
        fields=lambda sample: {},  # noqa: ARG005 - the id is the file
        classes=box_labels,
        reason=closest_calls,
        scorer=BoxScorer,
    ),
    "segmentation": Ranker(
        build=build_segmentation,
        read=read_maps,
        fields=map_fields,
        classes=mask_classes,
        reason=mask_reason,
    ),
    "ocr": Ranker(
        build=build_ocr,
        read=read_lines,
        fields=line_fields,
        classes=lambda _: [],
        reason=split_readings,
        members=True,
    ),
    "text-classification": Ranker(
        build=_build_text_classification,
        read=_read_texts,
        fields=lambda sample: {"text": sample},
        classes=_text_classes,
        reason=_text_reason,
    ),
}
