"""Batches drawn from a determinantal point process: good samples that repel their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real
from altasks.errors import invalid
from altasks.strategies._arrays import BLOCK, Rows, Ties, unit_rows
from altasks.strategies._sampling import race
from altasks.strategies.base import Candidates, check_request

#: Eigenvalues below this share of the largest are rounding: the matrix has no more rank.
RANK = 1e-10
#: A rest of a squared length below this share of the whole is rounding.
SPENT = 1e-9


class KDPP:
    """Draw n samples with probability proportional to det(L) of their kernel matrix.

    Kulesza and Taskar (2011), "k-DPPs: Fixed-Size Determinantal Point Processes", and (2012),
    "Determinantal Point Processes for Machine Learning": L_ij = q_i q_j <b_i, b_j>, with b the
    embedding scaled to length 1 and the quality q the score to the power `beta`. So a batch is
    likely if its samples score high and differ. An exact sample: n eigenvectors are drawn by
    elementary symmetric polynomials, then samples one by one from the projection they span.

    All is done in the dual, with the d x d matrix of the features instead of the N x N kernel:
    O(N d^2 + N d n) time, O(N + d^2) memory beside the embeddings, float64. The rank of L is at
    most d; when n is beyond it, a batch of that size has determinant 0, so the sampler draws as
    many as the rank allows and goes on with a new process over what is left. Samples with a score
    of 0 or an embedding of zeros have probability 0: they come last, in the order of a seeded hash.

    Args:
        beta: at least 0; 0 ignores the scores.

    Raises:
        InvalidInputError: for a negative beta or score, or embeddings that are not finite.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["a", "copy of a", "b"],
        ...     np.ones(3),
        ...     embeddings=np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        ... )
        >>> "b" in KDPP().select(candidates, 2, rng=np.random.default_rng(0))
        True
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = require_real("beta", beta, least=0)
        self.reads_scores = self.beta > 0

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        quality = self._quality(candidates)
        rows = unit_rows(candidates.embeddings, "candidates.embeddings", candidates.ids)
        features = _Features(rows, quality)
        with torch.inference_mode():
            # Sums are taken in the order of the hashes, so that the order of the pool can't show.
            order = ties.order(np.arange(len(candidates)))
            left = order[quality[order] > 0]
            picks: list[int] = []
            while len(picks) < n and len(left):
                before = len(picks)
                picks += _draw(features, left, candidates.ids, n - before, rng)
                if len(picks) == before:
                    break
                left = left[~np.isin(left, picks)]
        return [candidates.ids[i] for i in ties.fill(picks, n)]

    def _quality(self, candidates: Candidates) -> np.ndarray:
        values = candidates.values
        if self.beta == 0:
            return np.ones(len(values))
        if values.min() < 0:
            row = int(values.argmin())
            raise invalid(
                "candidates.values",
                "scores of at least 0",
                f"{values[row]:.4g}",
                where=f"id {candidates.ids[row]!r}",
                hint="With beta=0 the scores are not read.",
            )
        top = values.max() or 1.0
        quality: np.ndarray = (values / top) ** self.beta  # a common factor changes nothing
        return quality


class _Features:
    """Rows q_i b_i, in float64."""

    def __init__(self, rows: Rows, quality: np.ndarray) -> None:
        self.rows, self.quality = rows, quality
        self.step = max(1, BLOCK // (16 * max(1, rows.width)))

    def take(self, rows: np.ndarray) -> Tensor:
        """Return the features of `rows`."""
        index = torch.from_numpy(rows).to(self.rows.device)
        scale = torch.from_numpy(self.quality[rows]).to(self.rows.device)
        return self.rows.take(index, torch.float64) * scale[:, None]


def _draw(
    features: _Features,
    left: np.ndarray,
    ids: Sequence[str],
    n: int,
    rng: np.random.Generator,
) -> list[int]:
    """Draw up to `n` of the rows `left` (in the order of their hashes), at most the rank of L."""
    dual = torch.zeros((features.rows.width,) * 2, dtype=torch.float64, device=features.rows.device)
    for start in range(0, len(left), features.step):
        block = features.take(left[start : start + features.step])
        dual += block.T @ block
    values, vectors = torch.linalg.eigh(dual)
    values = values.cpu().numpy()
    kept = np.flatnonzero(values > RANK * max(values.max(initial=0.0), np.finfo(float).tiny))
    count = min(n, len(kept))
    if count == 0:
        return []
    chosen = [int(kept[i]) for i in eigenvectors(values[kept], count, rng)]
    # The dual's eigenvector v with eigenvalue w is the kernel's eigenvector B v / sqrt(w).
    basis = vectors[:, chosen] / torch.from_numpy(np.sqrt(values[chosen])).to(vectors)  # d x n
    weights = np.empty(len(left))
    for start in range(0, len(left), features.step):
        block = features.take(left[start : start + features.step])
        weights[start : start + features.step] = (block @ basis).square_().sum(1).cpu().numpy()
    whole = weights.copy()
    picks: list[int] = []
    directions: list[Tensor] = []  # each pick's, orthonormal in the space of the eigenvectors

    def picked(row: int) -> None:
        along = (features.take(left[[row]]) @ basis)[0]
        for _ in range(2):  # twice is enough (Gram-Schmidt)
            for direction in directions:
                along = along - (along @ direction) * direction
        directions.append(along / along.norm())

    def weigh(rows: np.ndarray, last: np.ndarray, since: int) -> np.ndarray:
        part = features.take(left[rows]) @ basis
        gone = (part @ torch.stack(directions[since:]).T).square_().cpu().numpy()
        rest = last[:, None] - np.cumsum(gone, axis=1)
        rest[rest < SPENT * whole[rows, None]] = 0
        lower: np.ndarray = np.minimum.accumulate(rest, axis=1)
        return lower

    race([ids[i] for i in left.tolist()], weights, picks, count, weigh, picked, rng)
    return [int(left[row]) for row in picks]


def eigenvectors(values: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Draw a set of `count` eigenvectors, with probability proportional to the product of values.

    Kulesza and Taskar (2012), algorithm 8: by elementary symmetric polynomials, here of the values
    in logarithms, which neither overflow nor vanish.

    Args:
        values: `[D]` positive eigenvalues.
        count: how many, at most D.
        rng: D numbers are drawn from it.
    """
    size = len(values)
    logs = np.log(values)
    # table[l, m]: log of e_l, the sum over all sets of l of the first m values of their product.
    table = np.full((count + 1, size + 1), -np.inf)
    table[0] = 0.0
    for m in range(1, size + 1):
        table[1:, m] = np.logaddexp(table[1:, m - 1], logs[m - 1] + table[:-1, m - 1])
    chosen: list[int] = []
    wanted = count
    noise = np.log(rng.random(size))
    for m in range(size, 0, -1):
        if wanted == 0:
            break
        chance = logs[m - 1] + table[wanted - 1, m - 1] - table[wanted, m]
        if wanted == m or noise[m - 1] < chance:
            chosen.append(m - 1)
            wanted -= 1
    return chosen
