"""What the readers of Label Studio's exports share: images, classes and labels of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from altasks._internal.natural_order import in_natural_order
from altasks.data.boxes.classes import check_class_list
from altasks.data.label_studio.addresses import image_at, image_field, name_in
from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.exports import Export, ExportedTask, values_chosen
from altasks.errors import invalid

SKIPPED = "skipped in Label Studio"
AnyConverter = TypeVar("AnyConverter", bound=Converter)


def images_of(
    export: Export, folder: Path, key: str | None
) -> tuple[dict[str, Path], dict[str, ExportedTask]]:
    """Return id -> image, and id -> its task.

    Raises:
        InvalidInputError: for an image that isn't there, or that two tasks have.
    """
    files: dict[str, Path] = {}
    owners: dict[str, ExportedTask] = {}
    for task in export.tasks:
        with export.naming(task.name):
            image = image_at(image_field(task.data, key), folder)
            name = name_in(image, folder)
            if name in owners:
                other = f"{name!r}, which is that of task {owners[name].name}"
                raise invalid("image", "an image of its own", other)
        files[name], owners[name] = image, task
    return files, owners


def classes_of(
    export: Export, controls: Mapping[str, str], names: Sequence[str] | None
) -> list[str]:
    """Return the classes: those the caller names, or those that occur, sorted.

    Raises:
        InvalidInputError: if none occur.
    """
    if names is not None:
        return check_class_list(names)
    found = in_natural_order(values_chosen(export, controls))
    if not found:
        raise invalid(
            "names", "the names of the classes, as no label has any", "none",
            where=str(export.path),
        )  # fmt: skip
    return check_class_list(found, f"{export.path}: labels")


def named(converter: AnyConverter, control: str) -> AnyConverter:
    """Return a converter for regions by the control of a name."""
    converter.control = replace(converter.control, name=control)
    return converter


def label_of(
    export: Export, task: ExportedTask, converter: Converter, name: str, sample: Any = None
) -> Any:
    """Return the label of a task, None where there is none; skipped ones are noted."""
    if task.skipped:
        export.leave(name, SKIPPED)
    if not task.results:
        return None
    return export.label(task, lambda result: converter.label(result, sample))
