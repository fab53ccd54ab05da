"""Images as arrays `[H, W, channels]`, of any number of channels, and as the model reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.data.images import image_size, open_image, pixels_of
from altasks.data.masks.regions import ImageRegion
from altasks.errors import UnreadableSampleError, describe_fault, invalid

#: The usual statistics of photographs in [0, 1], those of ImageNet.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def picture_of(sample: Any) -> Any:
    """Return the image of a sample: of a region, the one it is a part of."""
    return sample.image if isinstance(sample, ImageRegion) else sample


def read_raster(sample: Any, channels: int, *, row: int = 0) -> np.ndarray:
    """Return a sample as an array `[H, W, channels]`.

    With one or three channels anything that `open_image` reads, as bytes; with four also pictures
    with a fourth one (RGBA, where some cameras keep infrared). Other numbers of channels come as
    arrays of that shape, and are taken as they are.

    Args:
        sample: an image, or a region of one.
        channels: how many the model reads.
        row: which sample of its batch it is, for errors.

    Raises:
        UnreadableSampleError: for anything else.
    """
    source = picture_of(sample)
    if channels in (1, 3):
        image = pixels_of(open_image(source, mode="RGB" if channels == 3 else "L", row=row))
        return image if channels == 3 else image[:, :, None]
    array = _array_of(source)
    if array is None and channels == 4:
        return pixels_of(open_image(source, mode="RGBA", row=row))
    if array is None or array.ndim != 3 or array.shape[2] != channels or 0 in array.shape:
        shown = type(source).__name__ if array is None else f"shape {list(array.shape)}"
        raise _unreadable(f"an array [H, W, {channels}]", shown, row)
    if array.dtype.kind not in "uif" or not np.isfinite(array).all():
        raise _unreadable("finite numbers", f"{array.dtype}, or some that aren't finite", row)
    return array


def raster_size(sample: Any, channels: int, *, row: int = 0) -> tuple[int, int]:
    """Return (height, width) without reading the pixels of a file."""
    source = picture_of(sample)
    array = _array_of(source)
    if channels not in (1, 3) and (array is not None or channels != 4):
        height, width = read_raster(source, channels, row=row).shape[:2]
        return height, width
    if array is not None and (array.ndim == 2 or array.shape[-1] in (1, 3, 4)):
        return int(array.shape[0]), int(array.shape[1])
    width, height = image_size(source, row=row)
    return height, width


def _array_of(source: Any) -> np.ndarray | None:
    inner = source.get("image") if isinstance(source, Mapping) else source
    if isinstance(inner, np.ndarray):
        return inner
    return inner.detach().cpu().numpy() if isinstance(inner, Tensor) else None


def _unreadable(expected: str, found: str, row: int) -> UnreadableSampleError:
    message = describe_fault("samples", expected, found, where=f"row {row}")
    return UnreadableSampleError(message, {row: found})


class Normaliser:
    """From an array to what the model reads: whole numbers by their range, then (x - mean) / std.

    Args:
        channels: how many there are.
        mean: one for each; by default ImageNet's for three, their average for one, else 0.
        std: one for each; by default likewise, else 1.

    Raises:
        InvalidInputError: for another number of them, or a std that isn't above 0.
    """

    def __init__(
        self, channels: int, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> None:
        usual = {1: ((0.449,), (0.226,)), 3: (_MEAN, _STD)}
        means, stds = usual.get(channels, ((0.0,) * channels, (1.0,) * channels))
        self.mean = [float(value) for value in (means if mean is None else mean)]
        self.std = [float(value) for value in (stds if std is None else std)]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels or not np.isfinite(values).all():
                raise invalid(name, f"{channels} finite numbers, one a channel", f"{values}")
        if min(self.std) <= 0:
            raise invalid("std", "numbers above 0", f"{self.std}")

    def __call__(self, array: np.ndarray) -> Tensor:
        """Return `[channels, H, W]` float32 of an array `[H, W, channels]`."""
        scale = float(np.iinfo(array.dtype).max) if array.dtype.kind in "iu" else 1.0
        if array.dtype.kind == "b":
            scale = 1.0
        values = torch.from_numpy(np.ascontiguousarray(array.astype(np.float32)))
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        return ((values / scale - mean) / std).permute(2, 0, 1).contiguous()
