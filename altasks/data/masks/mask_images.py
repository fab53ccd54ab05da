"""Class numbers out of image files: grey, paletted, low-bit and 16-bit ones, and NumPy's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from altasks._internal.extras import require
from altasks.data.images import upright_size
from altasks.errors import InvalidInputError, UnreadableSampleError, invalid

FORMS = "a mask: a path, an array [H, W] of class numbers, or its run lengths"
_NUMBER_MODES = ("L", "P", "1", "I", "I;16", "I;16B", "I;16L")
_COLOUR_MODES = ("RGB", "RGBA", "L", "LA", "P", "PA", "1")
# Pillow spreads grey levels of 2 and 4 bits over 0 to 255.
_SPREAD = {"2": 85, "4": 17}
_WHITE = 255
# Greys of a palette from here on are there to be seen; below, they may be class numbers.
_FOR_PEOPLE = 64
_SAVE_GREY = (
    "Either could be the class: read_masks(..., classes={name: grey level}) takes the greys; or "
    "save class numbers as grey PNG: Image.fromarray(array.astype('uint8'))."
)


def numbers_of_file(path: Path, where: str) -> np.ndarray:
    """Return the class numbers `[H, W]` in a file; see `numbers_of_image`.

    A `.npy` file is read as the array it holds.

    Raises:
        InvalidInputError: for what is no mask, saying `where`.
    """
    if path.suffix.lower() == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
        except Exception as error:  # NumPy raises anything for a damaged header
            found = f"{type(error).__name__}: {error}"
            raise invalid("label", "an array", found, where=where) from error
        return whole_numbers(array, "label", where)
    return _opened(path, where, numbers_of_image)


def numbers_of_image(image: Any, where: str) -> np.ndarray:
    """Return the class numbers `[H, W]` of a PIL image of one channel, upright.

    The indices of a paletted image and the grey levels are the numbers, also those of 1, 2 or 4
    bits. An image that carries an EXIF orientation is turned, as photographs are.

    Raises:
        InvalidInputError: for several channels or pages, grey levels stored from white to black,
            and JPEG, which changes them.
    """
    image, spread = _checked(image, where)
    # "P" is an image of numbers into a palette: the numbers are the classes.
    if image.mode not in _NUMBER_MODES:
        raise invalid(
            "label",
            "an image of class numbers, one channel",
            f"one of mode {image.mode!r}",
            where=where,
            hint="Masks painted in colours or greys are read by read_masks(..., classes={name: "
            "colour or grey level}).",
        )
    array = np.asarray(image)
    if image.mode == "P":
        _require_plain_palette(image, array, where)
    array = array.astype(np.uint8) if image.mode == "1" else array // spread
    return whole_numbers(array, "label", where)


def levels_of_file(path: Path, where: str, known: Collection[int]) -> np.ndarray:
    """Return the grey levels `[H, W]` in a file, also of three equal channels.

    Where a file stores other numbers than the greys it shows (1, 2 and 4 bits, a grey palette),
    the greys are taken, or the numbers if only those are known.

    Args:
        path: the file.
        where: how errors call it.
        known: the levels that mean something.

    Raises:
        InvalidInputError: for a colour, naming its pixel, and as `numbers_of_file`.
    """
    if path.suffix.lower() == ".npy":
        return numbers_of_file(path, where)
    return _opened(path, where, lambda image, where: _levels_of_image(image, where, known))


def _levels_of_image(image: Any, where: str, known: Collection[int]) -> np.ndarray:
    if image.mode not in _NUMBER_MODES:
        return grey_of_colours(_colours_of_image(image, where), where)
    image, spread = _checked(image, where)
    stored = np.asarray(image)
    numbers = stored.astype(np.uint8) if image.mode == "1" else stored // spread
    shown = stored if spread > 1 else numbers * 255 if image.mode == "1" else numbers
    if image.mode == "P" and (greys := _grey_palette(image, stored)) is not None:
        shown = greys[stored]
    meant = set(np.unique(shown).tolist()) <= set(known)
    stored_meant = set(np.unique(numbers).tolist()) <= set(known)
    return whole_numbers(numbers if stored_meant and not meant else shown, "label", where)


def _grey_palette(image: Any, numbers: np.ndarray) -> np.ndarray | None:
    """Return the grey level of each number up to the largest; None for a palette of colours."""
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    most = int(numbers.max()) + 1
    if most > len(colours) or (colours[:most] != colours[:most, :1]).any():
        return None
    return colours[:most, 0]


def _require_plain_palette(image: Any, numbers: np.ndarray, where: str) -> None:
    """Refuse numbers into a palette of greys that could be the classes as well.

    A GIF has no greys: what saves one numbers the levels that occur anew, as do programs that make
    files smaller. Palettes for people to look at rise from black in large steps.
    """
    greys = _grey_palette(image, numbers)
    if greys is None:
        return
    used = np.unique(numbers)
    levels = greys[used]
    if (levels == used).all() or (len(used) > 1 and (levels == levels[0]).all()):
        return
    black_first = used[0] > 0 or levels[0] == 0
    steps = levels[(levels > 0) & (levels < _WHITE)]
    if black_first and (np.diff(levels.astype(int)) > 0).all() and (steps >= _FOR_PEOPLE).all():
        return
    odd = int(used[levels != used][0])
    row, column = (int(i[0]) for i in np.nonzero(numbers == odd))
    raise invalid(
        "label", "numbers in a palette that is certain",
        f"number {odd}, shown as grey {greys[odd]}",
        where=f"{where}, row {row}, column {column}", hint=_SAVE_GREY,
    )  # fmt: skip


def mask_size(path: Path, where: str) -> tuple[int, int]:
    """Return (height, width) of the mask in a file, of which only the head is read.

    Raises:
        InvalidInputError: for a file that can't be read, and an array that is no matrix.
    """
    if path.suffix.lower() != ".npy":
        try:
            width, height = upright_size(path)[0]
        except UnreadableSampleError as error:
            found = next(iter(error.rows.values()))
            raise invalid("masks", "an image", found, where=where) from error
        return height, width
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except Exception as error:  # NumPy raises anything for a damaged header
        found = f"{type(error).__name__}: {error}"
        raise invalid("masks", "an array", found, where=where) from error
    if len(shape) != 2:
        raise invalid("masks", "an array [H, W]", f"one of shape {list(shape)}", where=where)
    return int(shape[0]), int(shape[1])


def colours_of_file(path: Path, where: str) -> np.ndarray:
    """Return the colours `[H, W, 3]` of a painted mask, uint8; where nothing is painted, black.

    Raises:
        InvalidInputError: for a pixel that is neither painted nor clear, and as `numbers_of_image`.
    """
    return _opened(path, where, _colours_of_image)


def _colours_of_image(image: Any, where: str) -> np.ndarray:
    image, _ = _checked(image, where)
    if image.mode not in _COLOUR_MODES:
        raise invalid("masks", "an image of colours", f"one of mode {image.mode!r}", where=where)
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if not clear:
        return np.asarray(image.convert("RGB"))
    array = np.asarray(image.convert("RGBA"))
    colours, alpha = array[:, :, :3].copy(), array[:, :, 3]
    half = (alpha > 0) & (alpha < 255)
    if half.any():
        row, column = (int(i[0]) for i in np.nonzero(half))
        raise invalid(
            "masks", "pixels that are painted or clear", f"an alpha of {alpha[row, column]}",
            where=f"{where}, row {row}, column {column}",
            hint="Save the mask without smoothing its edges.",
        )  # fmt: skip
    colours[alpha == 0] = 0
    return colours


def grey_of_colours(colours: np.ndarray, where: str) -> np.ndarray:
    """Return the grey levels `[H, W]` of an image of three equal channels.

    Raises:
        InvalidInputError: for a colour, naming its pixel.
    """
    odd = (colours != colours[:, :, :1]).any(2)
    if odd.any():
        row, column = (int(i[0]) for i in np.nonzero(odd))
        raise invalid(
            "masks", "grey levels", f"the colour {tuple(colours[row, column].tolist())}",
            where=f"{where}, row {row}, column {column}",
        )  # fmt: skip
    return colours[:, :, 0]


def whole_numbers(value: Any, argument: str, where: str) -> np.ndarray:
    """Return a matrix of whole numbers of at least 0, in a byte each where they fit.

    Raises:
        InvalidInputError: for anything else.
    """
    if np.ma.is_masked(value):
        raise invalid(
            argument, FORMS, "an array with masked values", where=where,
            hint="Say what they are: array.filled(255) makes them void.",
        )  # fmt: skip
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        # A tensor without values or of bfloat16; rows of different lengths.
        raise invalid(
            argument, FORMS, f"{type(error).__name__}: {error}"[:200], where=where
        ) from error
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "iu":
        found = f"{type(value).__name__} of shape {list(array.shape)} and type {array.dtype}"
        raise invalid(argument, FORMS, found, where=where)
    if array.min() < 0 or array.max() >= 2**31:
        found = f"numbers from {array.min()} to {array.max()}"
        raise invalid(argument, "class numbers of at least 0", found, where=where)
    return array.astype(np.uint8 if array.max() < 256 else np.int32, copy=False)


def _opened(path: Path, where: str, read: Any) -> np.ndarray:
    pil = require("PIL.Image", "vision", "Reading masks")
    try:
        with pil.open(path) as image:
            found: np.ndarray = read(image, where)
            return found
    except InvalidInputError:
        raise
    except Exception as error:  # a damaged file makes PIL's decoders raise anything
        found_error = f"{type(error).__name__}: {error}"
        raise invalid("label", FORMS, found_error, where=where) from error


def _checked(image: Any, where: str) -> tuple[Any, int]:
    """Return a mask's image, upright, and what its grey levels were multiplied by."""
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise invalid(
            "label", "an image of one page", f"one of {pages} pages", where=where,
            hint="Save the page that is the mask as a file of its own.",
        )  # fmt: skip
    if image.format in ("JPEG", "MPO"):
        raise invalid(
            "label", "a mask that was saved without loss", "a JPEG, which changes the numbers",
            where=where,
            hint="Threshold it and save it as PNG: Image.fromarray((array > 127).astype('uint8')).",
        )  # fmt: skip
    raw = _raw_mode(image)
    kind, _, rest = raw.partition(";")
    if rest.endswith("I") and kind in ("1", "L"):
        raise invalid(
            "label", "numbers stored as they are", "a file that stores white as 0", where=where,
            hint="Save it as PNG.",
        )  # fmt: skip
    ops = require("PIL.ImageOps", "vision", "Reading masks")
    image.load()
    return ops.exif_transpose(image), _SPREAD.get(rest[:1], 1) if kind == "L" else 1


def _raw_mode(image: Any) -> str:
    """Return how a file that isn't loaded yet stores its pixels, such as `L;4`."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    if isinstance(arguments, tuple | list):
        arguments = arguments[0] if arguments else ""
    return arguments if isinstance(arguments, str) else ""
