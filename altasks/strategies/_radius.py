"""The radius of a Gaussian kernel, from what is labelled or from the pool."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from altasks._internal.numbers import require_real
from altasks.strategies._arrays import Rows, Ties

#: Directions closer than this are the same: float32 hardly tells them apart.
SAME = 1e-5
#: The least radius: below, the distances that matter are lost in the rounding of embeddings.
LEAST = 1e-3
#: The median distance is that of so many samples, at most.
DRAWN = 1_000
#: Rows compared at once.
_STEP = 1024


def require_radius(argument: str, value: Any, *, or_none: bool = False) -> float:
    """Return a radius as a float.

    Raises:
        InvalidInputError: unless it is a finite number of at least 0.001.
    """
    return require_real(argument, value, least=LEAST, or_none=or_none)


def smallest_distance(rows: Rows, enough: float) -> float | None:
    """Return the smallest distance above 0 between two rows, `enough` if it is at most that.

    Block by block, and no further than the first that is small enough: O(L^2 d) time at worst.

    Args:
        rows: `[L, d]` of unit length or zero.
        enough: no smaller distance is told from this one.

    Returns:
        The distance; None where all rows are the same, or there is one at most.
    """
    nearest = math.inf
    for first in range(0, len(rows), _STEP):
        block = rows.slice(first, min(first + _STEP, len(rows)), torch.float64)
        for other in range(first, len(rows), _STEP):
            part = rows.slice(other, min(other + _STEP, len(rows)), torch.float64)
            square = _squares(block, part)
            square.masked_fill_(square <= SAME**2, math.inf)
            nearest = min(nearest, math.sqrt(float(square.min())))
            if nearest <= enough:
                return enough
    return None if math.isinf(nearest) else nearest


def median_distance(pool: Rows, ties: Ties) -> float:
    """Return the median of the distances above 0 between up to 1,000 drawn rows; 1 without any.

    Args:
        pool: `[N, d]` of unit length or zero.
        ties: whose hashes draw.
    """
    drawn = torch.arange(len(pool))
    if len(pool) > DRAWN:
        drawn = torch.from_numpy(ties.order(drawn.numpy())[:DRAWN].copy())
    rows = pool.take(drawn.to(pool.device), torch.float64)
    place = torch.triu_indices(len(rows), len(rows), 1, device=rows.device)
    square = _squares(rows, rows)[place[0], place[1]]
    square = square[square > SAME**2]
    if not len(square):
        return 1.0
    ordered = square.sort().values.sqrt()  # the mean of the two in the middle, as is usual
    half = (len(ordered) - 1) // 2
    return max(float(ordered[half] + ordered[len(ordered) // 2]) / 2, LEAST)


def _squares(left: Tensor, right: Tensor) -> Tensor:
    """Return `[A, B]` squared distances of rows of length 1 or 0."""
    lengths = left.square().sum(1, keepdim=True) + right.square().sum(1)
    return torch.addmm(lengths, left, right.T, alpha=-2).clamp_min_(0)
