"""Where in a folder an image is that Label Studio knows by an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from altasks.data.boxes.paths import is_file, path_relative_to
from altasks.data.folders import is_image_name
from altasks.data.near_names import look_alike_of
from altasks.errors import invalid

#: What Label Studio puts in front of the names of uploaded files.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")


def image_field(data: Mapping[str, Any], key: str | None) -> str:
    """Return the address of the image in a task's `data`.

    Args:
        data: the fields.
        key: which field; by default `image`, or the only one with the name of an image in it.

    Raises:
        InvalidInputError: if there is none, or several and no key.
    """
    texts = {name: value for name, value in data.items() if isinstance(value, str) and value}
    if key is None:
        pictured = [name for name, value in texts.items() if is_image_name(_path_of(value))]
        key = "image" if "image" in texts else pictured[0] if len(pictured) == 1 else None
    if key is None or key not in texts:
        there = ", ".join(map(repr, list(data)[:10])) or "none"
        raise invalid("image_key", f"a field with an address, of {there}", repr(key))
    return texts[key]


def image_at(address: str, folder: Path) -> Path:
    """Return the image of an address in the folder of images.

    Of uploads (`/data/upload/1/0c5bc2ab-cat.jpg`) the name counts, with the eight characters that
    Label Studio adds or without; of everything else, such as `/data/local-files/?d=a/cat.jpg`,
    `s3://bucket/a/cat.jpg` or a plain path, the longest end of it that is in the folder.

    Args:
        address: as it stands in a task's data.
        folder: of images.

    Raises:
        InvalidInputError: for an image that isn't there, or a path that leads out of the folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     Path(name, "cat 1.jpg").touch()
        ...     image_at("/data/upload/1/0c5bc2ab-cat%201.jpg", Path(name)).name
        'cat 1.jpg'
    """
    path = _path_of(address)
    if not path or "\0" in path or len(path) > 4000 or ".." in PurePosixPath(path).parts:
        raise invalid("image", f"the address of an image in {folder}", repr(address[:80]))
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    uploaded = len(parts) > 1 and "upload" in parts[:-1]
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    if uploaded:
        tails.append(_UPLOADED.sub("", parts[-1]))
    for tail in dict.fromkeys(name for one in tails for name in (one, unquote(one))):
        image = folder / tail
        if "\0" in tail or ".." in PurePosixPath(tail).parts or not is_file(image):
            continue
        if not image.resolve().is_relative_to(folder.resolve()):
            raise invalid("image", f"an image inside {folder}", f"{tail!r}, which leads out of it")
        return image
    hint = look_alike_of(folder / tails[-1]) or "images= is the folder that they lie below."
    raise invalid("image", f"an image that is in {folder}", repr(address[:200]), hint=hint)


def name_in(image: Path, folder: Path) -> str:
    """Return the id of an image: its path below the folder, with `/`."""
    return path_relative_to(image, folder).as_posix()


def _path_of(address: str) -> str:
    r"""Return the path in an address, with `/`."""
    try:
        split = urlsplit(address)
    except ValueError:  # "http://[", say
        return address.replace("\\", "/")
    if split.path.rstrip("/").endswith("/data/local-files"):
        local = parse_qs(split.query).get("d", [""])[0]
        return local.replace("\\", "/")
    known = len(split.scheme) > 1 and "://" in address
    # A plain path may hold signs that end the path of an address.
    return (split.path if known else address).replace("\\", "/")
