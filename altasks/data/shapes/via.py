"""VGG Image Annotator's JSON, of its versions 1 to 3: one file for all images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.classes import check_class_list, require_class
from altasks.data.boxes.coco_entries import is_number
from altasks.data.boxes.paths import require_folder
from altasks.data.label_studio.addresses import image_at, name_in
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.pool import Pool
from altasks.data.shapes.drawn import Empty, Others, Outlines, boxes_of, masks_of
from altasks.data.shapes.shape import DrawnImage, Form, Shape
from altasks.data.text_files import file_error, read_json
from altasks.errors import InvalidInputError, invalid

_MOST = 1e7
#: The numbers of shapes in version 3, in words of version 2.
_KINDS = {
    1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "line", 6: "polyline", 7: "polygon",
    8: "extreme_rect", 9: "extreme_circle",
}  # fmt: skip
_NO_AREA = ("line", "point", "polyline")
#: Names of the numbers of each shape in version 2.
_FIELDS = {
    "rect": ("x", "y", "width", "height"), "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}  # fmt: skip


@dataclass
class _File:
    """An image of a project: its regions as (kind, numbers, attributes), and its own attributes."""

    name: str
    regions: list[tuple[str, list[Any], Mapping[str, Any]]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


def read_via(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    attribute: str | None = None,
    names: Sequence[str] | None = None,
    outlines: Outlines = "error",
    others: Others = "error",
    empty: Empty = "error",
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> BoxedImages:
    """Return the images of a project of VGG Image Annotator, and the boxes on them.

    Read are projects of versions 1 to 3 and their JSON exports. Ids are paths below the folder of
    images. The file states no sizes of images, and lists all of them, whether anybody looked at
    them or not: images without a region are refused until `empty` decides.

    Args:
        path: the JSON file.
        images: the folder of images.
        attribute: the attribute of regions that holds the class; by default the only one.
        names: the classes; by default those that occur, sorted.
        outlines: polygons, circles and ellipses: `"error"` refuses them, `"frame"` takes the
            box around, `"skip"` leaves them out.
        others: points and lines: `"error"` or `"skip"`.
        empty: what an image without a region is: `"nothing"`, `"unlabelled"` or `"error"`.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`; a file states no sizes, so `"stored"` takes boxes to be of the
            stored image, and everything else to be of the upright one.

    Raises:
        InvalidInputError: naming file, image and region: JSON that is broken or isn't VIA's, a
            region without the attribute, several attributes and no `attribute=`, a missing image.
    """
    source = Path(path)
    drawn = _drawn(source, images, attribute)
    return boxes_of(
        drawn, source, names=names, bad_boxes=bad_boxes, turned=turned, outlines=outlines,
        others=others, empty=empty,
    )  # fmt: skip


def read_via_masks(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    attribute: str | None = None,
    names: Sequence[str] | None = None,
    background: str | None = "background",
    void: int = 255,
    others: Others = "error",
    empty: Empty = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> MaskedImages:
    """Return the images of a project of VGG Image Annotator, its regions as masks of classes.

    Later regions lie in front. A region covers the pixels whose centres lie in it.

    Args:
        path: the JSON file.
        images: the folder of images.
        attribute: as of `read_via`.
        names: the classes without the background; by default those that occur, sorted. One called
            as the background is class 0.
        background: the name of class 0, of what nothing covers; None leaves that void.
        void: the number of unlabelled pixels.
        others: as of `read_via`.
        empty: as of `read_via`; `"nothing"` is all background.
        turned: as of `read_via`.

    Raises:
        InvalidInputError: as `read_via`.
    """
    source = Path(path)
    drawn = _drawn(source, images, attribute)
    return masks_of(
        drawn, source, names=names, background=background, void=void, turned=turned,
        others=others, empty=empty,
    )  # fmt: skip


def read_via_files(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    attribute: str | None = None,
    names: Sequence[str] | None = None,
    multiple: bool = False,
) -> Pool:
    """Return the images of a project of VGG Image Annotator, and a file attribute as classes.

    An image without a value is there to be labelled.

    Args:
        path: the JSON file.
        images: the folder of images.
        attribute: the attribute of files that holds the class; by default the only one.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes, as of checkboxes.

    Raises:
        InvalidInputError: naming file and image: two values where one is wanted, and as `read_via`.
    """
    source = Path(path)
    known = None if names is None else check_class_list(names)
    files = _files(source)
    key = _attribute(attribute, [one.attributes for one in files], source, "of files")
    found: dict[str, Path] = {}
    labels: dict[str, Any] = {}
    for name, image, one in _located(files, require_folder(Path(images), "images"), source):
        found[name] = image
        values = _values(one.attributes.get(key), source, f"{one.name}: ")
        for value in values:
            require_class(value, known, source, None)
        if len(values) > 1 and not multiple:
            raise file_error(
                source, None, f"one {key!r} for {one.name}", ", ".join(map(repr, values)),
                "Say multiple=True for lists of them.",
            )  # fmt: skip
        if values:
            labels[name] = values if multiple else values[0]
    ids = list(found)
    return Pool(ids, lambda i: found[ids[i]], labels=labels, in_memory=True)


def _drawn(
    source: Path, images: str | PathLike[str], attribute: str | None
) -> dict[str, DrawnImage]:
    files = _files(source)
    every = [attributes for one in files for _, _, attributes in one.regions]
    key = _attribute(attribute, every, source, "of regions") if every else ""
    drawn = {}
    for name, image, one in _located(files, require_folder(Path(images), "images"), source):
        shapes = []
        for place, (kind, numbers, attributes) in enumerate(one.regions):
            what = f"{one.name}, regions[{place}] "
            values = _values(attributes.get(key), source, what)
            if len(values) != 1:
                raise file_error(
                    source, None, f"{what}with one {key!r}", ", ".join(map(repr, values)) or "none"
                )
            shapes.append(_shape(kind, numbers, values[0], what, source))
        drawn[name] = DrawnImage(image, None, shapes, source)
    return drawn


def _located(
    files: Sequence[_File], folder: Path, source: Path
) -> Iterator[tuple[str, Path, _File]]:
    """Yield (id, image, file) of each file."""
    known: set[str] = set()
    for one in files:
        try:
            image = image_at(one.name, folder)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from error
        name = name_in(image, folder)
        if name in known:
            raise file_error(source, None, "an image of its own", f"{name!r} a second time")
        known.add(name)
        yield name, image, one


def _files(source: Path) -> list[_File]:
    """Return the images of a project or an export.

    Raises:
        InvalidInputError: for what is none of VIA's.
    """
    content = read_json(source)
    if isinstance(content, Mapping) and "metadata" in content and "file" in content:
        return _files_of_3(content, source)
    entries = content.get("_via_img_metadata", content) if isinstance(content, Mapping) else None
    if not isinstance(entries, Mapping) or not entries:
        raise file_error(source, None, "VIA's images by name", repr(content)[:80])
    found = []
    for key, entry in entries.items():
        name = entry.get("filename") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not isinstance(entry, Mapping):
            raise file_error(source, None, f"{key[:80]!r} to have a filename", repr(entry)[:80])
        regions = entry.get("regions")
        listed = list(regions.values()) if isinstance(regions, Mapping) else regions
        own = entry.get("file_attributes") or {}
        if not isinstance(listed, list) or not isinstance(own, Mapping):
            raise file_error(source, None, f"regions of {name[:80]!r}", repr(entry)[:80])
        file = _File(name, attributes=dict(own))
        for place, region in enumerate(listed):
            shape = region.get("shape_attributes") if isinstance(region, Mapping) else None
            attributes = region.get("region_attributes") if isinstance(region, Mapping) else None
            if not isinstance(shape, Mapping) or not isinstance(attributes, Mapping):
                wanted = f"{name}, regions[{place}] with shape_attributes and region_attributes"
                raise file_error(source, None, wanted, repr(region)[:80])
            file.regions.append((str(shape.get("name")), _numbers_of_2(shape), attributes))
        found.append(file)
    return found


def _numbers_of_2(shape: Mapping[str, Any]) -> list[Any]:
    """Return the numbers of a shape of version 2, in the order of version 3."""
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):
        xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            return [None]
        return [number for pair in zip(xs, ys, strict=True) for number in pair]
    numbers = [shape.get(name) for name in _FIELDS.get(str(kind), ())]
    return [*numbers, shape.get("theta") or 0] if kind == "ellipse" else numbers


def _files_of_3(content: Mapping[str, Any], source: Path) -> list[_File]:
    """Return the images of a project of version 3, in which regions are of views of files."""
    parts = [content.get(name, {}) for name in ("file", "view", "metadata", "attribute")]
    if not all(isinstance(part, Mapping) for part in parts):
        raise file_error(source, None, "file, view, metadata and attribute by number", "others")
    entries, views, metadata, attributes = parts
    found: dict[str, _File] = {}
    for number, entry in entries.items():
        name = entry.get("fname") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            raise file_error(source, None, f"file {number!r} with its fname", repr(entry)[:80])
        found[number] = _File(name)
    for number, entry in metadata.items():
        view = views.get(str(entry.get("vid"))) if isinstance(entry, Mapping) else None
        of = view.get("fid_list") if isinstance(view, Mapping) else None
        file = found.get(str(of[0])) if isinstance(of, list) and len(of) == 1 else None
        if file is None:
            raise file_error(
                source, None, f"metadata {number!r} of a view of one file", repr(entry)[:80]
            )
        space, av = entry.get("xy") or [], entry.get("av") or {}
        if not isinstance(space, list) or not isinstance(av, Mapping) or entry.get("z"):
            wanted = f"metadata {number!r} of an image: xy and av, without z"
            raise file_error(source, None, wanted, repr(entry)[:80])
        named = {}
        for key, value in av.items():
            attribute = attributes.get(key)
            if not isinstance(attribute, Mapping) or not isinstance(attribute.get("aname"), str):
                raise file_error(source, None, f"the attribute {key!r} with its aname", "none")
            named[attribute["aname"]] = _option(value, attribute)
        if space:
            kind = _KINDS.get(space[0]) if isinstance(space[0], int) else None
            file.regions.append((kind or repr(space[0])[:80], space[1:], named))
        else:
            file.attributes.update(named)
    return list(found.values())


def _option(value: Any, attribute: Mapping[str, Any]) -> Any:
    """Return what the value of an attribute stands for: its options are numbered."""
    options = attribute.get("options")
    if not isinstance(options, Mapping) or not options or not isinstance(value, str):
        return value
    chosen = [part for part in value.split(",") if part]
    if not all(part in options for part in chosen):
        return value
    texts = [options[part] for part in chosen]
    return texts[0] if len(texts) == 1 else {str(text): True for text in texts}


def _attribute(
    wanted: str | None, every: Sequence[Mapping[str, Any]], source: Path, of: str
) -> str:
    """Return the attribute that holds the class."""
    there = sorted({str(name) for attributes in every for name in attributes})
    if wanted is not None and wanted in there:
        return wanted
    if wanted is None and len(there) == 1:
        return there[0]
    listed = ", ".join(map(repr, there[:10])) or "none"
    raise invalid(
        "attribute", f"one of the attributes {of}: {listed}", repr(wanted), where=str(source)
    )


def _values(value: Any, source: Path, what: str) -> list[str]:
    """Return the classes in the value of an attribute: a text, or checked boxes."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping) and all(isinstance(checked, bool) for checked in value.values()):
        return [str(name) for name, checked in value.items() if checked]
    raise file_error(source, None, f"{what}with a text or checked boxes", repr(value)[:80])


def _shape(kind: str, given: Sequence[Any], label: str, what: str, source: Path) -> Shape:
    if kind in _NO_AREA:
        return Shape(label, kind, "none", np.zeros((0, 2)), what=what)
    numbers = [float(one) for one in given if is_number(one)]
    if len(numbers) != len(given) or not all(abs(one) <= _MOST for one in numbers):
        raise file_error(source, None, f"{what}with numbers of pixels", repr(list(given))[:80])
    wanted = {"rect": 4, "extreme_rect": 8, "circle": 3, "ellipse": 5}.get(kind)
    if kind == "ellipse" and len(numbers) == 4:  # version 3 has no theta where it is 0
        numbers.append(0.0)
    if kind == "polygon":
        wanted = len(numbers) if len(numbers) >= 6 and len(numbers) % 2 == 0 else 6
    if wanted is None:
        known = "rect, circle, ellipse, polygon, extreme_rect or a shape without an area"
        raise file_error(source, None, f"{what}to be a {known}", repr(kind)[:80])
    if len(numbers) != wanted:
        raise file_error(source, None, f"{what}with {wanted} numbers", f"{len(numbers)}")
    if kind == "polygon":
        return Shape(label, kind, "polygon", np.array(numbers).reshape(-1, 2), what=what)
    if kind == "extreme_rect":  # a point on each side
        points = np.array(numbers).reshape(-1, 2)
        return Shape(label, kind, "box", np.stack([points.min(0), points.max(0)]), what=what)
    if kind == "rect":
        x, y, width, height = numbers
        corners = np.array([[x, y], [x + width, y + height]])
        return Shape(label, kind, "box", corners, what=what)
    radii = [numbers[2], numbers[2]] if kind == "circle" else numbers[2:4]
    if min(radii) < 0:
        raise file_error(source, None, f"{what}with half axes of 0 or more", repr(radii))
    form: Form = "ellipse"
    turn = math.degrees(numbers[4]) if kind == "ellipse" else 0.0
    return Shape(label, kind, form, np.array([numbers[:2], radii]), turn, what=what)
