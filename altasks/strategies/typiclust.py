"""The most typical sample of each uncovered cluster: made for starting with nothing labelled."""

from __future__ import annotations

import heapq
from typing import ClassVar

import numpy as np
from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks.strategies._arrays import read_together
from altasks.strategies._kmeans import kmeans
from altasks.strategies._typical import typical
from altasks.strategies.base import Candidates, check_request


class TypiClust:
    """Pick the most typical sample of the largest clusters that hold no label yet.

    Hacohen, Dekel and Weinshall (2022), "Active Learning on a Budget: Opposite Strategies Suit
    High and Low Budgets", ICML. Labelled, pending and candidate samples are clustered by k-means
    into L + P + n clusters (at most `max_clusters`, 500 as in the authors' code). Then, n times:
    of the clusters with the fewest labelled, pending and picked members the largest is taken,
    and from it the candidate with the highest typicality, the inverse of the mean Euclidean
    distance to its `neighbours` nearest neighbours in the cluster. Clusters of at most
    `min_cluster` members are used only when no other is left, again as in the authors' code.

    Scores are not read, so it needs no model: embeddings of any encoder do. The paper's are
    self-supervised and of unit length; scale yours before if their length means nothing.

    Two things are not exact: k-means is cut short, after 8 iterations on 64 rows for each centre
    and 3 on 256; and in a cluster of more than 2,048 members all are compared with 1,024 drawn
    ones, and the 256 most typical by that with all.
    Picks don't depend on the order of the pool: rows are read in the order of a seeded hash.
    Time is O(N d K) for K clusters and O(N d) for the neighbours; memory is one copy of the
    embeddings.

    Args:
        neighbours: how many neighbours typicality averages over.
        max_clusters: the most clusters there may be.
        min_cluster: clusters of at most this many members come last.

    Raises:
        InvalidInputError: for options below their range, or an embedding that isn't finite.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> points = np.concatenate([rng.normal(0, 1, (20, 2)), rng.normal(9, 1, (20, 2))])
        >>> none = np.empty((0, 2))
        >>> candidates = Candidates(
        ...     [str(i) for i in range(40)], np.zeros(40), embeddings=points,
        ...     labelled_embeddings=none, pending_embeddings=none,
        ... )
        >>> picks = TypiClust().select(candidates, 2, rng=rng)
        >>> sorted(int(name) < 20 for name in picks)
        [False, True]
    """

    needs: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "labelled_embeddings", "pending_embeddings"}
    )
    #: The loop skips scoring altogether for a strategy that doesn't read the scores.
    reads_scores: ClassVar[bool] = False

    def __init__(
        self, neighbours: int = 20, *, max_clusters: int = 500, min_cluster: int = 5
    ) -> None:
        self.neighbours = require_whole("neighbours", neighbours, 1)
        self.max_clusters = require_whole("max_clusters", max_clusters, 1)
        self.min_cluster = require_whole("min_cluster", min_cluster, 0)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, from the largest uncovered cluster on."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        order, points = read_together(candidates, rng)  # what is known comes last
        clusters = min(len(points) - len(order) + n, self.max_clusters)
        labels = kmeans(points, clusters, rng).cpu().numpy()
        rows = pick_typical(
            points, labels, len(order), n, neighbours=self.neighbours, min_cluster=self.min_cluster
        )
        return [candidates.ids[i] for i in order[rows].tolist()]


def pick_typical(
    points: Tensor, labels: np.ndarray, free: int, n: int, *, neighbours: int, min_cluster: int
) -> list[int]:
    """Return `n` of the first `free` rows, cluster by cluster, most typical first.

    Args:
        points: `[M, d]`; rows from `free` on are labelled or pending.
        labels: `[M]`, the cluster of each.
        free: how many rows may be picked, at least `n`.
        n: how many to pick.
        neighbours: how many neighbours typicality averages over.
        min_cluster: clusters of at most this many members come last.
    """
    sizes = np.bincount(labels)
    covered = np.bincount(labels[free:], minlength=len(sizes))
    by_cluster = np.argsort(labels, kind="stable")
    members = np.split(by_cluster, np.cumsum(sizes)[:-1])
    # (comes last, members covered, minus the size, cluster): the smallest is next.
    queue = [
        (bool(sizes[c] <= min_cluster), int(covered[c]), -int(sizes[c]), c)
        for c in range(len(sizes))
        if sizes[c] > covered[c]
    ]
    heapq.heapify(queue)
    first: dict[int, int] = {}
    ranked: dict[int, list[int]] = {}
    picks: list[int] = []
    while len(picks) < n:
        small, count, size, cluster = heapq.heappop(queue)
        if cluster not in first:
            # Most clusters are visited once, and their best is found without ranking the rest.
            row = first[cluster] = typical(points, members[cluster], free, neighbours).best()
        else:
            if cluster not in ranked:
                inside = typical(points, members[cluster], free, neighbours)
                ranked[cluster] = inside.ranking(without=first[cluster])
            row = ranked[cluster].pop()
        picks.append(row)
        covered[cluster] += 1
        if covered[cluster] < sizes[cluster]:
            heapq.heappush(queue, (small, count + 1, size, cluster))
    return picks
