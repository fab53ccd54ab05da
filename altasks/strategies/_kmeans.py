"""K-means in torch: greedy k-means++ seeding, then Lloyd's iterations.

scikit-learn's is no core dependency, copies to float64 and stays on the CPU. The result depends
on the order of the rows; callers give them in the order of a hash (`_arrays.hash_order`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from altasks.strategies._arrays import blocks

#: Lloyd's iterations at most, on a part of the rows and then on more. Few rows change cluster
#: after that, and a change of the seed changes more.
ITERATIONS = (8, 3)
#: How many rows for each centre are that part, and are the most that centres are fitted on
#: (faiss's default); all rows are assigned.
ROWS_PER_CENTRE = (64, 256)
#: A tile that stays in the cache: the product is read again at once for its minimum.
ASSIGN_TILE = 2**18


def kmeans(
    points: Tensor,
    clusters: int,
    rng: np.random.Generator,
    *,
    iterations: tuple[int, int] = ITERATIONS,
) -> Tensor:
    """Return the cluster of each point, `[N]` int64 below `clusters`; some may stay empty.

    Arthur and Vassilvitskii (2007), "k-means++: the advantages of careful seeding", for the
    start, in the greedy form that they tried and scikit-learn uses: of 2 + log K centres drawn at
    every step, the one that brings the samples closest is kept. Lloyd (1982), "Least squares
    quantization in PCM", for the rest, first on 16 rows for each centre, then on 256.

    Args:
        points: `[N, d]` float32 or float64, in random order.
        clusters: at least 1. With fewer distinct points than that, each gets its own cluster.
        rng: where the seeding draws from.
        iterations: how often the centres move at most on either part of the rows; it stops
            earlier when nothing changes.

    Example:
        >>> points = torch.tensor([[0.0], [9.0], [0.1], [9.1]])
        >>> labels = kmeans(points, 2, np.random.default_rng(0)).tolist()
        >>> labels[0] == labels[2] != labels[1] == labels[3]
        True
    """
    if not len(points):
        return torch.empty(0, dtype=torch.int64, device=points.device)
    mean = points.mean(0)
    few, many = (points[: rows * clusters] - mean for rows in ROWS_PER_CENTRE)
    centres = _seed(few, clusters, rng)
    if len(few) < len(many):
        centres, _ = _lloyd(few, centres, iterations[0])
        centres, labels = _lloyd(many, centres, iterations[1])
    else:
        centres, labels = _lloyd(many, centres, sum(iterations))
    return labels if len(many) == len(points) else assign(points, centres, mean)


def best_kmeans(points: Tensor, clusters: int, rng: np.random.Generator, restarts: int) -> Tensor:
    """Return the clusters of the best of several `kmeans`: those with the smallest inertia."""
    found = [kmeans(points, clusters, rng) for _ in range(restarts)]
    return min(found, key=lambda labels: inertia(points, labels))


def inertia(points: Tensor, labels: Tensor) -> float:
    """Return the sum of the squared distances of points to the means of their clusters."""
    centred = (points - points.mean(0)).to(torch.float64)
    sums = centred.new_zeros((int(labels.max()) + 1, centred.shape[1]))
    sums.index_add_(0, labels, centred)
    counts = torch.bincount(labels, minlength=len(sums)).clamp(min=1)
    return float(centred.square().sum() - (sums.square().sum(1) / counts).sum())


def _lloyd(points: Tensor, centres: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Return the centres and the cluster of each point after so many moves at most."""
    labels = assign(points, centres)
    for _ in range(iterations):
        centres = _means(points, labels, centres)
        moved = assign(points, centres)
        if torch.equal(moved, labels):
            break
        labels = moved
    return centres, labels


def assign(points: Tensor, centres: Tensor, origin: Tensor | None = None) -> Tensor:
    """Return the nearest centre of each point, `[N]`; the first of equally near ones.

    `origin` is taken off the points first, a block at a time, so that no copy of all is made.
    """
    norms = (centres * centres).sum(1)
    labels = torch.empty(len(points), dtype=torch.int64, device=points.device)
    for part in blocks(len(points), len(centres), tile=ASSIGN_TILE):
        block = points[part] if origin is None else points[part] - origin
        labels[part] = torch.addmm(norms, block, centres.T, alpha=-2).argmin(1)
    return labels


def _seed(points: Tensor, clusters: int, rng: np.random.Generator) -> Tensor:
    """Return up to `clusters` points, each the best of a few drawn by their squared distances."""
    norms = (points * points).sum(1)
    trials = 2 + int(np.log(clusters))
    # Distances below the rounding of the matrix product are no distances.
    floor = norms.max() * torch.finfo(points.dtype).eps * 8
    picks = [0]  # the rows are in random order, so the first is a random one
    nearest = _nearer(torch.full_like(norms, torch.inf), points, norms, picks, floor)[0]
    while len(picks) < min(clusters, len(points)):
        reach = nearest.cumsum(0, dtype=torch.float64)
        total = float(reach[-1])
        if total <= 0:
            break
        spots = torch.from_numpy(rng.random(trials) * total).to(reach)
        drawn = torch.searchsorted(reach, spots, right=True).clamp(max=len(points) - 1)
        fresh = sorted(set(drawn.tolist()))
        closer = _nearer(nearest, points, norms, fresh, floor)
        best = int(closer.sum(1, dtype=torch.float64).argmin())
        picks.append(fresh[best])
        nearest = closer[best]
    return points[picks].clone()


def _nearer(
    nearest: Tensor, points: Tensor, norms: Tensor, rows: list[int], floor: Tensor
) -> Tensor:
    """Return the squared distances to the nearest centre if one of `rows` were added, for each."""
    product = torch.addmm(norms, points[rows], points.T, alpha=-2)  # rows x N
    square = product.add_(norms[rows, None])
    square[square <= floor] = 0
    square[torch.arange(len(rows)), rows] = 0
    return torch.minimum(square, nearest)


def _means(points: Tensor, labels: Tensor, centres: Tensor) -> Tensor:
    """Return the mean of each cluster's points; an empty cluster keeps its centre."""
    sums = torch.zeros_like(centres).index_add_(0, labels, points)
    counts = torch.bincount(labels, minlength=len(centres)).to(points.dtype)
    return torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)


def means(points: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of each cluster that has points, in the order of the labels."""
    sizes = torch.bincount(labels)
    empty = torch.zeros((len(sizes), points.shape[1]), dtype=points.dtype, device=points.device)
    return _means(points, labels, empty)[sizes > 0]
