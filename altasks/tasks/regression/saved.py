"""Constants that `Regression.save` keeps beside the weights, checked before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altasks._internal.settings import damaged, read_settings
from altasks.errors import first_line, invalid
from altasks.tasks._shared.checkpoints import require_directory
from altasks.tasks._shared.trainer_task import SETTINGS
from altasks.tasks.regression.inputs import Scaling


def saved_width(directory: Path | str) -> int:
    """Return how many columns a saved table has, or the first member of a saved ensemble.

    Raises:
        InvalidInputError: if the folder isn't one of a table, or is damaged.
    """
    nested = Path(directory) / "member-0"
    folder = require_directory(nested if nested.is_dir() else directory, (SETTINGS,))
    found = read_settings(folder / SETTINGS)
    if "features" not in found:
        raise invalid(
            "directory", "weights for a table", f"{found.get('task')!r}", where=str(folder)
        )
    width = found["features"]
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise damaged(folder / SETTINGS, f"{width!r} features")
    return width


def saved_columns(directory: Path | str) -> Any:
    """Return the names of the columns that a saved table has; None if it has none.

    Raises:
        InvalidInputError: if the folder isn't one that `save` wrote.
    """
    return read_settings(require_directory(directory, (SETTINGS,)) / SETTINGS).get("columns")


def check_constants(kept: Mapping[str, Any], path: Path, reader: Any, targets: int) -> None:
    """Refuse constants of which something is missing or damaged, before any weight is changed.

    Args:
        kept: as they were read.
        path: of the file, for the message.
        reader: of the samples, which checks its own.
        targets: T.

    Raises:
        InvalidInputError: naming the file.
    """
    try:
        reader.check_kept(kept)
        floor = float(kept["variance_floor"])
        if kept["scaling"] is not None:
            Scaling.read(kept["scaling"], targets)
    except KeyError as error:
        raise damaged(path, f"no {error}") from error
    except (TypeError, ValueError) as error:
        raise damaged(path, first_line(error)) from error
    if not floor > 0:
        raise damaged(path, f"the variance_floor {floor}")
