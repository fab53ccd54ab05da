"""From shapes that people drew to boxes and to masks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks._internal.natural_order import in_natural_order
from altasks.data.boxes.boxed import BoxedImages, BoxLabel
from altasks.data.boxes.classes import check_class_list, require_class
from altasks.data.boxes.frames import (
    Frame,
    ReadingNotes,
    check_bad_boxes,
    check_turned,
    frame_of,
)
from altasks.data.folders import few
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.masks.masks import encode_mask
from altasks.data.shapes.shape import DrawnImage
from altasks.data.text_files import file_error
from altasks.errors import DataWarning, invalid

#: What to do with outlines, ellipses and masks where boxes are wanted.
Outlines = Literal["error", "frame", "skip"]
#: What to do with points, lines and what else has no area.
Others = Literal["error", "skip"]
#: What an image without a shape is.
Empty = Literal["error", "nothing", "unlabelled"]


def boxes_of(
    drawn: Mapping[str, DrawnImage],
    source: Path,
    *,
    names: Sequence[str] | None,
    listed: Sequence[str] | None = None,
    bad_boxes: str,
    turned: str,
    outlines: str,
    others: str,
    empty: str,
    passed_over: Mapping[str, str] | None = None,
) -> BoxedImages:
    """Return images with the boxes that were drawn on them.

    Args:
        drawn: id -> image with its shapes.
        source: the file or folder they are from.
        names: the classes, as the caller has them.
        listed: the classes that the file itself lists.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`.
        outlines: see `Outlines`.
        others: see `Others`.
        empty: see `Empty`.
        passed_over: what was left out before.

    Raises:
        InvalidInputError: naming the file and the shape.
    """
    clip, turn = check_bad_boxes(bad_boxes), check_turned(turned)
    _check(outlines, ("error", "frame", "skip"), "outlines")
    known = classes_in(drawn, names, listed, source)
    notes = ReadingNotes(source)
    labels: dict[str, list[BoxLabel]] = {}
    for name, image, frame in _labelled(drawn, source, others, empty, turn, notes):
        kept: list[BoxLabel] = []
        for shape in image.shapes:
            require_class(shape.label, known, image.source, shape.line)
            if shape.form == "none" or (shape.form != "box" and outlines == "skip"):
                continue
            if shape.form != "box" and outlines == "error":
                raise file_error(
                    image.source, shape.line, f"{shape.what}a box", f"a {shape.kind}",
                    "outlines='frame' takes the box around it, outlines='skip' leaves it out.",
                )  # fmt: skip
            edges = shape.frame()
            if shape.rotation or shape.form == "ellipse":  # a frame that nobody drew
                edges = _cut(edges, frame)
            box = frame.fit(edges, clip, image.source, shape.line, shape.what)
            if box is not None:
                kept.append({"label": shape.label, "box": box})
        if kept or not image.shapes:
            labels[name] = kept
        else:
            notes.unlabelled(name, f"its shapes were left out ({len(image.shapes)})")
    notes.warn()
    files = {name: image.path for name, image in drawn.items()}
    return BoxedImages(known, files, labels, {**(passed_over or {}), **notes.passed_over})


def masks_of(
    drawn: Mapping[str, DrawnImage],
    source: Path,
    *,
    names: Sequence[str] | None,
    listed: Sequence[str] | None = None,
    background: str | None,
    void: int,
    turned: str,
    others: str,
    empty: str,
    passed_over: Mapping[str, str] | None = None,
) -> MaskedImages:
    """Return images with masks of classes, made of all shapes that have an area.

    Args:
        drawn: id -> image with its shapes.
        source: the file or folder they are from.
        names: the classes without the background.
        listed: those that the file itself lists.
        background: the name of class 0, of what nothing covers; None leaves that void.
        void: the number of unlabelled pixels.
        turned: as of `read_voc`.
        others: see `Others`.
        empty: see `Empty`.
        passed_over: what was left out before.

    Raises:
        InvalidInputError: naming the file and the shape.
    """
    turn = check_turned(turned)
    ground = [] if background is None else [background]
    wanted = any(image.shapes for image in drawn.values()) or names or listed or not ground
    found = classes_in(drawn, names, listed, source, extra=ground) if wanted else []
    classes = check_class_list(list(dict.fromkeys([*ground, *found])))
    numbers = {name: number for number, name in enumerate(classes)}
    notes = ReadingNotes(source)
    left: dict[str, str] = {}
    files: dict[str, Path] = {}
    for name, image in drawn.items():
        key = Path(name).with_suffix("").as_posix()
        if key in files:
            raise file_error(
                image.source, image.line, "images that differ without their suffix", repr(name)
            )
        files[key] = image.path
    masks: dict[str, Any] = {}
    for name, image, frame in _labelled(drawn, source, others, empty, turn, notes):
        key = Path(name).with_suffix("").as_posix()
        width, height = frame.size
        canvas = np.full((height, width), void if background is None else 0, np.int32)
        covered = 0
        for shape in sorted(image.shapes, key=lambda one: one.order):
            require_class(shape.label, classes, image.source, shape.line)
            if shape.form == "none":
                continue
            if not shape.is_proper():
                shown = ", ".join(f"{edge:g}" for edge in shape.points.ravel())
                raise file_error(
                    image.source, shape.line, f"{shape.what}a box with x1 < x2, y1 < y2",
                    f"[{shown}]",
                )  # fmt: skip
            if shape.fill(canvas, numbers[shape.label], frame, image.source):
                covered += 1
            else:
                where = f" (line {shape.line})" if shape.line else ""
                left[f"{name}: {shape.what}{shape.kind}{where}"] = "it covers no pixel"
        if covered or not image.shapes:
            masks[key] = encode_mask(canvas)
        else:
            notes.unlabelled(key, f"its shapes were left out ({len(image.shapes)})")
    notes.warn()
    if left:
        warnings.warn(
            f"{source}: {len(left):,} shapes cover no pixel: {few(left)}.",
            DataWarning,
            stacklevel=3,
        )
    return MaskedImages(
        files, masks, classes, void, {**(passed_over or {}), **notes.passed_over, **left}
    )


def classes_in(
    drawn: Mapping[str, DrawnImage],
    names: Sequence[str] | None,
    listed: Sequence[str] | None,
    source: Path,
    *,
    extra: Sequence[str] = (),
) -> list[str]:
    """Return the classes: the caller's, the file's own list, or those that occur, sorted.

    Raises:
        InvalidInputError: if there are none.
    """
    if names is not None:
        return check_class_list(names)
    if listed:
        return check_class_list(list(listed), f"{source}: labels")
    found = in_natural_order({shape.label for image in drawn.values() for shape in image.shapes})
    if not found and not extra:
        raise invalid(
            "names", "the names of the classes, as nothing is drawn", "none", where=str(source)
        )
    for image in drawn.values():
        for shape in image.shapes:
            require_class(shape.label, None, image.source, shape.line)
    return check_class_list(found, f"{source}: labels") if found else []


def _labelled(
    drawn: Mapping[str, DrawnImage],
    source: Path,
    others: str,
    empty: str,
    turned: Any,
    notes: ReadingNotes,
) -> list[tuple[str, DrawnImage, Frame]]:
    """Return the images that are labelled with their frames, others refused or noted."""
    _check(others, ("error", "skip"), "others")
    _check(empty, ("error", "nothing", "unlabelled"), "empty")
    bare = [name for name, image in drawn.items() if not image.shapes and image.seen is None]
    if bare and empty == "error":
        raise file_error(
            source, None, "shapes on every image", f"none on {len(bare):,}: {few(bare)}",
            "empty='nothing' if people looked and found nothing there, empty='unlabelled' if they "
            "are still to be labelled.",
        )  # fmt: skip
    if bare and empty == "unlabelled":
        notes.passed_over.update(dict.fromkeys(bare, "no shape on it"))
    found = []
    for name, image in drawn.items():
        if image.seen is False:
            continue
        for shape in image.shapes:
            if shape.form == "none" and others == "error":
                raise file_error(
                    image.source, shape.line, f"{shape.what}a shape with an area",
                    f"a {shape.kind}", "others='skip' leaves such shapes out.",
                )  # fmt: skip
        frame = frame_of(
            image.path, image.stated, image.source, image.line,
            name=name, turned=turned, notes=notes,
        )  # fmt: skip
        if not image.shapes and image.seen is None and empty == "unlabelled":
            continue
        found.append((name, image, frame))
    return found


def _cut(edges: Sequence[float], frame: Frame) -> list[float]:
    x1, y1, x2, y2 = edges
    width, height = frame.stated
    return [max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)]


def _check(value: str, known: Sequence[str], argument: str) -> None:
    if value not in known:
        raise invalid(argument, " or ".join(map(repr, known)), repr(value))
