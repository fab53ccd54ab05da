"""Largest cluster, maximum distance: far samples, where many are badly covered."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks.strategies._arrays import Rows, Ties, require_finite
from altasks.strategies.base import Candidates, check_request

#: Cluster sizes within this share of the largest are equal, and the farther sample decides.
EQUAL_CLUSTERS = 1e-5
#: Squared distances within this share are equal, and the hash decides.
EQUAL = 1e-12
#: How many centres' products with the pool are made in one reading of it.
AHEAD = 16


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
                    clusters.add_all(part.to(torch.float64))
            picks: list[int] = []
            while len(picks) < n:
                row = clusters.farthest() if clusters.count else clusters.longest()
                if row is None:
                    picks = ties.fill(picks, n)
                    break
                picks.append(row)
                clusters.leave(row)
                if len(picks) < n:
                    clusters.add_row(row)
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
        self.root = self.square.sqrt()
        self.gone = torch.zeros(size, dtype=torch.bool, device=place)
        self.ahead: dict[int, Tensor] = {}  # row -> its products with all, made beforehand
        # As they come, in float64; made longer when it is full.
        self.centres = torch.empty((64, pool.width), dtype=torch.float64, device=place)
        self.slack = (pool.width + 16) * torch.finfo(pool.dtype).eps / 2

    def _move(self, block: Tensor) -> Tensor:
        return block - self.shift if self.moved else block

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

    def add_all(self, centres: Tensor) -> None:
        """Add the centres `[L, d]`, in order."""
        for start in range(0, len(centres), AHEAD):
            part = centres[start : start + AHEAD]
            for centre, products in zip(part, self._products(part), strict=True):
                self._add(centre, products)

    def add_row(self, row: int) -> None:
        """Add a sample of the pool as a centre.

        Reading the pool takes most of the time, so one reading serves several centres: this one
        and the likeliest of the next.
        """
        if row not in self.ahead:
            rows = [row, *self._likely(row)] if self.count else [row]
            products = self._products(self.pool.take(self._index(rows), torch.float64))
            self.ahead = dict(zip(rows, products, strict=True))
        self._add(self.pool.take(self._index([row]), torch.float64)[0], self.ahead.pop(row))

    def _index(self, rows: list[int]) -> Tensor:
        return torch.tensor(rows, device=self.pool.device)

    def _likely(self, row: int) -> list[int]:
        """Return the samples that are the farthest of `row`'s cluster after it.

        A far sample takes few others with it, so that the largest cluster mostly stays it.
        """
        inside = ((self.cluster == self.cluster[row]) & ~self.gone).nonzero()[:, 0]
        farthest = self.near[inside].topk(min(AHEAD - 1, len(inside))).indices
        return [int(other) for other in inside[farthest].tolist()]

    def _products(self, centres: Tensor) -> Tensor:
        """Return the products of shifted centres with all shifted rows, `[centres, N]`."""
        moved = centres.to(self.shift) - self.shift
        products = torch.empty((len(moved), len(self.near)), dtype=moved.dtype, device=moved.device)
        for start, stop, block in self.pool.blocks():
            torch.mm(moved, self._move(block).T, out=products[:, start:stop])
        return products

    def _add(self, centre: Tensor, products: Tensor) -> None:
        """Give a new centre the samples that are nearer to it than to their own."""
        if self.count == len(self.centres):
            self.centres = torch.cat([self.centres, torch.empty_like(self.centres)])
        self.centres[self.count] = centre
        length = (centre.to(self.shift) - self.shift).square().sum()
        far = products.mul_(-2).add_(self.square).add_(length).clamp_min_(0)
        if self.count:
            error = (self.root + length.sqrt()).square_().mul_(2 * self.slack)
            unsure = ((far - self.near).abs_() <= error).nonzero()[:, 0]
            closer = far < self.near
            if len(unsure):
                mine = self._exact(unsure, self.cluster[unsure])
                other = self._exact(unsure, torch.full_like(unsure, self.count))
                closer[unsure] = other < mine * (1 - EQUAL)
                self.near[unsure] = mine.to(self.near)
                far[unsure] = other.to(far)
            self.near = torch.where(closer, far, self.near)
            self.cluster.masked_fill_(closer, self.count)
        else:
            self.near = far.clone()
            self.cluster.zero_()
        self.count += 1

    def _exact(self, rows: Tensor, clusters: Tensor) -> Tensor:
        """Return float64 squared distances of `rows` to the centres of `clusters`."""
        found = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
        for start in range(0, len(rows), 65536):
            part = slice(start, start + 65536)
            block = self.pool.take(rows[part], torch.float64)
            found[part] = block.sub_(self.centres[clusters[part]]).square_().sum(1)
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
        length = self.root[inside].to(torch.float64)
        error = self.slack * (2 * length + value.sqrt()).square_()
        unsure = inside[value + error >= (value - error).max()]
        exact = self._exact(unsure, self.cluster[unsure])
        best = exact.max()
        if float(best) == 0:
            return None
        return self.ties.first(unsure[exact >= best * (1 - EQUAL)].cpu().numpy())
