"""Reading one image, whatever it comes as: a file, a PIL image, an array, a row of a data set."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from altasks._internal.extras import require
from altasks.data.folders import IMAGE_SUFFIXES
from altasks.errors import UnreadableSampleError, describe_fault

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "IMAGE_SUFFIXES",
    "all_unreadable",
    "image_size",
    "is_encoded",
    "open_image",
    "pixels_of",
    "upright_size",
]

#: EXIF orientations that lie on their side.
_ON_ITS_SIDE = (5, 6, 7, 8)
_MIRRORED_OR_HALF = (2, 3, 4)
_ORIENTATION = 0x0112
_WIDTH, _HEIGHT = 0x0100, 0x0101
_CHANNELS = (1, 3, 4)
#: Rows of a big image that are copied at a time.
_STRIP = 64
#: Held while an image of the user's own is read: two threads may have been given the same one.
_LOADING = threading.Lock()


def open_image(
    sample: Any,
    *,
    mode: Literal["RGB", "L", "RGBA"] = "RGB",
    row: int = 0,
    at_least: int | None = None,
) -> Image:
    """Return a sample as an upright 8-bit PIL image.

    A photograph is turned as its EXIF orientation says. Greyscale becomes three equal channels
    (for `"RGB"`), transparency is laid on white, and 16 bits are scaled to 8 by their range, not
    cut off. Arrays and tensors are `[H, W]`, `[H, W, C]` or `[C, H, W]` with C of 1, 3 or 4 (where
    both fit, the channels are last): bool, uint8, uint16, or floats in [0, 1]. Of a file with
    several frames the first is read.

    Args:
        sample: a path, a PIL image, an array or tensor, or a mapping with one of those (or the
            file's bytes) under `image`, as a row of a Hugging Face `Dataset` is.
        mode: the channels to return; with `"RGBA"` the fourth one is kept as it is, and an image
            without one is refused.
        row: which sample of its batch it is, for the error.
        at_least: a JPEG that is much bigger may be decoded smaller, with both sides at least so
            long: several times as fast for photographs that are made small anyway.

    Raises:
        UnreadableSampleError: for a file that is missing, damaged or no image, and for an array
            of another shape or range; it names the path.

    Example:
        >>> open_image(np.zeros((4, 6), np.uint8)).size
        (6, 4)
    """
    pil = require("PIL.Image", "vision", "Reading images")
    ops = require("PIL.ImageOps", "vision", "Reading images")
    image, ours = _opened(sample, row, at_least)
    converted: Any = None
    try:
        with nullcontext() if ours else _LOADING:
            image.load()
        upright = image
        if ours:
            ops.exif_transpose(image, in_place=True)  # no copy of what nobody else sees
        else:
            upright = ops.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            upright = pil.fromarray(_to_bytes(np.asarray(upright), sample, row, pil=True))
        if mode == "RGBA" and upright.mode != mode:
            raise _unreadable(sample, row, f"no fourth channel (mode {upright.mode})")
        if mode != "RGBA" and (
            upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info
        ):
            upright = upright.convert("RGBA")
            white = pil.new("RGBA", upright.size, "white")
            upright = pil.alpha_composite(white, upright)
        converted = upright if upright.mode == mode else upright.convert(mode)
        if converted is image and ours and getattr(image, "fp", None) is not None:
            converted = image.copy()  # of a file with several frames, which is still open
    except UnreadableSampleError:
        raise
    except Exception as error:  # a damaged file makes PIL's decoders raise anything
        raise _unreadable(sample, row, f"{type(error).__name__}: {error}") from error
    finally:
        if ours and converted is not image:
            image.close()
    return cast("Image", converted)


def pixels_of(image: Image) -> np.ndarray:
    """Return the pixels of an 8-bit PIL image, `[H, W]` or `[H, W, C]`.

    The same as `np.asarray`, which takes nearly as long as decoding a photograph: Pillow gives its
    pixels away in small pieces. Strips that stay in cache take a third of that.

    Example:
        >>> from PIL import Image
        >>> pixels_of(Image.new("RGB", (6, 4), (1, 2, 3)))[3, 5].tolist()
        [1, 2, 3]
    """
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}.get(image.mode)
    width, height = image.size
    if channels is None or width * height < 2**18:
        return np.asarray(image)
    array = np.empty((height, width, *channels), np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        strip = image.crop((0, top, width, bottom)).tobytes()
        array[top:bottom] = np.frombuffer(strip, np.uint8).reshape(bottom - top, width, *channels)
    return array


def image_size(sample: Any, *, row: int = 0) -> tuple[int, int]:
    """Return (width, height) of the upright image; of a file, only the head is read.

    Raises:
        UnreadableSampleError: as `open_image`, as far as the head shows it.

    Example:
        >>> image_size(np.zeros((4, 6), np.uint8))
        (6, 4)
    """
    return upright_size(sample, row=row)[0]


def upright_size(sample: Any, *, row: int = 0) -> tuple[tuple[int, int], int]:
    """Return (width, height) of the upright image, and the EXIF orientation it is stored in.

    The orientation is 1 where the image is stored upright, 5 to 8 where it lies on its side.

    Raises:
        UnreadableSampleError: as `image_size`.

    Example:
        >>> upright_size(np.zeros((4, 6), np.uint8))
        ((6, 4), 1)
    """
    with _found(sample, row) as image:
        width, height = image.size
        orientation = 1
        try:
            orientation = int(image.getexif().get(_ORIENTATION) or 1)
            if orientation in _ON_ITS_SIDE and (tags := getattr(image, "tag_v2", None)):
                # Some versions of PIL give a TIFF's size as it will be when it was turned.
                width, height = tags[_WIDTH], tags[_HEIGHT]
        except Exception:  # damaged metadata: the picture itself may still be read
            orientation = 1
    if orientation in _ON_ITS_SIDE:
        return (height, width), orientation
    return (width, height), orientation if orientation in _MIRRORED_OR_HALF else 1


@contextmanager
def _found(sample: Any, row: int) -> Iterator[Any]:
    """Yield a PIL image of the sample, its pixels perhaps not read yet; close what was opened."""
    image, ours = _opened(sample, row)
    try:
        yield image
    finally:
        if ours:
            image.close()


def _opened(sample: Any, row: int, at_least: int | None = None) -> tuple[Any, bool]:
    """Return a PIL image of the sample, its pixels perhaps not read yet, and whether it is ours."""
    image, ours = _find(sample, row)
    try:
        if image.format == "EPS":  # a program: drawing it would start an interpreter
            raise _unreadable(sample, row, "an EPS file, which is not read")
        if 0 in image.size:
            raise _unreadable(sample, row, f"no pixels ({image.width} x {image.height})")
        if ours and at_least is not None and image.format == "JPEG":
            image.draft(None, (at_least, at_least))  # changes the image: never the user's own
    except BaseException:
        if ours:
            image.close()
        raise
    return image, ours


def all_unreadable(bad: Mapping[int, UnreadableSampleError]) -> UnreadableSampleError:
    """Return one error about every row of a batch that can't be read.

    Args:
        bad: row in the batch -> what reading it raised; at least one.
    """
    rows = {row: error.rows.get(row, str(error)) for row, error in sorted(bad.items())}
    first = str(bad[next(iter(rows))])
    more = f" {len(rows) - 1} more rows can't be read either." if len(rows) > 1 else ""
    return UnreadableSampleError(first + more, rows)


def is_encoded(sample: Any) -> bool:
    """Return whether a sample is a file, or the bytes of one, that has to be decoded.

    Example:
        >>> is_encoded({"image": {"path": "a/b.png", "bytes": None}}), is_encoded(np.zeros((2, 2)))
        (True, False)
    """
    if isinstance(sample, Mapping):
        sample = sample.get("image", sample)
    return isinstance(sample, str | os.PathLike | bytes | bytearray | Mapping)


def _find(sample: Any, row: int) -> tuple[Any, bool]:
    """Return a PIL image of the sample, and whether it was opened here."""
    pil = require("PIL.Image", "vision", "Reading images")
    source = sample
    if isinstance(source, Mapping) and "image" in source:
        source = source["image"]
    if isinstance(source, Mapping):  # an undecoded image of a Hugging Face Dataset
        if not {"bytes", "path"} & set(source):
            found = f"a mapping with {', '.join(map(repr, source)) or 'nothing in it'}"
            raise _unreadable(sample, row, found)
        source = source.get("bytes") or source.get("path")
    if isinstance(source, pil.Image):
        return source, False
    if isinstance(source, bytes | bytearray):
        source = BytesIO(source)
    elif hasattr(source, "__array__") or hasattr(source, "detach"):
        if np.ma.is_masked(source):
            hint = "Fill them in: array.filled(...)."
            raise _unreadable(sample, row, "an array with masked values", hint)
        return pil.fromarray(_to_bytes(_as_array(source), sample, row)), True
    elif not isinstance(source, str | os.PathLike):
        raise _unreadable(sample, row, type(source).__name__)
    try:
        return _opener()(source), True
    except Exception as error:  # see above; a bomb is an error of its own kind
        raise _unreadable(sample, row, f"{type(error).__name__}: {error}") from error


def _opener() -> Callable[[Any], Any]:
    """Return PIL's own `open`.

    Ultralytics puts another in its place, which for a damaged file tries to install a decoder.
    """
    before = getattr(sys.modules.get("ultralytics.utils.patches"), "_image_open", None)
    opener: Callable[[Any], Any] = before or require("PIL.Image", "vision", "Reading images").open
    return opener


def _as_array(source: Any) -> np.ndarray:
    if hasattr(source, "detach"):
        source = source.detach().cpu()
        if source.is_floating_point():
            source = source.float()  # NumPy has no bfloat16
    return np.asarray(source)


def _to_bytes(array: np.ndarray, sample: Any, row: int, *, pil: bool = False) -> np.ndarray:
    """Return an array of any readable kind as bytes `[H, W]` or `[H, W, 3 | 4]`.

    PIL reads some 16-bit files as 32-bit integers (`pil`); in an array those could mean any range.
    """
    if array.ndim == 3 and array.shape[2] not in _CHANNELS and array.shape[0] in _CHANNELS:
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if (
        array.ndim not in (2, 3)
        or 0 in array.shape
        or (array.ndim == 3 and array.shape[2] not in _CHANNELS)
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
    sixteen = array.dtype.kind == "u" and array.dtype.itemsize == 2
    if sixteen or (pil and array.min() >= 0 and array.max() < 2**16):
        return np.round(array / 257).astype(np.uint8)
    found = f"numbers of type {array.dtype}"
    if array.dtype.kind in "iu":
        found += f" from {array.min()} to {array.max()}"
    raise _unreadable(sample, row, found, "Use uint8 for 0 to 255, uint16 for 0 to 65,535.")


def _unreadable(sample: Any, row: int, found: str, hint: str = "") -> UnreadableSampleError:
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
        hint=hint,
    )
    return UnreadableSampleError(message, {row: found})
