"""Parts of images as samples of their own: a pool of regions, and their parts of masks.

Labelling a part of each of many images costs less than all of a few, and a sky once seen needs no
second. Mackowiak et al. 2018, "CEREALS - Cost-Effective REgion-based Active Learning for Semantic
Segmentation", rank regions by what they teach and by the clicks they cost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from altasks._internal.extras import require
from altasks.data.images import image_size, open_image
from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.data.pool import Pool, as_pool
from altasks.errors import invalid

# Pixels of superpixel maps that are kept: 128 MB of int32. Others are computed again.
_KEPT = 2**25


@dataclass(frozen=True, eq=False)
class ImageRegion:
    """One part of one image: a sample of a pool of regions.

    Attributes:
        image: the whole image, as its own pool has it.
        of: the image's id.
        number: which of the image's regions it is.
        box: (top, left, bottom, right): the rows and columns it lies in.
        pixels: how many pixels it has; of a rectangle, all of the box.
        size: (height, width) of the image.
        division: what divided the image.
    """

    image: Any
    of: str
    number: int
    box: tuple[int, int, int, int]
    pixels: int
    size: tuple[int, int]
    division: Division = field(repr=False)

    def cover(self) -> np.ndarray:
        """Return which pixels of the box are the region's, `[h, w]` bool."""
        top, left, bottom, right = self.box
        if self.pixels == (bottom - top) * (right - left):
            return np.ones((bottom - top, right - left), dtype=bool)
        numbers = self.division.numbers(self.of, self.image)
        cover: np.ndarray = numbers[top:bottom, left:right] == self.number
        return cover


