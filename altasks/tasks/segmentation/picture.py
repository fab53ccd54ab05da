"""Descriptions of predicted masks for people: as JSON, and as a picture."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks.acquisition.kernels import entropy_of, mutual_information
from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.tasks.segmentation.regions import shown

#: Cells of the disagreement along an image's longer side.
CELLS = 32
#: Runs of a mask in a description; of one with more, every second (third, ...) pixel is kept.
RUNS = 4000


class MapView:
    """Gathers a prediction, piece by piece, into what is shown of it.

    Args:
        height: of the image (or of a region's box).
        width: of it.
        names: of the classes.
        void: what stands in the mask where nothing was predicted.
    """

    def __init__(self, height: int, width: int, names: Sequence[Any], void: int) -> None:
        self._names = names
        self._void = void
        self._mask = np.full((height, width), void, dtype=np.int32)
        self._doubt = np.zeros((height, width), dtype=np.float32)
        self._members = 0

    def add(self, rows: np.ndarray, columns: np.ndarray, probs: Tensor) -> None:
        """Take in the probabilities `[K, C, ...]` of some pixels at (rows, columns).

        Args:
            rows: indices that, with `columns`, select as many pixels as `probs` has.
            columns: likewise.
            probs: K members' distributions.
        """
        self._members = probs.shape[0]
        best = probs.mean(0).argmax(0)
        kernel = entropy_of(probs, 1) if len(probs) == 1 else mutual_information(probs, 0, 1)
        self._mask[rows, columns] = best.cpu().numpy()
        self._doubt[rows, columns] = kernel[0, 0].cpu().numpy()

    def described(self) -> dict[str, Any]:
        """Return the description, JSON."""
        known = self._mask != self._void
        counts = np.bincount(self._mask[known], minlength=len(self._names))
        order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
        side = max(1, -(-max(self._mask.shape) // CELLS))
        doubt = self._doubt[known]
        return {
            "size": list(self._mask.shape),
            "members": self._members,
            "predicted": [self._names[i] for i in order],
            "shares": {
                str(self._names[i]): round(float(counts[i] / counts.sum()), 4) for i in order
            },
            "mask": _small(self._mask),
            "disagreement" if self._members > 1 else "entropy": {
                "mean": round(float(doubt.mean()), 6),
                "max": round(float(doubt.max()), 6),
                "cell": side,
                "means": np.round(_cell_means(self._doubt, known, side), 4).tolist(),
            },
        }


def _small(mask: np.ndarray) -> dict[str, Any]:
    step = 1
    while True:
        encoded = encode_mask(mask[::step, ::step])
        if len(encoded["counts"]) <= RUNS or min(mask.shape) <= step:
            return {**encoded, "step": step}
        step += 1


def _cell_means(values: np.ndarray, known: np.ndarray, side: int) -> np.ndarray:
    rows, columns = (range(0, length, side) for length in values.shape)
    total = np.add.reduceat(np.add.reduceat(values * known, rows, 0), columns, 1)
    count = np.add.reduceat(np.add.reduceat(known.astype(np.float64), rows, 0), columns, 1)
    means: np.ndarray = np.asarray(total / np.maximum(count, 1), dtype=np.float64)
    return means


def colours(count: int) -> np.ndarray:
    """Return distinct colours `[count, 3]` uint8, the same every time."""
    golden = 0.618034  # steps of the golden ratio keep any number of hues apart
    found = [colorsys.hsv_to_rgb(i * golden % 1, 0.75, 1 - 0.3 * (i % 2)) for i in range(count)]
    return np.round(np.array(found) * 255).astype(np.uint8)


def picture(
    sample: Any, description: Mapping[str, Any], *, classes: Sequence[str] = (), void: int = 255
) -> Any:
    """Return the mask drawn over the image and, beside it, where the model is unsure.

    Args:
        sample: an image, its path, or a region of one; of one or three channels.
        description: what `Segmentation.describe` gave.
        classes: all classes, so that each keeps its colour from image to image; by default as
            many as the mask shows.
        void: what stands in the mask where nothing was predicted.
    """
    mask = decode_mask(description["mask"])
    known = mask[mask != void]
    names = list(classes) or [str(i) for i in range(int(known.max(initial=0)) + 1)]
    return draw(shown(sample, 3), description, names, void)


def draw(image: Any, description: Mapping[str, Any], names: Sequence[Any], void: int) -> Any:
    """Return a PIL image: the mask over the picture and, beside it, where the doubt is.

    Args:
        image: PIL, RGB; the box of a region.
        description: as `MapView.described` made it.
        names: of the classes.
        void: what stands in the mask where nothing was predicted.
    """
    pil = require("PIL.Image", "vision", "Drawing masks")
    pixels = np.asarray(image.convert("RGB")).astype(np.float32)
    height, width = pixels.shape[:2]
    step = description["mask"]["step"]
    small = decode_mask(description["mask"])
    mask = small.repeat(step, 0).repeat(step, 1)[:height, :width]
    known = (mask != void)[:, :, None]
    painted = colours(len(names))[np.where(known[:, :, 0], mask, 0)]
    over = np.where(known, 0.5 * pixels + 0.5 * painted, pixels)
    doubt = description.get("disagreement", description.get("entropy"))
    means = torch.tensor(doubt["means"], dtype=torch.float32)
    heat = torch.nn.functional.interpolate(
        means[None, None],
        size=tuple(int(n) * doubt["cell"] for n in means.shape),
        mode="bilinear",
        align_corners=False,
    )[0, 0].numpy()[:height, :width]
    heat = heat / max(float(heat.max()), 1e-12)
    # Black through red and yellow to white, as hot metal.
    ramp = np.clip(np.stack([3 * heat, 3 * heat - 1, 3 * heat - 2], -1), 0, 1) * 255
    grey = pixels.mean(2, keepdims=True)
    beside = 0.3 * grey + 0.7 * ramp
    sheet = pil.new("RGB", (2 * width + 4, height), "white")
    sheet.paste(pil.fromarray(over.astype(np.uint8)), (0, 0))
    sheet.paste(pil.fromarray(np.clip(beside, 0, 255).astype(np.uint8)), (width + 4, 0))
    return sheet
