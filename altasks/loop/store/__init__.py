"""The database that remembers a loop."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.loop.store.sql_store import SQLStore as SQLStore

# Loaded at first use, and SQLAlchemy with it.
__getattr__ = lazy_names(__name__, {"SQLStore": "altasks.loop.store.sql_store"})