class Division:
    """How images are divided into regions.

    Args:
        how: `"grid:64"`, squares of 64 pixels (smaller at the right and lower edge); or
            `"slic:100"`, about 100 superpixels an image, which follow its edges (Achanta et al.
            2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods"; as in
            scikit-image).

    Raises:
        InvalidInputError: for anything else.

    Example:
        >>> Division("grid:2").boxes("a", np.zeros((3, 4), np.uint8))[-1]
        (3, (2, 2, 3, 4), 2)
    """

    def __init__(self, how: str) -> None:
        kind, _, amount = how.partition(":") if isinstance(how, str) else ("", "", "")
        if kind not in ("grid", "slic") or not amount.isdecimal() or int(amount) < 1:
            raise invalid("regions", "'grid:SIDE' or 'slic:COUNT', such as 'grid:64'", repr(how))
        self.how = how
        self.kind = kind
        self.amount = int(amount)
        self._maps: OrderedDict[str, np.ndarray] = OrderedDict()

    def boxes(self, name: str, image: Any) -> list[tuple[int, tuple[int, int, int, int], int]]:
        """Return (number, box, pixels) of each region of an image."""
        if self.kind == "grid":
            height, width = _frame(image)
            side = self.amount
            boxes = [
                (top, left, min(top + side, height), min(left + side, width))
                for top in range(0, height, side)
                for left in range(0, width, side)
            ]
            return [(i, b, (b[2] - b[0]) * (b[3] - b[1])) for i, b in enumerate(boxes)]
        numbers = self.numbers(name, image)
        found = []
        for number in np.unique(numbers).tolist():
            rows, columns = np.nonzero(numbers == number)
            box = (int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
            found.append((number, box, len(rows)))
        return found

    def numbers(self, name: str, image: Any) -> np.ndarray:
        """Return the number of the region of each pixel, `[H, W]`."""
        if name in self._maps:
            self._maps.move_to_end(name)
            return self._maps[name]
        if self.kind == "grid":
            height, width = _frame(image)
            across = -(-width // self.amount)
            rows, columns = np.arange(height) // self.amount, np.arange(width) // self.amount
            numbers = (rows[:, None] * across + columns).astype(np.int32)
        else:
            slic = require("skimage.segmentation", "segmentation", "Superpixels").slic
            array = np.asarray(open_image(image))
            numbers = slic(array, n_segments=self.amount, start_label=0).astype(np.int32)
        self._maps[name] = numbers
        while len(self._maps) > 1 and sum(one.size for one in self._maps.values()) > _KEPT:
            self._maps.popitem(last=False)
        return numbers


def _frame(image: Any, *, row: int = 0) -> tuple[int, int]:
    """Return (height, width); an array that is no picture, of twelve channels say, has them too."""
    inner = image.get("image") if isinstance(image, Mapping) else image
    shape = tuple(getattr(inner, "shape", ()))
    if len(shape) == 3 and shape[0] not in (1, 3, 4) and 0 not in shape:
        return int(shape[0]), int(shape[1])
    width, height = image_size(image, row=row)
    return height, width


def region_pool(pool: Any, regions: str = "grid:64") -> Pool:
    """Return a pool whose samples are the regions of a pool's images.

    Ids are `image#number`. A task that knows regions scores them all in one pass over their
    image, and fits on images of which only some regions are known.

    Args:
        pool: images, whatever `as_pool` takes.
        regions: `"grid:SIDE"` or `"slic:COUNT"`, see `Division`.

    Raises:
        InvalidInputError: for another division.
        UnreadableSampleError: for an image that can't be read.

    Example:
        >>> pool = region_pool({"a": np.zeros((64, 96), np.uint8)}, "grid:64")
        >>> pool.ids, pool["a#1"].box
        (['a#0', 'a#1'], (0, 64, 64, 96))
    """
    images = as_pool(pool)
    division = Division(regions)
    ids: list[str] = []
    parts: list[tuple[int, int, tuple[int, int, int, int], int, tuple[int, int]]] = []
    for position, name in enumerate(images.ids):
        image = images.at(position)
        height, width = _frame(image, row=position)
        for number, box, pixels in division.boxes(name, image):
            ids.append(f"{name}#{number}")
            parts.append((position, number, box, pixels, (height, width)))

    def fetch(place: int) -> ImageRegion:
        position, number, box, pixels, size = parts[place]
        image = images.at(position)
        return ImageRegion(image, images.ids[position], number, box, pixels, size, division)

    return Pool(ids, fetch)


def region_mask(mask: Any, region: ImageRegion, *, void: int = 255) -> dict[str, Any]:
    """Return the label of a region: its image's mask with everything outside it void.

    Args:
        mask: of the whole image, as `decode_mask` takes it.
        region: which part.
        void: the number of pixels without a label.

    Raises:
        InvalidInputError: for a mask of another size than the image.
    """
    whole = decode_mask(mask, size=region.size, where=f"image {region.of!r}")
    top, left, bottom, right = region.box
    kept = np.full(whole.shape, void, dtype=np.int64)
    kept[top:bottom, left:right] = np.where(region.cover(), whole[top:bottom, left:right], void)
    return encode_mask(kept)


def region_labels(pool: Pool, masks: Mapping[str, Any], *, void: int = 255) -> dict[str, Any]:
    """Return the label of every region of a pool whose image has a mask, for `Simulated`.

    Regions in which nothing is labelled are left out, and images without a mask.

    Args:
        pool: of regions, as `region_pool` makes it.
        masks: image id -> mask.
        void: the number of pixels without a label.
    """
    labels: dict[str, Any] = {}
    last: tuple[str, np.ndarray] | None = None
    for name in pool.ids:
        region = pool[name]
        if region.of not in masks:
            continue
        if last is None or last[0] != region.of:
            where = f"image {region.of!r}"
            last = region.of, decode_mask(masks[region.of], size=region.size, where=where)
        label = region_mask(last[1], region, void=void)
        if label["classes"] != [void]:
            labels[name] = label
    return labels


def estimate_clicks(mask: Any, *, tolerance: float = 1.0, void: int = 255) -> float:
    """Return an estimate of the clicks that drawing a mask takes: the corners of its polygons.

    The outlines between classes are simplified by at most `tolerance` pixels (Douglas and
    Peucker's method, as in scikit-image), and their corners are counted, those between two
    classes once for each; at least 1. An estimate of effort, not a measurement of people.

    Args:
        mask: as `decode_mask` takes it.
        tolerance: how far a simplified outline may lie from the outline.
        void: the number of pixels without a label.

    Example:
        >>> estimate_clicks(np.pad(np.ones((4, 4), np.uint8), 2))
        12.0
    """
    measure = require("skimage.measure", "segmentation", "Outlines of masks")
    array = decode_mask(mask)
    corners = 0
    for one in np.unique(array[array != void]).tolist():
        inside = np.pad(array == one, 1).astype(np.float32)
        for outline in measure.find_contours(inside, 0.5):
            corners += len(measure.approximate_polygon(outline, tolerance)) - 1
    return float(max(1, corners))


#: Its name until version 0.2.
clicks = estimate_clicks
