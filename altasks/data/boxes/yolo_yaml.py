"""Ultralytics' data YAML: its classes as they are written, and where its images are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

from altasks._internal.extras import require
from altasks.data.boxes.classes import check_class_list, names_by_number, whole_number
from altasks.data.boxes.paths import (
    existing_inside,
    path_inside,
    path_relative_to,
    plain_path,
    require_folder,
    without_first,
)
from altasks.data.folders import is_image_name, list_images
from altasks.data.text_files import file_error, read_lines
from altasks.errors import InvalidInputError, first_line

_SPLITS = ("train", "val", "test")
#: Other names of a part, which Ultralytics renames.
_ALIASES = {"val": "validation"}


@dataclass
class DataYaml:
    """The contents of a data YAML.

    Attributes:
        path: the file.
        root: its `path`, as it is written, or None.
        splits: split -> what holds its images, as it is written.
        names: the classes, in the order of their numbers; None where it has no `names`.
        classes: its `nc`, or None.
    """

    path: Path
    root: str | None
    splits: dict[str, list[str]]
    names: list[str] | None
    classes: int | None


@dataclass
class SplitImages:
    """The images of one split.

    Attributes:
        images: id -> file; relative to the folder of images, or to the data set's where a list
            or several folders of the same names give them.
        folders: those of its entries that are folders of images.
        passed_over: what of them is no image -> why.
    """

    images: dict[str, Path]
    folders: list[Path]
    passed_over: dict[str, str] = field(default_factory=dict)


def read_data_yaml(path: Path) -> DataYaml:
    """Return what a data YAML states.

    Class names are the text that is written: `no`, `007` and `1:30` aren't made a truth value,
    a number or a time of.

    Raises:
        InvalidInputError: for what isn't a data YAML, naming the file and, where it can, the line.
    """
    yaml = require("yaml", "detection", "Reading a data YAML")
    text = "\n".join(line for _, line in read_lines(path))
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise file_error(path, line, "a data YAML", first_line(error)) from error
    if not isinstance(document, yaml.MappingNode):
        kind = "nothing" if document is None else f"a {document.id}"
        raise file_error(path, None, "a data YAML with names", kind)
    entries: dict[str, Any] = {}
    for key, value in document.value:
        if not isinstance(key.value, str):
            continue
        if key.value in entries and key.value in (*_SPLITS, "names", "nc", "path"):
            raise file_error(path, key.start_mark.line + 1, f"one {key.value!r}", "another")
        entries[key.value] = value
    splits = {}
    for split in _SPLITS:
        node = entries.get(split) or entries.get(_ALIASES.get(split, split))
        found = None if node is None else _texts(node, yaml, path, split)
        if found:
            splits[split] = found
    names = None if "names" not in entries else _names(entries["names"], yaml, path)
    root = None if "path" not in entries else "".join(_texts(entries["path"], yaml, path, "path"))
    classes = None
    if "nc" in entries and isinstance(entries["nc"], yaml.ScalarNode):
        classes = whole_number(entries["nc"].value)
        if classes is not None and names is not None and classes != len(names):
            raise file_error(
                path, entries["nc"].start_mark.line + 1, f"nc: {len(names)}, as there are names",
                f"nc: {classes}",
            )  # fmt: skip
    return DataYaml(path, root or None, splits, names, classes)


def _texts(node: Any, yaml: Any, path: Path, key: str) -> list[str]:
    """Return a text, or a list of them, as a list; without those that are null."""
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found = []
    for part in parts:
        if not isinstance(part, yaml.ScalarNode):
            line = part.start_mark.line + 1
            raise file_error(path, line, f"a path, or a list of paths, as {key!r}", f"a {part.id}")
        if part.tag != "tag:yaml.org,2002:null":
            found.append(part.value)
    return found


def _names(node: Any, yaml: Any, path: Path) -> list[str]:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        if node.value[:1] in ("[", "{"):
            try:
                return names_by_number(node.value)
            except InvalidInputError as error:
                raise file_error(
                    path, line, "class names as JSON", f"{node.value[:80]!r}"
                ) from error
        shown = repr(node.value[:80]) if node.style or not node.value.isdigit() else node.value
        raise file_error(path, line, "names: a list of class names", shown)
    numbered = isinstance(node, yaml.MappingNode)
    pairs: list[tuple[Any, Any]] = node.value if numbered else list(enumerate(node.value))
    if not pairs:
        raise file_error(path, line, "names: a list of class names", "an empty one")
    found: dict[Any, str] = {}
    for key, value in pairs:
        number = key
        if numbered:
            number = whole_number(key.value) if isinstance(key, yaml.ScalarNode) else None
            if number is None or number in found:
                shown = repr(key.value)[:80] if isinstance(key, yaml.ScalarNode) else key.id
                raise file_error(path, key.start_mark.line + 1, "names numbered from 0", shown)
        if not isinstance(value, yaml.ScalarNode):
            wanted = "names: a list of class names, each a text"
            raise file_error(path, value.start_mark.line + 1, wanted, f"a {value.id}")
        if not value.value.strip() or (value.value == "~" and not value.style):
            raise file_error(
                path, value.start_mark.line + 1, f"a name for class {number}", "none",
                "Put quotes around names that YAML takes for something else.",
            )  # fmt: skip
        found[number] = value.value
    if set(found) != set(range(len(found))):
        raise file_error(path, line, "names numbered from 0", f"{sorted(found)[:20]}")
    return check_class_list([found[i] for i in range(len(found))], f"{path}: names")


def images_of_split(
    data: DataYaml, split: str, root: str | PathLike[str] | None
) -> tuple[Path, SplitImages]:
    """Return the folder of a data set, and the images of one of its splits.

    Paths are taken as Ultralytics takes them: relative to the YAML's `path`, or its own folder;
    `../` at the beginning is dropped where nothing is there (Roboflow's exports have it); lines of
    a list that begin with `./` are relative to the list, others to the folder of the data set
    and, if they aren't there, to the list.

    Args:
        data: the YAML.
        split: `"train"`, `"val"` or `"test"`.
        root: the folder of the data set, instead of what the YAML states.

    Raises:
        InvalidInputError: for a split or an image that isn't there, or lies outside the folder.
    """
    if split not in data.splits:
        raise file_error(data.path, None, f"a part {split!r}", f"the parts {list(data.splits)}")
    way_out = "root= names the folder of the data set."
    if root is not None:
        folder = require_folder(Path(root), "root")
    elif data.root is None:
        folder = data.path.parent
    else:
        folder = existing_inside(
            data.path.parent, data.root, [data.path.parent], data.path,
            wanted="the folder in 'path'", hint=way_out,
        )  # fmt: skip
        require_folder(folder, f"{data.path}: path")
    found: list[tuple[str, Path]] = []  # (id in its own folder, file)
    result = SplitImages({}, [])
    entries = data.splits[split]
    if root is not None and data.root is not None:
        entries = [_moved(entry, data.root) for entry in entries]
    for entry in entries:
        place = _entry_place(entry, folder, data.path, split, way_out)
        if place.is_dir():
            result.folders.append(place)
            listing = list_images(place, f"images of {split!r}")
            if not listing.files:
                raise file_error(data.path, None, f"images of {split!r}", f"none in {place}")
            result.passed_over.update(listing.passed_over)
            found += listing.files.items()
        else:
            for image in _listed_images(place, folder):
                name = path_relative_to(image, folder).as_posix()
                found.append((name, image))
    if not found:
        raise file_error(data.path, None, f"images of {split!r}", "none")
    paths = [plain_path(image) for _, image in found]
    own: dict[str, str] = {}
    clash = any(
        own.setdefault(name, path) != path for (name, _), path in zip(found, paths, strict=True)
    )
    # A list may repeat an image, so that it is seen more often in training: here it is one sample.
    once = dict(zip(reversed(paths), reversed(found), strict=True))
    for path in dict.fromkeys(paths):
        name, image = once[path]
        chosen = path_relative_to(image, folder).as_posix() if clash else name
        result.images[chosen] = image
    return folder, result


def _entry_place(entry: str, folder: Path, source: Path, split: str, way_out: str) -> Path:
    """Return where an entry of a split leads."""
    inner = without_first(entry, "..")
    bases, wanted = [folder], f"the images of {split!r}"
    if inner is not None:
        outer = folder / entry.replace("\\", "/")
        if not _exists(outer):
            path_inside(folder, inner, source)
            return existing_inside(folder, inner, bases, source, wanted=wanted, hint=way_out)
    return existing_inside(folder, entry, bases, source, wanted=wanted, hint=way_out)


def _moved(entry: str, root: str) -> str:
    """Return an absolute path below the folder that a YAML states, relative to it."""
    parts, base = (PurePosixPath(one.replace("\\", "/")) for one in (entry, root))
    absolute = base.is_absolute() or (base.parts[:1] and base.parts[0].endswith(":"))
    return parts.relative_to(base).as_posix() if absolute and parts.is_relative_to(base) else entry


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _listed_images(file: Path, folder: Path) -> Iterator[Path]:
    """Yield the images of a text file with a path a line."""
    for line, content in read_lines(file):
        name = content.strip()
        if not name:
            continue
        own = name.startswith(("./", "../", ".\\", "..\\"))
        bases = [file.parent, folder] if own else [folder, file.parent]
        inner = without_first(name, "..")
        try:
            image = existing_inside(
                folder, name, bases, file, line,
                wanted="an image that is there", hint="root= names the folder of the data set.",
            )  # fmt: skip
        except InvalidInputError:
            if inner is None or any(_exists(base / name.replace("\\", "/")) for base in bases):
                raise
            image = existing_inside(
                folder, inner, bases[::-1], file, line, wanted="an image that is there"
            )
        if not image.is_file() or not is_image_name(image.name):
            raise file_error(file, line, "the path of an image", repr(name[:80]))
        yield image


def label_path(image: Path) -> Path:
    """Return where the labels of an image are: `labels` instead of the last folder `images`.

    As Ultralytics finds them: by the whole path, also where the data set lies in such a folder.
    """
    parts = list(image.absolute().parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def label_folder(images: Path) -> Path:
    """Return where the labels of a folder of images are."""
    return label_path(images / "x.png").parent


def classes_of(data: DataYaml, names: Sequence[str] | None) -> list[str]:
    """Return the classes of a data YAML, or those given where it names none.

    Raises:
        InvalidInputError: for other classes than the YAML's, or none at all.
    """
    if data.names is None:
        if names is None:
            raise file_error(data.path, None, "a data YAML with names", "none", "Or give names=.")
        known = check_class_list(names)
        if data.classes is not None and data.classes != len(known):
            raise file_error(data.path, None, f"nc: {len(known)}, as there are names",
                        f"nc: {data.classes}")  # fmt: skip
        return known
    if names is not None and list(names) != data.names:
        raise file_error(data.path, None, f"the classes {list(names)!r}", f"{data.names!r}")
    return data.names
