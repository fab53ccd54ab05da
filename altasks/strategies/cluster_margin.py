"""The least certain samples, spread over the clusters of the pool."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from altasks._internal.numbers import require_real, require_whole
from altasks.strategies._arrays import (
    best_first,
    blocks,
    hash_order,
    read_finite,
    squared_distances,
)
from altasks.strategies._linkage import average_linkage, cut, mirror
from altasks.strategies.base import Candidates, check_request


class ClusterMargin:
    """Take the highest scores, and from them one of each cluster in turn, smallest cluster first.

    Citovsky, DeSalvo, Gentile, Karydas, Rajagopalan, Rostamizadeh and Kumar (2021), "Batch Active
    Learning at Scale", NeurIPS. The pool is clustered by hierarchical agglomerative clustering
    with average linkage (Euclidean distance); the `margin_factor` * n highest scores (the paper's
    k_m = 10 n; its score is the margin: use it with `acquisition="margin"`) are put into their
    clusters; then the clusters are visited in a circle from the one with the fewest of those to
    the one with the most, and each visit draws one at random, until the batch is full.

    The paper cuts the tree at a distance that it chooses by the average size of a cluster; here
    that size is the option. A strategy keeps nothing between rounds, so the clustering is done in
    each. It costs O(N^2) time and memory; above `max_rows` candidates it is done on that many
    (the highest scores, then drawn ones), and high scores that did not fit join the cluster of
    the nearest one that did. 10,000 rows need 400 MB.

    Picks don't depend on the order of the pool: rows are read in the order of a seeded hash.

    Args:
        margin_factor: how many times n candidates are kept by score, at least 1.
        cluster_size: the average number of candidates in a cluster, at least 1.
        max_rows: how many candidates are clustered at most, at least 2.

    Raises:
        InvalidInputError: for options out of range, or an embedding that isn't finite.

    Example:
        >>> import numpy as np
        >>> points = np.array([[0.0], [0.1], [0.2], [9.0]])
        >>> candidates = Candidates(list("abcd"), [0.9, 0.8, 0.7, 0.1], embeddings=points)
        >>> picks = ClusterMargin(cluster_size=2).select(
        ...     candidates, 2, rng=np.random.default_rng(0)
        ... )
        >>> picks[0], picks[1] in "abc"
        ('d', True)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def __init__(
        self, margin_factor: float = 10.0, *, cluster_size: float = 10.0, max_rows: int = 10_000
    ) -> None:
        self.margin_factor = require_real("margin_factor", margin_factor, least=1)
        self.cluster_size = require_real("cluster_size", cluster_size, least=1)
        self.max_rows = require_whole("max_rows", max_rows, 2)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, from the smallest cluster on."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        drawn = hash_order(candidates.ids, rng)
        # Best first; equal scores in the order of the hash.
        by_score = best_first(candidates.values, drawn)
        kept = by_score[: math.ceil(self.margin_factor * n)]
        labels = self._clusters(candidates, kept, drawn)
        # Members in the order of the hash, which is a random one: "draws at random".
        place = np.empty(len(drawn), dtype=np.int64)
        place[drawn] = np.arange(len(drawn))
        members: dict[int, list[int]] = {}
        for i in np.argsort(place[kept]).tolist():
            members.setdefault(int(labels[i]), []).append(int(kept[i]))
        # Clusters of one size in the order of their first members.
        circle = sorted(members.values(), key=len)
        picks = [
            names[turn] for turn in range(len(circle[-1])) for names in circle if turn < len(names)
        ]
        return [candidates.ids[i] for i in picks[:n]]

    def _clusters(self, candidates: Candidates, kept: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Return the cluster of each kept candidate, from a clustering of at most `max_rows`."""
        rest = drawn[~np.isin(drawn, kept)]
        rows = np.concatenate([kept, rest])[: self.max_rows]
        points = read_finite(candidates.embeddings, rows, candidates.ids, "embeddings")
        centre = points.mean(0)
        points = points - centre
        distances = squared_distances(points, points).sqrt_().cpu().numpy()
        mirror(distances)
        wanted = max(1, round(len(rows) / self.cluster_size))
        labels = cut(average_linkage(distances), wanted)
        outside = kept[self.max_rows :]
        if not len(outside):
            return labels[: len(kept)]
        others = read_finite(candidates.embeddings, outside, candidates.ids, "embeddings") - centre
        nearest = np.concatenate(
            [
                squared_distances(others[part], points).argmin(1).cpu().numpy()
                for part in blocks(len(others), len(points))
            ]
        )
        return np.concatenate([labels, labels[nearest]])
