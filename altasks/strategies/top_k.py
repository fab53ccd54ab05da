"""The n highest scores."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from altasks.strategies.base import Candidates, check_request, top_rows


class TopK:
    """Pick the n highest scores; equal scores in the order of a seeded hash of their ids.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b", "c"], [0.1, 0.9, 0.5])
        >>> TopK().select(candidates, 2, rng=np.random.default_rng(0))
        ['b', 'c']
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return the `n` ids of the highest scores, best first."""
        n = check_request(self, candidates, n)
        rows = top_rows(candidates.values, candidates.ids, n, rng)
        return [candidates.ids[i] for i in rows.tolist()]
