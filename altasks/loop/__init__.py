"""The loop: ask, label, fit; and the store that remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names
from altasks.loop.active_loop import ActiveLoop
from altasks.loop.answers import Answer, Answers, Synced, ToolState
from altasks.loop.base import AskedSample, Event, LabelSnapshot, LoggedFit, State, Store
from altasks.loop.query import Query, Round

if TYPE_CHECKING:
    from altasks.loop.store import SQLStore

#: Its name until version 0.2.
Labels = LabelSnapshot

__all__ = [
    "ActiveLoop",
    "Answer",
    "Answers",
    "AskedSample",
    "Event",
    "LabelSnapshot",
    "Labels",
    "LoggedFit",
    "Query",
    "Round",
    "SQLStore",
    "State",
    "Store",
    "Synced",
    "ToolState",
]


# Loaded at first use, and SQLAlchemy with it.
__getattr__ = lazy_names(__name__, {"SQLStore": "altasks.loop.store"})
