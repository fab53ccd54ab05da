"""Masks as labels: a class for every pixel, kept as a path or as JSON run lengths, read exactly."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from altasks.data.masks.mask_images import numbers_of_file, numbers_of_image, whole_numbers
from altasks.errors import DataWarning, invalid

#: The number for "no label here" in a mask that was read; losses and metrics pass over it.
IGNORED = -100


def encode_mask(mask: Any) -> dict[str, Any]:
    """Return a mask as JSON: its size, and the runs of equal classes, row by row.

    Args:
        mask: `[H, W]` whole numbers of at least 0.

    Returns:
        `{"size": [H, W], "classes": [...], "counts": [...]}`; the counts sum to H W, and
        neighbouring runs differ, so equal masks have equal encodings.

    Raises:
        InvalidInputError: for anything but a matrix of whole numbers.

    Example:
        >>> encode_mask(np.array([[0, 0, 1], [1, 1, 255]]))
        {'size': [2, 3], 'classes': [0, 1, 255], 'counts': [2, 3, 1]}
    """
    array = whole_numbers(mask, "mask", "")
    flat = array.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    counts = np.diff(np.append(starts, len(flat)))
    return {
        "size": list(array.shape),
        "classes": flat[starts].tolist(),
        "counts": counts.tolist(),
    }


def decode_mask(label: Any, *, size: tuple[int, int] | None = None, where: str = "") -> np.ndarray:
    """Return the mask of a label, `[H, W]` whole numbers, void not singled out.

    Args:
        label: a path, an image of class numbers, a matrix, or what `encode_mask` returned.
        size: (height, width) it must have, if known. Run lengths of another size are refused
            before they are written out: a few bytes of them can say more than memory holds.
        where: which label it is, for errors.

    Raises:
        InvalidInputError: for anything else; it names the file.

    Example:
        >>> decode_mask({"size": [1, 3], "classes": [0, 7], "counts": [2, 1]}).tolist()
        [[0, 0, 7]]
    """
    if isinstance(label, Mapping):
        return _from_runs(label, size, where)
    if isinstance(label, str | os.PathLike):
        where = f"{where}, {label}" if where else str(label)
        array = numbers_of_file(Path(label), where)
    elif hasattr(label, "mode") and hasattr(label, "tobytes"):  # a PIL image
        array = numbers_of_image(label, where)
    else:
        array = whole_numbers(label, "label", where)
    _require_size(array.shape, size, where)
    return array


def _require_size(shape: tuple[int, ...], size: tuple[int, int] | None, where: str) -> None:
    if size is not None and shape != tuple(size):
        raise invalid(
            "label",
            f"a mask as large as its image, {size[0]} x {size[1]} (height x width)",
            f"{shape[0]} x {shape[1]}",
            where=where,
        )


def _from_runs(label: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> np.ndarray:
    wanted = "run lengths {'size': [H, W], 'classes': [...], 'counts': [...]}"
    try:
        height, width = (_whole(value) for value in label["size"])
        classes = [_whole(value) for value in label["classes"]]
        counts = [_whole(value) for value in label["counts"]]
    except (KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise invalid("label", wanted, found, where=where) from error
    if len(classes) != len(counts) or min([height, width, *counts, 1]) < 1 or not counts:
        raise invalid("label", f"{wanted}, with counts above 0", "others", where=where)
    if sum(counts) != height * width:
        raise invalid(
            "label",
            f"counts that sum to {height} x {width} = {height * width}",
            f"a sum of {sum(counts)}",
            where=where,
        )
    _require_size((height, width), size, where)
    runs = whole_numbers([classes], "label", where)
    try:
        return np.repeat(runs[0], counts).reshape(height, width)
    except (MemoryError, OverflowError, ValueError) as error:
        found = f"{height} x {width}: {error}"
        raise invalid("label", "a mask that memory can hold", found, where=where) from error


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{value!r} is not a whole number")
    return int(value)


class MaskReader:
    """Reads labels as masks over known classes, with a number for "no label".

    Args:
        classes: how many classes there are; masks number them from 0.
        void: the number of pixels that have no label.

    Example:
        >>> reader = MaskReader(2, void=255)
        >>> reader.check(np.array([[0, 1, 255]]))
        {'size': [1, 3], 'classes': [0, 1, 255], 'counts': [1, 1, 1]}
        >>> reader.read([[0, 1, 255]]).tolist()
        [[0, 1, -100]]
        >>> reader.check([[0, 2]])
        Traceback (most recent call last):
        ...
        altasks.errors.InvalidInputError: label: expected classes 0 to 1, or 255 for void, found 2
        (row 0, column 1).
    """

    def __init__(self, classes: int, void: int) -> None:
        self.classes = classes
        self.void = void

    def check(
        self,
        label: Any,
        size: tuple[int, int] | None = None,
        where: str = "",
        *,
        whole: bool = False,
    ) -> Any:
        """Return the label as it is stored: a path as text, any other mask as run lengths.

        Args:
            label: as `decode_mask` takes it.
            size: (height, width) it must have, if known.
            where: which label it is, for errors.
            whole: whether it is of a whole image, see `counts`.

        Raises:
            InvalidInputError: for a mask of another size, a class beyond the last, or one in
                which every pixel is void.
        """
        mask = self.read(label, size, where)
        if whole and (mask == IGNORED).any() and not (mask > 0).any():
            path = isinstance(label, str | os.PathLike)
            self.warn_of_ground_alone(os.fspath(label) if path else where or "this one")
        if isinstance(label, str | os.PathLike):
            return os.fspath(label)
        return encode_mask(decode_mask(label))

    def read(self, label: Any, size: tuple[int, int] | None = None, where: str = "") -> np.ndarray:
        """Return `[H, W]` int64 classes, `IGNORED` where the mask is void; raises as `check`."""
        raw = decode_mask(label, size=size, where=where)
        if isinstance(label, str | os.PathLike):
            where = f"{where}, {label}" if where else str(label)
        known = raw != self.void
        bad = known & (raw >= self.classes)
        if bad.any():
            row, column = (int(i[0]) for i in np.nonzero(bad))
            place = f"row {row}, column {column}"
            raise invalid(
                "label",
                f"classes 0 to {self.classes - 1}, or {self.void} for void",
                f"{raw[row, column]}",
                where=f"{where}, {place}" if where else place,
            )
        if not known.any():
            raise invalid(
                "label",
                "a mask with a labelled pixel",
                "only void",
                where=where,
                hint="There is nothing to learn from it: skip the sample.",
            )
        return np.where(known, raw.astype(np.int64), IGNORED)

    def counts(self, labels: Iterable[Any], *, whole: bool = False) -> list[int]:
        """Return how many pixels of each class there are in all of `labels`; raises as `check`.

        Args:
            labels: as `decode_mask` takes them.
            whole: whether they are of whole images, and not of regions, whose masks are void but
                for the region. Then there is a warning where all hold nothing but class 0 and
                void, see `warn_of_ground_alone`.
        """
        total = np.zeros(self.classes, np.int64)
        doubtful: list[str] = []
        for row, label in enumerate(labels):
            mask = self.read(label, where=f"row {row}")
            total += np.bincount(mask[mask != IGNORED], minlength=self.classes)
            if whole and (mask == IGNORED).any():
                path = isinstance(label, str | os.PathLike)
                doubtful.append(os.fspath(label) if path else f"row {row}")
        if doubtful and not total[1:].any():
            self.warn_of_ground_alone(doubtful[0])
        return [int(count) for count in total]

    def warn_of_ground_alone(self, where: str) -> None:
        """Say that masks hold nothing but class 0 and void.

        In masks of 0 and 255 the 255 is mostly meant as a class, and read as void there would be
        nothing but ground to learn.

        Args:
            where: one of the masks, such as its file.
        """
        if self.classes > 1:
            warnings.warn(
                f"labels: no mask has a class above 0, and some have void ({self.void}), such as "
                f"{where}. If {self.void} is a class there, read the files by read_masks, or "
                f"number it: (mask == {self.void}).astype('uint8').",
                DataWarning,
                stacklevel=3,
            )
