"""The meaning of the values in masks: class numbers, grey levels or colours, and white."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from altasks.data.boxes.classes import check_class_list, class_lines
from altasks.data.masks.mask_images import colours_of_file, levels_of_file, numbers_of_file
from altasks.data.masks.masks import encode_mask
from altasks.errors import invalid

_WHITE = 255
_WHITE_16 = 65535
_DOUBT = "Say void=255 if it is, or classes={name: grey level}."


class ValueTable:
    """Which grey level or colour stands for which class.

    Args:
        values: a level, or (red, green, blue), for each class in the order of their numbers.

    Raises:
        InvalidInputError: for values of mixed kinds, out of range, or two classes of one value.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.coloured = any(isinstance(value, Sequence) for value in values.values())
        self.numbers: dict[int, int] = {}
        for number, (name, value) in enumerate(values.items()):
            key = _key(value) if self.coloured else _level(value)
            if key is None or key in self.numbers:
                wanted = "a colour" if self.coloured else "a grey level"
                raise invalid(
                    "classes", f"{wanted} of its own for each class", f"{name!r}: {value}"
                )
            self.numbers[key] = number

    def read(self, path: Path, void: int | None) -> dict[str, Any]:
        """Return the mask in a file as run lengths, 255 for void unless `void` is another number.

        Raises:
            InvalidInputError: for a value that no class has, naming its pixel.
        """
        number = _WHITE if void is None else void
        if self.coloured:
            colours = colours_of_file(path, str(path)).astype(np.int64)
            keys = (colours[:, :, 0] << 16) + (colours[:, :, 1] << 8) + colours[:, :, 2]
            known = {0: number, **self.numbers}
        else:
            known = {**({} if void is None else {void: void}), **self.numbers}
            keys = levels_of_file(path, str(path), known).astype(np.int64)
        found, inverse = np.unique(keys, return_inverse=True)
        for key in found.tolist():
            if key not in known:
                raise self._unknown(path, keys, key)
        mapped = np.array([known[key] for key in found.tolist()])
        return encode_mask(mapped[inverse.reshape(keys.shape)])

    def _unknown(self, path: Path, keys: np.ndarray, key: int) -> Exception:
        row, column = (int(i[0]) for i in np.nonzero(keys == key))
        where = f"{path}, row {row}, column {column}"
        if self.coloured:
            return invalid(
                "masks", "the colours of the classes",
                f"{(key >> 16, key >> 8 & 255, key & 255)}", where=where,
                hint="Masks saved as JPEG have colours that nobody painted.",
            )  # fmt: skip
        return invalid(
            "masks", "the grey levels of the classes", f"{key}", where=where,
            hint=f"If it means that there is no label, say void={key}.",
        )  # fmt: skip


def class_values(classes: Any) -> tuple[list[str], ValueTable | None]:
    """Return the names of the classes, and the table of their values if there is one.

    Raises:
        InvalidInputError: for names that aren't distinct, or a file of names that can't be read.
    """
    if isinstance(classes, str | os.PathLike):
        return check_class_list(class_lines(classes), f"classes ({classes})"), None
    if isinstance(classes, Mapping):
        names = check_class_list([str(name) for name in classes], "classes")
        return names, ValueTable(classes)
    return check_class_list([str(name) for name in classes], "classes"), None


def settle_white(masks: Mapping[str, Path], classes: int) -> dict[str, Any]:
    """Return the masks as labels, once it is known what 255 means in them.

    A set in which some mask has 255 beside a class above 0 marks what isn't labelled by it. Where
    there are two classes, and no mask of the set has a 1, 255 is class 1: else it would never
    occur.

    Args:
        masks: id -> file.
        classes: how many there are; 255 is none of them.

    Raises:
        InvalidInputError: for a number that is no class, and where 255 could be both.
    """
    white: list[str] = []
    with_class: Path | None = None
    for name, path in masks.items():
        array = numbers_of_file(path, str(path))
        values = _distinct(array)
        if values[-1] in (_WHITE, _WHITE_16) and (len(values) == 1 or values[-2] == 0):
            white.append(name)
            continue
        odd = values[(values >= classes) & (values != _WHITE)]
        if len(odd):
            row, column = (int(i[0]) for i in np.nonzero(array == odd[0]))
            raise invalid(
                "masks", f"classes 0 to {classes - 1}, or 255 for void", f"{odd[0]}",
                where=f"{path}, row {row}, column {column}",
                hint="classes={name: grey level} gives other numbers a meaning.",
            )  # fmt: skip
        if values[-1] == _WHITE:  # beside a class above 0
            return {name: os.fspath(path) for name, path in masks.items()}
        if values[-1] > 0:
            with_class = path
    labels: dict[str, Any] = {name: os.fspath(path) for name, path in masks.items()}
    if white and (classes != 2 or with_class is not None):
        beside = "" if with_class is None else f", and a class without 255 in {with_class}"
        raise invalid(
            "masks", "255 to be void or a class for certain",
            f"only 0 and 255 in {masks[white[0]]}{beside}", hint=_DOUBT,
        )  # fmt: skip
    for name in white:
        array = numbers_of_file(masks[name], str(masks[name]))
        labels[name] = encode_mask((array > 0).astype(np.uint8))
    return labels


def _distinct(array: np.ndarray) -> np.ndarray:
    """Return the distinct numbers of a mask, sorted; of bytes by counting, which is far faster."""
    if array.dtype == np.uint8:
        return np.flatnonzero(np.bincount(array.ravel(), minlength=256))
    return np.unique(array)


def _level(value: Any) -> int | None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return int(value) if whole and 0 <= value <= _WHITE_16 else None


def _key(colour: Any) -> int | None:
    if not isinstance(colour, Sequence) or isinstance(colour, str) or len(colour) != 3:
        return None
    levels = [_level(value) for value in colour]
    if any(level is None or level > _WHITE for level in levels):
        return None
    red, green, blue = (int(value) for value in colour)
    return (red << 16) + (green << 8) + blue
