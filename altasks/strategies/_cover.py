"""Greedy covers: rows that between them have a large entry in every column."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

#: Gains below this share of all there is to gain are rounding.
EQUAL = 1e-12

#: Rows looked at together.
_SIZE = 2048


def cover(values: Tensor, covered: Tensor | None, n: int) -> list[int]:
    """Return `n` rows, greedy for the sum over columns of the largest entry in any of them.

    Once nothing is left to gain, a new cover is begun with the rows that are left, so that no
    column is served twice before all are served once. A gain only falls as rows are picked, so an
    old one bounds it from above, and only rows whose bound reaches the best are looked at again.

    Args:
        values: `[N, m]`, of any sign.
        covered: `[m]`, what the first cover starts from, if anything.
        n: at most N. Equal gains are decided by the lower row.
    """
    base = values.amin(0)
    least = EQUAL * float((values.amax(0) - base).sum())
    reached = base if covered is None else torch.maximum(base, covered)
    bounds = np.full(len(values), np.inf)
    picks: list[int] = []
    while len(picks) < n:
        row, gain = _best(values, reached, bounds)
        if gain <= least:
            left = bounds > -np.inf
            if reached is base:  # no row has more than any other
                rest: list[int] = np.flatnonzero(left).tolist()
                return [*picks, *rest[: n - len(picks)]]
            reached = base
            bounds[left] = np.inf
            continue
        picks.append(row)
        bounds[row] = -np.inf
        reached = torch.maximum(reached, values[row])
    return picks


def _best(values: Tensor, reached: Tensor, bounds: np.ndarray) -> tuple[int, float]:
    """Return the row that gains most, and its gain; lower the bounds of those looked at."""
    order = np.argsort(-bounds, kind="stable")
    gains = np.full(len(bounds), -np.inf)
    best = -np.inf
    for start in range(0, len(order), _SIZE):
        rows = order[start : start + _SIZE]
        rows = rows[bounds[rows] > -np.inf]
        if not len(rows) or bounds[rows[0]] < best:
            break
        some = values[torch.from_numpy(rows).to(values.device)]
        gains[rows] = (some - reached).clamp_(min=0).sum(1).cpu().numpy()
        bounds[rows] = gains[rows]
        best = max(best, float(gains[rows].max()))
    row = int(gains.argmax())
    return row, float(gains[row])
