"""Open the store that a user names, and find the folder for its weights."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from altasks.errors import StoreError, invalid
from altasks.loop.base import Store
from altasks.loop.weights_folder import WorkFolder


def open_store(store: Any) -> Store:
    """Return the store that a user's `store=` names."""
    # SQLAlchemy takes half a second to import, which scoring alone should not pay.
    from altasks.loop.store import SQLStore

    if store is None:
        return SQLStore("sqlite://")
    if isinstance(store, str | Path):
        return SQLStore(store)
    if not isinstance(store, Store):
        raise invalid("store", "a database URL, a Path, a Store or None", type(store).__name__)
    return store


def work_folder(store: Store, work_dir: Path | str | None) -> WorkFolder | None:
    """Return where weights go.

    That is `store-ID` in `work_dir`, so that several stores may be given the same; by default
    `NAME.work` beside an SQLite file, a folder of the store's own in the user's cache for a server
    (the same from wherever the process runs), and nowhere for a store in memory.

    Raises:
        StoreError: for a store of another kind without `work_dir`.
    """
    if work_dir is not None:
        given = Path(work_dir).absolute()
        if store.in_memory:
            return WorkFolder(given, owned=False)
        return WorkFolder(given / f"store-{store_id(store)}", earlier=[given], owned=False)
    if store.in_memory:
        return None
    url = getattr(store, "url", None)
    if url is None or not url.database:
        raise StoreError(f"work_dir: expected a folder for weights, since {store.name} has none.")
    if url.get_backend_name() == "sqlite":
        path = Path(url.database.removeprefix("file:").partition("?")[0])
        return WorkFolder(path.with_name(f"{path.name}.work").absolute())
    name = Path(url.database).name
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return WorkFolder(
        (cache / "altasks" / f"{name}-{store_id(store)}").absolute(),
        earlier=[Path(f"altasks-{name}.work").absolute()],
        owned=False,
    )


def store_id(store: Store) -> str:
    """Return twelve letters and digits that no other store has; copies of a file share them."""
    return str(store.claim("store_id", uuid.uuid4().hex))[:12]
