"""labelme: a JSON file an image."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks._internal.extras import require
from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.coco_entries import is_number
from altasks.data.boxes.frames import stated_size
from altasks.data.boxes.named_images import image_of_label, images_by_stem
from altasks.data.boxes.paths import path_relative_to, require_folder
from altasks.data.folders import list_folder, list_images
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.shapes.drawn import Others, Outlines, boxes_of, masks_of
from altasks.data.shapes.shape import DrawnImage, Form, Shape
from altasks.data.text_files import file_error, read_json
from altasks.errors import invalid

#: Kinds of shapes and how many points they have; a polygon has three or more.
_POINTS = {
    "rectangle": 2, "circle": 2, "mask": 2, "oriented_rectangle": 4, "rotation": 4, "polygon": 3,
}  # fmt: skip
_NO_AREA = ("line", "linestrip", "point", "points")
_MOST = 1e7


def read_labelme(
    annotations: str | PathLike[str],
    images: str | PathLike[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    outlines: Outlines = "error",
    others: Others = "error",
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> BoxedImages:
    """Return the images that a folder of labelme's JSON files labels, and the boxes on them.

    Ids are paths relative to the folder of images, with `/`. A file without shapes says that
    nothing is on its image; an image without a file is there to be labelled. `imageData`, the
    image itself as text, is passed over. Sizes that files state are held against the images as
    `read_voc` does.

    Args:
        annotations: the folder of JSON files, with folders inside, perhaps.
        images: the folder of images; by default that of the files. Each file names its image in
            `imagePath`, or has its name.
        names: the classes; by default those that occur, sorted.
        outlines: polygons, circles, masks and turned rectangles (X-AnyLabeling's as well):
            `"error"` refuses them, `"frame"` takes the upright box around, `"skip"` leaves them
            out.
        others: points and lines: `"error"` or `"skip"`.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: naming file and shape: JSON that is broken or isn't labelme's, a missing
            image, a file that names another image than its own, another class.
    """
    place = require_folder(Path(annotations), "annotations")
    drawn, passed_over = _drawn(place, images)
    return boxes_of(
        drawn, place, names=names, bad_boxes=bad_boxes, turned=turned, outlines=outlines,
        others=others, empty="unlabelled", passed_over=passed_over,
    )  # fmt: skip


def read_labelme_masks(
    annotations: str | PathLike[str],
    images: str | PathLike[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    background: str | None = "background",
    void: int = 255,
    others: Others = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> MaskedImages:
    """Return the images that a folder of labelme's JSON files labels, as masks of classes.

    Later shapes lie in front. A shape covers the pixels whose centres lie in it; labelme itself
    draws the border as well, so its masks are up to a pixel larger on each side.

    Args:
        annotations: the folder of JSON files.
        images: the folder of images; by default that of the files.
        names: the classes without the background; by default those that occur, sorted. One called
            as the background is class 0.
        background: the name of class 0, of what nothing covers; None leaves that void.
        void: the number of unlabelled pixels.
        others: as of `read_labelme`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: as `read_labelme`.
    """
    place = require_folder(Path(annotations), "annotations")
    drawn, passed_over = _drawn(place, images)
    return masks_of(
        drawn, place, names=names, background=background, void=void, turned=turned,
        others=others, empty="unlabelled", passed_over=passed_over,
    )  # fmt: skip


def _drawn(
    place: Path, images: str | PathLike[str] | None
) -> tuple[dict[str, DrawnImage], dict[str, str]]:
    """Return id -> image with its shapes, those without a file included, and what isn't read."""
    folder = place if images is None else require_folder(Path(images), "images")
    listing = list_folder(place, (".json",), argument="annotations")
    if not listing.files:
        raise invalid("annotations", "a folder with JSON files", f"none in {place}")
    pictured = list_images(folder)
    by_stem = images_by_stem(pictured.files)
    labelled: dict[str, DrawnImage] = {}
    for path in listing.files.values():
        content = read_json(path)
        shapes = content.get("shapes") if isinstance(content, Mapping) else None
        if not isinstance(shapes, list):
            found = type(content).__name__ if shapes is None else type(shapes).__name__
            if isinstance(content, Mapping) and shapes is None:
                found = ", ".join(map(repr, list(content)[:8])) or "an empty object"
            raise file_error(path, None, "labelme's list of shapes", found)
        named = content.get("imagePath") or ""
        if not isinstance(named, str):
            raise file_error(path, None, "the name of an image as imagePath", repr(named)[:80])
        inside = path_relative_to(path, place).parent
        # Relative to the file, it may lead to the folder of images, which lies elsewhere here.
        named = named.replace("\\", "/").rpartition("../")[2]
        name = image_of_label(named, folder, by_stem, path, inside, field="imagePath")
        if name in labelled:
            raise file_error(path, None, "an image of its own", f"{name!r}, which another has")
        size = stated_size(
            content.get("imageWidth"), content.get("imageHeight"), path, None, "imageWidth: "
        )
        found_shapes = [_shape(one, f"shapes[{i}] ", path) for i, one in enumerate(shapes)]
        labelled[name] = DrawnImage(folder / name, size, found_shapes, path, seen=True)
    drawn = {
        name: labelled.get(name) or DrawnImage(file, None, [], place, seen=False)
        for name, file in pictured.files.items()
    }
    ours = {path_relative_to(path, place).as_posix() for path in listing.files.values()}
    beside = {name: why for name, why in pictured.passed_over.items() if name not in ours}
    return drawn, {**(listing.passed_over if images is not None else {}), **beside}


def _shape(entry: Any, what: str, path: Path) -> Shape:
    if not isinstance(entry, Mapping):
        raise file_error(path, None, f"{what}to be an object", type(entry).__name__)
    label, kind = entry.get("label"), entry.get("shape_type")
    if kind is None:  # as files of early versions have it
        kind = "polygon"
    if not isinstance(label, str):
        raise file_error(path, None, f"{what}with a label", repr(label)[:80])
    if kind in _NO_AREA:
        return Shape(label, str(kind), "none", np.zeros((0, 2)), what=what)
    if not isinstance(kind, str) or kind not in _POINTS:
        known = ", ".join([*_POINTS, *_NO_AREA])
        raise file_error(path, None, f"{what}of a shape_type among {known}", repr(kind)[:80])
    points = _points(entry.get("points"), kind, what, path)
    form: Form = "polygon"
    mask = None
    if kind == "rectangle":
        form, points = "box", np.sort(points, axis=0)
    elif kind == "circle":
        radius = math.dist(*points.tolist())
        form, points = "ellipse", np.array([points[0], [radius, radius]])
    elif kind == "mask":
        form, mask = "mask", _mask(entry.get("mask"), points, what, path)
        points = points[:1].astype(int).astype(float)
    return Shape(label, kind, form, points, mask=mask, what=what)


def _points(value: Any, kind: str, what: str, path: Path) -> np.ndarray:
    whole = isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)) for pair in value
    )
    number = _POINTS[kind]
    if whole and kind == "rectangle" and len(value) == 4 and _is_upright(value):
        value = [value[0], value[2]]  # as X-AnyLabeling has them
    enough = whole and (len(value) == number or (kind == "polygon" and len(value) > number))
    points = np.array(value, float) if enough else np.zeros((0, 2))
    if not enough or not np.isfinite(points).all() or (np.abs(points) > _MOST).any():
        found = f"{len(value)} points" if whole else repr(value)[:80]
        many = "three or more" if kind == "polygon" else str(number)
        raise file_error(path, None, f"{what}with {many} points [x, y]", found)
    return points


