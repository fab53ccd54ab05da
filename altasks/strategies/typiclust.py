"""The most typical sample of each uncovered cluster: made for starting with nothing labelled."""

from __future__ import annotations

import heapq
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks.strategies._arrays import blocks, read_pool, squared_distances
from altasks.strategies._kmeans import kmeans
from altasks.strategies.base import Candidates, check_request

#: In a cluster larger than this, only this many of its members (in the order of the hash) are
#: looked at: the neighbours within a cluster cost the square of its size.
LARGEST = 16_384


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
    and 3 on 256; and in a cluster of more than 16,384 members, that many drawn ones are looked at.
    Picks don't depend on the order of the pool: rows are read in the order of a seeded hash.
    O(N (d + K)) time per k-means iteration, O(N d) memory.

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
        order, points, known = read_pool(candidates, rng)
        points = torch.cat([points, known])  # N + L + P x d; what is known comes last
        clusters = min(len(known) + n, self.max_clusters)
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
            row = first[cluster] = _Inside(points, members[cluster], free, neighbours).best()
        else:
            if cluster not in ranked:
                inside = _Inside(points, members[cluster], free, neighbours)
                ranked[cluster] = inside.ranking(without=first[cluster])
            row = ranked[cluster].pop()
        picks.append(row)
        covered[cluster] += 1
        if covered[cluster] < sizes[cluster]:
            heapq.heappush(queue, (small, count + 1, size, cluster))
    return picks


class _Inside:
    """Mean distances to the nearest neighbours within one cluster."""

    def __init__(self, points: Tensor, members: np.ndarray, free: int, neighbours: int) -> None:
        self.members = members  # in the order of the hash, the known ones last
        self.free = int((members < free).sum())
        looked = members[:LARGEST]
        inside = points[torch.as_tensor(looked, device=points.device)]
        self.points = inside - inside.mean(0)
        self.norms = (self.points * self.points).sum(1)
        self.neighbours = min(neighbours, len(looked) - 1)
        self.reach = min(self.free, len(looked))  # how many may be picked

    def best(self) -> int:
        """Return the most typical member that may be picked, the first of equals."""
        if self.neighbours == 0:
            return int(self.members[0])
        # No sample is closer to its neighbours on average than to the nearest of them. So one
        # whose nearest is farther than the best average so far is out without sorting its row;
        # those near the middle are likely to have a good average.
        middle = self.norms[: self.reach].topk(min(8, self.reach), largest=False).indices
        bound = float(self._mean_distance(self._squares(middle)).min()) * (1 + 1e-4)
        row, least = 0, np.inf
        for part in blocks(self.reach, len(self.points)):
            here = torch.arange(part.start, part.stop, device=self.points.device)
            squares = self._squares(here)
            kept = (squares.amin(1) <= bound * bound).nonzero().flatten()
            if len(kept):
                distance, place = self._mean_distance(squares[kept]).min(0)
                if float(distance) < least:
                    row, least = part.start + int(kept[place]), float(distance)
        return int(self.members[row])

    def ranking(self, without: int) -> list[int]:
        """Return the members that may be picked but one, the most typical last, to be popped."""
        distances = torch.zeros(self.reach, dtype=self.points.dtype, device=self.points.device)
        if self.neighbours:
            for part in blocks(self.reach, len(self.points)):
                here = torch.arange(part.start, part.stop, device=self.points.device)
                distances[part] = self._mean_distance(self._squares(here))
        order = np.argsort(distances.cpu().numpy(), kind="stable")
        rows = np.concatenate([self.members[order], self.members[self.reach : self.free]])
        return [row for row in rows[::-1].tolist() if row != without]

    def _squares(self, rows: Tensor) -> Tensor:
        """Return squared distances from some members to all, infinite to themselves."""
        squares = squared_distances(self.points[rows], self.points, self.norms)
        squares[torch.arange(len(rows), device=rows.device), rows] = torch.inf
        return squares

    def _mean_distance(self, squares: Tensor) -> Tensor:
        if squares.device.type == "cpu":
            # NumPy's partition is vectorised: several times as fast as topk on rows of hundreds.
            values = np.partition(squares.numpy(), self.neighbours - 1, axis=1)
            values = values[:, : self.neighbours]
            values.sort(axis=1)  # equal neighbourhoods have equal sums
            return torch.from_numpy(values).sqrt_().mean(1)
        return squares.topk(self.neighbours, largest=False).values.sqrt_().mean(1)
