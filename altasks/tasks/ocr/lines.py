"""Images of text lines: opened, brought to one height, and put into batches."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from altasks._internal.ahead import ahead, default_workers
from altasks.data.images import image_size, is_encoded, open_image
from altasks.errors import UnreadableSampleError, invalid
from altasks.tasks.ocr.crnn import CRNN, STRIDE, steps_of

if TYPE_CHECKING:
    from PIL.Image import Image

#: How a text is normalised before it is learned, compared or measured.
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
#: Characters in a line as wide as it is high: 3.2 to 3.6 in four early printed books, 2.5 in
#: Fraktur of the 19th century.
CHARACTERS_PER_HEIGHT = 3.0
#: Characters that end a line, so that no label may hold one.
_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def open_lines(samples: Sequence[Any]) -> list[Image]:
    """Return the samples as upright RGB images.

    Raises:
        UnreadableSampleError: naming every sample that can't be opened, or has no pixel.
    """

    def opened(row: int) -> Image | str:
        try:
            image = open_image(samples[row], row=row)
        except UnreadableSampleError as error:
            return error.rows.get(row, str(error))
        return "an image of {} x {} pixels".format(*image.size) if 0 in image.size else image

    images: list[Image] = []
    unreadable: dict[int, str] = {}
    workers = default_workers() if any(map(is_encoded, samples)) else 0
    found = ahead(opened, range(len(samples)), workers=workers, limit=32)
    for row, image in enumerate(found):
        if isinstance(image, str):
            unreadable[row] = image
        else:
            images.append(image)
    if unreadable:
        raise unreadable_lines(unreadable)
    return images


def unreadable_lines(rows: Mapping[int, str]) -> UnreadableSampleError:
    """Return the error that names the lines that can't be read."""
    listed = "; ".join(f"row {row}: {found}" for row, found in list(rows.items())[:5])
    more = f"; and {len(rows) - 5} more" if len(rows) > 5 else ""
    return UnreadableSampleError(
        f"samples: expected images of text lines that every member can read, found {listed}{more}.",
        dict(rows),
    )


