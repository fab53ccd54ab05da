"""Settings beside a checkpoint: those that `save` wrote, and the kind of labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from altasks._internal.settings import read_settings
from altasks.errors import invalid


def settings_of(folder: Path, task: str, adapter: str) -> dict[str, Any]:
    """Return the settings that a task's `save` wrote into `folder`; {} for another checkpoint.

    Raises:
        InvalidInputError: if another task wrote it, a newer altasks did, or the file is damaged.
    """
    ours = folder / "altasks.json"
    if not ours.is_file():
        return {}
    settings = read_settings(ours, argument="--model")
    found = settings.get("task")
    if found != task:
        raise invalid(
            "--model",
            f"a folder written by {adapter}.save",
            f"one of the task {found!r}",
            where=str(folder),
        )
    return settings


def kind_of(folder: Path) -> dict[str, bool]:
    """Return whether a checkpoint's labels are independent, from its config.

    Raises:
        InvalidInputError: for a config that is damaged.
    """
    config = folder / "config.json"
    if not config.is_file():
        return {}
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("problem_type")
    except (ValueError, AttributeError) as error:
        raise invalid(
            "--model", "a checkpoint", f"a damaged {config.name} ({error})", where=str(folder)
        ) from error
    return {"multi_label": kind == "multi_label_classification"}
