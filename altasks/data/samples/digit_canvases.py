"""Handwritten digits at random places on textured canvases: small images to detect things in.

The digits are real, those of scikit-learn (8 x 8 pixels each, by 43 people); places, sizes, tones
and textures are drawn from a seed. Some classes are rare, as in most real sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks._internal.extras import require
from altasks._internal.random import derive_rng
from altasks.data.boxes.boxed import BoxLabel
from altasks.errors import invalid


@dataclass(frozen=True)
class Canvases:
    """Images by id, `[H, W, 3]` bytes, with their boxes.

    Attributes:
        names: the classes, digits as words would be: `"0"`, `"1"`, ...
        images: id -> image.
        labels: id -> its boxes.
    """

    names: list[str]
    images: dict[str, np.ndarray]
    labels: dict[str, list[BoxLabel]]


def digit_canvases(
    count: int,
    *,
    seed: int,
    part: str = "pool",
    digits: Sequence[int] = (0, 1, 2, 3, 4),
    rare: Sequence[int] = (3, 4),
    rarity: float = 0.1,
    size: int = 160,
    most: int = 4,
) -> Canvases:
    """Return canvases with up to `most` digits each; about one in ten has none.

    The digits of the parts are different pictures, so that a test set shows none of the pool's.

    Args:
        count: how many canvases.
        seed: what everything is drawn from, with the part.
        part: `"pool"` or `"test"`.
        digits: the classes.
        rare: those that are seldom met.
        rarity: how much seldomer than the others.
        size: the sides of a canvas, in pixels.
        most: the most digits of one.

    Raises:
        InvalidInputError: for an option out of range.
        MissingExtraError: if scikit-learn isn't installed.

    Example:
        >>> made = digit_canvases(3, seed=0)
        >>> made.images["0"].shape, [len(boxes) for boxes in made.labels.values()]
        ((160, 160, 3), [0, 3, 4])
        >>> sorted(made.labels["1"][0])
        ['box', 'label']
    """
    if part not in ("pool", "test"):
        raise invalid("part", "'pool' or 'test'", repr(part))
    if not set(rare) <= set(digits) or not set(digits) <= set(range(10)) or not digits:
        raise invalid("rare, digits", "rare ones among digits from 0 to 9", f"{rare}, {digits}")
    if not 0 < rarity <= 1:
        raise invalid("rarity", "a share in (0, 1]", f"{rarity!r}")
    if size < 64 or most < 1 or count < 1:
        raise invalid("count, size, most", "at least 1, 64 and 1", f"{count}, {size}, {most}")
    source = require("sklearn.datasets", "demo", "Handwritten digits").load_digits()
    half = 0 if part == "pool" else 1
    pictures = {digit: source.images[source.target == digit][half::2] / 16.0 for digit in digits}
    shares = np.array([rarity if digit in rare else 1.0 for digit in digits])
    rng = derive_rng(seed, "canvases", part)
    names = [str(digit) for digit in digits]
    images: dict[str, np.ndarray] = {}
    labels: dict[str, list[BoxLabel]] = {}
    for i in range(count):
        canvas = _texture(rng, size)
        number = 0 if rng.random() < 0.1 else int(rng.integers(1, most + 1))
        chosen = rng.choice(len(digits), number, p=shares / shares.sum())
        found: list[BoxLabel] = []
        for place in chosen.tolist():
            picture = pictures[digits[place]]
            box = _paste(canvas, picture[rng.integers(len(picture))], rng, found)
            if box is not None:
                found.append({"label": names[place], "box": box})
        images[str(i)] = np.round(canvas.clip(0, 1) * 255).astype(np.uint8)
        labels[str(i)] = found
    return Canvases(names, images, labels)


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return `[size, size, 3]` in [0, 1]: stripes and blotches of two tones."""
    y, x = np.mgrid[0:size, 0:size] / size
    angle, waves = rng.uniform(0, np.pi), rng.uniform(2, 8)
    stripes = np.sin(2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)))
    blotches = _enlarged(rng.normal(size=(10, 10)), size, size)
    mix = 0.5 + 0.25 * stripes + 0.15 * blotches
    one, other = rng.uniform(0, 0.55, 3), rng.uniform(0, 0.55, 3)
    canvas: np.ndarray = one + mix[:, :, None].clip(0, 1) * (other - one)
    return canvas + rng.normal(0, 0.03, canvas.shape)


def _paste(
    canvas: np.ndarray, picture: np.ndarray, rng: np.random.Generator, found: Sequence[BoxLabel]
) -> list[float] | None:
    """Draw a digit on the canvas where none is yet; return its box, None if there was no room."""
    side = int(rng.integers(24, 52))
    ink = _enlarged(picture, side, side).clip(0, 1)
    rows, columns = np.flatnonzero((ink > 0.3).any(1)), np.flatnonzero((ink > 0.3).any(0))
    size = len(canvas)
    for _ in range(20):
        left, top = (int(value) for value in rng.integers(0, size - side, 2))
        box = [left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1]
        if all(_apart(box, other["box"]) for other in found):
            tone = rng.uniform(0.65, 1.0, 3)
            region: Any = canvas[top : top + side, left : left + side]
            region += ink[:, :, None] * (tone - region)
            return [float(value) for value in box]
    return None


def _apart(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


def _enlarged(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a 2-D array at another size, linear between its values."""
    rows = np.linspace(0, len(values) - 1, height)
    columns = np.linspace(0, values.shape[1] - 1, width)
    upper, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    lower = np.minimum(upper + 1, len(values) - 1)
    right = np.minimum(left + 1, values.shape[1] - 1)
    down, across = (rows - upper)[:, None], (columns - left)[None, :]
    top = values[np.ix_(upper, left)] * (1 - across) + values[np.ix_(upper, right)] * across
    bottom = values[np.ix_(lower, left)] * (1 - across) + values[np.ix_(lower, right)] * across
    made: np.ndarray = top * (1 - down) + bottom * down
    return made
