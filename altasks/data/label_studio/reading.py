"""Readers of Label Studio's JSON export: labels of whole samples, choices, numbers and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.boxes.paths import require_folder
from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.choices import ChoiceConverter
from altasks.data.label_studio.exported import classes_of, images_of, label_of, named
from altasks.data.label_studio.exports import Export, Several, control_names, is_part
from altasks.data.label_studio.numbers import NumberConverter
from altasks.data.label_studio.transcriptions import TranscriptionConverter
from altasks.data.pool import Pool
from altasks.errors import InvalidInputError, invalid


def read_label_studio_choices(
    path: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    names: Sequence[str] | None = None,
    multiple: bool = False,
    control: str | None = None,
    key: str | None = None,
    several: Several = "error",
) -> Pool:
    """Return the texts or images of a Label Studio project, and the choices people made.

    Ids of texts are those of the tasks, of images their paths below the folder. A task that was
    submitted without a choice has the label `[]` with `multiple`, else none, and is in
    `passed_over`, as skipped ones are.

    Args:
        path: the JSON file, exported as "JSON".
        images: the folder with the images; None where the samples are texts.
        names: the classes there may be; by default those that occur.
        multiple: whether a label is a list of classes, in the order of `names` or sorted.
        control: the name of the tag with the choices, where there are several.
        key: the field of a task's `data` with the text, or the image's address; by default `text`
            or `image`, or the only one that will do.
        several: as of `read_label_studio_boxes`.

    Raises:
        InvalidInputError: naming file and task: two choices where one is wanted, another class,
            annotators who differ, a missing text or image.
    """
    export = Export(Path(path), several)
    controls = control_names(export, ("choices",), control, "choices of whole samples", parts=False)
    classes = classes_of(export, controls, names)
    of = "text" if images is None else "image"
    converter = named(ChoiceConverter(classes, multiple=multiple, of=of), controls["choices"])
    try:
        return _pool(export, converter, images, key, optional=not multiple)
    except InvalidInputError as error:
        if not multiple and "expected one choice" in str(error):
            raise InvalidInputError(f"{error} Say multiple=True for lists of them.") from error
        raise


def read_label_studio_numbers(
    path: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    controls: str | Sequence[str] | None = None,
    key: str | None = None,
    several: Several = "error",
) -> Pool:
    """Return the texts or images of a Label Studio project, and the numbers people typed.

    A task that was submitted without a number has no label and is in `passed_over`, as skipped
    ones are.

    Args:
        path: the JSON file, exported as "JSON".
        images: the folder with the images; None where the samples are texts.
        controls: the name of the tag with the number; of several targets a list of names, and
            labels are lists in that order. By default the only one there is.
        key: as of `read_label_studio_choices`.
        several: as of `read_label_studio_boxes`.

    Raises:
        InvalidInputError: naming file and task: numbers by several tags and no `controls`,
            one that isn't finite, annotators who differ, a missing text or image.
    """
    export = Export(Path(path), several)
    of = "text" if images is None else "image"
    listed = [controls] if isinstance(controls, str) else list(controls or [])
    if len(set(listed)) != len(listed):
        raise invalid("controls", "distinct names", repr(listed))
    if not listed:
        listed = [control_names(export, ("number",), None, "numbers", parts=False)["number"]]
    for one in listed:
        control_names(export, ("number",), one, "numbers", parts=False)
    converter = NumberConverter(listed, of=of)
    pairs = zip(converter.controls, listed, strict=True)
    converter.controls = [replace(made, name=name) for made, name in pairs]
    converter.control = converter.controls[0]
    return _pool(export, converter, images, key, optional=True)


def read_label_studio_lines(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    control: str | None = None,
    image_key: str | None = None,
    several: Several = "error",
) -> Pool:
    """Return images of text lines of a Label Studio project, and what people read in them.

    A task that was submitted with nothing typed is an empty line: `""`. Texts of regions, as of a
    whole page, are refused: each sample is one line.

    Args:
        path: the JSON file, exported as "JSON".
        images: the folder with the images.
        control: the name of the tag with the text, where there are several.
        image_key: as of `read_label_studio_boxes`.
        several: as of `read_label_studio_boxes`.

    Raises:
        InvalidInputError: naming file and task: two texts, annotators who differ, a missing image.
    """
    export = Export(Path(path), several)
    for task, region in export.regions():
        ours = control is None or region.get("from_name") == control
        if ours and region.get("type") == "textarea" and is_part(region):
            with export.naming(task):
                raise invalid(
                    "value", "a text for the whole image", "one of a region",
                    hint="Cut the regions out of their pages: each sample is one line.",
                )  # fmt: skip
    found = control_names(export, ("textarea",), control, "texts of whole images", parts=False)
    converter = named(TranscriptionConverter(), found["textarea"])
    return _pool(export, converter, images, image_key, optional=False)


def _pool(
    export: Export,
    converter: Converter,
    images: str | PathLike[str] | None,
    key: str | None,
    *,
    optional: bool,
) -> Pool:
    """Return the samples with labels of whole samples.

    Args:
        export: the tasks.
        converter: of the labels.
        images: the folder of images; None for texts.
        key: the field of the sample.
        optional: whether a submitted task may be without a label.
    """
    if images is not None:
        files, owners = images_of(export, require_folder(Path(images), "images"), key)
        samples: list[Any] = list(files.values())
    else:
        owners = {task.name: task for task in export.tasks}
        samples = []
        for task in export.tasks:
            with export.naming(task.name):
                samples.append(_text(task.data, key))
    labels = {}
    for name, task in owners.items():
        whole = [[one for one in result if not is_part(one)] for result in task.results]
        with export.naming(task.name):
            if optional and whole and not any(_made(result, converter) for result in whole):
                export.leave(name, "submitted without a label")
                continue
            label = label_of(export, replace(task, results=whole), converter, name)
            if label is not None:
                labels[name] = label
    export.warn()
    return Pool(
        list(owners), samples.__getitem__, labels=labels, in_memory=True,
        passed_over=export.passed_over,
    )  # fmt: skip


def _made(result: Sequence[Mapping[str, Any]], converter: Converter) -> bool:
    """Return whether people used any of a converter's controls."""
    controls = getattr(converter, "controls", [converter.control])
    names = [control.name for control in controls]
    return any(one.get("from_name") in names for one in result)


def _text(data: Mapping[str, Any], key: str | None) -> str:
    texts = [name for name, value in data.items() if isinstance(value, str)]
    if key is None:
        key = "text" if "text" in texts else texts[0] if len(texts) == 1 else None
    if key is None or key not in texts:
        listed = ", ".join(map(repr, texts)) or "none"
        raise invalid("key", f"a field with a text, such as {listed}", repr(key))
    text: str = data[key]
    return text
