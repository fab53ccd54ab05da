"""What a loop is opened with: its store, its work folder, its numbers."""

from __future__ import annotations

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
    """Return where weights go: `work_dir`, beside the store, or nowhere for one in memory."""
    if work_dir is not None:
        return WorkFolder(Path(work_dir).absolute())
    if store.in_memory:
        return None
    url = getattr(store, "url", None)
    if url is None or not url.database:
        raise StoreError(f"work_dir: expected a folder for weights, since {store.name} has none.")
    if url.get_backend_name() == "sqlite":
        path = Path(url.database.removeprefix("file:").partition("?")[0])
        return WorkFolder(path.with_name(f"{path.name}.work").absolute())
    return WorkFolder(Path(f"altasks-{Path(url.database).name}.work").absolute())
