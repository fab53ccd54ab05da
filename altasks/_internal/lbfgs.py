"""Minima of smooth convex functions; `torch.optim` would import a compiler for it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def minimum(
    loss: Callable[[Tensor], tuple[float, Tensor]],
    start: Tensor,
    *,
    steps: int = 200,
    memory: int = 10,
    tolerance: float = 1e-5,
) -> Tensor:
    """Return where a smooth convex function is smallest.

    L-BFGS (Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 and 7.5), each step
    halved until it lowers the function by a share of what its slope promises (Armijo's rule).

    Args:
        loss: a point `[d]` to the function's value and slope `[d]` there.
        start: `[d]`.
        steps: at most so many.
        memory: how many earlier steps the curvature is guessed from.
        tolerance: the slope's length, as a share of that at the start, that ends it.

    Example:
        >>> import torch
        >>> goal = torch.tensor([1.0, -2.0], dtype=torch.float64)
        >>> found = minimum(lambda x: (float((x - goal).square().sum()), 2 * (x - goal)), 0 * goal)
        >>> found.round(decimals=4).tolist()
        [1.0, -2.0]
    """
    point = start.clone()
    value, slope = loss(point)
    enough = tolerance * float(slope.norm())
    past: list[tuple[Tensor, Tensor, float]] = []  # the steps, changes of the slope, 1 / product
    for _ in range(steps):
        if float(slope.norm()) <= enough:
            break
        way = _direction(slope, past)
        promised = float(way @ slope)
        length = 1.0 if past else min(1.0, 1.0 / float(slope.norm()))
        for _ in range(40):
            new = point + length * way
            new_value, new_slope = loss(new)
            if new_value <= value + 1e-4 * length * promised:
                break
            length /= 2
        else:
            break  # nothing lower within the rounding
        moved, turned = new - point, new_slope - slope
        if (curve := float(moved @ turned)) > 0:
            past = [*past[-memory + 1 :], (moved, turned, 1 / curve)]
        point, value, slope = new, new_value, new_slope
    return point


def _direction(slope: Tensor, past: list[tuple[Tensor, Tensor, float]]) -> Tensor:
    """Return minus the guessed inverse of the curvature times the slope."""
    way = -slope
    shares = []
    for moved, turned, inverse in reversed(past):
        share = inverse * float(moved @ way)
        shares.append(share)
        way = way - share * turned
    if past:
        moved, turned, inverse = past[-1]
        way = way / (inverse * float(turned @ turned))
    for (moved, turned, inverse), share in zip(past, reversed(shares), strict=True):
        way = way + (share - inverse * float(turned @ way)) * moved
    return way
