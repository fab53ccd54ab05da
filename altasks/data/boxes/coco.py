"""COCO's instances JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from altasks.data.boxes.boxed import (
    BoxedImages,
    BoxLabel,
    box_inside,
    check_class_list,
    existing_image,
    labelled_sizes,
    require_folder,
    size_of,
    skips,
    within,
)
from altasks.data.text_files import fault, read_lines
from altasks.errors import InvalidInputError, invalid

#: COCO's own files have two decimals: edges are out by up to this many pixels.
_ROUNDING = 0.02


def read_coco(
    source: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    skip_crowds: bool = False,
    bad_boxes: Literal["error", "skip"] = "error",
) -> BoxedImages:
    """Return the images of a COCO file, all of which it labels.

    Ids are the `file_name`s. Classes are the categories, in the order of their ids.

    Args:
        source: the JSON file.
        images: the folder its `file_name`s are in.
        names: what the classes must be, in any order, which is then theirs.
        skip_crowds: whether annotations of crowds (`iscrowd`), whose box is of no one object, are
            left out instead of refused.
        bad_boxes: `"error"` refuses a box without an area or outside its image; `"skip"` leaves
            it out.

    Raises:
        InvalidInputError: naming the file and the entry: a missing image, an unknown category or
            image, a box outside its image, a path that leads out of the folder.
    """
    path, skip = Path(source), skips(bad_boxes)
    folder = require_folder(Path(images), "images")
    content = content_of(path)
    classes = categories_of(content["categories"], path)
    known = list(classes.values())
    if names is not None:
        if sorted(names) != sorted(known):
            raise fault(path, None, f"the classes {list(names)!r}", f"{known!r}")
        known = list(names)
    files: dict[str, Path] = {}
    of: dict[Any, str] = {}
    for place, entry in enumerate(content["images"]):
        what = f"images[{place}]"
        name, number = field_of(entry, "file_name", str, what, path), identity_of(entry, what, path)
        if number in of or name in files:
            raise fault(path, None, f"{what} with an id and a name of its own", f"{name!r} again")
        files[name] = existing_image(within(folder, name, path), path)
        of[number] = name
    sizes = {name: size_of(image, path) for name, image in files.items()}
    labels: dict[str, list[BoxLabel]] = {name: [] for name in files}
    for place, entry in enumerate(content["annotations"]):
        what = f"annotations[{place}]"
        name, label, corners = _annotation(entry, what, of, classes, path)
        if entry.get("iscrowd") and not skip_crowds:
            raise fault(
                path, None, f"{what} of one object", "a crowd", "skip_crowds=True leaves them out."
            )
        box = box_inside(corners, sizes[name], _ROUNDING, path, None, f"{what} ", skip=skip)
        if box is not None and not entry.get("iscrowd"):
            labels[name].append({"label": label, "box": box})
    return BoxedImages(known, files, labels)


def content_of(path: Path) -> dict[str, list[Any]]:
    """Return what a COCO file says: its lists of images, annotations and categories.

    Raises:
        InvalidInputError: for what isn't JSON, or lacks one of them.
    """
    try:
        content = json.loads("\n".join(line for _, line in read_lines(path)))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidInputError):  # the file can't be read at all
            raise
        raise fault(path, None, "JSON", str(error)) from error
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in keys):
        raise fault(path, None, f"an object with the lists {', '.join(keys)}", "another")
    return content


def write_coco(boxed: BoxedImages, path: str | PathLike[str]) -> Path:
    """Write the labelled images as one JSON file; `file_name`s are the ids. Return the file.

    Raises:
        InvalidInputError: for a label of no known class.
    """
    sizes = labelled_sizes(boxed)
    number = {name: place for place, name in enumerate(boxed.names, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for place, (name, label) in enumerate(boxed.labels.items(), start=1):
        width, height = sizes[name]
        images.append({"id": place, "file_name": name, "width": width, "height": height})
        for entry in label:
            if entry["label"] not in number:
                raise invalid("labels", f"one of {boxed.names}", repr(entry["label"]), where=name)
            x1, y1, x2, y2 = entry["box"]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": place,
                    "category_id": number[entry["label"]],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": place, "name": name} for name, place in number.items()],
    }
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def _annotation(
    entry: Any, what: str, of: Mapping[Any, str], classes: Mapping[Any, str], path: Path
) -> tuple[str, str, list[float]]:
    """Return (image, class, corners) of an annotation."""
    if not isinstance(entry, Mapping):
        raise fault(path, None, f"{what} to be an object", type(entry).__name__)
    image, category = entry.get("image_id"), entry.get("category_id")
    if known_kind(image) not in of:
        raise fault(path, None, f"{what} of a listed image", f"image_id {image!r}")
    if known_kind(category) not in classes:
        raise fault(path, None, f"{what} of a listed category", f"category_id {category!r}")
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(is_number(v) for v in box):
        raise fault(path, None, f"{what} with a bbox of four numbers", repr(box))
    x, y, w, h = (float(value) for value in box)
    return of[image], classes[category], [x, y, x + w, y + h]


def categories_of(listed: list[Any], path: Path) -> dict[Any, str]:
    """Return id -> class, in the order of the ids.

    Raises:
        InvalidInputError: for an entry without a name and an id of its own.
    """
    found = {}
    for place, entry in enumerate(listed):
        what = f"categories[{place}]"
        number = identity_of(entry, what, path)
        if number in found:
            raise fault(path, None, f"{what} with an id of its own", f"id {number!r} again")
        found[number] = field_of(entry, "name", str, what, path)
    ordered = dict(sorted(found.items(), key=lambda item: (str(type(item[0])), item[0])))
    check_class_list(list(ordered.values()), f"{path}: categories")
    return ordered


def identity_of(entry: Any, what: str, path: Path) -> int | str:
    """Return the id of an entry, checked."""
    found: int | str = field_of(entry, "id", (int, str), what, path)
    return found


def field_of(entry: Any, name: str, kind: Any, what: str, path: Path) -> Any:
    """Return a field of an entry, refusing one of another kind."""
    value = entry.get(name) if isinstance(entry, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise fault(path, None, f"{what} with {name!r}", repr(value))
    return value


def known_kind(value: Any) -> Any:
    """Return what may be an id, None for anything else."""
    return value if isinstance(value, int | str) else None


def is_number(value: Any) -> bool:
    """Return whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
