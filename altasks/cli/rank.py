"""`altasks rank`: request, ranker, pool, task, scores, queue, summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks.cli.files import keep_lines
from altasks.cli.labelled import LabelledData
from altasks.cli.option_names import option_names
from altasks.cli.partial import Partial
from altasks.cli.rank_job import RankJob, prepare
from altasks.cli.rank_picks import pick, strategies_that_can
from altasks.cli.rank_scores import score_pool
from altasks.cli.rank_summary import Printer, Queue, note_unreadable, summarise
from altasks.cli.rankers.base import Ranker, RankRequest
from altasks.errors import invalid

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
    show = Printer(console or Console())
    job = prepare(request, show)
    with option_names(job.flags):
        data = job.data()
        kept = Partial(request, job.ranker, str(job.acquisition), job.kept)
        with strategies_that_can(job.task):
            scored_by = job.scorer or job.acquisition
            scores = score_pool(request, job.task, job.pool, scored_by, job.strategy, kept, show)
        with kept.kept_on_error(scores, job.pool):  # scoring may have taken hours
            queue = make_queue(job, data, scores)
    write_queue(job, queue)
    kept.remove()
    report(job, queue, scores, data)


def make_queue(job: RankJob, data: LabelledData, scores: Scores) -> Queue:
    """Return the rows of the picks among what was scored."""
    picks = pick(job.request, job.task, data, job.strategy, scores)
    return describe_picks(
        job.ranker, job.task, job.pool, picks, scores, job.request.samples_at_once
    )


def write_queue(job: RankJob, queue: Queue) -> None:
    """Write the rows, whole or not at all.

    The path is checked again, and the rows are kept elsewhere if they can't be written there.
    """
    lines = (json.dumps(row, ensure_ascii=False) for row in queue.rows)
    keep_lines(job.request.out, lines, force=job.request.force)


def report(job: RankJob, queue: Queue, scores: Scores, data: LabelledData) -> None:
    """Print what is in a queue that is written, and draw its contact sheet."""
    request, show = job.request, job.show
    spread = "embeddings" in job.reads
    scorer = job.scorer if request.engine is None else None  # what it saw, it saw in actors
    summarise(show, request, queue, scores, str(job.acquisition), scorer, spread=spread)
    if "labelled_embeddings" in job.reads and not data.ids:
        show(
            "These picks keep away from each other. Give --labelled, so that they keep away from "
            "what is labelled already, too."
        )
    note_unreadable(show, scores, len(job.pool))
    draw_sheet(show, request, job.ranker, job.task, job.pool, queue)


def describe_picks(
    ranker: Ranker, task: Any, pool: Pool, picks: Sequence[str], scores: Scores, batch_size: int
) -> Queue:
    """Return the rows of the queue, with what the task thinks of each."""
    from altasks.scoring.describe import describe_samples

    described = describe_samples(task, pool, picks, batch_size=batch_size)
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
    show: Printer, request: RankRequest, ranker: Ranker, task: Any, pool: Pool, queue: Queue
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
    show(f"Pictures of {shown} are in {sheet}.")
