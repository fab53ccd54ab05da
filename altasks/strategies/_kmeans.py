"""K-means in torch: k-means++ seeding, then Lloyd's iterations.

scikit-learn's is no core dependency, copies to float64 and stays on the CPU. The result depends
on the order of the rows; callers give them in the order of a hash (`_rows.hash_order`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from altasks.strategies._rows import blocks

#: Lloyd's iterations at most; faiss's default. Few rows change cluster after that.
ITERATIONS = 25
#: Centres are fitted on at most so many rows for each, as faiss does; all rows are assigned.
ROWS_PER_CENTRE = 256


def kmeans(
    points: Tensor, clusters: int, rng: np.random.Generator, *, iterations: int = ITERATIONS
) -> Tensor:
    """Return the cluster of each point, `[N]` int64 below `clusters`; some may stay empty.

    Arthur and Vassilvitskii (2007), "k-means++: the advantages of careful seeding", for the
    start; Lloyd (1982), "Least squares quantization in PCM", for the rest. Above
    256 rows for each centre, the centres are fitted on the first 256 * `clusters` rows.

    Args:
        points: `[N, d]` float32 or float64, in random order.
        clusters: at least 1. With fewer distinct points than that, each gets its own cluster.
        rng: where the seeding draws from.
        iterations: how often the centres move at most; it stops earlier when nothing changes.

    Example:
        >>> points = torch.tensor([[0.0], [9.0], [0.1], [9.1]])
        >>> labels = kmeans(points, 2, np.random.default_rng(0)).tolist()
        >>> labels[0] == labels[2] != labels[1] == labels[3]
        True
    """
    if not len(points):
        return torch.empty(0, dtype=torch.int64, device=points.device)
    points = points - points.mean(0)
    sample = points[: ROWS_PER_CENTRE * clusters]
    centres = _seed(sample, clusters, rng)
    labels = assign(sample, centres)
    for _ in range(iterations):
        centres = _means(sample, labels, centres)
        moved = assign(sample, centres)
        if torch.equal(moved, labels):
            break
        labels = moved
    return labels if len(sample) == len(points) else assign(points, centres)


def assign(points: Tensor, centres: Tensor) -> Tensor:
    """Return the nearest centre of each point, `[N]`; the first of equally near ones."""
    norms = (centres * centres).sum(1)
    labels = torch.empty(len(points), dtype=torch.int64, device=points.device)
    # A tile that stays in the cache: the product is read again at once for its minimum.
    for part in blocks(len(points), len(centres), tile=2**18):
        labels[part] = torch.addmm(norms, points[part], centres.T, alpha=-2).argmin(1)
    return labels


def _seed(points: Tensor, clusters: int, rng: np.random.Generator) -> Tensor:
    """Return up to `clusters` points, each drawn in proportion to its squared distance."""
    norms = (points * points).sum(1)
    picks = [0]  # the rows are in random order, so the first is a random one
    nearest = torch.full_like(norms, torch.inf)
    # Distances below the rounding of the matrix product are no distances.
    floor = norms.max() * torch.finfo(points.dtype).eps * 8
    for _ in range(1, min(clusters, len(points))):
        centre = points[picks[-1]]
        distance = (norms - 2 * (points @ centre)).add_(norms[picks[-1]])
        nearest = torch.minimum(nearest, distance)
        nearest[nearest <= floor] = 0
        reach = nearest.to(torch.float64).cumsum(0)
        total = float(reach[-1])
        if total <= 0:
            break
        spot = torch.tensor(rng.random() * total, dtype=torch.float64, device=points.device)
        row = int(torch.searchsorted(reach, spot, right=True))
        picks.append(min(row, len(points) - 1))
    return points[picks].clone()


def _means(points: Tensor, labels: Tensor, centres: Tensor) -> Tensor:
    """Return the mean of each cluster's points; an empty cluster keeps its centre."""
    sums = torch.zeros_like(centres).index_add_(0, labels, points)
    counts = torch.bincount(labels, minlength=len(centres)).to(points.dtype)
    return torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
