"""Training sets of images and masks: light rows, decoded when their batch is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from altasks._internal.ahead import default_workers
from altasks._internal.random import derive_rng
from altasks.data.images import is_encoded
from altasks.data.masks.masks import IGNORED, MaskReader, encode_mask
from altasks.data.masks.regions import ImageRegion
from altasks.errors import invalid
from altasks.tasks._shared.coming_rows import ComingRows
from altasks.tasks.segmentation.rasters import Normaliser, picture_of, raster_size, read_raster


@dataclass(frozen=True)
class Row:
    """One image to train on; not a mapping, since Trainer looks into those.

    Attributes:
        sample: the image.
        label: its mask; of known regions, one of them all.
        weight: how much it counts.
        row: which of the samples it is, or the first of its regions, for errors.
        image: returns the sample as it was read ahead, `[H, W, channels]`; None: it wasn't.
    """

    sample: Any
    label: Any = field(repr=False)
    weight: float | None
    row: int = 0
    image: Callable[[], np.ndarray] | None = field(default=None, repr=False)


class MaskRows(Sequence[Row]):
    """The rows of a training set, their images read ahead in the order they are taken.

    Args:
        rows: one for each image.
        channels: of an image.
    """

    def __init__(self, rows: Sequence[Row], channels: int) -> None:
        self._rows = list(rows)
        self._channels = channels
        encoded = any(is_encoded(row.sample) for row in self._rows)
        self._coming = ComingRows(self._read, workers=default_workers() if encoded else 0, limit=4)

    def _read(self, place: int) -> np.ndarray:
        row = self._rows[place]
        return read_raster(row.sample, self._channels, row=row.row)

    def expect(self, order: Sequence[int]) -> None:
        """Read these rows ahead."""
        self._coming.expect(order)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        """Return a row whose image the collator takes when its turn comes: few are in memory."""
        return replace(self._rows[place], image=partial(self._coming.take, place))


def training_rows(
    samples: Sequence[Any],
    labels: Sequence[Any],
    weights: Sequence[float] | None,
    *,
    reader: MaskReader,
    channels: int,
    crop: int | None = None,
) -> list[Row]:
    """Return a row for each image, every mask checked; regions of one image become one row.

    With regions and a `crop`, an image comes as often as windows of that side have room for its
    labelled pixels: an epoch then sees each of them about once, a whole image's as often as those
    of an image of which one region is known.

    Args:
        samples: images, or regions of images.
        labels: a mask for each.
        weights: one for each; an image's is the mean of its regions'.
        reader: reads the masks.
        channels: of an image.
        crop: the side of the windows that training cuts.

    Raises:
        InvalidInputError: for a mask that doesn't fit its image, naming the row.

    There is a `DataWarning` where no mask has a class above 0, and one of a whole image has void.
    """
    parts: dict[Any, list[int]] = {}
    ground_alone, void_in = True, ""
    for row, (sample, label) in enumerate(zip(samples, labels, strict=True)):
        mask = reader.read(label, raster_size(sample, channels, row=row), f"row {row}")
        ground_alone = ground_alone and not (mask > 0).any()
        whole = ground_alone and not isinstance(sample, ImageRegion)
        if whole and not void_in and (mask == IGNORED).any():
            void_in = os.fspath(label) if isinstance(label, str | os.PathLike) else f"row {row}"
        key = ("region", sample.of) if isinstance(sample, ImageRegion) else row
        parts.setdefault(key, []).append(row)
    if ground_alone and void_in:
        reader.warn_of_ground_alone(void_in)
    found = [
        Row(
            picture_of(samples[rows[0]]),
            labels[rows[0]] if len(rows) == 1 else _merged([labels[row] for row in rows], reader),
            None if weights is None else float(np.mean([weights[row] for row in rows])),
            rows[0],
        )
        for rows in parts.values()
    ]
    if crop is None or not any(isinstance(sample, ImageRegion) for sample in samples):
        return found
    return [row for row in found for _ in range(-(-sum(reader.counts([row.label])) // crop**2))]


def _merged(labels: Sequence[Any], reader: MaskReader) -> Any:
    """Return the run lengths of one mask with what is known from several, the last above."""
    whole = reader.read(labels[0])
    for label in labels[1:]:
        more = reader.read(label)
        whole = np.where(more == IGNORED, whole, more)
    return encode_mask(np.where(whole == IGNORED, reader.void, whole))


class MaskCollator:
    """Makes a batch of rows: decoded, augmented, cropped, padded to one size.

    Args:
        reader: reads the masks.
        normalise: makes the model's input of an array.
        channels: of an image.
        stride: what sides are padded to multiples of; padding has no label.
        crop: the side of the window that is cut from a larger image, or None.
        augment: called as `augment(image=array [H, W, channels], mask=array [H, W])`; returns a
            mapping with both, or the pair.
        pairs: whether a batch of one is doubled, for models that normalise over whole images.
        seed: of the crops.
    """

    def __init__(
        self,
        reader: MaskReader,
        normalise: Normaliser,
        *,
        channels: int,
        stride: int,
        crop: int | None,
        augment: Callable[..., Any] | None,
        pairs: bool,
        seed: int,
    ) -> None:
        self.reader = reader
        self.normalise = normalise
        self.channels = channels
        self.stride = stride
        self.crop = crop
        self.augment = augment
        self.pairs = pairs
        self._rng = derive_rng(seed, "crop")

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Return `pixel_values` [n, c, H, W], `labels` [n, H, W] and, if there are, `weights`."""
        if len(rows) == 1 and self.pairs:
            rows = [rows[0], rows[0]]
        pairs = [self._pair(row) for row in rows]
        height, width = (
            -(-max(mask.shape[side] for _, mask in pairs) // self.stride) * self.stride
            for side in (0, 1)
        )
        images, masks = [], []
        for image, mask in pairs:
            more = ((0, height - mask.shape[0]), (0, width - mask.shape[1]))
            images.append(self.normalise(np.pad(image, (*more, (0, 0)), mode="edge")))
            masks.append(torch.from_numpy(np.pad(mask, more, constant_values=IGNORED)))
        batch = {"pixel_values": torch.stack(images), "labels": torch.stack(masks)}
        if rows[0].weight is not None:
            batch["weights"] = torch.tensor([row.weight for row in rows], dtype=torch.float32)
        return batch

    def _pair(self, row: Row) -> tuple[np.ndarray, np.ndarray]:
        if row.image is None:
            image = read_raster(row.sample, self.channels, row=row.row)
        else:
            image = row.image()
        mask = self.reader.read(row.label, image.shape[:2])
        if self.augment is not None:
            image, mask = self._augmented(image, np.where(mask == IGNORED, self.reader.void, mask))
            mask = np.where(mask == self.reader.void, IGNORED, mask)
        return self._cropped(image, mask)

    def _augmented(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert self.augment is not None
        # A type that image libraries can turn and resize.
        small = mask.astype(np.uint8 if mask.max() < 256 else np.int32)
        made = self.augment(image=image, mask=small)
        pair = (made["image"], made["mask"]) if isinstance(made, Mapping) else made
        before = image.dtype
        image, mask = (np.asarray(one) for one in pair)
        if image.ndim == 2:
            image = image[:, :, None]
        if mask.ndim != 2 or image.shape != (*mask.shape, self.channels):
            raise invalid(
                "augment",
                f"an image [H, W, {self.channels}] and its mask [H, W]",
                f"shapes {list(image.shape)} and {list(mask.shape)}",
            )
        # The type of a number sets its range: others would be scaled by another one.
        shares = image.dtype.kind == "f" and image.min() >= 0 and image.max() <= 1
        if before.kind in "iu" and image.dtype != before and not shares:
            raise invalid(
                "augment",
                f"an image of {before}, as it was given, or of floats in [0, 1]",
                f"{image.dtype} from {float(image.min()):g} to {float(image.max()):g}",
                hint="It is normalised afterwards, by the task.",
            )
        wrong = (mask != self.reader.void) & ((mask < 0) | (mask >= self.reader.classes))
        if mask.dtype.kind not in "iu" or wrong.any():
            raise invalid(
                "augment",
                "a mask of the same classes",
                f"{mask.dtype}, or other numbers",
                hint=f"Fill what comes in from outside with {self.reader.void}.",
            )
        return image, mask.astype(np.int64)

    def _cropped(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cut a window of a larger image, at random among those that see some labelled pixel.

        So the few regions that are labelled of an image are learned from in each epoch.
        """
        if self.crop is None or max(mask.shape) <= self.crop:
            return image, mask
        labelled = np.flatnonzero(mask != IGNORED)
        seen = labelled[self._rng.integers(len(labelled))] if len(labelled) else 0
        where = []
        for length, place in zip(mask.shape, np.unravel_index(seen, mask.shape), strict=True):
            last = max(0, length - self.crop)
            first = min(max(0, int(place) - self.crop + 1), last)
            start = int(self._rng.integers(first, min(last, int(place)) + 1))
            where.append(slice(start, start + self.crop))
        return image[where[0], where[1]], mask[where[0], where[1]]
