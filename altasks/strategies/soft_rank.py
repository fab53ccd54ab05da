"""Stochastic batches: draw in proportion to a power of the rank, whatever the scores' unit."""

from __future__ import annotations

import numpy as np

from altasks.strategies._sampling import GumbelTopK
from altasks.strategies.base import Candidates, id_hashes


class SoftRank(GumbelTopK):
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

    def _log_weights(self, candidates: Candidates, rng: np.random.Generator) -> np.ndarray:
        ranks = np.empty(len(candidates))
        order = np.lexsort((id_hashes(candidates.ids, rng), -candidates.values))
        ranks[order] = np.arange(1, len(candidates) + 1)
        return -np.log(ranks)
