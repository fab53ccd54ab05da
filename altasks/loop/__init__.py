"""The loop: ask, tell, fit; and the store that remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from altasks.loop.active_loop import ActiveLoop
from altasks.loop.base import AskedSample, Event, Labels, LoggedFit, State, Store
from altasks.loop.query import Query, Round

if TYPE_CHECKING:
    from altasks.loop.store import SQLStore

__all__ = [
    "ActiveLoop",
    "AskedSample",
    "Event",
    "Labels",
    "LoggedFit",
    "Query",
    "Round",
    "SQLStore",
    "State",
    "Store",
]


def __getattr__(name: str) -> Any:
    # Loaded at first use, and SQLAlchemy with it.
    if name == "SQLStore":
        from altasks.loop.store import SQLStore

        return SQLStore
    raise AttributeError(f"module 'altasks.loop' has no attribute {name!r}")
