"""Greedy selection by gains that only fall, without computing every gain for every pick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from altasks.strategies._arrays import Ties

#: How many of the largest bounds are watched together, at least.
FRONT = 2048
#: How many of the bounds in the front are put in order first.
_PART = 1024


def lazy_greedy(
    bounds: np.ndarray,
    n: int,
    gains: Callable[[np.ndarray], np.ndarray],
    add: Callable[[int], None],
    ties: Ties,
    *,
    equal: float,
    size: int,
    first: int | None = None,
    rough: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    may_give_up: bool = False,
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
        size: rows in one call of `gains`, at most.
        first: rows in the first call for a pick, of which each further one has twice as many;
            `size` unless told. Few, where a call costs little more than its rows.
        rough: rows to bounds of their gains from below and above, found faster than the gains;
            where it is given, `gains` is only called for the rows that it can't tell from the best.
        may_give_up: whether `rough` is left out from where it leaves more than a quarter of what it
            looks at. The picks are the same where gains are exact and only fall.
    """
    picks: list[int] = []
    width, first = FRONT, min(first or size, size)
    front, outside = _front(bounds, width)

    def exactly(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = gains(rows)
        return found, found

    while len(picks) < n:
        local = bounds[front]
        known = _look(front, local, rough or exactly, equal, first, size)
        bounds[front] = local
        best = known.max(initial=-np.inf)
        if rough is not None and len(known):
            # A second look, exact, at what the first can't tell from the best.
            looked = int((known > -np.inf).sum())
            unsure = (known > -np.inf) & (local >= best - equal)
            local = np.where(unsure, local, -np.inf)
            known = _look(front, local, exactly, equal, first, size)
            exact = known > -np.inf
            if may_give_up and 4 * int(exact.sum()) > looked > size:
                rough = None  # it hardly tells any apart, and costs a look at each
            bounds[front[exact]] = known[exact]
            best = known.max(initial=-np.inf)
        if best - equal <= outside:
            # The best, or its equal, may lie outside the front.
            width = 2 * width if len(front) >= width else width
            front, outside = _front(bounds, width)
            continue
        if best <= equal:
            return ties.fill(picks, n)
        row = ties.first(front[known >= best - equal])
        picks.append(row)
        bounds[row] = -np.inf
        if len(picks) < n:
            add(row)
    return picks


def _front(bounds: np.ndarray, width: int) -> tuple[np.ndarray, float]:
    """Return the rows of the `width` largest bounds and the largest bound outside them."""
    left = np.flatnonzero(bounds > -np.inf)
    if len(left) <= width or np.isinf(bounds[left]).any():
        return left, -np.inf
    order = np.argpartition(-bounds[left], width)
    return left[order[:width]], float(bounds[left[order[width]]])


def _look(
    rows: np.ndarray,
    bounds: np.ndarray,
    gains: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    equal: float,
    first: int,
    size: int,
) -> np.ndarray:
    """Return today's gains of `rows` from below, -inf where they can't equal the best.

    `bounds`, one for each of `rows`, are lowered where a gain was computed.
    """
    known = np.full(len(rows), -np.inf)
    best = -np.inf
    stale = np.flatnonzero(bounds > -np.inf)
    count, part = first, max(first, _PART)
    while len(stale):
        # The largest bounds are put in order a part at a time, each twice as long as the one
        # before: to look for the largest again at every call would cost the square of the front.
        order = _largest(bounds[stale], part)
        some, start = stale[order], 0
        while start < len(some):
            now = some[start : start + count]
            now = now[bounds[now] >= best - equal]
            if not len(now):
                return known  # the bounds only go down from here
            known[now], bounds[now] = gains(rows[now])
            best = max(best, float(known[now].max()))
            start, count = start + count, min(2 * count, size)
        left = np.ones(len(stale), dtype=bool)
        left[order] = False
        stale = stale[left]
        stale = stale[bounds[stale] >= best - equal]
        part *= 2
    return known


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the `count` largest values, largest first, equals by their place."""
    places = np.arange(len(values))
    if len(values) > count and np.isfinite(values).any():
        places = np.sort(np.argpartition(-values, count - 1)[:count])
    ordered: np.ndarray = places[np.argsort(-values[places], kind="stable")]
    return ordered
