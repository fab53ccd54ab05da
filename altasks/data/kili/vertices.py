"""Vertices: shares of the image's sides, or pixels, of the image as it was turned on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from altasks.data.shown import size_of_sample
from altasks.errors import invalid

#: Pixels are rounded to a millionth: the way through shares costs the last digits of a float.
DIGITS = 6


def known_size(sample: Any) -> tuple[int, int]:
    """Return (width, height) of a sample's image.

    Raises:
        InvalidInputError: for one that isn't here, such as an address.
    """
    size = size_of_sample(sample)
    if size is None:
        raise invalid("sample", "the image, for its size", "none")
    return size


def turn_of(response: Mapping[str, Any]) -> int:
    """Return by how many degrees people had turned the image, clockwise.

    Raises:
        InvalidInputError: for anything but quarter turns.
    """
    job = response.get("ROTATION_JOB") or {}
    turn = job.get("rotation", 0) if isinstance(job, Mapping) else None
    if isinstance(turn, bool) or turn not in (0, 90, 180, 270):
        raise invalid("ROTATION_JOB", "a rotation by 0, 90, 180 or 270", repr(job)[:80])
    return int(turn)


def rings_of(annotation: Mapping[str, Any], size: tuple[int, int], turn: int) -> list[np.ndarray]:
    """Return the outlines of an annotation as corners in pixels `[n, 2]` of (x, y).

    Args:
        annotation: with `boundingPoly`.
        size: (width, height) of the upright image.
        turn: as `turn_of` says. Kili's shares are of the turned image; exports in pixels have been
            turned back.

    Raises:
        InvalidInputError: for vertices that are missing, or not finite.

    Example:
        >>> poly = {"normalizedVertices": [{"x": 0.0, "y": 0.0}, {"x": 1, "y": 0.5}]}
        >>> rings_of({"boundingPoly": [poly]}, (100, 50), 0)[0].tolist()
        [[0.0, 0.0], [100.0, 25.0]]
        >>> rings_of({"boundingPoly": [poly]}, (100, 50), 90)[0].tolist()
        [[0.0, 50.0], [50.0, 0.0]]
    """
    given = annotation.get("boundingPoly")
    if not isinstance(given, list) or not given:
        raise invalid("boundingPoly", "a list of outlines", repr(given)[:80])
    found = []
    for one in given:
        shares = one.get("normalizedVertices") if isinstance(one, Mapping) else None
        in_shares = shares is not None
        corners = shares if in_shares else isinstance(one, Mapping) and one.get("vertices")
        if not isinstance(corners, list) or not corners:
            raise invalid("boundingPoly", "normalizedVertices or vertices", repr(one)[:80])
        for contour in corners if isinstance(corners[0], list) else [corners]:
            points = np.array([_point(corner) for corner in contour], float).reshape(-1, 2)
            if in_shares:
                points = _upright(points, turn) * np.array(size, float)
            found.append(np.round(points, DIGITS))
    return found


def shares_of(corners: np.ndarray, size: tuple[int, int]) -> list[dict[str, float]]:
    """Return corners in pixels `[n, 2]` as vertices in shares of the sides.

    Example:
        >>> shares_of(np.array([[0, 25]]), (100, 50))
        [{'x': 0.0, 'y': 0.5}]
    """
    points = np.asarray(corners, float) / np.array(size, float)
    if not np.isfinite(points).all():
        raise invalid("label", "finite corners", repr(np.asarray(corners).tolist())[:80])
    return [{"x": x, "y": y} for x, y in points.tolist()]


def _point(corner: Any) -> tuple[float, float]:
    found = []
    for name in ("x", "y"):
        value = corner.get(name) if isinstance(corner, Mapping) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid("vertices", "{x, y} with numbers", repr(corner)[:80])
        if not abs(value) <= 1e9:
            raise invalid("vertices", "finite corners", repr(corner)[:80])
        found.append(float(value))
    return found[0], found[1]


def _upright(points: np.ndarray, turn: int) -> np.ndarray:
    """Return shares of an image that was turned clockwise as shares of the upright one.

    About the middle, a quarter turn back takes (right, down) to (down, -right).
    """
    middle = points - 0.5
    for _ in range(turn // 90):
        middle = np.stack([middle[:, 1], -middle[:, 0]], 1)
    return middle + 0.5 if turn else points
