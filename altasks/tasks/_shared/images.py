"""Images to tensors: read one by one, transformed and stacked, for predictions and fits."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from altasks._internal.ahead import ahead
from altasks._internal.extras import require
from altasks.data.images import all_unreadable, image_size, is_encoded, open_image
from altasks.errors import UnreadableSampleError, invalid
from altasks.tasks._shared.adapters import adapter_base
from altasks.tasks._shared.checkpoints import is_local, quiet

#: The channels' means and standard deviations that most pretrained networks were trained with.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: How many images are read ahead that were made small.
AHEAD = 32
#: Held while an image processor works: nobody says that one may be used by several threads.
_TRANSFORMING = threading.Lock()


class PixelNet(nn.Module):
    """A module from images `[n, channels, H, W]` to logits, called and answering by name."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the outputs as `logits`.

        `labels` are not read: by their name here Trainer knows that a batch has some.
        """
        del labels
        first = next(self.net.parameters(), pixel_values)
        output = self.net(pixel_values.to(first.dtype))
        # Some networks of torchvision say more while they train.
        return {"logits": output[0] if isinstance(output, tuple) else output}


class ToPixels:
    """The transform of a network that brings none: resize, scale to [0, 1], normalise.

    The whole image is resized to the network's input, so nothing at its borders is lost; its
    aspect ratio is.

    Args:
        size: (height, width).
        mean: of each channel.
        std: of each channel.
    """

    def __init__(self, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]) -> None:
        self.size = size
        self._given: list[list[Any]] = [list(size), list(mean), list(std)]
        self._mean = torch.tensor(mean).view(-1, 1, 1)
        self._std = torch.tensor(std).view(-1, 1, 1)

    def resized(self, image: Any) -> Any:
        """Return an image at the size of the input: bilinear, over the whole area."""
        height, width = self.size
        return image if image.size == (width, height) else image.resize((width, height), resample=2)

    def settings(self) -> list[list[Any]]:
        """Return size, means and standard deviations: all that decides the pixels."""
        return self._given

    def __call__(self, image: Any) -> Tensor:
        """Return an RGB or L image as a float tensor `[channels, height, width]`."""
        image = self.resized(image)
        pixels = torch.from_numpy(np.array(image, np.float32))
        pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
        return (pixels / 255 - self._mean) / self._std


class Processed:
    """A Hugging Face image processor as a transform of one image."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, image: Any) -> Tensor:
        """Return the image as the processor makes it."""
        pixels = self.processor(images=[image], return_tensors="pt")["pixel_values"]
        return torch.as_tensor(pixels)[0]


@dataclass(frozen=True, eq=False)
class OpenedPixels:
    """A sample that was read: as the model takes it, or as the image that is left to transform.

    Attributes:
        image: of the size that the transform makes, or None.
        pixels: `[channels, H, W]`, or None.
    """

    image: Any = None
    pixels: Tensor | None = None


