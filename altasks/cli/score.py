"""`altasks score`: one shard of what `altasks rank` would score, written for `altasks merge`."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks.cli.option_names import option_names
from altasks.cli.partial import Partial
from altasks.cli.rank_job import RankJob, prepare
from altasks.cli.rank_picks import strategies_that_can
from altasks.cli.rank_scores import score_pool
from altasks.cli.rank_summary import Printer, note_unreadable, spread_of
from altasks.cli.rankers.base import RankRequest
from altasks.cli.score_order import ScoreOrder
from altasks.cli.stamps import content_stamp
from altasks.errors import UnreadableSampleError, invalid

if TYPE_CHECKING:
    from altasks.scoring import Scores
    from altasks.scoring.shards import Shard

#: Candidates a shard, for each sample to pick.
FOR_EACH_PICK = 10
#: What of a request may differ between machines: where things are, not what they are.
_PLACES = (
    *("pool", "out", "model", "labelled", "target", "device", "force", "options"),
    *("engine", "address", "actors", "num_gpus"),
)


def run_score(order: ScoreOrder, console: Console | None = None) -> None:
    """Score a shard, write the part, and print what is in it.

    Raises:
        AltasksError: for any option or file that can't be used; nothing is written then.
        ScoringInterruptedError: on Ctrl-C; what was scored is in `<out>.partial`, and the same
            command goes on from there.
        UnreadableSampleError: for samples that can't be read, likewise, once all others are scored.
    """
    from altasks.scoring.shards.candidates import candidate_rows
    from altasks.scoring.shards.part import write_part
    from altasks.scoring.shards.plan import Shard, shard_ids
    from altasks.scoring.shards.scored import made_part

    shard = Shard.read(order.shard, "--shard")
    request, show = order.request, Printer(console or Console())
    job = prepare(request, show)
    with option_names(job.flags):
        ids = shard_ids(job.task, job.pool, shard, request.samples_at_once)
        kept = Partial(request, job.ranker, str(job.acquisition), job.kept)
        scores = _scored(job, ids, kept)
        by = order.candidates_by or usual_candidates(job.strategy)
        count = order.candidates or FOR_EACH_PICK * request.number
        part = made_part(
            job.pool,
            shard,
            scores,
            candidate_rows(scores, count, by, request.seed),
            keep=job.kept,
            recipe={**recipe_of(job), "candidates": count, "candidates_by": by},
            about={"request": _as_json(request)},
        )
    with kept.kept_on_error(scores, job.pool):
        try:
            write_part(request.out, part)
        except OSError as error:
            raise invalid(
                "--out", "a path that can be written", f"{str(request.out)!r} ({error})"
            ) from error
    kept.remove()
    _report(job, shard, scores, len(part.kept))


def _scored(job: RankJob, ids: list[str], kept: Partial) -> Scores:
    import numpy as np

    from altasks.scoring import Scores

    if not ids:
        return Scores([], np.zeros(0))
    mine, scored_by = job.pool.subset(ids), job.scorer or job.acquisition
    try:
        with strategies_that_can(job.task):
            return score_pool(job.request, job.task, mine, scored_by, job.strategy, kept, job.show)
    except UnreadableSampleError as error:
        if not job.request.skip_unreadable:
            raise
        return Scores([], np.zeros(0), skipped=error.skipped)  # none of this shard's


def usual_candidates(strategy: Any) -> str:
    """Return which samples of a shard a strategy is shown, by what lost least where measured.

    Example:
        >>> from altasks.strategies import KCenter, UncertaintyHerding
        >>> usual_candidates(UncertaintyHerding()), usual_candidates(KCenter())
        ('score', 'both')
    """
    from altasks.strategies.wrapping import reads_scores

    return "score" if reads_scores(strategy) else "both"


def recipe_of(job: RankJob) -> dict[str, Any]:
    """Return what all parts of one scoring share, as JSON, whatever machine they come from."""
    request = job.request
    plain = {
        field.name: getattr(request, field.name)
        for field in fields(RankRequest)
        if field.name not in _PLACES
    }
    options = {
        option.name: _plain(content_stamp(request.value(option)))
        for option in job.ranker.options
        if option.name != "sheet"
    }
    return {**plain, "model": model_stamp(job), "acquisition": str(job.acquisition), **options}


def model_stamp(job: RankJob) -> Any:
    """Return what a model is known by: its files, or else its name and the weights."""
    from altasks.scoring.shards.recipe import digest_weights

    model = job.request.model
    if model is not None and Path(model).exists():
        return content_stamp(Path(model))
    return [model, digest_weights(job.task)]


def _as_json(request: RankRequest) -> dict[str, Any]:
    """Return a request as `altasks merge` makes it again."""
    found = {field.name: _plain(getattr(request, field.name)) for field in fields(RankRequest)}
    return {**found, "options": {name: _plain(one) for name, one in request.options.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def _report(job: RankJob, shard: Shard, scores: Scores, candidates: int) -> None:
    request, show = job.request, job.show
    found = f": {spread_of(scores.values.tolist())}" if len(scores) else "."
    show(
        f"Scored {len(scores):,} of {len(job.pool):,} samples, shard {shard}, by "
        f"{job.acquisition}{found}"
    )
    for line in () if job.scorer is None or request.engine else job.scorer.lines():
        show(line)
    kept = f", with what {request.strategy or 'the strategy'} reads of {candidates:,} of them"
    show(
        f"Wrote {request.out}{kept if candidates else ''}. With all {shard.of}: altasks merge "
        "PARTS --out QUEUE"
    )
    note_unreadable(show, scores, len(scores) + len(scores.skipped))
