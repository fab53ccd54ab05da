"""Which class is right for each pixel of a prediction, from masks as labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.data.masks.masks import IGNORED, MaskReader
from altasks.errors import invalid
from altasks.predictions import Prediction, Ragged
from altasks.tasks.segmentation.regions import frame_of, image_frame, pixel_order


class LabelledPixels:
    """The masks of samples, of which one is in memory at a time.

    Args:
        samples: images or regions of them.
        labels: a mask of the whole image for each.
        reader: reads them.
        channels: of an image.
    """

    def __init__(
        self, samples: Sequence[Any], labels: Sequence[Any], reader: MaskReader, channels: int
    ) -> None:
        if len(samples) != len(labels):
            raise invalid("labels", f"one for each of {len(samples)} samples", f"{len(labels)}")
        self._samples, self._labels = samples, labels
        self._reader, self._channels = reader, channels
        self._read: tuple[int, np.ndarray] | None = None

    def at(self, place: int, rows: np.ndarray, columns: np.ndarray) -> Tensor:
        """Return the classes of some pixels of a sample's image, `[m]`, -1 where it is void.

        Raises:
            InvalidInputError: for a mask that can't be one of that image.
        """
        if self._read is None or self._read[0] != place:
            size = image_frame(self._samples[place], self._channels, place)
            mask = self._reader.read(self._labels[place], size, f"row {place}")
            self._read = place, np.where(mask == IGNORED, -1, mask)
        return torch.from_numpy(self._read[1][rows, columns])


def targets_of_pixels(
    samples: Sequence[Any],
    labels: Sequence[Any],
    prediction: Prediction,
    reader: MaskReader,
    channels: int,
) -> Tensor:
    """Return the class of each pixel of a prediction of whole samples, `[M]`, -1 where it is void.

    Raises:
        InvalidInputError: for a mask that can't be one, or a prediction of other samples.
    """
    masks = LabelledPixels(samples, labels, reader, channels)
    parts = [torch.empty(0, dtype=torch.int64)]
    for place, sample in enumerate(samples):
        top, left = frame_of(sample, (0, 0))[:2]
        # Row by row of the sample's box, which is the order of its pixels.
        rows, columns = np.nonzero(pixel_order(sample, channels, place) >= 0)
        parts.append(masks.at(place, rows + top, columns + left))
    lengths = [len(part) for part in parts[1:]]
    if not isinstance(prediction, Ragged) or prediction.lengths.tolist() != lengths:
        raise invalid(
            "prediction", f"that of these samples, of {sum(lengths)} pixels", f"{prediction!r}"
        )
    return torch.cat(parts)
