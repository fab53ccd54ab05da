"""Cover as much of the pool as possible with balls around what is labelled."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import as_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import blocks, read_pool, squared_distances
from altasks.strategies._kmeans import best_kmeans
from altasks.strategies.base import Candidates, check_request

#: The radius is estimated from the balls of at most this many candidates.
PROBES = 2_000
#: The best of so many k-means stands in for the classes; the radius depends on its quality.
RESTARTS = 5


class ProbCover:
    """Pick, one by one, the sample whose ball holds the most samples that no ball holds yet.

    Yehuda, Dekel, Hacohen and Weinshall (2022), "Active Learning Through a Covering Lens",
    NeurIPS: greedy maximum coverage over the graph of samples closer than `delta`, a
    (1 - 1/e)-approximation. What the balls of the labelled and the pending samples hold is
    covered from the start. When all is covered, the rest is picked at random.

    `delta` is in the units of the embeddings (Euclidean distance). Left out, it is estimated as
    the paper does, the largest radius at which a share `purity` of the balls holds samples of one
    pseudo-label only, the pseudo-labels being k-means clusters; it is found without a search,
    as a quantile of the distances to the nearest sample of another cluster, of at most 2,000
    drawn candidates. `classes` is how many clusters: the number of classes where it is known. Left
    out, it is the cube root of the M labelled, pending and other samples, between 2 and 500: a
    radius that is the same for any batch size and in every round. It is low on purpose: with too
    few clusters the balls are large and still tell groups apart, with too many they lie inside one.

    The graph is never held: each sample's degree is counted block by block, and when a ball is
    covered, the degrees lose what it held, counted again. So memory is O(N d) and time
    O(N^2 d) for the degrees and as much again at most for all picks together. Beyond some hundred
    thousand samples wrap it in `Subsampled`. Scores are not read, so it needs no model. Picks
    don't depend on the order of the pool: rows are read in the order of a seeded hash.

    Args:
        delta: the radius, above 0; estimated if None.
        classes: clusters for the estimate, at least 2; by the size of the pool if None.
        purity: the share of pure balls, in (0, 1); the paper's is 0.95.

    Raises:
        InvalidInputError: for options out of range, or an embedding that isn't finite.

    Example:
        >>> import numpy as np
        >>> points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])
        >>> none = np.empty((0, 1))
        >>> candidates = Candidates(
        ...     list("abcdef"), np.zeros(6), embeddings=points,
        ...     labelled_embeddings=none, pending_embeddings=none,
        ... )
        >>> picks = ProbCover(0.15).select(candidates, 3, rng=np.random.default_rng(0))
        >>> picks[0], picks[1] in "de", picks[2]
        ('b', True, 'f')
    """

    needs: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "labelled_embeddings", "pending_embeddings"}
    )
    #: The loop skips scoring altogether for a strategy that doesn't read the scores.
    reads_scores: ClassVar[bool] = False

    def __init__(
        self, delta: float | None = None, *, classes: int | None = None, purity: float = 0.95
    ) -> None:
        if delta is not None and not 0 < as_real(delta) < np.inf:
            raise invalid("delta", "a finite number above 0, or None", f"{delta!r}")
        if not 0 < as_real(purity) < 1:
            raise invalid("purity", "a number in (0, 1)", f"{purity!r}")
        self.delta = delta
        self.classes = None if classes is None else require_whole("classes", classes, 2)
        self.purity = purity

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids; the first one's ball holds the most."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        order, points, known = read_pool(candidates, rng)
        centre = points.mean(0)
        points, known = points - centre, known - centre
        delta = self.delta
        if delta is None:
            everything = torch.cat([points, known])
            clusters = self.classes or typical_clusters(len(everything))
            delta = pure_radius(everything, clusters, self.purity, rng)
        rows = greedy_cover(points, known, delta, n)
        return [candidates.ids[i] for i in order[rows].tolist()]


def typical_clusters(samples: int) -> int:
    """Return how many clusters to look for where the number of classes is unknown.

    Example:
        >>> typical_clusters(3), typical_clusters(5000), typical_clusters(10**6)
        (2, 17, 100)
    """
    return min(max(round(math.cbrt(samples)), 2), 500)


def pure_radius(points: Tensor, clusters: int, purity: float, rng: np.random.Generator) -> float:
    """Return the largest radius at which a share `purity` of the balls is pure.

    A ball is pure while it is smaller than the distance to the nearest sample of another cluster.

    Args:
        points: `[M, d]`, in random order.
        clusters: how many k-means clusters stand in for the classes.
        purity: the share of balls.
        rng: seeds the k-means.

    Returns:
        The radius; infinity if all points are in one cluster.
    """
    labels = best_kmeans(points, clusters, rng, RESTARTS)
    norms = (points * points).sum(1)
    probes = min(len(points), PROBES)
    nearest = torch.empty(probes, dtype=points.dtype, device=points.device)
    for part in blocks(probes, len(points)):
        square = squared_distances(points[part], points, norms)
        square.masked_fill_(labels[part, None] == labels, torch.inf)
        nearest[part] = square.amin(1)
    ranked = nearest.sort().values
    # A ball is {y: |x - y| < delta}, so it is pure up to and including that distance.
    impure = int(np.floor((1 - purity) * probes + 1e-9))
    return float(ranked[min(impure, probes - 1)].sqrt())


def greedy_cover(points: Tensor, known: Tensor, delta: float, n: int) -> np.ndarray:
    """Return the rows of `n` points picked by greedy coverage, ties to the first row.

    Args:
        points: `[N, d]`, centred.
        known: `[K, d]`, whose balls are covered from the start.
        delta: the radius; a ball holds what is closer than it.
        n: how many to pick, at most N.
    """
    limit = delta * delta
    norms = (points * points).sum(1)
    free = torch.ones(len(points), dtype=torch.bool, device=points.device)  # not covered yet
    for part in blocks(len(known), len(points)):
        free &= ~(squared_distances(known[part], points, norms) < limit).any(0)
    degree = _held(points, points[free], limit)
    picks = []
    for _ in range(n):
        row = int(degree.argmax())
        picks.append(row)
        ball = (squared_distances(points[row : row + 1], points, norms)[0] < limit) & free
        free &= ~ball
        if bool(ball.any()):
            degree -= _held(points, points[ball], limit)
        degree[row] = torch.iinfo(degree.dtype).min // 2  # never again
    return np.array(picks, dtype=np.int64)


def _held(points: Tensor, others: Tensor, limit: float) -> Tensor:
    """Return how many of `others` the ball of each point holds, `[N]` int64."""
    held = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    if len(others):
        norms = (others * others).sum(1)
        for part in blocks(len(points), len(others)):
            held[part] = (squared_distances(points[part], others, norms) < limit).sum(1)
    return held
