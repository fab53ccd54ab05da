"""YOLO's text files: a line a box, `class x y width height`, centre and size as shares."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from altasks._internal.extras import require
from altasks.data.boxes.boxed import (
    BoxedImages,
    BoxLabel,
    box_inside,
    check_class_list,
    copy_image,
    existing_image,
    labelled_sizes,
    relative,
    require_folder,
    size_of,
    skips,
    target,
    with_suffix,
    within,
)
from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.text_files import fault, read_lines
from altasks.errors import first_line, invalid

#: Six decimals, as most tools write them, put an edge out by less than this share of the side.
_ROUNDING = 2e-6


def read_yolo(
    source: str | PathLike[str],
    *,
    split: str = "train",
    root: str | PathLike[str] | None = None,
    images: str | PathLike[str] | None = None,
    names: Sequence[str] | None = None,
    bad_boxes: Literal["error", "skip"] = "error",
) -> BoxedImages:
    """Return the images of an Ultralytics data YAML, or of a folder of YOLO's text files.

    Ids are paths relative to the folder of images, with `/`. An image without a text file isn't
    labelled; an empty text file says that nothing is on it.

    Args:
        source: a data YAML, or a folder of text files, which then needs `images` and `names`.
        split: of a YAML: `"train"`, `"val"` or `"test"`.
        root: of a YAML: where its data is, instead of its own `path`, which may not lead out of
            the folder it is in.
        images: of a folder: where the images are, under the same names.
        names: the classes, in the order of their numbers; of a YAML, what its own must be.
        bad_boxes: `"error"` refuses a box without an area or outside its image; `"skip"` leaves
            it out.

    Raises:
        InvalidInputError: naming file and line: a missing image, a class that there isn't, a box
            outside its image, a path that leads out of the folder.
    """
    path, skip = Path(source), skips(bad_boxes)
    if path.is_dir():
        if images is None or names is None:
            raise invalid("images, names", "both, for a folder of text files", "not both")
        folder = require_folder(Path(images), "images")
        known = check_class_list(names)
        files = _images_of(folder)
        texts = {name: path / Path(name).with_suffix(".txt") for name in files}
        _require_images(path, texts.values())
        # Both kinds of files may lie in one folder: only what has a text file or none at all.
        return _read(files, texts, known, skip)
    if images is not None:
        raise invalid(
            "images", "None for a data YAML, which says where they are", repr(str(images))
        )
    return _read_described(path, split, root, names, skip)


def count_yolo(folder: str | PathLike[str], classes: int) -> list[int]:
    """Return how many boxes of each class a folder of YOLO's text files has; needs no images.

    Args:
        folder: searched with the folders in it.
        classes: how many classes there are.

    Raises:
        InvalidInputError: for a folder without text files, or a line that isn't a box of one of
            these classes.
    """
    place = require_folder(Path(folder), "folder")
    texts = sorted(path for path in place.rglob("*.txt") if path.name != "classes.txt")
    if not texts:
        raise invalid("folder", "a folder of YOLO's text files", f"none in {place}")
    counts = [0] * classes
    for text in texts:
        for line, number, _ in _lines(text, classes):
            del line
            counts[number] += 1
    return counts


def write_yolo(
    boxed: BoxedImages,
    folder: str | PathLike[str],
    *,
    split: str = "train",
    copy_images: bool = True,
) -> Path:
    """Write a data set as Ultralytics reads it, and return its data YAML.

    The YAML names the parts that were written into the folder before as well; as `train` or `val`,
    which Ultralytics wants, it names another where there is none yet.

    Args:
        boxed: what to write; images without a label get no text file.
        folder: made if it isn't there.
        split: the name of the part.
        copy_images: whether the images are copied beside the labels, where Ultralytics expects
            them.

    Raises:
        InvalidInputError: for an id that would be written outside the folder, two that would
            share a text file, a label of no known class, or other classes than the folder's.
    """
    root = Path(folder)
    parts = _parts_with(root, split, boxed.names)
    sizes = labelled_sizes(boxed)
    texts = with_suffix(boxed.images, ".txt")
    number = {name: place for place, name in enumerate(boxed.names)}
    for name, image in boxed.images.items():
        if copy_images:
            copy_image(image, target(root / "images" / split, name))
        if name not in boxed.labels:
            continue
        width, height = sizes[name]
        lines = []
        for entry in boxed.labels[name]:
            if entry["label"] not in number:
                raise invalid("labels", f"one of {boxed.names}", repr(entry["label"]), where=name)
            x1, y1, x2, y2 = entry["box"]
            shares = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
            shares += [(x2 - x1) / width, (y2 - y1) / height]
            lines.append(" ".join([str(number[entry["label"]]), *(f"{s:.9g}" for s in shares)]))
        text = "".join(line + "\n" for line in lines)
        place = target(root / "labels" / split, texts[name])
        place.write_text(text, encoding="ascii")
    described = root / "data.yaml"
    root.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, and quotes whatever a class is called.
    content = {**parts, "names": boxed.names}
    described.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return described


def _parts_with(root: Path, split: str, names: Sequence[str]) -> dict[str, str]:
    """Return where the parts of a data set are: the one to be written and those that are there."""
    others = [
        part
        for part in ("train", "val", "test")
        if part != split and any((root / kind / part).is_dir() for kind in ("images", "labels"))
    ]
    described = root / "data.yaml"
    if others and described.is_file() and (found := _read_yaml(described)[1]) != list(names):
        raise invalid("names", f"the classes of {others[0]!r} in {root}, {found!r}", f"{names!r}")
    parts = {part: f"images/{part}" for part in (*others, split)}
    parts.setdefault("train", f"images/{split}")
    parts.setdefault("val", parts["train"])
    return parts


def _images_of(folder: Path) -> dict[str, Path]:
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    }
    for path in found.values():
        within(folder, path.relative_to(folder).as_posix(), folder)
    if not found:
        raise invalid("images", "a folder with images", f"none in {folder}")
    return found


def _require_images(folder: Path, wanted: Any) -> None:
    """Refuse a text file that no image goes with: a label would be lost without a word."""
    known = set(wanted)
    for text in sorted(folder.rglob("*.txt")):
        if text not in known and text.name != "classes.txt":
            raise fault(text, None, "an image of the same name", "none")


def _read(
    files: dict[str, Path], texts: dict[str, Path], names: list[str], skip: bool
) -> BoxedImages:
    labels: dict[str, list[BoxLabel]] = {}
    for name, image in files.items():
        text = texts[name]
        if not text.is_file():
            continue
        size = size_of(image, text)
        labels[name] = []
        for line, number, shares in _lines(text, len(names), skip=skip):
            x, y, w, h = (value * side for value, side in zip(shares, size * 2, strict=True))
            corners = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            box = box_inside(corners, size, _ROUNDING * max(size), text, line, skip=skip)
            if box is not None:
                labels[name].append({"label": names[number], "box": box})
    return BoxedImages(names, files, labels)


def _lines(text: Path, classes: int, *, skip: bool = False) -> list[tuple[int, int, list[float]]]:
    found = []
    for line, content in read_lines(text):
        fields = content.split()
        if not fields:
            continue
        if len(fields) != 5:
            raise fault(
                text, line, "class x y width height", f"{len(fields)} fields",
                "Polygons and oriented boxes are other tasks." if len(fields) > 5 else "",
            )  # fmt: skip
        try:
            number = int(fields[0])
            shares = [float(value) for value in fields[1:]]
        except ValueError:
            raise fault(text, line, "a class number and four shares", repr(content)) from None
        if not 0 <= number < classes:
            raise fault(text, line, f"a class from 0 to {classes - 1}", f"{number}")
        if not all(-_ROUNDING <= share <= 1 + _ROUNDING for share in shares):
            if skip and all(map(math.isfinite, shares)):
                continue
            hint = "bad_boxes='skip' leaves such boxes out."
            raise fault(text, line, "shares of the image, in [0, 1]", repr(content), hint)
        found.append((line, number, shares))
    return found


def _read_described(
    path: Path,
    split: str,
    root: str | PathLike[str] | None,
    names: Sequence[str] | None,
    skip: bool,
) -> BoxedImages:
    content, known = _read_yaml(path)
    if names is not None and list(names) != known:
        raise fault(path, None, f"the classes {list(names)!r}", f"{known!r}")
    if split not in content or content[split] is None:
        parts = [key for key in ("train", "val", "test") if content.get(key)]
        raise fault(path, None, f"a part {split!r}", f"the parts {parts}")
    folder = path.parent if root is None else require_folder(Path(root), "root")
    if root is None and content.get("path"):
        folder = within(path.parent, str(content["path"]), path)
    entries = content[split] if isinstance(content[split], list) else [content[split]]
    files: dict[str, Path] = {}
    texts: dict[str, Path] = {}
    for entry in entries:
        place = within(folder, str(entry), path)
        if place.is_dir():
            for name, image in _images_of(place).items():
                _add(files, texts, name, image, folder, path)
            labels = _label_path(place / "x.png", folder).parent
            if labels.is_dir() and len(entries) == 1:
                _require_images(labels, texts.values())
        elif place.is_file():
            for name, image in _listed(place, folder):
                _add(files, texts, name, image, folder, path)
        else:
            raise fault(path, None, f"the images of {split!r}", f"{place}, which isn't there")
    return _read(files, texts, known, skip)


def _read_yaml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return what a data YAML says, and its classes."""
    yaml = require("yaml", "detection", "Reading a data YAML")
    text = "\n".join(line for _, line in read_lines(path))
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise fault(path, None, "a data YAML", first_line(error)) from error
    if not isinstance(content, dict) or "names" not in content:
        raise fault(path, None, "a data YAML with names", type(content).__name__)
    listed = content["names"]
    if isinstance(listed, dict):
        numbered = {str(key): name for key, name in listed.items()}
        if set(numbered) != {str(i) for i in range(len(listed))}:
            raise fault(path, None, "names numbered from 0", f"{sorted(numbered)}")
        listed = [numbered[str(i)] for i in range(len(listed))]
    if isinstance(listed, list):
        listed = [str(name) if isinstance(name, int) else name for name in listed]
    return content, check_class_list(listed, f"{path}: names")


def _listed(file: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (id, image) of a text file with a path a line."""
    for line, content in read_lines(file):
        if content.strip():
            image = within(folder, content.strip(), file, line)
            existing_image(image, file, line)
            yield relative(image, folder).as_posix(), image


def _add(
    files: dict[str, Path],
    texts: dict[str, Path],
    name: str,
    image: Path,
    folder: Path,
    source: Path,
) -> None:
    if name in files:
        raise fault(source, None, "images of different names", f"{name!r} twice")
    files[name] = image
    texts[name] = _label_path(image, folder)


def _label_path(image: Path, folder: Path) -> Path:
    """Return where the labels of an image are: `labels` instead of the last `images`."""
    parts = list(relative(image, folder).parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return folder.joinpath(*parts).with_suffix(".txt")
