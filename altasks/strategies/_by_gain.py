"""What strategies share that pick by a gain of their own, or by that gain per cost."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np

from altasks.strategies.base import Candidates

#: What a cover of embeddings starts from.
COVERING = frozenset({"embeddings", "labelled_embeddings", "pending_embeddings"})


class PicksByGain:
    """A strategy whose gains can be divided by what samples cost.

    Args:
        needs: what it reads of candidates.
        per_cost: pick by gain per cost; then `costs` are needed too.
    """

    needs: frozenset[str]

    def __init__(self, needs: frozenset[str], per_cost: bool) -> None:
        self.per_cost = bool(per_cost)
        self.needs = needs | {"costs"} if self.per_cost else needs

    def priced(self) -> Self:
        """Return the same strategy, picking by gain per cost."""
        found = copy(self)
        PicksByGain.__init__(found, self.needs, per_cost=True)
        return found

    def _costs(self, candidates: Candidates) -> np.ndarray | None:
        return candidates.costs if self.per_cost else None
