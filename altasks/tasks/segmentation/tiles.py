"""Cutting an image into tiles that overlap, and each pixel's distribution out of exactly one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from altasks._internal.tensor_checks import require_finite

# Values in one strip of probabilities: a MiB of float32 stays in a second-level cache, so that
# whoever scores it reads it from there.
_STRIP = 2**18


@dataclass(frozen=True)
class Tile:
    """A window of an image, and the part of it whose pixels are read from this window.

    Attributes:
        top: first row of the window.
        left: its first column.
        height: its rows, a multiple of the stride; they may reach beyond the image, as padding.
        width: its columns.
        own: (top, left, bottom, right) in the image: the pixels that are this tile's.
        image: how many rows and columns the image has.
    """

    top: int
    left: int
    height: int
    width: int
    own: tuple[int, int, int, int]
    image: tuple[int, int]


def cut(height: int, width: int, *, tile: int, overlap: int, stride: int) -> list[Tile]:
    """Return the tiles of an image; their own parts cover it, each pixel once.

    Windows start at multiples of the stride, so that strided layers see every pixel in the phase
    in which they would in the whole image. A pixel that two windows share belongs to the one in
    which it is farther from the cut, so it has at least `overlap` pixels of its image on each
    side, or all there are.

    Args:
        height: of the image.
        width: of the image.
        tile: the side of a window, a multiple of the stride.
        overlap: how far an own pixel is from a cut, at least.
        stride: what windows' sides and places are multiples of.

    Example:
        >>> [(one.left, one.own[1], one.own[3]) for one in cut(8, 24, tile=16, overlap=4, stride=4)]
        [(0, 0, 12), (8, 12, 24)]
    """
    rows = _axis(height, tile, overlap, stride)
    columns = _axis(width, tile, overlap, stride)
    return [
        Tile(top, left, tall, wide, (first, begin, last, end), (height, width))
        for top, tall, first, last in rows
        for left, wide, begin, end in columns
    ]


def _axis(length: int, tile: int, overlap: int, stride: int) -> list[tuple[int, int, int, int]]:
    """Return (start, size, first own, end of own) of the windows along one side."""
    padded = -(-length // stride) * stride
    if padded <= tile:
        return [(0, padded, 0, length)]
    shared = -(-2 * overlap // stride) * stride
    count = 1 - (tile - padded) // (tile - shared)
    # As many windows as are needed, and no larger than so many need to be.
    tile = -(-(padded + (count - 1) * shared) // (count * stride)) * stride
    starts = [min(i * (tile - shared), padded - tile) for i in range(count)]
    edges = [0, *((a + b + tile) // 2 for a, b in itertools.pairwise(starts)), length]
    return [
        (start, tile, edges[i], edges[i + 1])
        for i, start in enumerate(starts)
        if edges[i] < edges[i + 1]
    ]


def strips(
    maps: Sequence[Tensor], tile: Tile, *, rows: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Yield (first row in the image, probabilities `[K, C, r, w]`) of a tile's own pixels.

    A member's logits are upsampled bilinearly (as `torch.nn.functional.interpolate` does with
    `align_corners=False`) to the window, and only then become probabilities. All of it happens
    strip by strip, so the K maps in full size never exist together.

    Args:
        maps: of each member `[C, h, w]` logits over the window, in any resolution.
        tile: the window.
        rows: of a strip; by default as many as fit into the cache.

    Raises:
        InvalidInputError: for logits that aren't finite.
    """
    top, left, bottom, right = tile.own
    columns = slice(left - tile.left, right - tile.left)
    members, classes, width = len(maps), maps[0].shape[0], right - left
    if rows is None:
        cached = _STRIP if maps[0].device.type == "cpu" else 2**26
        rows = max(1, cached // (members * classes * width))
    wide = []  # K of C x h x w
    for one in maps:
        part = _widened(one, tile.width)[:, :, columns]
        # Where rows are picked out for each strip, PyTorch would copy all of a view each time.
        wide.append(part if part.shape[1] == tile.height else part.contiguous())
    for first in range(top, bottom, rows):
        last = min(first + rows, bottom)
        logits = wide[0].new_empty(members, classes, last - first, width)
        for member, one in enumerate(wide):
            _fill(logits[member], one, first - tile.top, tile.height)
        yield first, torch.softmax(logits, 1)


def _widened(logits: Tensor, width: int) -> Tensor:
    """Return a map with its columns upsampled: C x h x width, float32."""
    require_finite(logits, "logits")
    values = logits.float()
    if values.shape[2] == width:
        return values
    # Bilinear is linear along one side, then along the other.
    return torch.nn.functional.interpolate(
        values[None], size=(values.shape[1], width), mode="bilinear", align_corners=False
    )[0]


def _fill(target: Tensor, values: Tensor, first: int, height: int) -> None:
    """Write rows `first`, ... of a map upsampled to `height` rows into `target`, C x r x w."""
    low = values.shape[1]
    if low == height:
        target.copy_(values[:, first : first + target.shape[1]])
        return
    places = torch.arange(first, first + target.shape[1], device=values.device)
    source = ((places + 0.5) * (low / height) - 0.5).clamp_(min=0)
    above = source.long().clamp_(max=low - 1)
    below = (above + 1).clamp_(max=low - 1)
    share = (source - above)[None, :, None]
    torch.lerp(values.index_select(1, above), values.index_select(1, below), share, out=target)


def edges(maps: Sequence[Tensor], tile: Tile, radius: int) -> Tensor:
    """Return which own pixels are within `radius` of another predicted class, `[h, w]` bool.

    Args:
        maps: logits `[C, h, w]` over the window of those that answer together: of several, the
            average of their probabilities decides.
        tile: the window.
        radius: in pixels, along rows, columns and diagonals.
    """
    size = (tile.height, tile.width)
    mean = torch.zeros(())
    for logits in maps:
        values = logits.float()[None]
        if values.shape[2:] != size:
            values = torch.nn.functional.interpolate(
                values, size=size, mode="bilinear", align_corners=False
            )
        mean = mean.to(values) + (values.softmax(1) if len(maps) > 1 else values)
    # Padding has no class that could be another.
    inside = [end - first for end, first in zip(tile.image, (tile.top, tile.left), strict=True)]
    best = mean.argmax(1).float()[:, : inside[0], : inside[1]]  # 1 x H x W
    side = 2 * radius + 1
    pad = (radius,) * 4
    best = torch.nn.functional.pad(best[None], pad, mode="replicate")
    highest = torch.nn.functional.max_pool2d(best, side, 1)
    lowest = -torch.nn.functional.max_pool2d(-best, side, 1)
    top, left, bottom, right = tile.own
    near: Tensor = (highest != lowest)[0, 0]
    return near[top - tile.top : bottom - tile.top, left - tile.left : right - tile.left]
