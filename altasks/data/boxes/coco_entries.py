"""The entries of a COCO file, each checked: images, categories, ids and flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altasks._internal.natural_order import natural_key
from altasks.data.boxes.classes import check_class_list
from altasks.data.boxes.paths import existing_image, is_file, path_inside, plain_path, without_first
from altasks.data.near_names import way_to
from altasks.data.text_files import file_error, parse_json, read_lines
from altasks.errors import InvalidInputError


def content_of(path: Path) -> dict[str, list[Any]]:
    """Return what a COCO file states: its lists of images, annotations and categories.

    Raises:
        InvalidInputError: for what isn't JSON, or lacks one of them.
    """
    try:
        content = parse_json("\n".join(line for _, line in read_lines(path)))
    except ValueError as error:
        if isinstance(error, InvalidInputError):  # the file can't be read at all
            raise
        raise file_error(path, None, "JSON", str(error)) from error
    keys = ("images", "annotations", "categories")
    wanted = f"an object with the lists {', '.join(keys)}"
    if not isinstance(content, dict):
        kind = type(content).__name__
        hint = "This looks like results: labels state images and categories as well."
        raise file_error(path, None, wanted, f"a {kind}", hint if kind == "list" else "")
    lacking = [key for key in keys if not isinstance(content.get(key), list)]
    if lacking:
        hint = 'If nothing is labelled, pool the folder; "annotations": [] means nothing is there.'
        raise file_error(
            path, None, wanted, f"no list {', '.join(map(repr, lacking))}",
            hint if lacking == ["annotations"] else "",
        )  # fmt: skip
    return content


def images_of(
    content: Mapping[str, list[Any]], folder: Path, path: Path
) -> tuple[dict[str, Path], dict[int | str, str]]:
    """Return file_name -> file, and image id -> file_name, in the file's order.

    A `file_name` that begins with the name of the folder itself, as exports have it, is found too.

    Raises:
        InvalidInputError: for an image that isn't there, lies elsewhere, or is listed twice.
    """
    files: dict[str, Path] = {}
    keys: dict[int | str, str] = {}
    owners: dict[str, str] = {}
    for place, entry in enumerate(content["images"]):
        what = f"images[{place}]"
        name, number = field_of(entry, "file_name", str, what, path), identity_of(entry, what, path)
        hint = "" if is_file(folder / name) else way_to(folder, name)
        image = path_inside(folder, name, path, hint=hint)
        inner = without_first(name, folder.resolve().name)
        if inner is not None and not is_file(image):
            other = path_inside(folder, inner, path)
            image = other if is_file(other) else image
        image = existing_image(image, path, hint=hint)
        if number in keys or name in files:
            raise file_error(
                path, None, f"{what} with an id and a name of its own", f"{name!r} again"
            )
        owner = owners.setdefault(plain_path(image), name)
        if owner != name:
            raise file_error(path, None, f"{what} with an image of its own", f"{owner!r} again")
        files[name] = image
        keys[number] = name
    return files, keys


def categories_of(content: Mapping[str, list[Any]], path: Path) -> dict[int | str, str]:
    """Return id -> class, in the order of the ids, without the category of a whole project.

    Roboflow's exports have one, usually with id 0: the `supercategory` of all others, which no
    annotation has.

    Raises:
        InvalidInputError: for an entry without a name and an id of its own.
    """
    found: dict[int | str, str] = {}
    parents: dict[int | str, Any] = {}
    for place, entry in enumerate(content["categories"]):
        what = f"categories[{place}]"
        number = identity_of(entry, what, path)
        if number in found:
            raise file_error(path, None, f"{what} with an id of its own", f"id {number!r} again")
        found[number] = field_of(entry, "name", str, what, path)
        parents[number] = entry.get("supercategory")
    used = used_categories(content)
    for number, name in list(found.items()):
        others = [parent for other, parent in parents.items() if other != number]
        parent_of_all = bool(others) and all(parent == name for parent in others)
        if parent_of_all and parents[number] in (None, "", "none") and number not in used:
            del found[number]
    ordered = dict(sorted(found.items(), key=lambda item: natural_key(item[0])))
    if len(set(ordered.values())) < len(ordered):
        check_class_list(list(ordered.values()), f"{path}: categories")
    return ordered


def used_categories(content: Mapping[str, list[Any]]) -> set[int | str | None]:
    """Return the ids of the categories that annotations have."""
    return {
        known_kind(entry.get("category_id"))
        for entry in content["annotations"]
        if isinstance(entry, Mapping)
    }


def is_crowd(entry: Mapping[str, Any], what: str, path: Path) -> bool:
    """Return whether an annotation is of a crowd (`iscrowd`), or to be left out (`ignore`).

    Raises:
        InvalidInputError: for another value than 0, 1, true, false or null.
    """
    found = False
    for key in ("iscrowd", "ignore"):
        value = entry.get(key)
        if value not in (None, 0, 1, "0", "1", ""):
            raise file_error(path, None, f"{what} with {key!r} 0 or 1", repr(value)[:80])
        found = found or value in (1, "1")
    return found


def identity_of(entry: Any, what: str, path: Path) -> int | str:
    """Return the id of an entry, checked."""
    value = entry.get("id") if isinstance(entry, Mapping) else None
    found = known_kind(value)
    if found is None:
        raise file_error(path, None, f"{what} with 'id'", repr(value)[:80])
    return found


def field_of(entry: Any, name: str, kind: Any, what: str, path: Path) -> Any:
    """Return a field of an entry, refusing one of another kind."""
    value = entry.get(name) if isinstance(entry, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise file_error(path, None, f"{what} with {name!r}", repr(value)[:80])
    return value


def known_kind(value: Any) -> int | str | None:
    """Return what may be an id, None for anything else.

    A number is the same id as its digits in a text (`1`, `"1"`, and pandas' `1.0`): some tools
    write one in one place and the other in the next.

    Example:
        >>> [known_kind(value) for value in (1, "1", 1.0, "c1", "01", True, 1.5, None)]
        [1, 1, 1, 'c1', '01', None, None, None]
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value) if str(int(value)) == value else value
    return value if isinstance(value, int | str) else None


def is_number(value: Any) -> bool:
    """Return whether a value of JSON is a number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