def _is_upright(value: list[list[float]]) -> bool:
    """Return whether four points are the corners of an upright box, one behind the other."""
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = value
    across = y1 == y2 and x2 == x3 and y3 == y4 and x4 == x1
    return across or (x1 == x2 and y2 == y3 and x3 == x4 and y4 == y1)


def _mask(value: Any, points: np.ndarray, what: str, path: Path) -> np.ndarray:
    """Return the pixels of a mask, a PNG in base64 of the box from one point to the other."""
    pil = require("PIL.Image", "vision", "Reading images")
    (x1, y1), (x2, y2) = points.astype(int).tolist()
    wanted = f"{what}with the PNG of a mask of {x2 - x1 + 1} x {y2 - y1 + 1}"
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise file_error(path, None, wanted, f"no base64: {error}") from error
    try:
        with pil.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.size != (x2 - x1 + 1, y2 - y1 + 1):
                raise file_error(path, None, wanted, f"one of {image.size[0]} x {image.size[1]}")
            if image.mode not in ("1", "L", "P"):
                raise file_error(path, None, wanted, f"one of mode {image.mode}")
            covered: np.ndarray = np.asarray(image) > 0
            return covered
    except Exception as error:  # a damaged file makes PIL's decoders raise anything
        if str(error).startswith(str(path)):
            raise
        raise file_error(path, None, wanted, f"{type(error).__name__}: {error}") from error
