"""A shape as a tool has it: a box, an outline, an ellipse or a mask, in pixels of its frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from altasks.data.boxes.frames import Frame
from altasks.data.masks.polygons import fill_polygon
from altasks.data.text_files import file_error

#: What a shape covers; `"none"` for points and lines, which have no area.
Form = Literal["box", "polygon", "ellipse", "mask", "none"]


@dataclass(frozen=True, eq=False)
class Shape:
    """One shape on one image.

    Attributes:
        label: its class.
        kind: what the tool calls such shapes.
        form: what it covers.
        points: `[n, 2]` of (x, y): the upper left and lower right corner of a box; the corners of
            a polygon; centre and half axes of an ellipse; the upper left pixel of a mask.
        rotation: degrees clockwise about the centre, of a box or an ellipse.
        mask: which pixels a mask covers, `[h, w]` bool.
        line: where it stands in its file.
        what: how errors call it.
        order: shapes of a higher order lie in front.
    """

    label: str
    kind: str
    form: Form
    points: np.ndarray = field(repr=False)
    rotation: float = 0.0
    mask: np.ndarray | None = field(default=None, repr=False)
    line: int | None = None
    what: str = ""
    order: int = 0

    def frame(self) -> list[float]:
        """Return the smallest upright box around it, `[x1, y1, x2, y2]`.

        Example:
            >>> corners = np.array([[10.0, 10.0], [20.0, 14.0]])
            >>> Shape("cat", "box", "box", corners, rotation=90).frame()
            [13.0, 7.0, 17.0, 17.0]
        """
        if self.form == "ellipse":
            (cx, cy), (rx, ry) = self.points.tolist()
            turn = math.radians(self.rotation)
            wide = math.hypot(rx * math.cos(turn), ry * math.sin(turn))
            high = math.hypot(rx * math.sin(turn), ry * math.cos(turn))
            return [cx - wide, cy - high, cx + wide, cy + high]
        if self.form == "mask" and self.mask is not None:
            left, top = self.points[0].tolist()
            rows, columns = np.nonzero(self.mask)
            if not len(rows):
                return [left, top, left, top]
            return [
                left + int(columns.min()), top + int(rows.min()),
                left + int(columns.max()) + 1, top + int(rows.max()) + 1,
            ]  # fmt: skip
        if self.form == "box" and (not self.rotation or not self.is_proper()):
            return [float(edge) for edge in self.points.ravel()]
        points = self.corners()
        return [*points.min(0).tolist(), *points.max(0).tolist()]

    def is_proper(self) -> bool:
        """Return whether it is no box with its corners exchanged."""
        return self.form != "box" or bool((self.points[0] <= self.points[1]).all())

    def corners(self) -> np.ndarray:
        """Return the corners of a box, turned, or of a polygon, `[n, 2]`."""
        if self.form != "box":
            return self.points
        (x1, y1), (x2, y2) = self.points.tolist()
        corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        if not self.rotation:
            return corners
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        # To a millionth of a pixel, so that a quarter turn ends on the grid again.
        turned: np.ndarray = np.round(centre + (corners - centre) @ _turn(self.rotation), 6)
        return turned

    def fill(self, canvas: np.ndarray, value: int, frame: Frame, source: Path) -> bool:
        """Paint it on a canvas `[H, W]` of the upright image; return whether it covers a pixel.

        Raises:
            InvalidInputError: for a mask where the image has another size than the frame.
        """
        if self.form == "mask" and self.mask is not None:
            return self._fill_mask(canvas, value, frame, source)
        if self.form == "ellipse":
            centre, half = self.points
            axes = np.diag(half) @ _turn(self.rotation)  # a row for each
            ends = frame.place_points(np.stack([centre, centre + axes[0], centre + axes[1]]))
            return _fill_ellipse(canvas, value, ends[0], ends[1:] - ends[0])
        return fill_polygon(canvas, frame.place_points(self.corners()), value)

    def _fill_mask(self, canvas: np.ndarray, value: int, frame: Frame, source: Path) -> bool:
        assert self.mask is not None
        height, width = canvas.shape
        stored = (width, height) if frame.orientation < 5 else (height, width)
        if tuple(frame.stated) != stored:
            raise file_error(
                source, self.line, f"{self.what}a mask of an image of {stored[0]} x {stored[1]}",
                f"one of {frame.stated[0]:g} x {frame.stated[1]:g}",
                "Masks are not resized: give the image as it was labelled.",
            )  # fmt: skip
        left, top = (int(side) for side in self.points[0])
        cover = np.zeros(stored[::-1], bool)
        high, wide = self.mask.shape
        rows = slice(max(0, top), max(0, min(stored[1], top + high)))
        columns = slice(max(0, left), max(0, min(stored[0], left + wide)))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return False
        part = self.mask[rows.start - top : rows.stop - top, columns.start - left :]
        cover[rows, columns] = part[:, : columns.stop - columns.start]
        cover = frame.place_mask(cover)
        canvas[cover] = value
        return bool(cover.any())


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """An image and the shapes on it.

    Attributes:
        path: the file.
        stated: (width, height) that the tool states, if any.
        shapes: in the order of the file.
        line: where the image stands in the file.
        source: the file with the shapes.
        seen: whether somebody looked at it, where that doesn't follow from its shapes; None where
            the file doesn't say.
    """

    path: Path
    stated: tuple[float, float] | None
    shapes: Sequence[Shape]
    source: Path
    line: int | None = None
    seen: bool | None = None


def _turn(degrees: float) -> np.ndarray:
    """Return the matrix that turns rows (x, y) clockwise, y pointing down."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])


def _fill_ellipse(canvas: np.ndarray, value: int, centre: np.ndarray, axes: np.ndarray) -> bool:
    """Paint the pixels whose centres lie in an ellipse with half axes `axes`, a row for each."""
    height, width = canvas.shape
    half = np.abs(axes).sum(0)
    x1, y1 = np.floor(np.clip(centre - half, 0, [width, height])).astype(int)
    x2, y2 = np.ceil(np.clip(centre + half, 0, [width, height])).astype(int)
    if x1 >= x2 or y1 >= y2 or abs(np.linalg.det(axes)) < 1e-12:
        return False
    xs, ys = np.meshgrid(np.arange(x1, x2) + 0.5, np.arange(y1, y2) + 0.5)
    points = np.stack([xs, ys], -1) - centre
    inside = ((points @ np.linalg.inv(axes)) ** 2).sum(-1) <= 1
    canvas[y1:y2, x1:x2][inside] = value
    return bool(inside.any())
