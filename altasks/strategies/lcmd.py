"""Largest cluster, maximum distance: far samples, where many are badly covered."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks.strategies._blocks import Rows, Ties, require_finite
from altasks.strategies.base import Candidates, check_request

#: Cluster sizes within this share of the largest are equal, and the farther sample decides.
EQUAL_CLUSTERS = 1e-5
#: Squared distances within this share are equal, and the hash decides.
EQUAL = 1e-12


class LCMD:
    """Pick the farthest sample of the largest cluster; clusters form around what is taken.

    Holzmüller, Zaverkin, Kästner and Steinwart (2023), "A Framework and Benchmark for Deep Batch
    Active Learning for Regression", selection method LCMD (largest cluster maximum distance) in its
    TP mode: labelled, asked and picked samples are the centres, every sample belongs to its nearest
    centre (the earlier one if two are equally near), a cluster's size is the sum of its squared
    distances, and the pick is the sample farthest from the centre of the largest cluster. With
    nothing labelled and nothing asked, the first pick is the longest embedding. The kernel is
    linear in the embeddings: hand over a network's features, gradients or a sketch of them. Scores
    are not read.

    Clusters whose sizes agree to 1e-5 count as equally large, and among their samples the farthest
    is taken. Time is O(N d) for each pick and each labelled sample, memory O(N) beside the
    embeddings. Distances are those of float64 wherever float32 could change a pick or a cluster.

    Raises:
        InvalidInputError: if embeddings are not finite.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["lone", "crowd 1", "crowd 2", "crowd 3"],
        ...     np.zeros(4),
        ...     embeddings=np.array([[-3.5], [7.0], [7.5], [7.25]]),
        ...     labelled_embeddings=np.array([[0.0]]),
        ...     pending_embeddings=np.array([[5.0]]),
        ... )
        >>> LCMD().select(candidates, 2, rng=np.random.default_rng(0))
        ['crowd 2', 'lone']
    """

    needs: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "labelled_embeddings", "pending_embeddings"}
    )
    reads_scores: ClassVar[bool] = False

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order picked."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        pool = Rows(candidates.embeddings)
        with torch.inference_mode():
            clusters = _Clusters(pool, ties)
            for name in ("labelled_embeddings", "pending_embeddings"):
                taken = Rows(getattr(candidates, name), pool.device)
                for _, _, part in taken.blocks():
                    require_finite(part.square().sum(1), f"candidates.{name}")
                    for centre in part.to(torch.float64):
                        clusters.add(centre)
            picks: list[int] = []
            while len(picks) < n:
                row = clusters.farthest() if clusters.count else clusters.longest()
                if row is None:
                    picks = ties.fill(picks, n)
                    break
                picks.append(row)
                clusters.leave(row)
                if len(picks) < n:
                    clusters.add(pool.take(clusters.index(row), torch.float64)[0])
        return [candidates.ids[i] for i in picks]


class _Clusters:
    """The pool, split by the nearest centre."""

    def __init__(self, pool: Rows, ties: Ties) -> None:
        self.pool, self.ties, self.count = pool, ties, 0
        # Rounding grows with the lengths. Moving the origin into the pool costs a copy of every
        # block for every pick, so it's done only where it shortens the rows much.
        shift, spread = pool.sample_mean(), pool.sample_spread()
        self.moved = bool(shift.square().sum() > spread)
        self.shift = shift if self.moved else torch.zeros_like(shift)
        size, place = len(pool), pool.device
        self.square = torch.empty(size, dtype=pool.dtype, device=place)  # |x - shift|^2
        for start, stop, block in pool.blocks():
            self.square[start:stop] = self._move(block).square().sum(1)
            require_finite(self.square[start:stop], "candidates.embeddings", ties.ids[start:stop])
        self.near = torch.full((size,), torch.inf, dtype=pool.dtype, device=place)
        self.cluster = torch.zeros(size, dtype=torch.int64, device=place)
        self.gone = torch.zeros(size, dtype=torch.bool, device=place)
        self.centres: list[Tensor] = []
        self.slack = (pool.width + 16) * torch.finfo(pool.dtype).eps / 2

    def _move(self, block: Tensor) -> Tensor:
        return block - self.shift if self.moved else block

    def index(self, row: int) -> Tensor:
        """Return `row` as an index on the pool's device."""
        return torch.tensor([row], device=self.pool.device)

    def longest(self) -> int:
        """Return the row of the longest embedding."""
        square = torch.cat(
            [block.to(torch.float64).square().sum(1) for _, _, block in self.pool.blocks()]
        )
        return self.ties.first(
            torch.nonzero(square >= square.max() * (1 - EQUAL))[:, 0].cpu().numpy()
        )

    def leave(self, row: int) -> None:
        """Take a picked sample out; its distance is 0, so it weighs nothing."""
        self.gone[row] = True

    def add(self, centre: Tensor) -> None:
        """Give a new centre the samples that are nearer to it than to their own."""
        self.centres.append(centre)
        moved = centre.to(self.shift) - self.shift
        length = moved.square().sum()
        far = torch.empty_like(self.near)
        for start, stop, block in self.pool.blocks():
            far[start:stop] = self._move(block) @ moved
        far.mul_(-2).add_(self.square).add_(length).clamp_min_(0)
        error = self.slack * (self.square.sqrt() + length.sqrt()).square_()
        if self.count:
            unsure = ((far - self.near).abs() <= 2 * error).nonzero()[:, 0]
            closer = far < self.near
            if len(unsure):
                mine = self._exact(unsure, self.cluster[unsure])
                other = self._exact(unsure, torch.full_like(unsure, self.count))
                closer[unsure] = other < mine * (1 - EQUAL)
                self.near[unsure] = mine.to(self.near)
                far[unsure] = other.to(far)
        else:
            closer = torch.ones_like(self.gone)
        self.near = torch.where(closer, far, self.near)
        self.cluster[closer] = self.count
        self.count += 1

    def _exact(self, rows: Tensor, clusters: Tensor) -> Tensor:
        """Return float64 squared distances of `rows` to the centres of `clusters`."""
        found = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
        for number in torch.unique(clusters).tolist():
            where = (clusters == number).nonzero()[:, 0]
            for part in where.split(65536):
                block = self.pool.take(rows[part], torch.float64)
                found[part] = (block - self.centres[number]).square_().sum(1)
        return found

    def farthest(self) -> int | None:
        """Return the farthest row of the largest cluster; None if all lie on their centres."""
        near = self.near.to(torch.float64)
        near[self.gone] = 0
        sizes = torch.zeros(self.count, dtype=torch.float64, device=near.device)
        sizes.index_add_(0, self.cluster, near)
        large = sizes >= sizes.max() * (1 - EQUAL_CLUSTERS)
        inside = (large[self.cluster] & ~self.gone).nonzero()[:, 0]
        value = near[inside]
        # Bounds of float32's error: of what may be farthest, the exact distances decide.
        length = self.square[inside].to(torch.float64).sqrt()
        error = self.slack * (2 * length + value.sqrt()).square_()
        unsure = inside[value + error >= (value - error).max()]
        exact = self._exact(unsure, self.cluster[unsure])
        best = exact.max()
        if float(best) == 0:
            return None
        return self.ties.first(unsure[exact >= best * (1 - EQUAL)].cpu().numpy())
