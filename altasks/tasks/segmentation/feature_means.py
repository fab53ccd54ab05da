"""The average of a network's features over an image, or over a part of one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from altasks.data.masks.regions import ImageRegion
from altasks.tasks.segmentation.tiles import Tile


class FeatureMean:
    """Features averaged over the pixels of a sample, window by window.

    A cell of the feature map counts for an image by its window's own pixels, as one average; for a
    region, each cell by how many of the region's pixels lie in it, so that regions of one image
    differ. What a cell holds was seen in pixels around it too: a region knows its surroundings.

    Args:
        sample: an image or a region.
    """

    def __init__(self, sample: Any) -> None:
        self._sample = sample
        self._region = isinstance(sample, ImageRegion)
        self._cover: Tensor | None = None  # of a region's box, read once it is met
        self._total: Tensor | float = 0.0
        self._pixels = 0.0

    def add(self, maps: Tensor, tile: Tile) -> None:
        """Count a window.

        Args:
            maps: `[d, h, w]`, the features of the window, of any resolution.
            tile: where the window lies, and which of its pixels are its own.
        """
        top, left, bottom, right = tile.own
        if not self._region:
            weight = float((bottom - top) * (right - left))
            self._count(maps.float().mean((1, 2)).cpu() * weight, weight)
            return
        box = self._sample.box
        top, left = max(top, box[0]), max(left, box[1])
        bottom, right = min(bottom, box[2]), min(right, box[3])
        if top >= bottom or left >= right:
            return
        if self._cover is None:
            self._cover = torch.from_numpy(self._sample.cover()).float()
        inside = torch.zeros(tile.height, tile.width)
        inside[top - tile.top : bottom - tile.top, left - tile.left : right - tile.left] = (
            self._cover[top - box[0] : bottom - box[0], left - box[1] : right - box[1]]
        )
        height, width = maps.shape[1:]
        shares = adaptive_avg_pool2d(inside[None], (height, width))[0].to(maps.device)
        shares *= tile.height * tile.width / (height * width)  # pixels in each cell
        weight = float(shares.sum())
        if weight:
            self._count((maps.float() * shares).sum((1, 2)).cpu(), weight)

    def _count(self, features: Tensor, weight: float) -> None:
        self._total = self._total + features
        self._pixels += weight

    def result(self) -> Tensor:
        """Return the average, `[d]`, on the CPU."""
        return torch.as_tensor(self._total) / self._pixels
