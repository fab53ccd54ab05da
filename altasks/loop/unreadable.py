"""Errors for samples of the pool that can't be read, with the way to go on without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data import Pool
from altasks.errors import UnknownNameError, UnreadableSampleError

#: How many ids are written out.
SHOWN = 20


def by_id(error: UnreadableSampleError, ids: Sequence[str]) -> dict[str, str]:
    """Return what an error about rows of a batch found, by the ids of the batch."""
    return {ids[row]: found for row, found in error.rows.items() if 0 <= row < len(ids)}


def read_samples(
    pool: Pool, ids: Sequence[str], *, asked: bool = False, then: str = ""
) -> list[Any]:
    """Return the samples of some ids.

    Args:
        pool: where they are.
        ids: which.
        asked: whether they are in the store's queries already.
        then: what to do without them; by default, to skip them.

    Raises:
        UnreadableSampleError: naming all that can't be read.
        UnknownNameError: for an id that is not in the pool.
    """
    samples: list[Any] = []
    found: dict[str, str] = {}
    for name in ids:
        try:
            samples.append(pool[name])
        except UnknownNameError:
            raise
        except Exception as error:  # a data set that decodes as it is read raises anything
            found[name] = f"{type(error).__name__}: {error}"
    if found:
        none = UnreadableSampleError("", {})
        raise unreadable(none, found, then) if then else to_skip(none, found, asked=asked)
    return samples


def to_skip(
    error: UnreadableSampleError, found: Mapping[str, str], *, asked: bool = False
) -> UnreadableSampleError:
    """Return the error that names the samples and how to go on without them.

    Args:
        error: as the task or scoring raised it.
        found: id -> what was found there.
        asked: whether they are in the store's queries already.
    """
    names = list(found)
    shown = repr(names) if len(names) <= SHOWN else "list(error.skipped)"
    again = "ask again"
    if error.partial is not None:
        again += " (with scores=error.partial, the others need not be scored once more)"
    return unreadable(
        error,
        found,
        f"{'They were asked before' if asked else 'Nothing was asked'}. "
        f"Leave them out, loop.skip({shown}), and {'go on' if asked else again}.",
    )


def unreadable(
    error: UnreadableSampleError, found: Mapping[str, str], then: str
) -> UnreadableSampleError:
    """Return the error that names the samples, and what `then` to do."""
    reasons = "; ".join(f"{name!r}: {text}" for name, text in list(found.items())[:5])
    more = f"; and {len(found) - 5} more (see `.skipped`)" if len(found) > 5 else ""
    return UnreadableSampleError(
        f"{len(found)} of the pool's samples can't be read: {reasons}{more}. {then}",
        error.rows,
        skipped=dict(found),
        partial=error.partial,
    )
