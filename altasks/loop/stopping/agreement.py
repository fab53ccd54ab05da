"""How far two models agree on the same samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

#: Two boxes are the same from this overlap (intersection over union) on.
OVERLAP = 0.5


class Agreement(NamedTuple):
    """See `Observation` for what both are of each kind."""

    agreement: float
    changed: float


def agree(kind: str, before: Sequence[Any], now: Sequence[Any]) -> Agreement:
    """Return how far answers agree with those before, sample by sample.

    Args:
        kind: of both, see `Answers`.
        before: one for each sample.
        now: likewise.

    Example:
        >>> agree("classes", [[0], [1], [1], [0]], [[0], [1], [0], [0]])
        Agreement(agreement=0.5, changed=0.25)
    """
    return _KINDS[kind](before, now)


def _classes(before: Sequence[Any], now: Sequence[Any]) -> Agreement:
    pairs = [(a, b) for one, other in zip(before, now, strict=True) for a, b in _paired(one, other)]
    names = {name: i for i, name in enumerate(sorted({x for pair in pairs for x in pair}))}
    table = np.zeros((len(names), len(names)))
    for a, b in pairs:
        table[names[a], names[b]] += 1
    return _kappa(table)


def _paired(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
    """Return units side by side; what only one of them has counts as changed, from nothing."""
    length = max(len(one), len(other))
    filled = [[*units, *[-1] * (length - len(units))] for units in (one, other)]
    return list(zip(*filled, strict=True))


def _labels(before: Sequence[Any], now: Sequence[Any]) -> Agreement:
    table = np.zeros((2, 2))
    for one, other in zip(before, now, strict=True):
        yes, still = set(one[1:]), set(other[1:])
        both = len(yes & still)
        table += [
            [max(one[0], other[0]) - len(yes | still), len(still) - both],
            [len(yes) - both, both],
        ]
    return _kappa(table)


def _kappa(table: np.ndarray) -> Agreement:
    """Return Cohen's kappa (1960) of a table of counts, and the share off its diagonal.

    Predictions that are all alike agree by 1, though chance alone would have them do so.
    """
    total = table.sum()
    if not total:
        return Agreement(1.0, 0.0)
    same = float(np.trace(table) / total)
    chance = float(table.sum(0) @ table.sum(1) / total**2)
    kappa = 1.0 if same == 1 else (same - chance) / (1 - chance) if chance < 1 else 0.0
    return Agreement(kappa, 1 - same)


def _numbers(before: Sequence[Any], now: Sequence[Any]) -> Agreement:
    """Return R^2 of the predictions before as a forecast of those now, meant over targets."""
    width = min((len(one) for one in [*before, *now]), default=0)
    if not width:
        return Agreement(1.0, 0.0)
    was = np.array([one[:width] for one in before], dtype=np.float64)
    current = np.array([one[:width] for one in now], dtype=np.float64)
    moved = ((current - was) ** 2).sum(0)
    spread = ((was - was.mean(0)) ** 2).sum(0)
    shares = np.where(moved == 0, 0.0, moved / np.where(spread > 0, spread, np.inf))
    shares = np.where((spread == 0) & (moved > 0), 1.0, shares)
    agreement = float(1 - shares.mean())
    return Agreement(agreement, min(1.0, max(0.0, 1 - agreement)))


def _text(before: Sequence[Any], now: Sequence[Any]) -> Agreement:
    """Return 1 less the edits between all readings by the characters of the longer ones."""
    from rapidfuzz.distance import Levenshtein  # at first use: it takes long to import

    edits = sum(Levenshtein.distance(a, b) for a, b in zip(before, now, strict=True))
    length = sum(max(len(a), len(b)) for a, b in zip(before, now, strict=True))
    changed = sum(a != b for a, b in zip(before, now, strict=True))
    return Agreement(1 - edits / max(length, 1), changed / max(len(now), 1))


def _boxes(before: Sequence[Any], now: Sequence[Any]) -> Agreement:
    """Return F1: twice the boxes that have a partner of their class, by the number of boxes."""
    matched, total = 0, 0
    for one, other in zip(before, now, strict=True):
        total += len(one) + len(other)
        pairs = sorted(
            (-_overlap(a[1:], b[1:]), i, j)
            for i, a in enumerate(one)
            for j, b in enumerate(other)
            if a[0] == b[0]
        )
        left, right = set(range(len(one))), set(range(len(other)))
        for negative, i, j in pairs:
            if -negative >= OVERLAP and i in left and j in right:
                left.remove(i)
                right.remove(j)
                matched += 1
    agreement = 2 * matched / total if total else 1.0
    return Agreement(agreement, 1 - agreement)


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [abs(box[2] - box[0]) * abs(box[3] - box[1]) for box in (one, other)]
    union = math.fsum(areas) - shared
    return shared / union if union > 0 else 0.0


_KINDS: dict[str, Callable[[Sequence[Any], Sequence[Any]], Agreement]] = {
    "classes": _classes,
    "labels": _labels,
    "numbers": _numbers,
    "text": _text,
    "boxes": _boxes,
}
