"""Which type of job a task has, and so which converter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from altasks.data.kili import (
    BoxConverter,
    CategoryConverter,
    Converter,
    EntityConverter,
    MaskConverter,
    TranscriptionConverter,
)
from altasks.oracles.kinds import kind_of


def _categories(task: Any) -> Converter:
    return CategoryConverter(task.labels, multiple=task.multi_label)


#: The name of a task -> what makes its converter.
_KINDS: dict[str, Callable[[Any], Converter]] = {
    "text-classification": _categories,
    "image-classification": _categories,
    "ner": lambda task: EntityConverter(task.labels),
    "object-detection": lambda task: BoxConverter(task.labels),
    "segmentation": lambda task: MaskConverter(task.labels, void=task.void),
    "ocr": lambda _: TranscriptionConverter(),
}


def converter_for(task: Any) -> Converter:
    """Return the converter of a built-in task.

    Raises:
        InvalidInputError: for another task.
    """
    return kind_of(task, _KINDS, "altasks.data.kili")(task)
