"""`altasks rank`: request, ranker, pool, task, scores, queue, summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks.abilities import DefaultAcquisition, provides
from altasks.cli.files import keep_lines
from altasks.cli.labelled import leave_out_labelled, read_as_data
from altasks.cli.option_names import option_names
from altasks.cli.partial import Partial
from altasks.cli.rank_checks import check_no_sample, check_request
from altasks.cli.rank_options import SHARED
from altasks.cli.rank_picks import fitting_strategy, named_strategy, pick, strategies_that_can
from altasks.cli.rank_scores import score_pool
from altasks.cli.rank_summary import Printer, Queue, note_passed_over, note_unreadable, summarise
from altasks.cli.rankers.base import Ranker, RankRequest
from altasks.cli.rankers.find import find_ranker
from altasks.cli.target import TargetFile
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
    ranker = find_ranker(request.task)
    flags = {option.flag for option in (*SHARED, *ranker.options)}
    check_request(request, ranker)
    target = None
    if request.target is not None:
        target = TargetFile(request.target, request.samples_at_once)
    strategy = named_strategy(request.strategy, target)
    if target is not None and not target.used:
        raise invalid(
            "--target",
            "a strategy that picks for a target, such as --strategy fisher_matching",
            repr(request.strategy),
        )
    with option_names(flags):
        if target is not None:
            target.read(request, ranker)
        pool = ranker.read(request)
        note_passed_over(show, pool)
        check_no_sample(request, pool)
        labelled = leave_out_labelled(pool, request, ranker)
        left = labelled.left
    with option_names(flags, otherwise="--model"):
        task = ranker.build(request)
    if target is not None:
        target.task = task

    from altasks.loop.candidates import OF_LABELLED, SCORED, reads

    with option_names(flags):
        strategy = fitting_strategy(request, task, strategy, show)
        read = reads(strategy)
        data = read_as_data(labelled, pool, request, ranker, read & OF_LABELLED, show)
        scorer = ranker.scorer(request, task)
        acquisition = request.acquisition
        if acquisition is None and provides(task, DefaultAcquisition):
            acquisition = task.default_acquisition
        kept = Partial(request, ranker, str(acquisition), read & SCORED)
        with strategies_that_can(task):
            scores = score_pool(request, task, left, scorer or acquisition, strategy, kept, show)
        with kept.kept_on_error(scores, left):  # scoring may have taken hours
            picks = pick(request, task, data, strategy, scores)
            queue = describe_picks(ranker, task, left, picks, scores, request.samples_at_once)
    # The path is checked again, and the rows are kept elsewhere if they can't be written there.
    lines = (json.dumps(row, ensure_ascii=False) for row in queue.rows)
    keep_lines(request.out, lines, force=request.force)
    kept.remove()
    summarise(show, request, queue, scores, str(acquisition), scorer, spread="embeddings" in read)
    if "labelled_embeddings" in read and not data.ids:
        show(
            "These picks keep away from each other. Give --labelled, so that they keep away from "
            "what is labelled already, too."
        )
    note_unreadable(show, scores, len(left))
    draw_sheet(show, request, ranker, task, left, queue)


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
