"""Scores of a pool, going on from those that an interrupted `altasks rank` kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altasks.cli.partial import Partial
from altasks.cli.rank_summary import Printer, unreadable_lines
from altasks.cli.rankers.base import RankRequest
from altasks.errors import ScoringInterruptedError, UnreadableSampleError

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
    from altasks.scoring import KEEPABLE, Scores, score
    from altasks.strategies.wrapping import wants

    keep = set(strategy.needs) & set(KEEPABLE)
    # Embeddings and probabilities are not kept, so what the strategy needs them of is read anew.
    done = {} if keep else kept.read(pool)
    left = pool.subset([name for name in pool.ids if name not in done]) if done else pool
    if done:
        show(
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
            keep_if_there=wants(strategy) & set(KEEPABLE),
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
