"""VIA's JSON as images, their regions and their attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from altasks.data.boxes.coco_entries import is_number
from altasks.data.shapes.shape import Form, Shape
from altasks.data.text_files import file_error, read_json
from altasks.errors import invalid

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
class ViaFile:
    """An image of a project: its regions as (kind, numbers, attributes), and its own attributes."""

    name: str
    regions: list[tuple[str, list[Any], Mapping[str, Any]]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


def via_files(source: Path) -> list[ViaFile]:
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
        file = ViaFile(name, attributes=dict(own))
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


def _files_of_3(content: Mapping[str, Any], source: Path) -> list[ViaFile]:
    """Return the images of a project of version 3, in which regions are of views of files."""
    parts = [content.get(name, {}) for name in ("file", "view", "metadata", "attribute")]
    if not all(isinstance(part, Mapping) for part in parts):
        raise file_error(source, None, "file, view, metadata and attribute by number", "others")
    entries, views, metadata, attributes = parts
    found: dict[str, ViaFile] = {}
    for number, entry in entries.items():
        name = entry.get("fname") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            raise file_error(source, None, f"file {number!r} with its fname", repr(entry)[:80])
        found[number] = ViaFile(name)
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


def attribute_of(
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


def values_of(value: Any, source: Path, what: str) -> list[str]:
    """Return the classes in the value of an attribute: a text, or checked boxes."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping) and all(isinstance(checked, bool) for checked in value.values()):
        return [str(name) for name, checked in value.items() if checked]
    raise file_error(source, None, f"{what}with a text or checked boxes", repr(value)[:80])


def shape_of(kind: str, given: Sequence[Any], label: str, what: str, source: Path) -> Shape:
    """Return the shape of a region.

    Args:
        kind: what VIA calls it.
        given: its numbers, in the order of version 3.
        label: its class.
        what: how errors call it.
        source: the file.

    Raises:
        InvalidInputError: for another kind, or numbers that don't fit it.
    """
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
