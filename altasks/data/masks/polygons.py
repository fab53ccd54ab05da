"""Polygons of COCO files, and the pixels they cover."""

from __future__ import annotations

from typing import Any

import numpy as np

from altasks.errors import InvalidInputError, invalid


def polygons_of(value: Any, where: str) -> list[np.ndarray]:
    """Return the polygons `[n, 2]` of (x, y) in a `segmentation`.

    COCO's form is `[[x, y, x, y, ...], ...]`, one list a piece. One flat list is one piece; pairs
    `[x, y]` are read as well. Pieces of one or two corners beside others cover no pixel: editors
    leave them behind, and they are passed over. Pieces are added up; COCO's polygons have no holes.

    Args:
        value: the field's value.
        where: which object it is, for errors.

    Raises:
        InvalidInputError: for no piece with three corners, an odd count of numbers, or numbers
            that aren't finite.

    Example:
        >>> polygons_of([[0, 0, 4, 0, 4, 4], [7.0, 7.0]], "")[0].tolist()
        [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]]
    """
    if not isinstance(value, list) or not value:
        raise _no_polygon("none", where)
    flat = all(map(_is_number, value))
    pairs = len(value) > 2 and all(map(_is_pair, value))
    if flat or pairs:
        value = [value]
    found = [_corners(piece, where) for piece in value]
    drawn = [corners for corners in found if len(corners) > 2]
    if not drawn:
        raise _no_polygon(f"one of {max(map(len, found))}", where)
    return drawn


def _corners(piece: Any, where: str) -> np.ndarray:
    if isinstance(piece, list) and piece and all(_is_pair(part) for part in piece):
        piece = [number for pair in piece for number in pair]
    if not isinstance(piece, list) or not all(_is_number(number) for number in piece):
        raise invalid("annotations", "polygons [x, y, ...]", repr(piece)[:80], where=where)
    if len(piece) % 2:
        raise invalid(
            "annotations", "polygons with an x and a y for each corner", f"{len(piece)} numbers",
            where=where, hint="bad_polygons='skip' leaves the object out.",
        )  # fmt: skip
    corners = np.asarray(piece, dtype=float).reshape(-1, 2)
    if not np.isfinite(corners).all() or (np.abs(corners) > 1e9).any():
        raise invalid("annotations", "finite corners", "others", where=where)
    return corners


def _is_number(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 10**300  # beyond, no float can hold it
    return isinstance(value, float)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _no_polygon(found: str, where: str) -> InvalidInputError:
    return invalid(
        "annotations", "polygons of 3 corners or more", found, where=where,
        hint="bad_polygons='skip' leaves the object out.",
    )  # fmt: skip


def polygon_area(polygons: list[np.ndarray]) -> float:
    """Return the area of polygons, by the shoelace formula.

    Example:
        >>> polygon_area([np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]])])
        8.0
    """
    total = 0.0
    for points in polygons:
        x, y = points[:, 0], points[:, 1]
        total += abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    return total


def fill_polygon(canvas: np.ndarray, corners: np.ndarray, value: int) -> bool:
    """Write `value` into the pixels of `[H, W]` whose centres lie in a polygon `[n, 2]` of (x, y).

    Pixel i reaches from i to i + 1, as in COCO's own tools; PIL would draw the outline as well,
    and an object of 4 x 4 pixels as one of 5 x 5.

    Returns:
        Whether there are such pixels.
    """
    height, width = canvas.shape
    one, other = corners, np.roll(corners, -1, 0)
    rows = np.clip(np.ceil(np.stack([one[:, 1], other[:, 1]]) - 0.5), 0, height).astype(np.int64)
    first, count = rows.min(0), np.abs(rows[0] - rows[1])  # of the rows whose centres an edge cuts
    edge = np.repeat(np.arange(len(one)), count)
    if not len(edge):
        return False
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    start, step = one[edge], other[edge] - one[edge]
    x = start[:, 0] + (row + 0.5 - start[:, 1]) * step[:, 0] / step[:, 1]
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    top, bottom = int(row.min()), int(row.max()) + 1
    cuts = np.bincount((row - top) * (width + 1) + column, minlength=(bottom - top) * (width + 1))
    # To the right of an odd number of edges is inside.
    inside = np.cumsum(cuts.reshape(-1, width + 1), 1)[:, :width] % 2 == 1
    canvas[top:bottom][inside] = value
    return bool(inside.any())
