"""Stochastic batches: scores as weights instead of ranks."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from altasks.errors import invalid
from altasks.strategies.base import Candidates, check_request, id_uniforms, top_rows


class Power:
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

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, beta: float = 1.0) -> None:
        if not 0 < beta < np.inf:
            raise invalid("beta", "a finite number above 0", f"{beta!r}")
        self.beta = float(beta)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        values = candidates.values
        if len(values) and values.min() < 0:
            row = int(np.argmin(values))
            raise invalid(
                "candidates.values",
                "scores of at least 0",
                f"{values[row]:.4g}",
                where=f"id {candidates.ids[row]!r}",
                hint="A negative score has no power; use TopK.",
            )
        gumbel = -np.log(-np.log(id_uniforms(candidates.ids, rng)))
        with np.errstate(divide="ignore"):
            keys = np.log(values) + gumbel / self.beta
        # -inf (a score of 0) ties with its like, and ties break by hash.
        rows = top_rows(np.maximum(keys, np.finfo(np.float64).min), candidates.ids, n, rng)
        return [candidates.ids[i] for i in rows.tolist()]
