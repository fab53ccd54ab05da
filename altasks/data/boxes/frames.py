"""Whose pixels a box is in: the size a file states for an image, and the size the image has.

Images are resized after labelling, and photographs that EXIF turns are labelled lying on their
side. Boxes are checked in the frame they were drawn in, then brought to the upright image.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from altasks.data.boxes.classes import number_in
from altasks.data.folders import few
from altasks.data.images import upright_size
from altasks.data.text_files import file_error
from altasks.errors import DataWarning, UnreadableSampleError, invalid

BadBoxes = Literal["error", "skip", "clip"]
Turned = Literal["error", "stored", "upright"]

#: Tools round edges: a box out of its image by less than this many pixels is brought inside.
_HAIR = 1.0
_ON_ITS_SIDE = (5, 6, 7, 8)
#: EXIF orientation -> whether x and y of the stored image are mirrored, and then exchanged.
_TURNS = {
    1: (False, False, False),
    2: (True, False, False),
    3: (True, True, False),
    4: (False, True, False),
    5: (False, False, True),
    6: (False, True, True),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass
class ReadingNotes:
    """Images that a reader left out or changed, counted and named when it is done.

    Attributes:
        source: the file or folder that is read.
        passed_over: file or image -> why it isn't read, or isn't labelled.
    """

    source: Path
    passed_over: dict[str, str] = field(default_factory=dict)
    _unlabelled: list[str] = field(default_factory=list)
    _resized: list[str] = field(default_factory=list)

    def unlabelled(self, image: str, reason: str) -> None:
        """Note an image that is left without a label because nothing in its file could be used."""
        self.passed_over[image] = reason
        self._unlabelled.append(image)

    def resized(self, image: str, stated: tuple[float, float], size: tuple[int, int]) -> None:
        """Note an image whose boxes are scaled."""
        shown = f"{image}: {stated[0]:g} x {stated[1]:g} to {size[0]} x {size[1]}"
        self._resized.append(shown)

    def warn(self) -> None:
        """Warn once about each kind of thing."""
        if self._unlabelled:
            warnings.warn(
                f"{self.source}: {len(self._unlabelled):,} images stay unlabelled, because every "
                f"box in their labels was left out: {few(self._unlabelled)}.",
                DataWarning,
                stacklevel=3,
            )
        if self._resized:
            warnings.warn(
                f"{self.source}: {len(self._resized):,} images have another size than is stated "
                f"for them, in the same proportions; their boxes are scaled: {few(self._resized)}.",
                DataWarning,
                stacklevel=3,
            )


@dataclass(frozen=True)
class Frame:
    """The frame in which the boxes of one image are given.

    Attributes:
        size: (width, height) of the upright image.
        stated: (width, height) of the frame; that of the image where a file states none.
        orientation: how EXIF turns the frame upright; 1 where it is upright.
    """

    size: tuple[int, int]
    stated: tuple[float, float]
    orientation: int = 1

    def place(self, corners: Sequence[float]) -> list[float]:
        """Return a box of the frame, x1, y1, x2, y2, in pixels of the upright image."""
        ends = np.asarray(corners, dtype=float).reshape(2, 2)
        (x1, y1), (x2, y2) = np.sort(self.place_points(ends), axis=0).tolist()
        return [x1, y1, min(x2, float(self.size[0])), min(y2, float(self.size[1]))]

    def place_points(self, points: np.ndarray) -> np.ndarray:
        """Return points `[n, 2]` of the frame (x, y) in pixels of the upright image."""
        mirror_x, mirror_y, exchange = _TURNS[self.orientation]
        width, height = self.stated
        xs, ys = points[:, 0], points[:, 1]
        if mirror_x:
            xs = width - xs
        if mirror_y:
            ys = height - ys
        if exchange:
            xs, ys, width, height = ys, xs, height, width
        # Multiplying by 1 in two steps would change the last digit.
        xs = xs if width == self.size[0] else xs * self.size[0] / width
        ys = ys if height == self.size[1] else ys * self.size[1] / height
        return np.stack([xs, ys], axis=1)

    def place_mask(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask `[H, W]` of the frame turned upright; it isn't resized."""
        mirror_x, mirror_y, exchange = _TURNS[self.orientation]
        mask = mask[:, ::-1] if mirror_x else mask
        mask = mask[::-1] if mirror_y else mask
        return mask.T if exchange else mask

    def fit(
        self,
        corners: Sequence[float],
        bad_boxes: BadBoxes,
        source: Path,
        line: int | None,
        what: str = "",
    ) -> list[float] | None:
        """Return a box in pixels of the upright image, inside it.

        Where it is out by less than a pixel of its frame it is clipped, and with `"clip"` however
        far. With `"skip"`, None for a box that has no area or lies outside.

        Raises:
            InvalidInputError: naming file and line of such a box, otherwise.
        """
        x1, y1, x2, y2 = corners
        width, height = self.stated
        shown = f"{what}[{x1:g}, {y1:g}, {x2:g}, {y2:g}]"
        finite = all(map(math.isfinite, corners))
        proper = finite and x1 < x2 and y1 < y2
        out = max(-x1, -y1, x2 - width, y2 - height) if finite else math.inf
        inside = [max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)]
        seen = proper and inside[0] < inside[2] and inside[1] < inside[3]
        if seen and (out < _HAIR or bad_boxes == "clip"):
            placed = self.place(inside)
            if placed[0] < placed[2] and placed[1] < placed[3]:
                return placed
            proper = False  # so thin that its two edges are the same number
        if bad_boxes == "skip":
            return None
        wanted = f"inside its image of {width:g} x {height:g}"
        hint = "bad_boxes='skip' leaves such boxes out."
        if not proper:
            wanted = "with x1 < x2, y1 < y2"
        elif seen:
            hint = "bad_boxes='clip' cuts it at the border, bad_boxes='skip' leaves it out."
        raise file_error(source, line, f"a box {wanted}", shown, hint)


