"""Samples of a segmentation, images or regions, and which pixels of a pass belong to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from altasks.data.images import open_image
from altasks.data.masks.regions import ImageRegion
from altasks.errors import UnreadableSampleError
from altasks.tasks.segmentation.rasters import picture_of, raster_size, read_raster
from altasks.tasks.segmentation.tiled_inference import Piece

if TYPE_CHECKING:
    from PIL.Image import Image


def image_frame(sample: Any, channels: int, row: int = 0) -> tuple[int, int]:
    """Return (height, width) of an image, or of the one that a region is of."""
    if isinstance(sample, ImageRegion):
        return sample.size
    return raster_size(sample, channels, row=row)


def pixel_count(sample: Any, channels: int, row: int = 0) -> int:
    """Return how many pixels a sample has."""
    if isinstance(sample, ImageRegion):
        return sample.pixels
    height, width = image_frame(sample, channels, row)
    return height * width


def pixel_order(sample: Any, channels: int, row: int = 0) -> np.ndarray:
    """Return which of the sample's pixels each of its box is, row by row; -1: none."""
    if not isinstance(sample, ImageRegion):
        height, width = image_frame(sample, channels, row)
        return np.arange(height * width).reshape(height, width)
    cover = sample.cover()
    order = np.cumsum(cover).reshape(cover.shape) - 1
    return np.where(cover, order, -1)


def shown(sample: Any, channels: int) -> Image:
    """Return a sample as a picture for people: of other than 1 or 3 channels, the first one."""
    source = picture_of(sample)
    if channels in (1, 3):
        image = open_image(source)
    else:  # by its range
        array = read_raster(source, channels)[:, :, 0].astype(np.float32)
        array = (array - array.min()) / max(float(np.ptp(array)), 1e-12)
        image = open_image(array)
    if isinstance(sample, ImageRegion):
        top, left, bottom, right = sample.box
        image = image.crop((left, top, right, bottom))
    return image


class Group(NamedTuple):
    """One image and which of the samples are it, or parts of it."""

    image: Any
    members: list[int]


def groups(samples: Sequence[Any]) -> list[Group]:
    """Return the images of samples, each once, with the places of the samples they hold."""
    found: dict[Any, Group] = {}
    for place, sample in enumerate(samples):
        key = ("region", sample.of) if isinstance(sample, ImageRegion) else place
        found.setdefault(key, Group(sample, [])).members.append(place)
    return list(found.values())


def frame_of(sample: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the rows and columns a sample lies in: all of an image, the box of a region."""
    return sample.box if isinstance(sample, ImageRegion) else (0, 0, *size)


def overlapping(piece: Piece, box: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """Return (top, left, bottom, right) of what a piece and a box share, None if nothing."""
    height, width = piece.probs.shape[2:]
    top, left = max(piece.top, box[0]), max(piece.left, box[1])
    bottom, right = min(piece.top + height, box[2]), min(piece.left + width, box[3])
    return (top, left, bottom, right) if top < bottom and left < right else None


class Share(NamedTuple):
    """Some pixels of one sample.

    Attributes:
        place: which sample.
        rows: of the pixels, in the image, `[m]`.
        columns: likewise.
        probs: `[K, C, m]`.
        edge: `[m]` bool, or None.
    """

    place: int
    rows: np.ndarray
    columns: np.ndarray
    probs: Tensor
    edge: Tensor | None


def shares(
    piece: Piece, samples: Sequence[Any], places: Sequence[int], covers: dict[int, np.ndarray]
) -> Iterator[Share]:
    """Yield what a piece has of each sample.

    Args:
        piece: of an image.
        samples: all of them.
        places: which of them are that image, or regions of it.
        covers: place -> which pixels of the box are the region's; filled here.
    """
    for place in places:
        sample = samples[place]
        if not isinstance(sample, ImageRegion):
            height, width = piece.probs.shape[2:]
            rows, columns = np.divmod(np.arange(height * width), width)
            edge = None if piece.edge is None else piece.edge.flatten()
            yield Share(place, rows + piece.top, columns + piece.left, piece.probs.flatten(2), edge)
            continue
        common = overlapping(piece, sample.box)
        if common is None:
            continue
        top, left, bottom, right = common
        if place not in covers:
            covers[place] = sample.cover()
        inside = covers[place][
            top - sample.box[0] : bottom - sample.box[0],
            left - sample.box[1] : right - sample.box[1],
        ]
        rows, columns = np.nonzero(inside)
        if not len(rows):
            continue
        window = (
            slice(top - piece.top, bottom - piece.top),
            slice(left - piece.left, right - piece.left),
        )
        part = piece.probs[:, :, *window].flatten(2)  # K x C x pixels of the box
        edge = None if piece.edge is None else piece.edge[window].flatten()
        if len(rows) < part.shape[2]:
            chosen = torch.from_numpy(np.flatnonzero(inside)).to(part.device)
            part = part.index_select(2, chosen)
            edge = None if edge is None else edge[chosen]
        yield Share(place, rows + top, columns + left, part, edge)


def reread_rows(error: UnreadableSampleError, found: Sequence[Group]) -> UnreadableSampleError:
    """Return the error with the rows of the samples, not of their images."""
    rows = {
        place: text
        for image, text in error.rows.items()
        for place in (found[image].members if image < len(found) else [image])
    }
    return UnreadableSampleError(str(error), rows)
