"""The baseline every strategy has to beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from altasks.strategies.base import Candidates, check_request, id_hashes


class Random:
    """Pick uniformly at random; scores are not read.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b", "c"], [0.1, 0.9, 0.5])
        >>> len(Random().select(candidates, 2, rng=np.random.default_rng(0)))
        2
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    #: The loop skips scoring altogether for a strategy that doesn't read the scores.
    reads_scores: ClassVar[bool] = False

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids drawn without replacement, the same for any order of the pool."""
        n = check_request(self, candidates, n)
        hashes = id_hashes(candidates.ids, rng)
        return [candidates.ids[i] for i in np.argsort(hashes, kind="stable")[:n].tolist()]
