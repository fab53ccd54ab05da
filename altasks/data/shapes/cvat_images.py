"""CVAT's XML as images with the shapes on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from altasks.data.boxes.classes import number_in, whole_number
from altasks.data.boxes.frames import stated_size
from altasks.data.boxes.named_images import images_by_stem
from altasks.data.boxes.paths import (
    existing_inside,
    is_file,
    path_relative_to,
    require_folder,
    without_first,
)
from altasks.data.boxes.xml_files import parse_xml, text_of
from altasks.data.folders import is_image_name, list_images
from altasks.data.near_names import way_to
from altasks.data.shapes.shape import DrawnImage, Form, Shape
from altasks.data.text_files import file_error

Lines = Mapping[ElementTree.Element, int]
#: What `write_cvat` puts in front of names.
_PLACE = re.compile(r"^[0-9]{6,}_(?=.)")
_NO_AREA = ("cuboid", "points", "polyline", "skeleton")
#: No number of a file is taken for a place in an image beyond this.
_MOST = 1e7
#: Nor the area of a mask; Pillow takes larger images for bombs, too.
_MOST_PIXELS = 2**28


def parse_cvat(path: Path) -> tuple[ElementTree.Element, Lines]:
    """Return the tree of CVAT's XML for images.

    Raises:
        InvalidInputError: for a zip, tracks, another root, or no image.
    """
    root, lines = parse_xml(path)
    if root.tag != "annotations":
        hint = "This looks like Pascal VOC: read_voc." if root.tag == "annotation" else ""
        raise file_error(path, lines[root], "CVAT's <annotations>", f"<{root.tag[:80]}>", hint)
    track = root.find("track")
    if track is not None:
        raise file_error(
            path, lines[track], "CVAT's XML for images", "a <track>, as its XML for video has",
            "Export the task as 'CVAT for images 1.1'.",
        )  # fmt: skip
    if root.find("image") is None:
        raise file_error(path, lines[root], "an <image>", "none")
    return root, lines


def drawn_images(
    path: Path, images: str | PathLike[str], numbered: bool
) -> tuple[dict[str, DrawnImage], list[str]]:
    """Return id -> image with its shapes, and the labels of the task."""
    root, lines = parse_cvat(path)
    pictures = Pictures(images)
    files: dict[str, Path] = {}
    drawn: dict[str, DrawnImage] = {}
    for item in root.findall("image"):
        name, image = image_of(item, pictures, lines, path, files, numbered)
        files[name] = image
        line = lines[item]
        size = stated_size(item.get("width"), item.get("height"), path, line, f"of {name!r} ")
        shapes = [_shape(one, lines[one], path) for one in item if one.tag != "tag"]
        drawn[name] = DrawnImage(image, size, [one for one in shapes if one], path, line)
    labels = [text_of(one, "name") for one in root.findall("meta/*/labels/label")]
    return drawn, labels


def image_of(
    item: ElementTree.Element,
    pictures: Pictures,
    lines: Lines,
    path: Path,
    known: Mapping[str, Path],
    numbered: bool,
) -> tuple[str, Path]:
    """Return (id, file) of an image, in the folder, or in the folder of its subset there."""
    written, subset = item.get("name", ""), item.get("subset", "")
    if numbered and not _PLACE.match(written):
        raise file_error(path, lines[item], "a name such as '000001_a.png'", repr(written[:80]))
    written = _PLACE.sub("", written) if numbered else written
    folder = pictures.folder
    bases = [folder]
    if subset and "/" not in subset and len(subset) < 255:
        bases.append(folder / subset)
    if without_first(written, folder.name) is not None:
        bases.append(folder.parent)
    if not is_image_name(written):
        written = pictures.with_suffix(written)
    there = any(is_file(base / written.replace("\\", "/")) for base in bases)
    image = existing_inside(
        folder, written, bases, path, lines[item], wanted="an image that is there",
        hint="" if there else way_to(folder, written),  # which lists the folder
    )  # fmt: skip
    if not image.is_file():
        raise file_error(path, lines[item], "the name of an image", repr(written[:80]))
    found = path_relative_to(image, folder).as_posix()
    if found in known:
        raise file_error(path, lines[item], "an image of its own", f"{found!r} a second time")
    return found, image


class Pictures:
    """The folder of images, and those in it by their names without suffix, once that is asked."""

    def __init__(self, images: str | PathLike[str]) -> None:
        self.folder = require_folder(Path(images), "images")
        self._by_stem: dict[str, list[str]] | None = None

    def with_suffix(self, written: str) -> str:
        """Return the name of the one image that a frame of a video, named without suffix, is."""
        if self._by_stem is None:
            self._by_stem = images_by_stem(list_images(self.folder).files)
        inner = without_first(written, self.folder.name)
        for name in (written.replace("\\", "/"), inner):
            found = self._by_stem.get(name or "", [])
            if len(found) == 1:
                return found[0]
        return written


def _shape(item: ElementTree.Element, line: int, path: Path) -> Shape | None:
    """Return a shape; None for one that is outside its image."""
    if item.get("outside") == "1":
        return None
    label, kind = item.get("label", ""), item.tag
    order = item.get("z_order") or "0"
    if whole_number(order.lstrip("-")) is None:
        raise file_error(path, line, "a whole number as z_order", repr(order[:80]))

    def made(form: Form, points: object, mask: np.ndarray | None = None) -> Shape:
        turn = item.get("rotation") or "0"
        degrees = number_in(turn)
        if degrees is None or abs(degrees) > _MOST:
            raise file_error(path, line, "degrees as rotation", repr(turn[:80]))
        corners = np.asarray(points, float).reshape(-1, 2)
        return Shape(label, kind, form, corners, degrees, mask, line, "", int(float(order)))

    if kind in _NO_AREA:
        return made("none", [])
    if kind == "box":
        return made(
            "box", [_number(item, edge, line, path) for edge in ("xtl", "ytl", "xbr", "ybr")]
        )
    if kind == "ellipse":
        cx, cy, rx, ry = (_number(item, name, line, path) for name in ("cx", "cy", "rx", "ry"))
        if min(rx, ry) < 0:
            raise file_error(path, line, "half axes of 0 or more", f"rx {rx:g}, ry {ry:g}")
        return made("ellipse", [cx, cy, rx, ry])
    if kind == "polygon":
        return made("polygon", _corners(item.get("points", ""), line, path))
    if kind == "mask":
        left, top = (_number(item, name, line, path) for name in ("left", "top"))
        if left != int(left) or top != int(top):
            raise file_error(path, line, "whole pixels as left and top", f"{left:g}, {top:g}")
        return made("mask", [left, top], _mask(item, line, path))
    raise file_error(
        path, line, "a box, polygon, ellipse, mask or tag", f"<{kind[:80]}>",
        "Is it 'CVAT for images 1.1'?",
    )  # fmt: skip


def _number(item: ElementTree.Element, name: str, line: int, path: Path) -> float:
    written = item.get(name, "")
    number = number_in(written)
    if number is None or abs(number) > _MOST:
        raise file_error(path, line, f"a number of pixels as {name}", repr(written[:80]))
    return number


def _corners(written: str, line: int, path: Path) -> np.ndarray:
    """Return the corners of `x,y;x,y;...`."""
    pairs = [pair.split(",") for pair in written.strip().strip(";").split(";")]
    numbers = [number_in(number) for pair in pairs for number in pair]
    plain = [number for number in numbers if number is not None and abs(number) <= _MOST]
    whole = all(len(pair) == 2 for pair in pairs) and len(plain) == len(numbers)
    if not whole or len(pairs) < 3:
        raise file_error(path, line, "points 'x,y;x,y;...' of three corners", repr(written[:80]))
    return np.array(plain).reshape(-1, 2)


def _mask(item: ElementTree.Element, line: int, path: Path) -> np.ndarray:
    """Return the pixels of run lengths: row by row of the box, those not covered first."""
    sides = [whole_number(item.get(name, "")) for name in ("height", "width")]
    height, width = (side or 0 for side in sides)
    if not 0 < height * width <= _MOST_PIXELS:
        raise file_error(path, line, "a width and a height of pixels", f"{width} x {height}")
    counts = [whole_number(number) for number in item.get("rle", "").split(",")]
    runs = [count for count in counts if count is not None]
    if len(runs) < len(counts) or sum(runs) != height * width:
        found = f"a sum of {sum(runs)}" if len(runs) == len(counts) else repr(item.get("rle"))[:80]
        wanted = f"run lengths that sum to {width} x {height} = {width * height}"
        raise file_error(path, line, wanted, found)
    covered = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return covered.reshape(height, width)