def width_at(sample: Any, height: int) -> int:
    """Return how wide the line is at a height, by the head of its file; 0 if it has none."""
    try:
        wide, high = image_size(sample)
    except UnreadableSampleError:
        return 0  # predict raises
    return -(-wide * height // high) if high else 0


def to_pixels(image: Image, height: int) -> Tensor:
    """Return a line as `[height, W]` bytes: grey, scaled to the height, its aspect kept.

    The last column is repeated until W is a multiple of the time steps' width.
    """
    width = max(1, -(-image.width * height // image.height))
    # Bicubic, as the pretrained weights were made with.
    scaled = image.convert("L").resize((width, height), resample=3)
    pixels = np.asarray(scaled)
    whole = max(2 * STRIDE, -(-width // STRIDE) * STRIDE)
    return torch.from_numpy(np.pad(pixels, ((0, 0), (0, whole - width)), mode="edge"))


def batch_of(lines: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return lines as one batch: `[n, 1, height, W]` from -1 to 1, and widths `[n]`.

    What pads the shorter lines is 0, which is also what a convolution sees beyond an edge.
    """
    widths = torch.tensor([line.shape[1] for line in lines])
    pixels = torch.zeros(len(lines), 1, lines[0].shape[0], int(widths.max()))
    for row, line in enumerate(lines):
        pixels[row, 0, :, : line.shape[1]] = line.float() / 127.5 - 1
    return pixels, widths


@dataclass(frozen=True, eq=False)
class Line:
    """A line to train on.

    Attributes:
        image: as it was opened.
        pixels: of `to_pixels`.
        held_out: whether it is there to be measured on, and so never augmented.
    """

    image: Image
    pixels: Tensor
    held_out: bool = False


class LineCollator:
    """Makes batches of training rows: `{"pixels": Line, "labels": class numbers, ...}`.

    Args:
        height: of the model's lines.
        augment: what is done to each image, anew each time it is learned; None: nothing.
    """

    def __init__(self, height: int, augment: Callable[[Image], Image] | None) -> None:
        self.height = height
        self.augment = augment

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return the model's inputs."""
        lines = [self._pixels(row) for row in rows]
        pixels, widths = batch_of(lines)
        longest = max(1, *(len(row["labels"]) for row in rows))
        labels = torch.full((len(rows), longest), -100)
        for row, target in enumerate(rows):
            labels[row, : len(target["labels"])] = torch.tensor(target["labels"], dtype=torch.long)
        batch = {"pixels": pixels, "widths": widths, "labels": labels}
        if "weights" in rows[0]:
            batch["weights"] = torch.tensor([float(row["weights"]) for row in rows])
        return batch

    def _pixels(self, row: Mapping[str, Any]) -> Tensor:
        line: Line = row["pixels"]
        if self.augment is None or line.held_out:
            return line.pixels
        changed = self.augment(line.image)
        if not hasattr(changed, "convert") or 0 in changed.size:
            raise invalid("augment", "a function from an image to an image", f"{changed!r}")
        return to_pixels(changed, self.height)


def numbers_of(text: str, alphabet: Sequence[str]) -> list[int]:
    """Return a text as class numbers of an alphabet that has all of its characters."""
    number = {character: i for i, character in enumerate(alphabet, 1)}
    return [number[character] for character in text]


def rows_of(
    images: Sequence[Image], texts: Sequence[str], weights: Sequence[float] | None, model: CRNN
) -> list[dict[str, Any]]:
    """Return training rows, as `LineCollator` takes them, for one network."""
    rows: list[dict[str, Any]] = []
    for row, (image, text) in enumerate(zip(images, texts, strict=True)):
        numbers, pixels = numbers_of(text, model.alphabet), to_pixels(image, model.height)
        require_room(numbers, pixels, row)
        rows.append({"pixels": Line(image, pixels), "labels": numbers})
        if weights is not None:
            rows[-1]["weights"] = weights[row]
    return rows


def require_room(numbers: Sequence[int], pixels: Tensor, row: int) -> None:
    """Refuse a text that has more characters than its line has time steps.

    Raises:
        InvalidInputError: naming the row.
    """
    steps = int(steps_of(torch.tensor(pixels.shape[1])))
    # Two equal characters in a row need a blank between them.
    needed = len(numbers) + sum(a == b for a, b in itertools.pairwise(numbers))
    if needed > steps:
        raise invalid(
            "labels",
            f"at most {steps} time steps' worth of characters, one for each {STRIDE} pixels of a "
            f"line scaled to {pixels.shape[0]} high",
            f"{len(numbers)} characters that need {needed}",
            where=f"row {row}",
            hint="Is it the text of another line, or of several?",
        )


def as_line(label: Any, form: Form | None, *, argument: str = "label") -> str:
    """Return a transcript as it is kept: one line of text in the Unicode form.

    Raises:
        InvalidInputError: for anything but a string of one line, of whole characters.
    """
    if not isinstance(label, str):
        raise invalid(argument, "the text of the line (str)", f"{label!r} ({type(label).__name__})")
    broken = next((character for character in label if character in _BREAKS), None)
    if broken is not None:
        raise invalid(argument, "one line of text", f"{label!r}, with a line break inside")
    try:
        label.encode()
    except UnicodeEncodeError as error:
        raise invalid(argument, "text of valid Unicode", f"{label!r}") from error
    return label if form is None else normalised(label, form)


def normalised(text: str, form: Form) -> str:
    """Return a text in a Unicode form."""
    return text if text.isascii() else unicodedata.normalize(form, text)


def describe_characters(characters: Sequence[str]) -> str:
    """Return characters with their code points and names: many look alike, some don't show.

    Example:
        >>> describe_characters(["é"])
        "'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE)"
    """
    shown = [
        f"{character!r} (U+{ord(character):04X} {unicodedata.name(character, 'without a name')})"
        for character in characters[:8]
    ]
    more = f" and {len(characters) - 8} more" if len(characters) > 8 else ""
    return ", ".join(shown) + more
