"""Stochastic batches: draw in proportion to a power of the rank, whatever the scores' unit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from altasks.errors import invalid
from altasks.strategies.base import Candidates, check_request, id_hashes, id_uniforms, top_rows


class SoftRank:
    """Draw n without replacement with probability proportional to rank ** -beta.

    Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal (2023), "Stochastic Batch
    Acquisition: A Simple Baseline for Deep Active Learning", section 3: the soft-rank acquisition
    -log r_i + epsilon_i with epsilon_i ~ Gumbel(0, 1 / beta), r_i the descending rank of the
    score from 1. Only the order of the scores counts; equal scores are ranked by a seeded hash.

    Args:
        beta: above 0; 1 is the paper's default, infinity would be `TopK`.

    Raises:
        InvalidInputError: if beta is not above 0.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b", "c"], [-3.0, 9.0, 5.0])
        >>> SoftRank(1e6).select(candidates, 2, rng=np.random.default_rng(0))
        ['b', 'c']
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, beta: float = 1.0) -> None:
        if not 0 < beta < np.inf:
            raise invalid("beta", "a finite number above 0", f"{beta!r}")
        self.beta = float(beta)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        ranks = np.empty(len(candidates))
        order = np.lexsort((id_hashes(candidates.ids, rng), -candidates.values))
        ranks[order] = np.arange(1, len(candidates) + 1)
        gumbel = -np.log(-np.log(id_uniforms(candidates.ids, rng)))
        rows = top_rows(gumbel / self.beta - np.log(ranks), candidates.ids, n, rng)
        return [candidates.ids[i] for i in rows.tolist()]
