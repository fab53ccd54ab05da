"""Predictions of images and regions, put together from the pieces of tiled passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.data.masks.masks import encode_mask
from altasks.data.masks.regions import ImageRegion
from altasks.errors import UnreadableSampleError
from altasks.predictions import Categorical, Prediction, Ragged
from altasks.tasks.segmentation.committee import MapCommittee
from altasks.tasks.segmentation.feature_means import FeatureMean
from altasks.tasks.segmentation.picture import MapView
from altasks.tasks.segmentation.regions import (
    Share,
    frame_of,
    groups,
    image_frame,
    pixel_count,
    pixel_order,
    reread_rows,
    shares,
)
from altasks.tasks.segmentation.tiled_inference import Passes, Piece

#: Rows of a piece that is to be shared out among regions.
REGION_ROWS = 64


@dataclass(frozen=True)
class MapPredictor:
    """Predicts whole samples and their pixels, whatever the tiles are.

    Attributes:
        committee: makes the members' logits of a window.
        passes: how images are read and cut.
        names: of the classes.
        void: the number of pixels without a class.
    """

    committee: MapCommittee
    passes: Passes
    names: Sequence[Any]
    void: int

    def pieces(self, samples: Sequence[Any], *, answer: bool = False) -> Iterator[Piece]:
        """Yield the images of samples in pieces.

        Args:
            samples: images or regions.
            answer: of the models' own outputs alone, dropout off.
        """
        divided = any(isinstance(sample, ImageRegion) for sample in samples)
        return self.passes.pieces(
            samples,
            lambda windows, tile: self.committee.maps(windows, tile, answer=answer),
            rows=REGION_ROWS if divided else None,
        )

    def shares(self, samples: Sequence[Any], *, answer: bool = False) -> Iterator[Share]:
        """Yield all samples' pixels, each once; `answer` as in `pieces`."""
        found = groups(samples)
        covers: dict[int, np.ndarray] = {}
        try:
            for piece in self.pieces([one.image for one in found], answer=answer):
                yield from shares(piece, samples, found[piece.image].members, covers)
        except UnreadableSampleError as error:
            raise reread_rows(error, found) from error

    def predict(self, samples: Sequence[Any]) -> Ragged:
        """Return the distributions of all pixels, a sample's row by row."""
        channels, device = self.passes.channels, self.passes.device
        sizes = [pixel_count(sample, channels, row) for row, sample in enumerate(samples)]
        whole: Tensor | None = None
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        order: dict[int, np.ndarray] = {}
        near = torch.zeros(int(starts[-1]), dtype=torch.bool, device=device)
        for place, rows, columns, probs, edge in self.shares(samples):
            if whole is None:
                whole = probs.new_empty(*probs.shape[:2], int(starts[-1]))  # K x C x M
            if place not in order:
                order[place] = pixel_order(samples[place], channels, place)
            top, left = frame_of(samples[place], (0, 0))[:2]
            where = order[place][rows - top, columns - left] + starts[place]
            block: Any = torch.from_numpy(where).to(whole.device)
            if where[-1] - where[0] + 1 == len(where):  # whole rows
                block = slice(int(where[0]), int(where[-1]) + 1)
            whole[:, :, block] = probs
            if edge is not None:
                near[block] = edge
        if whole is None:
            whole = torch.empty(self.committee.members, len(self.names), 0, device=device)
        fields = {"boundary": near} if self.passes.boundary else None
        return Ragged(Categorical._trusted(whole.permute(2, 0, 1), None), sizes, fields)

    def iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        """Yield (index into samples, some of its pixels), each pixel once."""
        for place, _, _, probs, edge in self.shares(samples):
            units = Categorical._trusted(probs.permute(2, 0, 1), None)
            if edge is None:
                yield place, units
            else:
                yield place, Ragged(units, [len(units)], {"boundary": edge})

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the deepest features, averaged over a sample's pixels, `[n, d]`."""
        found = groups(samples)
        means = [FeatureMean(sample) for sample in samples]
        try:
            for index, tile, window in self.passes.windows([one.image for one in found]):
                maps = self.committee.features(window[None].to(self.passes.device))[0]
                for place in found[index].members:
                    means[place].add(maps, tile)
        except UnreadableSampleError as error:
            raise reread_rows(error, found) from error
        if not means:
            return torch.empty(0, 0)
        return torch.stack([one.result() for one in means])

    def mask(self, sample: Any, *, sure: float) -> dict[str, Any]:
        """Return the predicted mask of an image, or of a region's image, as run lengths.

        Args:
            sample: an image or a region.
            sure: pixels whose class has a probability below this are void.
        """
        mask = np.full(image_frame(sample, self.passes.channels), self.void, dtype=np.int64)
        for _, rows, columns, probs, _ in self.shares([sample], answer=True):
            best = probs.mean(0).max(0)
            kept = best.values >= sure
            found = torch.where(kept, best.indices, torch.full_like(best.indices, self.void))
            mask[rows, columns] = found.cpu().numpy()
        return encode_mask(mask)

    def describe_many(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """Return descriptions of samples, of one image's at a time."""
        described: dict[int, dict[str, Any]] = {}
        for _, places in groups(samples):
            views = [self._view(samples[place]) for place in places]
            for one, rows, columns, probs, _ in self.shares([samples[place] for place in places]):
                view, (top, left) = views[one]
                view.add(rows - top, columns - left, probs)
            for place, (view, _) in zip(places, views, strict=True):
                described[place] = _with_box(samples[place], view)
        return [described[place] for place in range(len(samples))]

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return the description of a sample's whole prediction."""
        assert isinstance(prediction, Ragged)
        assert isinstance(prediction.units, Categorical)
        view, _ = self._view(sample)
        rows, columns = np.nonzero(pixel_order(sample, self.passes.channels) >= 0)
        view.add(rows, columns, prediction.units.probs.permute(1, 2, 0))
        return _with_box(sample, view)

    def _view(self, sample: Any) -> tuple[MapView, tuple[int, int]]:
        frame = image_frame(sample, self.passes.channels)
        top, left, bottom, right = frame_of(sample, frame)
        return MapView(bottom - top, right - left, self.names, self.void), (top, left)


def _with_box(sample: Any, view: MapView) -> dict[str, Any]:
    description = view.described()
    if isinstance(sample, ImageRegion):
        return {"box": list(sample.box), **description}
    return description
