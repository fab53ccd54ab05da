"""Which kind of label a task has, by its name: what oracles choose their converters by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from altasks.errors import invalid

T = TypeVar("T")


def kind_of(task: Any, kinds: Mapping[str, T], converters: str) -> T:
    """Return what belongs to a task.

    Args:
        task: a task adapter.
        kinds: the names of the built-in tasks that are known.
        converters: the package whose converters a task of one's own can be given.

    Raises:
        InvalidInputError: for another task.

    Example:
        >>> from altasks.oracles.kinds import kind_of
        >>> class Reads:
        ...     name = "ocr"
        >>> kind_of(Reads(), {"ocr": "a text"}, "altasks.data.kili")
        'a text'
    """
    name = getattr(task, "name", "")
    if name not in kinds:
        raise invalid(
            "converter",
            f"one of {converters}, for a task of your own",
            "None",
            hint=f"Known by themselves are {', '.join(kinds)}.",
        )
    return kinds[name]
