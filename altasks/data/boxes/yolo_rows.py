"""The rows of YOLO's text files: `class x y width height`, centre and size as shares."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from altasks.data.boxes.classes import CLASS_FILES, number_in, whole_number
from altasks.data.boxes.frames import BadBoxes
from altasks.data.folders import is_system_name
from altasks.data.near_names import look_alike
from altasks.data.text_files import file_error, read_lines
from altasks.errors import InvalidInputError, invalid

SixthColumn = Literal["error", "ignore"]

#: Shares beyond this are pixels, or another format.
_MOST = 1.25


@dataclass(frozen=True)
class YoloRow:
    """One box of a text file.

    Attributes:
        line: where it stands, from 1.
        number: its class.
        shares: centre x and y, width, height, as shares of the image.
    """

    line: int
    number: int
    shares: tuple[float, float, float, float]

    def corners(self, size: tuple[int, int]) -> list[float]:
        """Return x1, y1, x2, y2 in pixels of an image of (width, height)."""
        x, y, w, h = (share * side for share, side in zip(self.shares, size * 2, strict=True))
        return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def read_rows(
    text: Path,
    classes: int,
    sixth_column: SixthColumn = "error",
    bad_boxes: BadBoxes = "error",
) -> list[YoloRow]:
    """Return the boxes of a text file, in its order.

    Args:
        text: the file.
        classes: how many classes there are.
        sixth_column: `"ignore"` passes over a sixth number, a confidence or a track's id.
        bad_boxes: with `"skip"` shares of any size are returned, to be left out by the caller.

    Raises:
        InvalidInputError: naming the line that is no box of one of the classes.
    """
    found: list[YoloRow] = []
    for line, content in read_lines(text):
        fields = content.split()
        if not fields:
            continue
        if len(fields) == 6 and sixth_column == "error":
            raise file_error(
                text, line, "class x y width height", "6 fields",
                "The sixth is a confidence (save_conf) or the id of a track: these are predictions "
                "until somebody has checked them. sixth_column='ignore' takes them as labels.",
            )  # fmt: skip
        if len(fields) not in (5, 6):
            raise file_error(
                text, line, "class x y width height", f"{len(fields)} fields",
                "Polygons and oriented boxes are other tasks." if len(fields) > 6 else "",
            )  # fmt: skip
        number = whole_number(fields[0])
        shares = tuple(value for value in map(number_in, fields[1:5]) if value is not None)
        if number is None or len(shares) != 4:
            wanted = "a class number and four shares of the image, in [0, 1]"
            raise file_error(text, line, wanted, repr(content[:80]))
        if number >= classes:
            raise file_error(text, line, f"a class from 0 to {classes - 1}", f"{number}")
        if max(map(abs, shares)) > _MOST and bad_boxes != "skip":
            raise file_error(
                text, line, "shares of the image, in [0, 1]", repr(content[:80]),
                "Pixels have to be divided by the image's width and height; bad_boxes='skip' "
                "leaves such boxes out.",
            )  # fmt: skip
        found.append(YoloRow(line, number, shares))
    return found


def without_repeats(rows: Iterable[YoloRow]) -> list[YoloRow]:
    """Return rows without those that are there already, which Ultralytics leaves out as well."""
    found: dict[tuple[int, tuple[float, ...]], YoloRow] = {}
    for row in rows:
        found.setdefault((row.number, row.shares), row)
    return list(found.values())


def check_sixth_column(value: str) -> SixthColumn:
    """Return what to do with a sixth column.

    Raises:
        InvalidInputError: for another word than `"error"` or `"ignore"`.
    """
    if value not in ("error", "ignore"):
        raise invalid("sixth_column", "'error' or 'ignore'", repr(value))
    return "ignore" if value == "ignore" else "error"


class LabelFiles:
    """Finds text files, whatever the case of their suffix; each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Path]] = {}

    def find(self, path: Path) -> Path | None:
        """Return the file at a path that ends in `.txt`, or in `.TXT`, or None.

        Raises:
            InvalidInputError: for a broken link.
        """
        folder = path.parent
        if folder not in self._folders:
            files = sorted(folder.iterdir()) if folder.is_dir() else []
            self._folders[folder] = {
                _folded(file): file for file in files if file.suffix.lower() == ".txt"
            }
        found = self._folders[folder].get(_folded(path))
        if found is not None and not found.is_file():
            # Its image would pass for one that nobody has labelled.
            raise file_error(
                found, None, "a file of labels", "a broken link, or no file",
                "Copy the labels in, or remove it if the image isn't labelled.",
            )  # fmt: skip
        return found


def text_files(folder: Path) -> Iterator[Path]:
    """Yield the text files of a folder of labels that may be labels, sorted.

    Passed over are files with class names, what a system leaves behind, and what begins with no
    number: notes and lists of images.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_system_name(name))
        for name in sorted(names):
            path = Path(place, name)
            if is_system_name(name) or name.lower() in CLASS_FILES:
                continue
            if name.lower().endswith(".txt") and path.is_file() and _may_be_labels(path):
                yield path


def require_images(
    texts: Iterable[Path], found: Iterable[Path], expected: Collection[Path]
) -> None:
    """Refuse a text file that no image goes with: a label would be lost without a word.

    Args:
        texts: the files that there are.
        found: those of them that belong to an image.
        expected: where the labels of the images would be.

    Raises:
        InvalidInputError: naming the file, and the image that it may be of.
    """
    known = set(found)
    for text in texts:
        if text not in known:
            others = (path.stem for path in expected if path.parent == text.parent)
            hint = look_alike(text.stem, others)
            raise file_error(text, None, "an image of the same name", "none", hint)


def looks_like_boxes(text: Path) -> bool:
    """Return whether a text file begins with a row of at least five numbers."""
    first = _first_fields(text)
    return first is not None and len(first) >= 5 and None not in map(number_in, first)


def _may_be_labels(text: Path) -> bool:
    first = _first_fields(text)
    return not first or number_in(first[0]) is not None


def _first_fields(text: Path) -> list[str] | None:
    """Return the fields of the first line that isn't empty; None for what is no text."""
    try:
        return next((line.split() for _, line in read_lines(text) if line.strip()), [])
    except InvalidInputError:
        return None


def _folded(path: Path) -> str:
    return path.with_suffix(path.suffix.lower()).name
