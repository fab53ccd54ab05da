"""Batches that span the most volume: greedy maximisation of a determinant."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real
from altasks.strategies._arrays import Rows, Ties, require_finite
from altasks.strategies._lazy_greedy import lazy_greedy
from altasks.strategies.base import Candidates, check_request

#: Variances that differ by this share of the largest squared length are equal; the hash decides.
EQUAL = 1e-12
#: Rows looked at together, at most.
MOST = 8192


class MaxDet:
    """Pick, one after another, the sample that a Bayesian linear model is least certain of.

    Holzmüller, Zaverkin, Kästner and Steinwart (2023), "A Framework and Benchmark for Deep Batch
    Active Learning for Regression", selection method MaxDet: the greedy maximisation of
    det(K + s^2 I) over the batch, K the kernel matrix, here of the linear kernel of the embeddings
    given the labelled and the asked samples. It is also pivoted Cholesky decomposition, and the
    greedy mode of a determinantal point process. The labels' values are not needed: a Gaussian
    posterior's variance depends on the inputs alone. Scores are not read.

    Work is done on features, not on the kernel matrix: O(N d^2) once when anything is labelled, and
    then only for the samples whose variance, which can only fall, may still be the largest. Memory
    is O(N + d^2 + n d) beside the embeddings; arithmetic is float64.

    Args:
        noise: s as a share of the root mean squared length of the embeddings, above 0: with 1e-3
            a label is taken to be known to a thousandth of what a typical sample's output varies.

    Raises:
        InvalidInputError: for a noise not above 0, or embeddings that are not finite.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["long", "longer", "across"],
        ...     np.zeros(3),
        ...     embeddings=np.array([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0]]),
        ...     labelled_embeddings=np.empty((0, 2)),
        ...     pending_embeddings=np.empty((0, 2)),
        ... )
        >>> MaxDet().select(candidates, 2, rng=np.random.default_rng(0))
        ['longer', 'across']
    """

    needs: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "labelled_embeddings", "pending_embeddings"}
    )
    reads_scores: ClassVar[bool] = False

    def __init__(self, noise: float = 1e-3) -> None:
        self.noise = require_real("noise", noise, above=0)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order picked."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        pool = Rows(candidates.embeddings)
        with torch.inference_mode():
            model = _LinearModel(pool, n, ties)
            total = float(model.variance.sum()) / len(pool)  # the mean squared length
            equal = EQUAL * float(model.variance.max())
            model.begin(candidates, self.noise**2 * total)
            picks = lazy_greedy(
                model.variance.cpu().numpy().copy(),
                n,
                model.reduced,
                model.add,
                ties,
                equal=equal,
                size=MOST,
                first=256,
            )
        return [candidates.ids[row] for row in picks]


class _LinearModel:
    """A Gaussian posterior over a linear function, and the variances it gives the pool."""

    def __init__(self, pool: Rows, n: int, ties: Ties) -> None:
        self.pool = pool
        place, double = pool.device, torch.float64
        self.variance = torch.empty(len(pool), dtype=double, device=place)
        for start, stop, block in pool.blocks():
            self.variance[start:stop] = block.to(double).square().sum(1)
            require_finite(self.variance[start:stop], "candidates.embeddings", ties.ids[start:stop])
        self.seen = torch.zeros(len(pool), dtype=torch.int64, device=place)
        self.covariance = torch.eye(pool.width, dtype=double, device=place)
        # A pick lowers a variance by the square of the inner product with its direction.
        self.directions = torch.empty((n, pool.width), dtype=double, device=place)
        self.count, self.noise = 0, 0.0

    def begin(self, candidates: Candidates, noise: float) -> None:
        """Condition on what is labelled and asked; `noise` is the variance of a label."""
        self.noise = noise
        precision = torch.zeros_like(self.covariance)
        taken = 0
        for name in ("labelled_embeddings", "pending_embeddings"):
            for _, _, part in Rows(getattr(candidates, name), self.pool.device).blocks():
                block = part.to(torch.float64)
                require_finite(block.square().sum(1), f"candidates.{name}")
                precision += block.T @ block
                taken += len(block)
        if not taken or noise == 0:
            return
        # (I + X'X / s^2)^-1 = s^2 (s^2 I + X'X)^-1
        if noise > 1e-12 * float(precision.trace()):
            precision.diagonal().add_(noise)
            self.covariance = noise * torch.cholesky_inverse(torch.linalg.cholesky(precision))
        else:
            # Added to X'X so small a noise would be rounding, and what X doesn't span be anything.
            values, vectors = torch.linalg.eigh(precision)
            values[values < len(values) * torch.finfo(torch.float64).eps * values[-1]] = 0
            self.covariance = (vectors * (noise / (noise + values))) @ vectors.T
        for start, stop, block in self.pool.blocks():
            double = block.to(torch.float64)
            self.variance[start:stop] = ((double @ self.covariance) * double).sum(1)

    def add(self, row: int) -> None:
        """Condition on a label of `row`."""
        index = torch.tensor([row], device=self.pool.device)
        picked = self.pool.take(index, torch.float64)[0]
        along = self.covariance @ picked
        direction = along / (picked @ along + self.noise).sqrt()
        self.covariance -= torch.outer(direction, direction)
        self.directions[self.count] = direction
        self.count += 1

    def reduced(self, rows: np.ndarray) -> np.ndarray:
        """Return the variances of `rows` given all picks."""
        index = torch.from_numpy(rows).to(self.pool.device)
        block: Tensor = self.pool.take(index, torch.float64)
        seen, variance = self.seen[index], self.variance[index]
        first = int(seen.min())
        if first < self.count:
            gone = (block @ self.directions[first : self.count].T).square_()  # rows x picks
            late = torch.arange(first, self.count, device=seen.device) >= seen[:, None]
            variance -= (gone * late).sum(1)
        self.variance[index], self.seen[index] = variance, self.count
        found: np.ndarray = variance.cpu().numpy()
        return found
