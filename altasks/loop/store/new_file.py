"""A new SQLite file appears with its tables in it, or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from altasks.errors import StoreError
from altasks.loop.store.engine import Database
from altasks.loop.store.statements import create_tables


def make_file(path: Path, name: str) -> None:
    """Make a store's file unless there is one.

    It is made under another name and then linked to its own, so that a process that dies
    in between leaves no empty file: an empty one is what a failed copy leaves, and taking that for
    a new store would hide that the labels are gone.

    Args:
        path: the file.
        name: what messages call the store.

    Raises:
        StoreError: for a file of 0 bytes, or if the file can't be made.
    """
    if path.exists():
        if path.stat().st_size == 0:
            raise StoreError(
                f"store {name}: the file has 0 bytes, as a copy that failed leaves it. Put the "
                "right file there, or delete this one to begin a new store."
            )
        return
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    database = Database(temporary, name)
    try:
        database.write(create_tables)
        database.close()
        _link(temporary, path)
    finally:
        for left in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            left.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Give a file its name, unless another process was faster."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not target.exists():
            source.rename(target)
