"""The protocol of oracles: whatever answers a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.loop.query import Query


@runtime_checkable
class Oracle(Protocol):
    """Answers queries: held-back labels, people, another model.

    An oracle that knows what its labels cost also has `cost_of(labels) -> float`.
    """

    def label(self, query: Query) -> Mapping[str, Any]:
        """Return id -> label for all of the query, a part of it, or nothing yet."""
        ...
