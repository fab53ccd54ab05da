"""Stochastic batches: draw in proportion to the exponential of the score."""

from __future__ import annotations

import numpy as np

from altasks.strategies._sampling import GumbelTopK
from altasks.strategies.base import Candidates


class Softmax(GumbelTopK):
    """Draw n without replacement with probability proportional to exp(beta * score).

    Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal (2023), "Stochastic Batch
    Acquisition: A Simple Baseline for Deep Active Learning", section 3: the softmax acquisition
    s_i + epsilon_i with epsilon_i ~ Gumbel(0, 1 / beta), of which the n largest are taken. Unlike
    `Power` it can pick a sample of score 0, reads negative scores, and depends on their unit: BALD
    is at most log C, so at `beta = 1` the draw is close to uniform.

    Args:
        beta: above 0; 1 is the paper's default, infinity would be `TopK`.

    Raises:
        InvalidInputError: if beta is not above 0.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b", "c"], [0.0, 0.9, 0.5])
        >>> Softmax(1e6).select(candidates, 2, rng=np.random.default_rng(0))
        ['b', 'c']
    """

    def _log_weights(self, candidates: Candidates, rng: np.random.Generator) -> np.ndarray:
        del rng  # equal scores need no order here
        values: np.ndarray = candidates.values
        return values
