"""Which kind of label a task has, and so which converter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from altasks.data.label_studio import (
    BoxConverter,
    ChoiceConverter,
    Converter,
    MaskConverter,
    NumberConverter,
    RoleConverter,
    SpanConverter,
    TranscriptionConverter,
)
from altasks.oracles.kinds import kind_of


def _numbers(task: Any, sample: Any) -> Converter:
    return NumberConverter(task.targets, of="image" if _is_image(sample) else "text")


#: The name of a task -> what makes its converter, of the task and one of its samples.
_KINDS: dict[str, Callable[[Any, Any], Converter]] = {
    "text-classification": lambda task, _: ChoiceConverter(task.labels, multiple=task.multi_label),
    "image-classification": lambda task, _: ChoiceConverter(
        task.labels, multiple=task.multi_label, of="image"
    ),
    "ner": lambda task, _: SpanConverter(task.labels),
    "srl": lambda task, _: RoleConverter(task.labels),
    "object-detection": lambda task, _: BoxConverter(task.labels),
    "segmentation": lambda task, _: MaskConverter(task.labels, void=task.void),
    "ocr": lambda _, __: TranscriptionConverter(),
    "regression": _numbers,
}


def converter_for(task: Any, sample: Any) -> Converter:
    """Return the converter of a built-in task.

    Args:
        task: a task adapter.
        sample: one of its pool, which says whether numbers are asked of texts or images.

    Raises:
        InvalidInputError: for another task.
    """
    return kind_of(task, _KINDS, "altasks.data.label_studio")(task, sample)


def _is_image(sample: Any) -> bool:
    from altasks.data.folders import IMAGE_SUFFIXES

    if hasattr(sample, "mode") and hasattr(sample, "tobytes"):
        return True
    if getattr(sample, "ndim", 0) in (2, 3):
        return True
    return str(sample).lower().endswith(tuple(IMAGE_SUFFIXES)) and "\n" not in str(sample)
