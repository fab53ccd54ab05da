"""Reader of Label Studio's JSON export: masks, painted or outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks.data.boxes.classes import check_class_list
from altasks.data.boxes.frames import Frame, ReadingNotes, check_turned, frame_of
from altasks.data.boxes.paths import require_folder
from altasks.data.label_studio.base import image_size_of
from altasks.data.label_studio.exported import SKIPPED, classes_of, images_of
from altasks.data.label_studio.exports import Export, Several, control_names, values_chosen
from altasks.data.label_studio.masks import MaskConverter
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.errors import invalid

_KINDS = ("brushlabels", "polygonlabels")


def read_label_studio_masks(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    background: str | None = "background",
    names: Sequence[str] | None = None,
    void: int = 255,
    control: str | None = None,
    image_key: str | None = None,
    several: Several = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> MaskedImages:
    """Return the images of a Label Studio project, and what people painted or outlined as masks.

    Later regions cover earlier ones. A submitted task without a region is all background. Outlines
    of an image that was resized since are drawn at its size, with a warning; strokes of another
    size are refused. Ids are paths below the folder of images, without suffix.

    Args:
        path: the JSON file, exported as "JSON".
        images: the folder with the images; see `altasks.data.label_studio.addresses`.
        background: the name of class 0, of all that nobody painted; None leaves that void, and the
            labels are numbered from 0.
        names: the labels, in the order of their numbers; by default those that occur, sorted. One
            called as the background is class 0.
        void: the number of unlabelled pixels.
        control: the name of the one tag that counts; by default one brush and one for polygons.
        image_key: as of `read_label_studio_boxes`.
        several: as of `read_label_studio_boxes`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: naming file and task: regions of other kinds that would be lost, damaged
            strokes, annotators who differ, another class, a missing image, two of one name.
    """
    turned = check_turned(turned)
    export = Export(Path(path), several)
    folder = require_folder(Path(images), "images")
    controls = control_names(export, _KINDS, control, "brush strokes or polygons", parts=True)
    ground = [] if background is None else [background]
    drawn = (
        check_class_list(names) if names is not None else sorted(values_chosen(export, controls))
    )
    found = drawn if drawn or ground else classes_of(export, controls, names)
    classes = check_class_list(list(dict.fromkeys([*ground, *found])))
    converter = MaskConverter(
        classes, void=void, unpainted="void" if background is None else "ground"
    )
    for kind, attribute in zip(_KINDS, ("brush", "polygon"), strict=True):
        made = getattr(converter, attribute)
        if kind in controls:
            setattr(converter, attribute, replace(made, name=controls[kind]))
        else:
            setattr(converter, attribute, None)
    files, owners = images_of(export, folder, image_key)
    notes = ReadingNotes(export.path)
    masks: dict[str, Any] = {}
    pictures: dict[str, Path] = {}
    for name, task in owners.items():
        key = Path(name).with_suffix("").as_posix()
        with export.naming(task.name):
            if key in pictures:
                raise invalid("image", "images that differ without their suffix", repr(name))
        pictures[key] = files[name]
        if task.skipped:
            export.leave(key, SKIPPED)
        if not task.results:
            continue
        with export.naming(task.name):
            regions = [one for result in task.results for one in result]
            painted = [one for one in regions if one.get("type") in _KINDS]
            stated = image_size_of(painted)
            frame = frame_of(
                files[name], stated, export.path, name=name, turned=turned, notes=notes
            )
            masks[key] = export.label(task, lambda result: _mask(result, converter, frame))  # noqa: B023 - called now
    notes.warn()
    export.warn()
    return MaskedImages(pictures, masks, classes, void, dict(export.passed_over))


def _mask(
    result: Sequence[Mapping[str, Any]], converter: MaskConverter, frame: Frame
) -> dict[str, Any]:
    """Return the mask of one annotation, upright and of the size of the image."""
    width, height = frame.size
    if frame.orientation >= 5:  # drawn on the image as it is stored, on its side
        width, height = height, width
    stated = round(frame.stated[0]), round(frame.stated[1])
    strokes = any(one.get("type") == "brushlabels" for one in result)
    if strokes and stated != (width, height):
        raise invalid(
            "rle", f"brush strokes of the image's {width} x {height}", f"{stated[0]} x {stated[1]}",
            hint="Masks are not resized: give the image as it was labelled.",
        )  # fmt: skip
    # Corners are in percent, so they are of any size.
    drawn = [{**one, "original_width": width, "original_height": height} for one in result]
    size = np.broadcast_to(np.uint8(0), (height, width))
    mask = converter.label(drawn, size)
    if frame.orientation == 1:
        return mask
    return encode_mask(frame.place_mask(decode_mask(mask)))
