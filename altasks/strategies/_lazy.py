"""Greedy selection by gains that only fall, without computing every gain for every pick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from altasks.strategies._blocks import Ties


def lazy_greedy(
    bounds: np.ndarray,
    n: int,
    gains: Callable[[np.ndarray], np.ndarray],
    add: Callable[[int], None],
    ties: Ties,
    *,
    equal: float,
    size: int,
    rough: Callable[[np.ndarray], np.ndarray] | None = None,
    error: float = 0.0,
) -> list[int]:
    """Return `n` rows, each the one that gains most given those before it.

    A gain computed earlier bounds today's from above where the objective is submodular (Minoux
    1978, "Accelerated greedy algorithms for maximizing submodular set functions"), so only the rows
    whose old gain reaches the best of today are looked at again, `size` at a time.

    Args:
        bounds: `[N]` upper bounds of the gains; infinite where nothing is known. Changed in place.
        n: how many to pick, at most N.
        gains: rows to their gains given what was added, as float64.
        add: called with each row picked.
        ties: the order of equal rows.
        equal: gains closer than this are equal, and the hash decides. Once no gain is above it,
            there is nothing left to gain and the rest follows in the order of the hashes.
        size: rows in one call of `gains`.
        rough: a faster `gains`, wrong by less than `error`; where it is given, `gains` is only
            called for the rows that it can't tell from the best.
        error: see `rough`.
    """
    picks: list[int] = []
    while len(picks) < n:
        known = np.full(len(bounds), -np.inf)  # today's gains, from below
        if rough is not None:
            _look(bounds, known, rough, error, equal, size)
            # A second look, exact, at what the first can't tell from the best.
            bounds_now = np.where(known >= known.max() - 2 * error - equal, bounds, -np.inf)
            known = np.full(len(bounds), -np.inf)
            _look(bounds_now, known, gains, 0.0, equal, size)
            exact = known > -np.inf
            bounds[exact] = known[exact]
        else:
            _look(bounds, known, gains, 0.0, equal, size)
        best = known.max()
        if best <= equal:
            return ties.fill(picks, n)
        row = ties.first(np.flatnonzero(known >= best - equal))
        picks.append(row)
        bounds[row] = -np.inf
        if len(picks) < n:
            add(row)
    return picks


def _look(
    bounds: np.ndarray,
    known: np.ndarray,
    gains: Callable[[np.ndarray], np.ndarray],
    error: float,
    equal: float,
    size: int,
) -> None:
    """Fill `known` where a gain may be within `equal` of the best, and lower `bounds` there."""
    best = -np.inf
    stale = np.flatnonzero(bounds > -np.inf)
    while len(stale):
        order = np.arange(min(size, len(stale)))
        if len(stale) > size and np.isfinite(bounds[stale]).any():
            order = np.argpartition(-bounds[stale], size - 1)[:size]
        rows = stale[order]
        found = gains(rows)
        known[rows], bounds[rows] = found - error, found + error
        best = max(best, float(found.max()) - error)
        stale = np.delete(stale, order)
        stale = stale[bounds[stale] >= best - equal]