def frame_of(
    image: Path,
    stated: tuple[float, float] | None,
    source: Path,
    line: int | None = None,
    *,
    name: str = "",
    turned: Turned = "error",
    notes: ReadingNotes | None = None,
) -> Frame:
    """Return the frame of an image's boxes.

    Args:
        image: the file.
        stated: (width, height) that the labels state for it, if any.
        source: the file with the labels, for errors.
        line: where it states them.
        name: how to name the image in notes.
        turned: for a photograph that EXIF turns and whose stored size is stated: `"stored"`, its
            boxes are of the stored image and are turned with it; `"upright"`, they are of the
            upright one; `"error"`, refuse it.
        notes: where to note that boxes are scaled.

    Raises:
        InvalidInputError: naming both sizes, where they can't be brought together; and for an image
            that can't be read.
    """
    try:
        size, orientation = upright_size(image)
    except UnreadableSampleError as error:
        found = next(iter(error.rows.values()))
        raise file_error(source, None, f"an image in {image}", found) from error
    if stated is None:
        stored_frame = turned == "stored" and orientation != 1
        stored = _stored(size, orientation)
        return Frame(size, stored, orientation) if stored_frame else Frame(size, size)
    stored = _stored(size, orientation)
    if turned == "stored" and orientation != 1 and _alike(stated, stored):
        frame = Frame(size, stated, orientation)
    elif stated == size or _alike(stated, size):
        frame = Frame(size, stated)
    elif orientation != 1 and _alike(stated, stored):
        if turned == "error":
            raise file_error(
                source,
                line,
                f"the upright size {size[0]} x {size[1]} of {image}",
                f"{stated[0]:g} x {stated[1]:g}, as it is stored, before EXIF turns it",
                "Boxes may be of either: turned='stored' turns them with the image, "
                "turned='upright' takes them as they are.",
            )
        frame = Frame(size, size)
        if turned == "upright" and stated != stored:
            frame = Frame(size, (stated[1], stated[0]))
    else:
        raise file_error(
            source,
            line,
            f"the size {size[0]} x {size[1]} of {image}",
            f"{stated[0]:g} x {stated[1]:g}, in other proportions",
            "The image isn't the one that was labelled, or was cropped: boxes can't be placed.",
        )
    if notes is not None and sorted(frame.stated) != sorted(size):
        notes.resized(name or str(image), stated, size)
    return frame


def stated_size(
    width: Any, height: Any, source: Path, line: int | None, what: str = ""
) -> tuple[float, float] | None:
    """Return the size that a file states, None where it states none (also 0, as some tools do).

    Raises:
        InvalidInputError: for what is no size.
    """
    found: list[float | None] = []
    for value in (width, height):
        number: float | None = None
        if isinstance(value, str):
            number = number_in(value) if value.strip() else 0.0
        elif value is None:
            number = 0.0
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value) if abs(value) < 1e9 else None
        if number is None or not 0 <= number < 1e9:
            raise file_error(
                source, line, f"{what}a width and a height in pixels", repr(value)[:80]
            )
        found.append(number)
    return (found[0], found[1]) if found[0] and found[1] else None


def check_bad_boxes(bad_boxes: str) -> BadBoxes:
    """Return what to do with bad boxes.

    Raises:
        InvalidInputError: for another word than `"error"`, `"skip"` or `"clip"`.
    """
    if bad_boxes not in ("error", "skip", "clip"):
        raise invalid("bad_boxes", "'error' or 'skip' or 'clip'", repr(bad_boxes))
    return cast("BadBoxes", bad_boxes)


def check_turned(turned: str) -> Turned:
    """Return how boxes of turned photographs are taken.

    Raises:
        InvalidInputError: for another word than `"error"`, `"stored"` or `"upright"`.
    """
    if turned not in ("error", "stored", "upright"):
        raise invalid("turned", "'error', 'stored' or 'upright'", repr(turned))
    return cast("Turned", turned)


def _stored(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in _ON_ITS_SIDE else size


def _alike(stated: tuple[float, float], size: tuple[int, int]) -> bool:
    """Return whether one size is the other resized, its sides rounded to whole pixels."""
    wide, high = size[0] / stated[0], size[1] / stated[1]
    return abs(wide * stated[1] - size[1]) < 1 or abs(high * stated[0] - size[0]) < 1
