"""The loop: ask, tell, fit; and the store that remembers it."""

from altasks.loop.active_loop import ActiveLoop
from altasks.loop.base import AskedSample, Event, Labels, LoggedFit, State, Store
from altasks.loop.query import Query, Round
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
