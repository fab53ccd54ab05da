"""Cover as much of the pool as possible with balls around what is labelled."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import as_real, require_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import (
    BLOCK,
    blocks,
    hash_order,
    known_rows,
    read_finite,
    read_pool,
    squared_distances,
)
from altasks.strategies._kmeans import assign, best_kmeans, means
from altasks.strategies.base import Candidates, check_request

#: The radius is estimated from the balls of at most this many candidates,
PROBES = 2_000
#: and in large pools of so many that this many distances are measured, but at least 500.
PROBED = 2 * 10**8
#: Of more candidates, so many drawn ones may be picked.
CONSIDERED = 50_000
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
    covered, the degrees lose what it held, counted again. Up to `exact_up_to` candidates that is
    the plain greedy algorithm, in O(N^2 d) for the degrees and as much again at most for all picks
    together. Beyond, what is covered is counted over `sample` drawn candidates, and the picks are
    among 50,000 drawn ones (2 n, if that is more), so that time is O(N) and memory too. A share of
    the pool counted so is off by sqrt(p (1 - p) / sample): by 0.002 for a ball that holds 5% of
    it. The radius is then estimated with k-means on the 50,000, and from the balls of fewer
    candidates, 500 at least, each compared with the whole pool.

    Scores are not read, so it needs no model. Picks don't depend on the order of the pool: rows
    are read, and drawn, in the order of a seeded hash.

    Args:
        delta: the radius, above 0; estimated if None.
        classes: clusters for the estimate, at least 2; by the size of the pool if None.
        purity: the share of pure balls, in (0, 1); the paper's is 0.95.
        exact_up_to: the largest pool over the whole of which samples are counted.
        sample: over how many candidates of a larger pool.

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
        self,
        delta: float | None = None,
        *,
        classes: int | None = None,
        purity: float = 0.95,
        exact_up_to: int = 20_000,
        sample: int = 10_000,
    ) -> None:
        if delta is not None:
            require_real("delta", delta, above=0, or_none=True)
        if not 0 < as_real(purity) < 1:
            raise invalid("purity", "a number in (0, 1)", f"{purity!r}")
        self.delta = delta
        self.classes = None if classes is None else require_whole("classes", classes, 2)
        self.purity = purity
        self.exact_up_to = require_whole("exact_up_to", exact_up_to, 1)
        self.sample = require_whole("sample", sample, 1)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids; the first one's ball holds the most."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        if len(candidates) > self.exact_up_to:
            return self._select_sampled(candidates, n, rng)
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

    def _select_sampled(
        self, candidates: Candidates, n: int, rng: np.random.Generator
    ) -> list[str]:
        """Pick among drawn candidates, by what they cover of drawn candidates."""
        order = hash_order(candidates.ids, rng)
        few, rest = np.split(order, [max(CONSIDERED, self.sample, 2 * n)])

        def read(rows: np.ndarray) -> Tensor:
            return read_finite(candidates.embeddings, rows, candidates.ids, "embeddings")

        points = read(few)
        known = known_rows(candidates).to(points)
        centre = points.mean(0)
        points, known = points - centre, known - centre
        others = (read(rest[part]) - centre for part in blocks(len(rest), points.shape[1], BLOCK))
        delta = self.delta
        if delta is None:
            clusters = self.classes or typical_clusters(len(order) + len(known))
            # The known behind, as no ball of theirs is measured.
            everything = torch.cat([points, known])
            delta = pure_radius(everything, clusters, self.purity, rng, others, len(rest))
        else:
            for _ in others:  # read to be checked
                pass
        chosen = greedy_cover(
            points[: max(CONSIDERED, 2 * n)], known, delta, n, points[: self.sample]
        )
        return [candidates.ids[i] for i in order[chosen].tolist()]


def typical_clusters(samples: int) -> int:
    """Return how many clusters to look for where the number of classes is unknown.

    Example:
        >>> typical_clusters(3), typical_clusters(5000), typical_clusters(10**6)
        (2, 17, 100)
    """
    return min(max(round(math.cbrt(samples)), 2), 500)


def pure_radius(
    points: Tensor,
    clusters: int,
    purity: float,
    rng: np.random.Generator,
    others: Iterable[Tensor] = (),
    more: int = 0,
) -> float:
    """Return the largest radius at which a share `purity` of the balls is pure.

    A ball is pure while it is smaller than the distance to the nearest sample of another cluster.

    Args:
        points: `[M, d]`, in random order.
        clusters: how many k-means clusters stand in for the classes.
        purity: the share of balls.
        rng: seeds the k-means.
        others: further points in blocks `[B, d]`, each of the cluster with the nearest mean.
        more: how many they are.

    Returns:
        The radius; infinity if all points are in one cluster.
    """
    labels = best_kmeans(points, clusters, rng, RESTARTS)
    norms = (points * points).sum(1)
    probes = min(len(points), PROBES)
    if more:
        probes = min(probes, max(500, PROBED // (len(points) + more)))
    nearest = torch.full((probes,), torch.inf, dtype=points.dtype, device=points.device)

    def look(block: Tensor, theirs: Tensor, lengths: Tensor | None) -> None:
        for part in blocks(probes, len(block)):
            square = squared_distances(points[part], block, lengths)
            square.masked_fill_(labels[part, None] == theirs, torch.inf)
            torch.minimum(nearest[part], square.amin(1), out=nearest[part])

    look(points, labels, norms)
    centres = means(points, labels)
    for block in others:
        look(block, assign(block, centres), None)
    ranked = nearest.sort().values
    # A ball is {y: |x - y| < delta}, so it is pure up to and including that distance.
    impure = int(np.floor((1 - purity) * probes + 1e-9))
    return float(ranked[min(impure, probes - 1)].sqrt())


def greedy_cover(
    points: Tensor, known: Tensor, delta: float, n: int, counted: Tensor | None = None
) -> np.ndarray:
    """Return the rows of `n` points picked by greedy coverage, ties to the first row.

    Args:
        points: `[N, d]`, centred.
        known: `[K, d]`, whose balls are covered from the start.
        delta: the radius; a ball holds what is closer than it.
        n: how many to pick, at most N.
        counted: `[M, d]`, of which balls should hold as many as can be; the points if None.
    """
    if counted is None:
        counted = points
    limit = delta * delta
    norms = (counted * counted).sum(1)
    free = torch.ones(len(counted), dtype=torch.bool, device=points.device)  # not covered yet
    for part in blocks(len(known), len(counted)):
        free &= ~(squared_distances(known[part], counted, norms) < limit).any(0)
    degree = _held(points, counted[free], limit)
    picks = []
    for _ in range(n):
        row = int(degree.argmax())
        picks.append(row)
        ball = (squared_distances(points[row : row + 1], counted, norms)[0] < limit) & free
        free &= ~ball
        if bool(ball.any()):
            degree -= _held(points, counted[ball], limit)
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
