"""COCO's run lengths: which pixels of an image an object covers, counted column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from altasks.errors import invalid

_SIGNS = range(48, 112)  # what a byte of compressed counts may be
_MOST_SIGNS = 7  # of one count: 35 bits


def expand_counts(text: str | bytes) -> list[int]:
    """Return the counts in a compressed text, as pycocotools writes it.

    Each count is a run of signs of 6 bits, the lowest first: 5 bits of the number and one that
    says whether more follow; from the fourth count on, the number is the difference from the count
    before the last (`rleFrString` in COCO's maskApi.c).

    Raises:
        ValueError: for a text that is cut off, or has other signs.

    Example:
        >>> expand_counts("52203")
        [5, 2, 2, 2, 5]
    """
    data = text.encode("latin-1", "replace") if isinstance(text, str) else text
    counts: list[int] = []
    place = 0
    while place < len(data):
        number, shift, sign = 0, 0, 0x20
        while sign & 0x20:
            if place == len(data):
                raise ValueError("a text that is cut off")
            if data[place] not in _SIGNS or shift >= 5 * _MOST_SIGNS:
                raise ValueError(f"the sign {chr(data[place])!r} at {place}")
            sign = data[place] - 48
            number |= (sign & 0x1F) << shift
            shift += 5
            place += 1
        if sign & 0x10:
            number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
    return counts


def covered_pixels(
    label: Mapping[str, Any], size: tuple[int, int], where: str, *, argument: str = "annotations"
) -> np.ndarray:
    """Return which pixels run lengths cover, `[H, W]` bool.

    Args:
        label: `{"size": [H, W], "counts": [...]}` in COCO's form, compressed or not; without
            `size` that of the image is taken.
        size: (height, width) of the image.
        where: which object it is, for errors.
        argument: what it was given as, for errors.

    Raises:
        InvalidInputError: for run lengths of another size (both are named), or that are damaged.

    Example:
        >>> covered_pixels({"size": [2, 3], "counts": [1, 2, 3]}, (2, 3), "").astype(int).tolist()
        [[0, 1, 0], [1, 0, 0]]
    """
    stated = label.get("size")
    if stated is not None and (not isinstance(stated, list) or list(size) != stated):
        shown = " x ".join(map(str, stated)) if isinstance(stated, list) else repr(stated)
        raise invalid(
            argument, f"run lengths of the image's {size[0]} x {size[1]} (height x width)",
            shown[:80], where=where,
            hint="Masks are not resized: make them again from the image as it is.",
        )  # fmt: skip
    counts = _counts(label.get("counts"), where, argument)
    if sum(counts) != size[0] * size[1]:
        raise invalid(
            argument, f"counts that sum to {size[0]} x {size[1]} = {size[0] * size[1]}",
            f"a sum of {sum(counts)}", where=where,
        )  # fmt: skip
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    cover: np.ndarray = flat.reshape(size[::-1]).T
    return cover


def _counts(value: Any, where: str, argument: str) -> list[int]:
    if isinstance(value, str | bytes):
        try:
            value = expand_counts(value)
        except ValueError as error:
            wanted = "run lengths compressed as pycocotools has them"
            raise invalid(argument, wanted, str(error), where=where) from error
    if not isinstance(value, list) or not all(
        isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in value
    ):
        wanted = "counts of pixels, compressed or not"
        raise invalid(argument, wanted, repr(value)[:80], where=where)
    return value