class ImageReader:
    """Reads samples as the pixels that the model takes.

    Files are decoded on threads, before their batch is at work: so are the transforms of altasks
    and of Hugging Face, the latter one at a time. A transform of the user's own, which may draw at
    random, is called in the caller's thread, in the order of the samples.

    Args:
        transform: from a PIL image to a float tensor `[channels, H, W]`.
        mode: what kind of PIL image it is given.
        at_least: how long both sides of a photograph must at least be; None decodes all of it.
        workers: threads that decode; 0 decodes in the caller's.
    """

    def __init__(
        self,
        transform: Callable[[Any], Any],
        mode: Literal["RGB", "L"],
        at_least: int | None,
        workers: int,
    ) -> None:
        self.transform = transform
        self.mode = mode
        self.at_least = at_least
        self.workers = workers

    def open(self, sample: Any, row: int) -> Any:
        """Return the sample as an upright PIL image."""
        return open_image(sample, mode=self.mode, row=row, at_least=self.at_least)

    def open_ahead(self, sample: Any, row: int = 0) -> Any:
        """Return a sample read on any thread, small; as it is, if its transform is the user's own.

        Raises:
            UnreadableSampleError: if it can't be read.
        """
        if isinstance(sample, OpenedPixels):
            return sample
        if isinstance(self.transform, ToPixels):
            return OpenedPixels(image=self.transform.resized(self.open(sample, row)))
        if isinstance(self.transform, Processed):
            image = self.open(sample, row)
            with _TRANSFORMING:
                return OpenedPixels(pixels=self.pixels(image, row))
        return sample

    def pixels(self, image: Any, row: int) -> Tensor:
        """Return one opened image as the model takes it.

        Raises:
            UnreadableSampleError: if the transform fails on it.
        """
        if isinstance(image, OpenedPixels):
            if image.pixels is not None:
                return image.pixels
            image = image.image
        try:
            made = self.transform(image)
        except Exception as error:  # an image too small for a crop, and whatever others raise
            found = f"an image of {image.width} x {image.height} on which the transform failed: "
            found += f"{type(error).__name__}: {error}"
            raise UnreadableSampleError(f"samples (row {row}): {found}", {row: found}) from error
        if not isinstance(made, Tensor) or made.ndim != 3 or not made.is_floating_point():
            shown = f"{type(made).__name__}"
            if isinstance(made, Tensor):
                shown = f"{made.dtype} of shape {list(made.shape)}"
            raise invalid("transform", "float tensors [channels, H, W]", shown)
        return made

    def batches(self, samples: Sequence[Any], batch_size: int) -> Iterator[Tensor]:
        """Yield the samples' pixels, `batch_size` at a time: `[n, channels, H, W]`.

        Raises:
            UnreadableSampleError: naming every row that can't be read; once there is one, the
                rest is only looked at.
        """
        groups = in_batches(len(samples), batch_size)
        yield from (one for one in self.some(samples, groups) if one is not None)

    def some(
        self, samples: Sequence[Any], groups: Sequence[Sequence[int]]
    ) -> Iterator[Tensor | None]:
        """Yield the pixels of each group of rows; None for a group without any.

        Raises:
            UnreadableSampleError: as `batches`.
        """
        bad: dict[int, UnreadableSampleError] = {}
        images = self._ahead(samples, [row for rows in groups for row in rows])
        for rows in groups:
            pixels = []
            for row, image in zip(rows, islice(images, len(rows)), strict=True):
                try:
                    if isinstance(image, UnreadableSampleError):
                        raise image
                    pixels.append(self.pixels(image, row))
                except UnreadableSampleError as error:
                    bad[row] = error
            if not bad:
                yield _stacked(pixels, rows) if pixels else None
        if bad:
            raise all_unreadable(bad)

    def limit(self, *, whole: bool = False) -> int:
        """Return how many images may be read ahead: a few, where they are kept whole."""
        own = not isinstance(self.transform, ToPixels | Processed)
        return 2 * max(1, self.workers) if own or whole else AHEAD

    def opened(self, sample: Any, row: int) -> Any:
        """Return a sample read on any thread: small where that may be done, else whole."""
        made = self.open_ahead(sample, row)
        return made if isinstance(made, OpenedPixels) else self.open(sample, row)

    def _ahead(self, samples: Sequence[Any], rows: Sequence[int]) -> Iterator[Any]:
        """Yield the images of some rows, or the errors instead, the next ones read meanwhile."""

        def opened(row: int) -> Any:
            try:
                return self.opened(samples[row], row)
            except UnreadableSampleError as error:
                return error

        # Images that are decoded already gain nothing from threads.
        workers = self.workers if any(is_encoded(samples[row]) for row in rows) else 0
        return ahead(opened, rows, workers=workers, limit=self.limit())

    def check(self, samples: Sequence[Any]) -> None:
        """Look at the head of each file, before any training.

        Raises:
            UnreadableSampleError: naming every row whose head can't be read.
        """
        bad: dict[int, UnreadableSampleError] = {}
        for row, sample in enumerate(samples):
            try:
                image_size(sample, row=row)
            except UnreadableSampleError as error:
                bad[row] = error
        if bad:
            raise all_unreadable(bad)


