"""Prefilter by score, then diversify: what makes costly strategies affordable."""

from __future__ import annotations

import math

import numpy as np

from altasks.errors import invalid
from altasks.strategies.base import Candidates, Strategy, check_request, top_rows
from altasks.strategies.wrapping import as_strategy, select_inside, wants


class Hybrid:
    """Let a strategy pick among the beta * n highest scores only.

    The prefilter of Zhdanov (2019), "Diverse mini-batch Active Learning", whose beta is 10. The
    strategy inside sees beta * n candidates instead of N, so its cost no longer depends on the
    pool.

    Args:
        strategy: the one inside, or its registered name.
        beta: at least 1; 1 is `TopK`, infinity the strategy itself.

    Raises:
        InvalidInputError: if beta is below 1.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(list("abcd"), [0.1, 0.9, 0.5, 0.6])
        >>> picks = Hybrid("random", 1.5).select(candidates, 2, rng=np.random.default_rng(0))
        >>> set(picks) < {"b", "c", "d"}
        True
    """

    def __init__(self, strategy: Strategy | str, beta: float = 10.0) -> None:
        self.strategy = as_strategy(strategy)
        if not beta >= 1:
            raise invalid("beta", "a number of at least 1", f"{beta!r}")
        self.beta = float(beta)
        self.needs: frozenset[str] = self.strategy.needs
        self.wants = wants(self.strategy)

    def size(self, n: int) -> int | None:
        """Return how many candidates the strategy inside sees for a batch of `n`; None is all."""
        return None if math.isinf(self.beta) else math.ceil(self.beta * n)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return the `n` ids that the strategy inside picks of the highest scores."""
        n = check_request(self, candidates, n)
        size = self.size(n)
        if size is not None and size < len(candidates):
            rows = top_rows(candidates.values, candidates.ids, size, rng)
            candidates = candidates.take(rows)
        return select_inside(self.strategy, candidates, n, rng)
