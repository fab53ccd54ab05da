"""Images through a model, tile by tile: the committee's probabilities of every pixel, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from altasks._internal.ahead import ahead
from altasks._internal.transfer import to_device
from altasks.data.images import is_encoded
from altasks.tasks.segmentation.rasters import Normaliser, picture_of, read_raster
from altasks.tasks.segmentation.tiles import Tile, cut, edges, strips


class Piece(NamedTuple):
    """Some rows of a tile with the committee's probabilities.

    Attributes:
        image: which one.
        top: first row in it.
        left: first column in it.
        probs: `[K, C, h, w]`.
        edge: `[h, w]` bool, what is near a boundary of the predicted classes, or None.
    """

    image: int
    top: int
    left: int
    probs: Tensor
    edge: Tensor | None


@dataclass(frozen=True)
class Passes:
    """How images are read and cut.

    Attributes:
        normalise: from an array to the model's input.
        channels: of an image.
        tile: the side of a window.
        overlap: minimum distance of a used pixel to the edge of its tile.
        stride: what windows' sides are multiples of.
        batch_size: windows at once.
        device: where the model is.
        boundary: how near to another predicted class a pixel is near a boundary; 0: not asked.
        together: whether the members' average is the answer; else the last one is.
    """

    normalise: Normaliser
    channels: int
    tile: int
    overlap: int
    stride: int
    batch_size: int
    device: torch.device
    boundary: int
    together: bool

    def pieces(
        self,
        samples: Sequence[Any],
        maps: Callable[[Tensor, Tile], Sequence[Tensor]],
        *,
        rows: int | None = None,
        wanted: Callable[[int, Tile], bool] | None = None,
    ) -> Iterator[Piece]:
        """Yield every image in pieces.

        Args:
            samples: images, or regions, whose whole images are meant.
            maps: from windows `[n, channels, h, w]` and the first one's place to K maps of logits
                `[n, C, ...]`.
            rows: of a piece.
            wanted: whether a tile of an image is.
        """
        waiting: list[tuple[int, Tile, Tensor]] = []
        for index, tile, window in self.windows(samples, wanted):
            if waiting and (len(waiting) == self.batch_size or waiting[0][2].shape != window.shape):
                yield from self._run(waiting, maps, rows)
                waiting = []
            waiting.append((index, tile, window))
        if waiting:
            yield from self._run(waiting, maps, rows)

    def windows(
        self, samples: Sequence[Any], wanted: Callable[[int, Tile], bool] | None = None
    ) -> Iterator[tuple[int, Tile, Tensor]]:
        """Yield (which image, tile, window `[channels, h, w]`), as `pieces` runs them."""

        def read(index: int) -> np.ndarray:
            return read_raster(samples[index], self.channels, row=index)

        # One image ahead: they may be large. Those that are decoded already gain nothing.
        workers = 1 if any(is_encoded(picture_of(sample)) for sample in samples) else 0
        images = ahead(read, range(len(samples)), workers=workers, limit=1)
        for index, image in enumerate(images):
            height, width = image.shape[:2]
            for tile in cut(
                height, width, tile=self.tile, overlap=self.overlap, stride=self.stride
            ):
                if wanted is None or wanted(index, tile):
                    yield index, tile, self._window(image, tile)

    def _window(self, image: np.ndarray, tile: Tile) -> Tensor:
        part = image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        missing = (tile.height - part.shape[0], tile.width - part.shape[1])
        if any(missing):  # beyond the image's edge the last pixel goes on
            part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        return self.normalise(part)

    def _run(
        self,
        waiting: Sequence[tuple[int, Tile, Tensor]],
        maps: Callable[[Tensor, Tile], Sequence[Tensor]],
        rows: int | None,
    ) -> Iterator[Piece]:
        windows = to_device(torch.stack([window for _, _, window in waiting]), self.device)
        members = maps(windows, waiting[0][1])
        for place, (index, tile, _) in enumerate(waiting):
            edge = None
            if self.boundary:
                answers = members if self.together else members[-1:]
                edge = edges([one[place] for one in answers], tile, self.boundary)
            for top, probs in strips([one[place] for one in members], tile, rows=rows):
                near = None
                if edge is not None:
                    first = top - tile.own[0]
                    near = edge[first : first + probs.shape[2]]
                yield Piece(index, top, tile.own[1], probs, near)
