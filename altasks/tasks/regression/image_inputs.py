"""What a regression on images reads: samples opened one by one, made into pixels by batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks.data.images import all_unreadable, image_size, open_image
from altasks.errors import UnreadableSampleError, invalid
from altasks.tasks._shared.checkpoints import quiet, reading
from altasks.tasks.regression.inputs import RowBatch


class ImageReader:
    """Images, as the model's own image processor makes pixels of them.

    Args:
        processor: a Hugging Face image processor.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def check(self, samples: Sequence[Any]) -> None:
        """Refuse samples whose head, of a file, shows no image.

        Raises:
            UnreadableSampleError: naming every such row.
        """
        _all(enumerate(samples), image_size)

    def learn(self, samples: Sequence[Any]) -> None:
        """Do nothing: the processor knows the scale of pixels."""

    def rows(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the samples as rows for a collator, which opens them: by batches, not all."""
        self.check(samples)
        return [{"pixel_values": place} for place in enumerate(samples)]

    def batches(self, samples: Sequence[Any], batch_size: int) -> Iterator[RowBatch]:
        """Yield batches of pixels, in order, each opened when it is its turn.

        Raises:
            UnreadableSampleError: naming every row that can't be read; once there is one, the
                rest is only looked at.
        """
        bad: dict[int, UnreadableSampleError] = {}
        for start in range(0, len(samples), batch_size):
            places = list(range(start, min(start + batch_size, len(samples))))
            images = []
            for row in places:
                try:
                    images.append(open_image(samples[row], row=row))
                except UnreadableSampleError as error:
                    bad[row] = error
            if not bad:
                yield RowBatch(places, {"pixel_values": self._pixels(images)})
        if bad:
            raise all_unreadable(bad)

    def _pixels(self, images: Sequence[Any]) -> Tensor:
        pixels = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        return torch.as_tensor(pixels)

    def collator(self) -> Any:
        """Return what opens the samples of a batch."""

        def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
            images = _all((row["pixel_values"] for row in rows), open_image)
            made = {"pixel_values": self._pixels(images)}
            if "labels" in rows[0]:
                made["labels"] = torch.tensor([row["labels"] for row in rows])
            return made

        return collate

    def size(self, sample: Any) -> int:
        """Return 1: every image becomes as many pixels."""
        del sample
        return 1

    def show(self, sample: Any) -> dict[str, Any]:
        """Return, as JSON, where an image is, or how large it is."""
        source = sample.get("image") if isinstance(sample, Mapping) else sample
        if isinstance(source, Mapping):
            source = source.get("path")
        if isinstance(source, str | os.PathLike):
            return {"image": os.fspath(source)}
        width, height = image_size(sample)
        return {"image": f"{width} x {height}"}

    def meaning(self) -> dict[str, Any]:
        """Return nothing: any image can be read."""
        return {}

    def kept(self) -> dict[str, Any]:
        """Return nothing: the processor lies beside the weights."""
        return {}

    def check_kept(self, kept: Mapping[str, Any]) -> None:
        """Do nothing."""

    def remember(self, kept: Mapping[str, Any]) -> None:
        """Do nothing."""


def _all(places: Iterable[tuple[int, Any]], read: Any) -> list[Any]:
    """Return what `read` makes of samples, each with the row it has among all.

    Raises:
        UnreadableSampleError: naming every row that it can't read.
    """
    found: list[Any] = []
    bad: dict[int, UnreadableSampleError] = {}
    for row, sample in places:
        try:
            found.append(read(sample, row=row))
        except UnreadableSampleError as error:
            bad[row] = error
    if bad:
        raise all_unreadable(bad)
    return found


def find_image_processor(source: Any, processor: Any) -> Any:
    """Return the image processor: the one given, or the one beside the model.

    Raises:
        InvalidInputError: if a model object doesn't say where it is from.
    """
    if processor is not None and not isinstance(processor, str | os.PathLike):
        return processor
    place = source if processor is None else processor
    if isinstance(place, nn.Module):
        place = getattr(place, "name_or_path", "")
    if not place:
        raise invalid(
            "processor",
            "the image processor of the model, since the model object doesn't say where it is from",
            "None",
        )
    transformers = require("transformers", "vision", "A Hugging Face model")
    with reading(place), quiet():
        return transformers.AutoImageProcessor.from_pretrained(
            os.fspath(place), trust_remote_code=False
        )
