"""Checkpoints: the settings beside them, the kind of labels, and those without a trained head."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from altasks._internal.settings import read_settings
from altasks.errors import InvalidInputError, invalid


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


@contextmanager
def trained_head(model: str, adapter: str, purpose: str, head: str) -> Iterator[None]:
    """Refuse, in the shell's words, a checkpoint for which the task inside lacks class names.

    Only a checkpoint without a head does, and a head drawn at random ranks at random.

    Args:
        model: as `--model` was given.
        adapter: the class of the task, whose `save` writes what can be read.
        purpose: of the checkpoint: `"for classification"`.
        head: what it lacks: `"a classification head"`.

    Raises:
        InvalidInputError: naming `--model`.
    """
    try:
        yield
    except InvalidInputError as error:
        if not str(error).startswith("labels:"):
            raise
        raise invalid(
            "--model",
            f"a checkpoint fine-tuned {purpose}",
            f"one without {head}",
            where=model,
            hint="Fine-tune it first (ActiveLoop.fit), or take a folder that "
            f"{adapter}.save wrote.",
        ) from error
