"""Stochastic batches: scores as weights instead of ranks."""

from __future__ import annotations

import numpy as np

from altasks.errors import invalid
from altasks.strategies._sampling import GumbelTopK
from altasks.strategies.base import Candidates


class Power(GumbelTopK):
    """Draw n without replacement with probability proportional to score ** beta.

    Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal (2023), "Stochastic Batch
    Acquisition: A Simple Baseline for Deep Active Learning", section 3: the power acquisition
    log s_i + epsilon_i with epsilon_i ~ Gumbel(0, 1 / beta), of which the n largest are taken
    (the Gumbel-top-k trick). A score of 0 is only picked when nothing else is left.

    Args:
        beta: above 0; 1 is the paper's default, infinity would be `TopK`.

    Raises:
        InvalidInputError: if beta is not above 0, or a score is negative.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b", "c"], [0.0, 0.9, 0.5])
        >>> sorted(Power().select(candidates, 2, rng=np.random.default_rng(0)))
        ['b', 'c']
    """

    def _log_weights(self, candidates: Candidates, rng: np.random.Generator) -> np.ndarray:
        del rng  # equal scores need no order here
        values: np.ndarray = candidates.values
        if len(values) and values.min() < 0:
            row = int(np.argmin(values))
            raise invalid(
                "candidates.values",
                "scores of at least 0",
                f"{values[row]:.4g}",
                where=f"id {candidates.ids[row]!r}",
                hint="A negative score has no power; use TopK.",
            )
        with np.errstate(divide="ignore"):
            logs: np.ndarray = np.log(values)
        return logs
