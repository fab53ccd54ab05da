"""What an option's value is known by: itself, and of files and folders their state."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any


def stamp(value: Any) -> Any:
    """Return an option's value, and where it is a file or folder, the state of what is there."""
    if isinstance(value, list | tuple):
        return [stamp(one) for one in value]
    if not isinstance(value, str | os.PathLike):
        return value
    path = Path(value)
    try:
        if path.is_file():
            return [str(value), state_of(path)]
        if path.is_dir():
            below = sorted(one for one in path.rglob("*") if one.is_file())
            return [str(value), [(str(one.relative_to(path)), state_of(one)) for one in below]]
    except OSError:
        pass  # not a path, or one without permission
    return str(value)


def state_of(path: Path) -> list[int]:
    """Return the size and time of a file; nothing if it can't be seen."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]


def content_stamp(value: Any) -> Any:
    """Return an option's value, and of a path a digest of what is there, on whatever machine.

    Of a folder, names count as they are in it; of a path where nothing is, its text.
    """
    if isinstance(value, list | tuple):
        return [content_stamp(one) for one in value]
    if not isinstance(value, os.PathLike):
        return value
    path = Path(value)
    if path.is_file():
        return _digest(path)
    if path.is_dir():
        below = sorted(one for one in path.rglob("*") if one.is_file())
        return [[one.relative_to(path).as_posix(), _digest(one)] for one in below]
    return str(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
