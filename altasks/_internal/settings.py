"""Reading what a `save` noted beside the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from altasks.errors import InvalidInputError, invalid


def read_settings(path: Path) -> dict[str, Any]:
    """Return what `save` noted in a file of JSON.

    Raises:
        InvalidInputError: naming the file, if it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # also what isn't UTF-8
        raise _damaged(path, str(error)) from error
    if not isinstance(found, dict):
        raise _damaged(path, f"a {type(found).__name__}")
    return found


def _damaged(path: Path, found: str) -> InvalidInputError:
    return invalid("directory", f"a folder written by save(), its {path.name} whole", found,
                   where=str(path))  # fmt: skip
