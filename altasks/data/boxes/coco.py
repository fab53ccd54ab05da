"""COCO's instances JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from altasks.data.boxes.boxed import BoxedImages, BoxLabel, labelled_sizes
from altasks.data.boxes.classes import check_class_list
from altasks.data.boxes.coco_entries import (
    categories_of,
    content_of,
    images_of,
    is_crowd,
    known_kind,
    used_categories,
)
from altasks.data.boxes.frames import (
    Frame,
    ReadingNotes,
    check_bad_boxes,
    check_turned,
    frame_of,
    stated_size,
)
from altasks.data.boxes.paths import require_folder
from altasks.data.text_files import file_error
from altasks.errors import invalid


def read_coco(
    source: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    skip_crowds: bool = False,
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> BoxedImages:
    """Return the images of a COCO file, all of which it labels.

    Ids are the `file_name`s. Classes are the categories, in the order of their ids (numbers first,
    the numbers in texts as numbers). Roboflow's category for the whole project, which is the
    `supercategory` of all others and which no annotation has, is left out.

    An image that was resized after labelling has its boxes scaled, with a warning; where its
    proportions differ from those that the file states, that is an error.

    Args:
        source: the JSON file.
        images: the folder its `file_name`s are in.
        names: what the classes must be, in any order, which is then theirs. Categories that no
            annotation has may be left out.
        skip_crowds: whether annotations of crowds (`iscrowd`), whose box is of no one object, and
            those to be ignored (`ignore`) are left out instead of refused.
        bad_boxes: `"error"` refuses a box without an area or outside its image; `"clip"` cuts what
            is outside; `"skip"` leaves the box out. Less than a pixel outside is always cut.
        turned: for photographs that EXIF turns, where the file states the size before that:
            `"stored"`, their boxes are of the stored image, and are turned with it; `"upright"`,
            they are of the upright one; `"error"` refuses them.

    An image of which every annotation was left out stays unlabelled, with a warning: it isn't one
    with nothing on it.

    Raises:
        InvalidInputError: naming the file and the entry: a missing image, an unknown category or
            image, a box outside its image, a path that leads out of the folder.
    """
    path, bad_boxes, turned = Path(source), check_bad_boxes(bad_boxes), check_turned(turned)
    folder = require_folder(Path(images), "images")
    content = content_of(path)
    classes = categories_of(content, path)
    known = _ordered_classes(names, classes, content, path)
    notes = ReadingNotes(path)
    files, keys = images_of(content, folder, path)
    frames: dict[str, Frame] = {}
    for entry, name in zip(content["images"], files, strict=True):
        size = stated_size(entry.get("width"), entry.get("height"), path, None, f"for {name!r} ")
        frames[name] = frame_of(files[name], size, path, name=name, turned=turned, notes=notes)
    labels: dict[str, list[BoxLabel]] = {name: [] for name in files}
    left_out: dict[str, int] = {}
    for place, entry in enumerate(content["annotations"]):
        what = f"annotations[{place}]"
        name, label = _owner_and_class(entry, what, keys, classes, path)
        if is_crowd(entry, what, path):
            if not skip_crowds:
                raise file_error(
                    path,
                    None,
                    f"{what} of one object",
                    "a crowd, or one to be ignored",
                    "skip_crowds=True leaves them out.",
                )
            left_out[name] = left_out.get(name, 0) + 1
            continue
        corners = _corners(entry.get("bbox"), what, path, skip=bad_boxes == "skip")
        box = corners and frames[name].fit(corners, bad_boxes, path, None, f"{what} ")
        if box:
            labels[name].append({"label": label, "box": box})
        else:
            left_out[name] = left_out.get(name, 0) + 1
    for name, count in left_out.items():
        if not labels[name]:
            del labels[name]
            notes.unlabelled(name, f"its annotations were left out ({count})")
    notes.warn()
    return BoxedImages(known, files, labels, notes.passed_over)


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


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300
    )


def _ordered_classes(
    names: Sequence[str] | None,
    classes: Mapping[int | str, str],
    content: Mapping[str, list[Any]],
    path: Path,
) -> list[str]:
    """Return the classes in the order of their ids, or in that of `names`."""
    if names is None:
        return check_class_list(list(classes.values()), f"{path}: categories")
    chosen = check_class_list(names)
    used = used_categories(content)
    needed = [name for number, name in classes.items() if number in used]
    listed = [entry["name"] for entry in content["categories"]]  # that of the project, too
    strange = [name for name in chosen if name not in listed]
    lacking = [name for name in needed if name not in chosen]
    if strange or lacking or len(set(needed)) != len(needed):
        raise file_error(path, None, f"the classes {chosen!r}", f"{list(classes.values())!r}")
    return chosen


def _owner_and_class(
    entry: Any,
    what: str,
    keys: Mapping[int | str, str],
    classes: Mapping[int | str, str],
    path: Path,
) -> tuple[str, str]:
    """Return (image, class) of an annotation."""
    if not isinstance(entry, Mapping):
        raise file_error(path, None, f"{what} to be an object", type(entry).__name__)
    image, category = known_kind(entry.get("image_id")), known_kind(entry.get("category_id"))
    if image is None or image not in keys:
        shown = repr(entry.get("image_id"))[:80]
        raise file_error(path, None, f"{what} of a listed image", f"image_id {shown}")
    if category is None or category not in classes:
        shown = repr(entry.get("category_id"))[:80]
        raise file_error(path, None, f"{what} of a listed category", f"category_id {shown}")
    return keys[image], classes[category]


def _corners(box: Any, what: str, path: Path, *, skip: bool) -> list[float] | None:
    if skip and (box is None or box == []):
        return None
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_float, box)):
        hint = "bad_boxes='skip' leaves out annotations without one." if not box else ""
        raise file_error(path, None, f"{what} with a bbox of four numbers", repr(box)[:80], hint)
    x, y, w, h = (float(value) for value in box)
    return [x, y, x + w, y + h]
