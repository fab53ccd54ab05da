"""Informative and typical: the score times how similar a sample is to the whole pool."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import blocks, hash_order, read_finite, squared_distances
from altasks.strategies.base import Candidates, check_request, top_rows

#: How many drawn samples stand for the pool where every pair would have to be visited.
SAMPLE = 2_000


class DensityWeighted:
    """Pick the highest score * (mean similarity to the pool) ** beta.

    Settles and Craven (2008), "An Analysis of Active Learning Strategies for Sequence Labeling
    Tasks", EMNLP, the information density framework. A score says how unsure the model is; the
    density keeps it from asking for outliers.

    - `kernel="cosine"`: exact in O(N d), because the mean of the cosines to the pool is the
      cosine's inner product with the mean of the pool's unit vectors. A mean below 0 (in sign,
      "opposite to the pool") counts as 0, and so does an embedding of length 0: neither has a
      power.
    - `kernel="rbf"`: exp(-gamma |x - u|^2) averaged over `sample` drawn candidates u, in
      O(N * sample * d). `gamma` is 1 / the median squared distance among them if None. With
      `sample` at least N it is exact.

    The pool is the candidates, as in the paper. It only reweights the scores, so near-duplicates
    may be picked together; `Hybrid` and the diverse strategies prevent that. Picks don't depend
    on the order of the pool: rows are read in the order of a seeded hash.

    Args:
        beta: at least 0; 1 is the paper's, 0 is `TopK`.
        kernel: `"cosine"` or `"rbf"`.
        gamma: of the rbf kernel, above 0.
        sample: how many candidates stand for the pool with rbf.

    Raises:
        InvalidInputError: for options out of range, a negative score (whose order the density
            would turn around) or an embedding that isn't finite.

    Example:
        >>> import numpy as np
        >>> points = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> candidates = Candidates(list("abc"), [0.5, 0.1, 0.6], embeddings=points)
        >>> DensityWeighted().select(candidates, 1, rng=np.random.default_rng(0))
        ['a']
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def __init__(
        self,
        beta: float = 1.0,
        *,
        kernel: Literal["cosine", "rbf"] = "cosine",
        gamma: float | None = None,
        sample: int = SAMPLE,
    ) -> None:
        self.beta = require_real("beta", beta, least=0)
        if kernel not in ("cosine", "rbf"):
            raise invalid("kernel", "'cosine' or 'rbf'", f"{kernel!r}")
        if gamma is not None:
            require_real("gamma", gamma, above=0, or_none=True)
        self.kernel = kernel
        self.gamma = gamma
        self.sample = require_whole("sample", sample, 1)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return the `n` ids of the highest weighted scores, best first."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        values = candidates.values
        if values.min() < 0:
            row = int(np.argmin(values))
            raise invalid(
                "candidates.values",
                "scores of at least 0",
                f"{values[row]:.4g}",
                where=f"id {candidates.ids[row]!r}",
                hint="A density would turn the order of negative scores around.",
            )
        order = hash_order(candidates.ids, rng)
        similarity = (_cosine if self.kernel == "cosine" else self._rbf)(candidates, order)
        weighted = np.empty_like(values)
        # Twelve digits: candidates that are equal but for rounding tie, and ties break by hash.
        weighted[order] = np.round(np.maximum(similarity, 0.0), 12) ** self.beta
        weighted *= values
        rows = top_rows(weighted, candidates.ids, n, rng)
        return [candidates.ids[i] for i in rows.tolist()]

    def _rbf(self, candidates: Candidates, order: np.ndarray) -> np.ndarray:
        pool = _read(candidates, order[: self.sample]).to(torch.float64)  # S x d, a random sample
        centre = pool.mean(0)
        pool = pool - centre
        gamma = self.gamma
        if gamma is None:
            among = squared_distances(pool, pool)
            pairs = torch.triu_indices(len(pool), len(pool), 1, device=pool.device)
            median = float(among[pairs[0], pairs[1]].median()) if pairs.numel() else 0.0
            gamma = 1 / median if median > 0 else 1.0
        norms = (pool * pool).sum(1)
        means = []
        for part in blocks(len(order), max(pool.shape)):
            points = _read(candidates, order[part]).to(torch.float64) - centre
            square = squared_distances(points, pool, norms)
            means.append(square.mul_(-gamma).exp_().mean(1).cpu())
        return torch.cat(means).numpy()


def _read(candidates: Candidates, rows: np.ndarray) -> Tensor:
    return read_finite(candidates.embeddings, rows, candidates.ids, "embeddings")


def _cosine(candidates: Candidates, order: np.ndarray) -> np.ndarray:
    """Return the mean cosine of each row of `order` to all of them, `[N]`, in two passes."""
    assert candidates.embeddings is not None
    width = candidates.embeddings.shape[1]
    total: Tensor | None = None
    for part in blocks(len(order), width):
        unit = _unit(_read(candidates, order[part])).sum(0)
        total = unit if total is None else total + unit
    assert total is not None
    mean = total / len(order)
    parts = [
        (_unit(_read(candidates, order[part])) @ mean).cpu() for part in blocks(len(order), width)
    ]
    return torch.cat(parts).numpy()


def _unit(points: Tensor) -> Tensor:
    """Return the rows at length 1 in float64; a row of length 0 stays 0."""
    points = points.to(torch.float64)
    lengths = torch.linalg.vector_norm(points, dim=1, keepdim=True)
    unit: Tensor = points / lengths.clamp(min=torch.finfo(torch.float64).tiny)
    return unit
