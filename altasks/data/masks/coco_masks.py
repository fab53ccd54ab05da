"""Masks of classes from the objects of a COCO file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks.data.boxes.coco_entries import (
    categories_of,
    content_of,
    images_of,
    is_crowd,
    is_number,
    known_kind,
)
from altasks.data.boxes.frames import Frame, ReadingNotes, check_turned, frame_of, stated_size
from altasks.data.folders import few
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.masks.masks import encode_mask
from altasks.data.masks.polygons import fill_polygon, polygon_area, polygons_of
from altasks.data.masks.run_lengths import covered_pixels
from altasks.data.text_files import file_error
from altasks.errors import DataWarning, InvalidInputError, invalid


def read_coco_masks(
    annotations: Path | str,
    images: Path | str,
    *,
    background: str | None = "background",
    void: int = 255,
    turned: Literal["error", "stored", "upright"] = "error",
    bad_polygons: Literal["error", "skip"] = "error",
    crowds: Literal["void", "class"] | None = None,
) -> MaskedImages:
    """Return the images of a COCO file of instances, its polygons drawn as masks of classes.

    A polygon covers the pixels whose centres lie in it; run lengths, compressed as pycocotools has
    them or not, cover the pixels they count. Larger objects are drawn first, so that a small one
    in front of them stays visible; where no `area` is given, or 0, it is that of the shape itself.
    Polygons of an image that was resized after labelling are scaled, with a warning; run lengths of
    another size are refused. A crowd (`iscrowd`) is void. An image without an object is background;
    without `background=` it has no mask. An object that covers no pixel (outside the image, or far
    too small) is named in a warning and in `passed_over`. A category that is called as the
    background is class 0.

    Args:
        annotations: the JSON file.
        images: the folder that its file names are relative to.
        background: the name of class 0, of all that no polygon covers; None leaves that void, and
            the categories are numbered from 0.
        void: the number of unlabelled pixels.
        turned: of photographs that EXIF turns, as of `read_coco`.
        bad_polygons: `"error"` refuses an object without a polygon of three corners, or whose
            outline is damaged; `"skip"` leaves it out, makes the pixels of its `bbox` void, and
            names it in a warning and in `passed_over`.
        crowds: `"void"`, or `"class"` where `iscrowd` only marks outlines that are masks: CVAT
            and datumaro write every mask so. By default void, and a file of nothing but crowds is
            refused.

    Raises:
        InvalidInputError: for a file that is none of COCO's, an image whose name leads out of the
            folder, two images of one name, an unknown category, or an object without polygons; it
            names the object.
    """
    path, folder = Path(annotations), Path(images).resolve()
    if bad_polygons not in ("error", "skip"):
        raise invalid("bad_polygons", "'error' or 'skip'", repr(bad_polygons))
    content = content_of(path)
    classes = categories_of(content, path)
    # A category of that name is the background itself.
    names = list(dict.fromkeys([*([] if background is None else [background]), *classes.values()]))
    numbers = {number: names.index(name) for number, name in classes.items()}
    notes, turned = ReadingNotes(path), check_turned(turned)
    listed, ids = images_of(content, folder, path)
    files: dict[str, Path] = {}
    keys: dict[Any, str] = {}
    frames: dict[str, Frame] = {}
    for (number, name), entry in zip(ids.items(), content["images"], strict=True):
        key = Path(name).with_suffix("").as_posix()
        if key in files:
            raise file_error(path, None, "images with a name of their own", repr(name))
        keys[number], files[key] = key, listed[name]
        size = stated_size(entry.get("width"), entry.get("height"), path, None, f"for {name!r} ")
        frames[key] = frame_of(files[key], size, path, name=name, turned=turned, notes=notes)
    if crowds not in (None, "void", "class"):
        raise invalid("crowds", "'void' or 'class'", repr(crowds))
    objects = _Objects(path, numbers, skip=bad_polygons == "skip", crowds=crowds != "class")
    drawn: dict[str, list[Any]] = {} if background is None else {name: [] for name in files}
    for place, entry in enumerate(content["annotations"]):
        drawn.setdefault(objects.check(place, entry, keys), []).append(entry)
    if crowds is None and objects.all_crowds(content["annotations"]):
        raise file_error(
            path, None, "objects that aren't crowds", "crowds alone, all of which would be void",
            "CVAT and datumaro write masks so: say crowds='class', or crowds='void'.",
        )  # fmt: skip
    ground = void if background is None else 0
    masks = {name: objects.draw(drawn[name], frames[name], ground, void) for name in drawn}
    notes.warn()
    if objects.passed_over:
        warnings.warn(
            f"{path}: {len(objects.passed_over):,} objects are left out, because their outlines "
            f"can't be drawn or cover no pixel: {few(objects.passed_over)}.",
            DataWarning,
            stacklevel=2,
        )
    return MaskedImages(files, masks, names, void, objects.passed_over)


class _Objects:
    """The objects of a COCO file, checked, and the masks they make.

    Args:
        path: the file, for errors.
        numbers: category id -> class.
        skip: whether an object that can't be drawn is left out.
        crowds: whether crowds are void.
    """

    def __init__(self, path: Path, numbers: Mapping[Any, int], *, skip: bool, crowds: bool) -> None:
        self.path, self.numbers, self.skip, self.crowds = path, numbers, skip, crowds
        self.passed_over: dict[str, str] = {}

    def check(self, place: int, entry: Any, keys: Mapping[Any, str]) -> str:
        """Return the image of an annotation of a known category.

        Raises:
            InvalidInputError: for one of an unknown image or category, or with no number as area.
        """
        if not isinstance(entry, Mapping):
            found = type(entry).__name__
            raise file_error(self.path, None, f"annotations[{place}] to be an object", found)
        where = self.where(entry)
        category, image = known_kind(entry.get("category_id")), known_kind(entry.get("image_id"))
        if category not in self.numbers or image not in keys:
            found = f"{entry}"[:80]
            raise invalid("annotations", "a known category and image", found, where=where)
        area = entry.get("area") or 0
        if not is_number(area):
            raise invalid("annotations", "an area that is a number", repr(area), where=where)
        return keys[image]

    def is_crowd(self, entry: Mapping[str, Any]) -> bool:
        """Return whether an annotation is of a crowd."""
        return is_crowd(entry, f"annotation {entry.get('id')}", self.path)

    def all_crowds(self, entries: Sequence[Any]) -> bool:
        """Return whether there are annotations, and all are of crowds."""
        return bool(entries) and all(self.is_crowd(entry) for entry in entries)

    def where(self, entry: Mapping[str, Any]) -> str:
        """Return how errors call an annotation."""
        return f"{self.path}, annotation {entry.get('id')}"

    def draw(
        self, entries: Sequence[Mapping[str, Any]], frame: Frame, ground: int, void: int
    ) -> dict[str, Any]:
        """Return the mask of an image, the smaller objects over the larger ones.

        Args:
            entries: its annotations.
            frame: whose pixels their corners are in.
            ground: the number of pixels that no object covers.
            void: the number of pixels without a label.
        """
        width, height = frame.size
        canvas = np.full((height, width), ground, np.int32)
        shapes = []
        for entry in entries:
            try:
                shapes.append((entry, _shape(entry, frame, self.where(entry))))
            except InvalidInputError as error:
                if not self.skip:
                    raise
                self.passed_over[f"annotation {entry.get('id')}"] = str(error)
                _blank(canvas, entry, frame, void)
        for entry, shape in sorted(shapes, key=lambda pair: -_area(*pair)):
            value = self.numbers[known_kind(entry["category_id"])]
            if self.is_crowd(entry) and self.crowds:
                value = void
            if isinstance(shape, np.ndarray):
                canvas[shape] = value
                covers = bool(shape.any())
            else:
                pieces = [frame.place_points(points) for points in shape]
                covers = sum(fill_polygon(canvas, points, value) for points in pieces) > 0
            if not covers:
                self.passed_over[f"annotation {entry.get('id')}"] = "it covers no pixel"
        return encode_mask(canvas)


def _shape(entry: Mapping[str, Any], frame: Frame, where: str) -> np.ndarray | list[np.ndarray]:
    """Return what an object covers: a mask `[H, W]`, or polygons `[n, 2]` of the frame."""
    outline = entry.get("segmentation")
    if not isinstance(outline, Mapping):
        return polygons_of(outline, where)
    width, height = frame.size
    stored = round(frame.stated[1]), round(frame.stated[0])
    lies = outline.get("size", list(stored)) == list(stored)  # in the frame of the stored image
    if frame.orientation == 1 or (outline.get("size") == [height, width] and not lies):
        return covered_pixels(outline, (height, width), where)
    turned = covered_pixels(outline, stored, where)
    upright = frame.place_mask(turned)
    if upright.shape != (height, width):
        found = f"{upright.shape[0]} x {upright.shape[1]}"
        raise invalid("annotations", f"run lengths of {height} x {width}", found, where=where)
    return upright


def _area(entry: Mapping[str, Any], shape: np.ndarray | list[np.ndarray]) -> float:
    """Return the area that is stated, or that of the shape itself, in pixels of the frame."""
    if entry.get("area"):
        return float(entry["area"])
    return float(shape.sum()) if isinstance(shape, np.ndarray) else polygon_area(shape)


def _blank(canvas: np.ndarray, entry: Mapping[str, Any], frame: Frame, void: int) -> None:
    """Make the box of an object void: something is there, and nobody knows its outline."""
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(is_number(side) for side in box):
        return
    x, y, wide, high = (float(side) for side in box)
    if not np.isfinite([x, y, wide, high]).all() or wide <= 0 or high <= 0:
        return
    corners = frame.place_points(np.array([[x, y], [x + wide, y + high]])).clip(-1e6, 1e6)
    (x1, y1), (x2, y2) = np.sort(corners, axis=0).tolist()
    top, left = max(0, round(y1)), max(0, round(x1))
    canvas[top : max(top, round(y2)), left : max(left, round(x2))] = void
