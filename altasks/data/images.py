"""Reading one image, whatever it comes as: a file, a PIL image, an array, a row of a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from altasks._extras import require
from altasks.errors import UnreadableSampleError, describe_fault

if TYPE_CHECKING:
    from PIL.Image import Image

#: Files of a folder that are taken for images.
IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
#: EXIF orientations that lie on their side.
_ON_ITS_SIDE = (5, 6, 7, 8)
_ORIENTATION = 0x0112


def open_image(sample: Any, *, mode: Literal["RGB", "L"] = "RGB", row: int = 0) -> Image:
    """Return a sample as an upright 8-bit PIL image.

    A photograph is turned as its EXIF orientation says. Greyscale becomes three equal channels
    (for `"RGB"`), transparency is laid on white, and 16 bits are scaled to 8 by their range, not
    cut off. Arrays are `[H, W]` or `[H, W, 1 | 3 | 4]`: unsigned bytes or 16-bit numbers, or
    floats in [0, 1].

    Args:
        sample: a path, a PIL image, an array or tensor, or a mapping with one of those (or the
            file's bytes) under `image`, as a row of a Hugging Face `Dataset` is.
        mode: the channels to return.
        row: which sample of its batch it is, for the error.

    Raises:
        UnreadableSampleError: for a file that is missing, damaged or no image, and for an array
            of another shape or range; it names the path.

    Example:
        >>> open_image(np.zeros((4, 6), np.uint8)).size
        (6, 4)
    """
    pil = require("PIL.Image", "vision", "Reading images")
    ops = require("PIL.ImageOps", "vision", "Reading images")
    image = _find(sample, row)
    try:
        image.load()
        upright = ops.exif_transpose(image)
    except Exception as error:  # a damaged file makes PIL's decoders raise anything
        raise _unreadable(sample, row, f"{type(error).__name__}: {error}") from error
    if upright.mode.startswith("I") or upright.mode == "F":
        upright = pil.fromarray(_to_bytes(np.asarray(upright), sample, row))
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = pil.new("RGBA", upright.size, "white")
        upright = pil.alpha_composite(white, upright)
    converted: Image = upright if upright.mode == mode else upright.convert(mode)
    return converted


def image_size(sample: Any, *, row: int = 0) -> tuple[int, int]:
    """Return (width, height) of the upright image; of a file, only the head is read.

    Raises:
        UnreadableSampleError: as `open_image`, as far as the head shows it.

    Example:
        >>> image_size(np.zeros((4, 6), np.uint8))
        (6, 4)
    """
    image = _find(sample, row)
    width, height = image.size
    try:
        turned = image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
    except Exception:  # damaged metadata: the picture itself may still be read
        turned = False
    return (height, width) if turned else (width, height)


def _find(sample: Any, row: int) -> Any:
    """Return a PIL image of the sample, its pixels perhaps not read yet."""
    pil = require("PIL.Image", "vision", "Reading images")
    source = sample
    if isinstance(source, Mapping):
        if "image" not in source:
            raise _unreadable(sample, row, f"a mapping with {', '.join(map(repr, source))}")
        source = source["image"]
    if isinstance(source, Mapping):  # an undecoded image of a Hugging Face Dataset
        source = source.get("bytes") or source.get("path")
    if isinstance(source, pil.Image):
        return source
    if isinstance(source, bytes):
        source = BytesIO(source)
    elif hasattr(source, "__array__") or hasattr(source, "detach"):
        return pil.fromarray(_to_bytes(_as_array(source), sample, row))
    elif not isinstance(source, str | os.PathLike):
        raise _unreadable(sample, row, type(source).__name__)
    try:
        return pil.open(source)
    except Exception as error:  # see above; a bomb is an error of its own kind
        raise _unreadable(sample, row, f"{type(error).__name__}: {error}") from error


def _as_array(source: Any) -> np.ndarray:
    if hasattr(source, "detach"):
        source = source.detach().cpu()
    return np.asarray(source)


def _to_bytes(array: np.ndarray, sample: Any, row: int) -> np.ndarray:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if (
        array.ndim not in (2, 3)
        or 0 in array.shape
        or (array.ndim == 3 and array.shape[2] not in (3, 4))
    ):
        raise _unreadable(sample, row, f"an array of shape {list(array.shape)}")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            found = f"floats from {array.min():g} to {array.max():g}, not in [0, 1]"
            raise _unreadable(sample, row, found)
        return np.round(array * 255).astype(np.uint8)
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() < 2**16:
        return np.round(array / 257).astype(np.uint8)
    raise _unreadable(sample, row, f"numbers of type {array.dtype} beyond 16 bits, or below 0")


def _unreadable(sample: Any, row: int, found: str) -> UnreadableSampleError:
    place = f"row {row}"
    if isinstance(sample, str | os.PathLike):
        place = str(Path(sample))
    elif filename := getattr(sample, "filename", ""):
        place = str(filename)
    message = describe_fault(
        "samples",
        "an image: a path, a PIL image, an array [H, W] or [H, W, 1 | 3 | 4]",
        found,
        where=place,
    )
    return UnreadableSampleError(message, {row: found})
