"""The steps of a loop that a run is made of, whoever carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from altasks.loop.base import LoggedFit, Store
from altasks.loop.query import Query


class Cycle(Protocol):
    """Ask, tell, fit, evaluate, on a store: what `ActiveLoop` offers to a run."""

    @property
    def store(self) -> Store:
        """Where every step is recorded."""
        ...

    def ask(self, n: int | None = None) -> Query:
        """Pick `n` samples and record the query."""
        ...

    def tell(self, labels: Mapping[str, Any]) -> int:
        """Record labels; return how many are new or changed."""
        ...

    def fit(self) -> LoggedFit:
        """Train on all labels, and log it."""
        ...

    def evaluate(self, test: Any) -> dict[str, float]:
        """Return the metrics of the last fit on a test set."""
        ...

    def pending_queries(self) -> list[Query]:
        """Return what is not answered yet, by round."""
        ...
