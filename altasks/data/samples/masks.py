"""Pictures that are made up, with their masks: handwritten digits and shapes on textured ground."""

from __future__ import annotations

from typing import Any

import numpy as np

from altasks._internal.extras import require
from altasks._internal.random import derive_rng
from altasks.data.masks.masks import encode_mask

#: The classes of the masks, by number.
CLASSES = ("ground", "digit", "disc", "bar")


def made_up_masks(
    count: int, *, seed: int = 0, part: str = "pool", side: int = 64
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return id -> picture `[side, side, 3]` and id -> mask (run lengths).

    Each has up to two of scikit-learn's digits (real handwriting, 8x8, enlarged three times), a
    disc and a bar, in colours close to the ground's. Half of the pictures are easy: no texture,
    strong colours.

    Args:
        count: how many.
        seed: what they are drawn from, with the part.
        part: `"pool"` and `"test"` share no digit.
        side: in pixels, at least 48.

    Example:
        >>> images, masks = made_up_masks(2)
        >>> images["pool-0"].shape, masks["pool-0"]["size"]
        ((64, 64, 3), [64, 64])
    """
    digits = require("sklearn.datasets", "demo", "Made-up pictures").load_digits().images
    half = digits[::2] if part == "pool" else digits[1::2]
    images: dict[str, np.ndarray] = {}
    masks: dict[str, Any] = {}
    for number in range(count):
        rng = derive_rng(seed, "made-up masks", part, number)
        name = f"{part}-{number}"
        images[name], mask = _picture(rng, half, side)
        masks[name] = encode_mask(mask)
    return images, masks


def _picture(rng: np.random.Generator, digits: Any, side: int) -> tuple[np.ndarray, np.ndarray]:
    easy = rng.random() < 0.5
    rows, columns = np.mgrid[:side, :side]
    ground = rng.uniform(60, 190, 3)
    image = np.ones((side, side, 1)) * ground
    if not easy:
        wave = np.sin(rows * rng.uniform(0.1, 0.6) + columns * rng.uniform(0.1, 0.6))
        image = image + 25 * wave[:, :, None] + rng.normal(0, 12, image.shape)
    mask = np.zeros((side, side), np.uint8)

    def paint(where: np.ndarray, number: int) -> None:
        away = rng.choice([-1, 1], 3) * (90 if easy else rng.uniform(25, 55))
        image[where] += away
        mask[where] = number

    centre, radius = rng.uniform(8, side - 8, 2), rng.uniform(5, 11)
    paint((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2, 2)
    slope, place = rng.uniform(-0.6, 0.6), rng.uniform(8, side - 8)
    paint(np.abs(rows - place - slope * (columns - side / 2)) < rng.uniform(1.5, 3.5), 3)
    for _ in range(int(rng.integers(1, 3))):
        digit = digits[rng.integers(len(digits))].repeat(3, 0).repeat(3, 1) > 6  # 24 x 24
        top, left = rng.integers(0, side - 24, 2)
        where = np.zeros((side, side), bool)
        where[top : top + 24, left : left + 24] = digit
        paint(where, 1)
    return np.clip(image, 0, 255).astype(np.uint8), mask