def in_batches(count: int, size: int) -> list[range]:
    """Return the rows of each batch, in order.

    Example:
        >>> in_batches(5, 2)
        [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _stacked(pixels: Sequence[Tensor], rows: Sequence[int]) -> Tensor:
    for row, one in enumerate(pixels):
        if one.shape != pixels[0].shape:
            raise invalid(
                "transform",
                f"tensors of one shape, {list(pixels[0].shape)} as before",
                f"{list(one.shape)}",
                where=f"row {rows[row]}",
                hint="It has to bring every image to the same height and width.",
            )
    return torch.stack(list(pixels))


def find_processor(source: Any, processor: Any) -> Any:
    """Return the image processor: the one given, or the one beside the model.

    Raises:
        InvalidInputError: if there is none.
    """
    if processor is not None and not isinstance(processor, str | os.PathLike):
        return processor
    place = source if processor is None else processor
    if isinstance(place, nn.Module):
        place = getattr(place, "name_or_path", "")
    base = adapter_base(place) if place else None
    if base is not None and not (Path(place) / "preprocessor_config.json").is_file():
        place = base
    error: Exception | None = None
    if place and is_local(place) and not Path(place).exists():
        raise invalid(
            "processor",
            "the image processor of the model (a folder with preprocessor_config.json)",
            f"nothing at {os.fspath(place)!r}",
        )
    if place:
        transformers = require("transformers", "vision", "A Hugging Face model")
        try:
            with quiet():
                return transformers.AutoImageProcessor.from_pretrained(
                    os.fspath(place), trust_remote_code=False, local_files_only=is_local(place)
                )
        except (OSError, ValueError, RuntimeError) as caught:
            error = caught
    raise invalid(
        "processor",
        "the image processor of the model (a folder with preprocessor_config.json)",
        "none" if error is None else f"none in {os.fspath(place)!r}",
        hint="Pass processor=, or transform=, or input_size= for a plain resize and normalise.",
    ) from error


def channels_of(net: nn.Module, *, transformed: bool = False) -> Literal["RGB", "L"]:
    """Return the PIL mode that the first convolution of a network reads: RGB, or L for one channel.

    Args:
        net: any module.
        transformed: whether the user's own transform makes the channels.

    Raises:
        InvalidInputError: if it reads another number of channels, and nothing makes them.

    Example:
        >>> channels_of(nn.Sequential(nn.Conv2d(1, 4, 3)))
        'L'
    """
    first = next((part for part in net.modules() if isinstance(part, nn.Conv2d)), None)
    if first is not None and first.in_channels not in (1, 3) and not transformed:
        raise invalid(
            "model",
            "a network of images with 3 channels (RGB) or 1 (grey)",
            f"one whose first convolution reads {first.in_channels}",
            hint="Pass transform=, which makes them of a PIL image, and channels= its mode.",
        )
    return "L" if first is not None and first.in_channels == 1 else "RGB"


def plain_transform(
    net: nn.Module, input_size: int | tuple[int, int] | None, mode: Literal["RGB", "L"]
) -> ToPixels:
    """Return resize and normalise, with what timm noted on the network, else ImageNet's numbers."""
    noted = getattr(net, "pretrained_cfg", None) or {}
    size = input_size or noted.get("input_size", (3, 224, 224))[-2:]
    height, width = size if isinstance(size, tuple | list) else (size, size)
    mean, std = noted.get("mean", IMAGENET[0]), noted.get("std", IMAGENET[1])
    if mode == "L":
        mean, std = [sum(mean) / len(mean)], [sum(std) / len(std)]
    return ToPixels((int(height), int(width)), mean, std)


def longest_side(processor: Any) -> int | None:
    """Return the longest side that a processor makes, if it resizes."""
    if not getattr(processor, "do_resize", False):
        return None
    sizes = [getattr(processor, name, None) or {} for name in ("size", "crop_size")]
    keys = ("height", "width", "shortest_edge", "longest_edge")
    found = [dict(size).get(key) for size in sizes for key in keys]
    known = [int(side) for side in found if isinstance(side, int)]
    return max(known, default=None)
