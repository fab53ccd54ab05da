"""Images as the inputs of a regression: batches, and rows to train on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from altasks._internal.ahead import default_workers
from altasks._internal.extras import require
from altasks._internal.frames import as_rows
from altasks.data.images import image_size
from altasks.tasks._shared.image_rows import ImageRows
from altasks.tasks._shared.images import ImageReader, Processed
from altasks.tasks.regression.inputs import RowBatch


class ImageInputs:
    """Images, as the model's own image processor makes pixels of them.

    Args:
        processor: a Hugging Face image processor.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self._reader = ImageReader(
            Processed(processor), "RGB", at_least=None, workers=default_workers()
        )

    def check(self, samples: Sequence[Any]) -> None:
        """Refuse samples whose head, of a file, shows no image.

        Raises:
            UnreadableSampleError: naming every such row.
        """
        self._reader.check(as_rows(samples))

    def learn(self, samples: Sequence[Any]) -> None:
        """Do nothing: the processor knows the scale of pixels."""

    def rows(self, samples: Sequence[Any], targets: Sequence[Any]) -> ImageRows:
        """Return rows for a collator, each opened when its batch needs it."""
        return ImageRows(self._reader, samples, targets, augment=None)

    def batches(self, samples: Sequence[Any], batch_size: int) -> Iterator[RowBatch]:
        """Yield batches of pixels, in order, each opened when it is its turn.

        Raises:
            UnreadableSampleError: naming every row that can't be read; once there is one, the
                rest is only looked at.
        """
        first = 0
        for pixels in self._reader.batches(as_rows(samples), batch_size):
            rows = list(range(first, first + len(pixels)))
            first += len(pixels)
            yield RowBatch(rows, {"pixel_values": pixels})

    def collator(self) -> Any:
        """Return what stacks rows."""
        transformers = require("transformers", "vision", "Training a Hugging Face model")
        return transformers.default_data_collator

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
