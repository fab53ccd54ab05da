"""Scores of a pool, going on from those that an interrupted `altasks rank` kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.partial import Partial
from altasks.cli.rank_summary import Printer, unreadable_lines
from altasks.cli.rankers.base import RankRequest
from altasks.errors import (
    ScoringInterruptedError,
    UnreadableSampleError,
    WorkerDiedError,
    invalid,
)

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores


def score_pool(
    request: RankRequest,
    task: Any,
    pool: Pool,
    acquisition: str | Callable[..., Any] | None,
    strategy: Any,
    kept: Partial,
    show: Printer,
) -> Scores:
    """Return the scores of the pool, going on from those that an interrupted run kept.

    Raises:
        ScoringInterruptedError: on Ctrl-C, once what was scored is kept.
        UnreadableSampleError: for samples that can't be read, likewise.
    """
    from altasks.scoring import KEEPABLE, score

    needs = set(strategy.needs) & set(KEEPABLE)
    done = kept.read_scores(pool, needs)
    taken = set(done.ids)
    left = pool.subset([name for name in pool.ids if name not in taken]) if taken else pool
    if taken:
        show(
            f"Going on from {kept.path}, which has the scores of {len(taken):,} of {len(pool):,} "
            "samples. Remove that file to score all of them again."
        )
    elif kept.read(pool):
        show(
            f"{kept.path} has scores, but {kept.arrays_path.name} not what the strategy reads "
            "beside them: all samples are scored again."
        )
    if not len(left):
        return done
    try:
        found = score(
            task if request.engine is None else partial(build_anew, everywhere(request)),
            left,
            acquisition,
            batch_size=request.samples_at_once,
            keep=needs,
            keep_if_there=kept.asked,
            round=0,
            unreadable="skip" if request.skip_unreadable else "error",
            engine=engine_of(request),
        )
    except WorkerDiedError as error:
        if error.partial is not None:
            kept.write(_joined(pool, done, error.partial, kept), pool)
            error.add_note(f"They are in {kept.path}, too; the same command goes on from there.")
        raise
    except (ScoringInterruptedError, UnreadableSampleError) as error:
        if taken and request.skip_unreadable and isinstance(error, UnreadableSampleError):
            # None of the rest can be read, which is no error beside those that were.
            return replace(done, skipped=error.skipped)
        together = _joined(pool, done, error.partial, kept)
        raise _keep_partial(error, together, pool, kept) from error
    return _joined(pool, done, found, kept)


def engine_of(request: RankRequest) -> Any:
    """Return the engine that a request names; None for none."""
    if request.engine is None:
        return None
    from altasks.scoring.by_ray import RayEngine

    return RayEngine(request.actors, address=request.address, num_gpus=request.num_gpus)


def build_anew(request: RankRequest) -> Any:
    """Return the task of a request, built where this is called: in an actor."""
    from altasks.cli.rankers.find import find_ranker

    return find_ranker(request.task).build(request)


def everywhere(request: RankRequest) -> RankRequest:
    """Return a request whose files are found from any working folder."""

    def whole(value: Any) -> Any:
        if isinstance(value, list):
            return [whole(one) for one in value]
        return value.resolve() if isinstance(value, Path) else value

    model = request.model
    if model is not None and Path(model).exists():
        model = str(Path(model).resolve())
    options = {name: whole(value) for name, value in request.options.items()}
    return replace(request, model=model, pool=request.pool.resolve(), options=options)


def _joined(pool: Pool, done: Scores, found: Any, kept: Partial) -> Scores:
    """Return old and new scores in the pool's order; `found` may be None.

    Raises:
        InvalidInputError: if what is kept beside them can't be of one model.
    """
    import numpy as np

    from altasks.scoring import KEEPABLE, Scores

    if found is None or not len(done):
        return done if found is None else found
    there = {*done.ids, *found.ids}
    ids = [name for name in pool.ids if name in there]
    row_of = {name: row for row, name in enumerate(ids)}
    parts = [(np.array([row_of[name] for name in one.ids]), one) for one in (done, found)]

    def joined(name: str) -> Any:
        arrays = [getattr(one, name) for _, one in parts]
        widths = {None if array is None else array.shape[1:] for array in arrays}
        if len(widths) > 1:
            raise invalid(
                "--model",
                "the one whose scores were kept",
                f"{name} of other shapes",
                hint=f"Remove {kept.path} to score all samples again.",
            )
        if arrays[0] is None:
            return None
        whole = np.empty((len(ids), *arrays[0].shape[1:]), np.result_type(*arrays))
        for (rows, _), array in zip(parts, arrays, strict=True):
            whole[rows] = array
        return whole

    fields = {name: joined(name) for name in ("values", *KEEPABLE)}
    return Scores(ids, **fields, skipped=found.skipped)


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
