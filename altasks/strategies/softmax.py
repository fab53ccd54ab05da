"""Stochastic batches: draw in proportion to the exponential of the score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from altasks.errors import invalid
from altasks.strategies.base import Candidates, check_request, id_uniforms, top_rows


class Softmax:
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

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, beta: float = 1.0) -> None:
        if not 0 < beta < np.inf:
            raise invalid("beta", "a finite number above 0", f"{beta!r}")
        self.beta = float(beta)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        gumbel = -np.log(-np.log(id_uniforms(candidates.ids, rng)))
        rows = top_rows(candidates.values + gumbel / self.beta, candidates.ids, n, rng)
        return [candidates.ids[i] for i in rows.tolist()]
