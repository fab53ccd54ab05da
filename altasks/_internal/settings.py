"""The JSON file that a `save` writes beside the weights, with the version of its format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altasks._version import __version__
from altasks.errors import InvalidInputError, invalid

#: Raised by one whenever a saved folder changes so that an older altasks would misread it.
FORMAT = 1


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write what `load` needs beside the weights, with the version of the format.

    Args:
        path: the file, such as `altasks.json`.
        settings: JSON values; `"format"` is added.
    """
    text = json.dumps({"format": FORMAT, **settings}, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8")


def read_settings(path: Path, *, argument: str = "directory") -> dict[str, Any]:
    """Return what `save` wrote in a file of JSON, without the version of its format.

    A file without a version was written by altasks 0.1, in the first format.

    Args:
        path: the file.
        argument: how messages call the folder.

    Raises:
        InvalidInputError: naming the file, if it is damaged, or of a newer format.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # also what isn't UTF-8
        raise damaged(path, str(error), argument) from error
    if not isinstance(found, dict):
        raise damaged(path, f"a {type(found).__name__}", argument)
    version = found.pop("format", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise damaged(path, f"the format {version!r}", argument)
    if version > FORMAT:
        raise invalid(
            argument,
            f"a saved folder of format {FORMAT} or older, which altasks {__version__} reads",
            f"format {version}",
            where=str(path),
            hint="A newer altasks wrote it: upgrade altasks, or save it again with the older one.",
        )
    return found


def damaged(path: Path, found: str, argument: str = "directory") -> InvalidInputError:
    """Return the error for a file of settings in which something is missing or wrong."""
    return invalid(
        argument, f"a folder written by save(), its {path.name} whole", found, where=str(path)
    )
