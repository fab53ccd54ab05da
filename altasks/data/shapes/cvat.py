"""CVAT's XML for images 1.1: boxes, outlines, masks and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np

from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.classes import check_class_list, number_in, require_class, whole_number
from altasks.data.boxes.frames import stated_size
from altasks.data.boxes.paths import (
    existing_inside,
    path_relative_to,
    require_folder,
    without_first,
)
from altasks.data.boxes.xml_files import parse_xml, text_of
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.near_names import way_to
from altasks.data.pool import Pool
from altasks.data.shapes.drawn import Empty, Others, Outlines, boxes_of, masks_of
from altasks.data.shapes.shape import DrawnImage, Form, Shape
from altasks.data.text_files import file_error
from altasks.errors import invalid

_Lines = Mapping[ElementTree.Element, int]
#: What `write_cvat` puts in front of names.
_PLACE = re.compile(r"^[0-9]{6,}_(?=.)")
_NO_AREA = ("cuboid", "points", "polyline", "skeleton")
#: No number of a file is taken for a place in an image beyond this.
_MOST = 1e7
#: Nor the area of a mask; Pillow takes larger images for bombs, too.
_MOST_PIXELS = 2**28


def read_cvat(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    outlines: Outlines = "error",
    others: Others = "error",
    empty: Empty = "error",
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
    numbered: bool = False,
) -> BoxedImages:
    """Return the images of CVAT's XML ("CVAT for images 1.1") and the boxes on them.

    Ids are the images' names, paths below the folder. Of a rotated box the upright frame around it
    is taken, cut at the border; shapes that are `outside` their image are none. CVAT lists all
    images of a task, whether anybody looked at them or not, so images without a shape are refused
    until `empty` decides. Sizes that the file states are held against the images as `read_voc`
    does.

    Args:
        path: the XML file, unpacked.
        images: the folder of images; CVAT's own exports have it beside the file.
        names: the classes; by default those of the task, in its order.
        outlines: polygons, ellipses and masks: `"error"` refuses them, `"frame"` takes the box
            around, `"skip"` leaves them out.
        others: points, lines, skeletons and cuboids: `"error"` or `"skip"`.
        empty: what an image without a shape is: `"nothing"` (people found nothing on it),
            `"unlabelled"`, or `"error"`.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`.
        numbered: whether the images' names begin with their place, as `write_cvat` puts it there.

    Raises:
        InvalidInputError: naming file and line: XML that is broken, declares entities or isn't
            CVAT's, tracks, a missing image, another class, a box outside its image.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> box = '<box label="cat" xtl="1" ytl="2" xbr="5.5" ybr="6" rotation="0"/>'
        >>> image = f'<image id="0" name="a.png" width="20" height="10">{box}</image>'
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (20, 10)).save(Path(folder, "a.png"))
        ...     file = Path(folder, "annotations.xml")
        ...     _ = file.write_text(f"<annotations>{image}</annotations>")
        ...     read_cvat(file, folder).labels
        {'a.png': [{'label': 'cat', 'box': [1.0, 2.0, 5.5, 6.0]}]}
    """
    source = Path(path)
    drawn, listed = _drawn(source, images, numbered)
    return boxes_of(
        drawn, source, names=names, listed=listed, bad_boxes=bad_boxes, turned=turned,
        outlines=outlines, others=others, empty=empty,
    )  # fmt: skip


def read_cvat_masks(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    background: str | None = "background",
    void: int = 255,
    others: Others = "error",
    empty: Empty = "error",
    turned: Literal["error", "stored", "upright"] = "error",
    numbered: bool = False,
) -> MaskedImages:
    """Return the images of CVAT's XML with masks, made of all its shapes that have an area.

    Shapes of a higher `z_order` lie in front, of the same order the later ones. A shape covers the
    pixels whose centres lie in it. Ids are the images' names without suffix.

    Args:
        path: the XML file, unpacked.
        images: the folder of images.
        names: the classes without the background; by default those of the task, in its order. One
            called as the background is class 0.
        background: the name of class 0, of what nothing covers; None leaves that void.
        void: the number of unlabelled pixels.
        others: as of `read_cvat`.
        empty: as of `read_cvat`; `"nothing"` is all background.
        turned: as of `read_voc`.
        numbered: as of `read_cvat`.

    Raises:
        InvalidInputError: as `read_cvat`, and for damaged run lengths.
    """
    source = Path(path)
    drawn, listed = _drawn(source, images, numbered)
    return masks_of(
        drawn, source, names=names, listed=listed, background=background, void=void,
        turned=turned, others=others, empty=empty,
    )  # fmt: skip


def read_cvat_tags(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    multiple: bool = False,
    empty: Empty = "unlabelled",
    numbered: bool = False,
) -> Pool:
    """Return the images of CVAT's XML, and their tags as classes.

    Args:
        path: the XML file, unpacked.
        images: the folder of images.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes, in the order of the file.
        empty: what an image without a tag is: `"unlabelled"`, `"nothing"` (the label `[]`, with
            `multiple`), or `"error"`.
        numbered: as of `read_cvat`.

    Raises:
        InvalidInputError: naming file and line: two tags where one is wanted, and as `read_cvat`.
    """
    source = Path(path)
    known = None if names is None else check_class_list(names)
    root, lines = _parse(source)
    folder = require_folder(Path(images), "images")
    if empty not in ("error", "nothing", "unlabelled") or (empty == "nothing" and not multiple):
        wanted = "'unlabelled' or 'error', or with multiple=True 'nothing'"
        raise invalid("empty", wanted, repr(empty))
    files: dict[str, Path] = {}
    labels: dict[str, object] = {}
    for item in root.findall("image"):
        name, image = _image(item, folder, lines, source, files, numbered)
        files[name] = image
        tags = list(item.findall("tag"))
        found = [require_class(tag.get("label", ""), known, source, lines[tag]) for tag in tags]
        if len(set(found)) != len(found) or (len(found) > 1 and not multiple):
            hint = "" if multiple else "Say multiple=True for lists of tags."
            wanted = "distinct tags" if multiple else "one tag for an image"
            raise file_error(source, lines[tags[1]], wanted, ", ".join(map(repr, found)), hint)
        if not found and empty == "error":
            raise file_error(source, lines[item], "a tag for every image", f"none for {name!r}")
        if multiple and (found or empty == "nothing"):
            labels[name] = found
        elif found:
            labels[name] = found[0]
    ids = list(files)
    return Pool(ids, lambda i: files[ids[i]], labels=labels, in_memory=True)


def _parse(path: Path) -> tuple[ElementTree.Element, _Lines]:
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


def _drawn(
    path: Path, images: str | PathLike[str], numbered: bool
) -> tuple[dict[str, DrawnImage], list[str]]:
    """Return id -> image with its shapes, and the labels of the task."""
    root, lines = _parse(path)
    folder = require_folder(Path(images), "images")
    files: dict[str, Path] = {}
    drawn: dict[str, DrawnImage] = {}
    for item in root.findall("image"):
        name, image = _image(item, folder, lines, path, files, numbered)
        files[name] = image
        line = lines[item]
        size = stated_size(item.get("width"), item.get("height"), path, line, f"of {name!r} ")
        shapes = [_shape(one, lines[one], path) for one in item if one.tag != "tag"]
        drawn[name] = DrawnImage(image, size, [one for one in shapes if one], path, line)
    labels = [text_of(one, "name") for one in root.findall("meta/*/labels/label")]
    return drawn, labels


def _image(
    item: ElementTree.Element,
    folder: Path,
    lines: _Lines,
    path: Path,
    known: Mapping[str, Path],
    numbered: bool,
) -> tuple[str, Path]:
    """Return (id, file) of an image, in the folder, or in the folder of its subset there."""
    written, subset = item.get("name", ""), item.get("subset", "")
    if numbered and not _PLACE.match(written):
        raise file_error(path, lines[item], "a name such as '000001_a.png'", repr(written[:80]))
    written = _PLACE.sub("", written) if numbered else written
    bases = [folder]
    if subset and "/" not in subset and len(subset) < 255:
        bases.append(folder / subset)
    if without_first(written, folder.name) is not None:
        bases.append(folder.parent)
    image = existing_inside(
        folder, written, bases, path, lines[item],
        wanted="an image that is there", hint=way_to(folder, written),
    )  # fmt: skip
    if not image.is_file():
        raise file_error(path, lines[item], "the name of an image", repr(written[:80]))
    found = path_relative_to(image, folder).as_posix()
    if found in known:
        raise file_error(path, lines[item], "an image of its own", f"{found!r} a second time")
    return found, image


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
