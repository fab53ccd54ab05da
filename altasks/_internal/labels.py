"""Asking a task whether it can read a label, with the sample where the task wants to see it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def check_label(task: Any, label: Any, sample: Callable[[], Any]) -> Any:
    """Return what `task.check_label` makes of a label.

    A task for which a label depends on its sample (one tag a word) has a parameter `sample`; other
    tasks have none, and their samples, which may be large, are not read.

    Args:
        task: a task with `check_label`.
        label: as a person gave it.
        sample: returns the sample that it is for.

    Raises:
        InvalidInputError: as the task does.
    """
    if _takes_sample(task.check_label):
        return task.check_label(label, sample=sample())
    return task.check_label(label)


def _takes_sample(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C, or wrapped by something that hides it
        return False
    named = parameters.get("sample")
    return named is not None and named.kind is not inspect.Parameter.POSITIONAL_ONLY
