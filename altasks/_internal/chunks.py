"""Going over a big tensor in pieces that stay in cache, in the order it lies in memory.

A map of class probabilities viewed as `[pixels, K, C]` has its pixels side by side and its classes
far apart. Reducing over C in that view walks memory in the wrong direction, many times slower, and
copying it costs as much as the score. So the view is permuted into memory order, cut along the
samples, and each piece records where the three dims went.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Values per piece and thread: half a MiB of float32, so that a piece and its temporaries stay in
# a second-level cache, yet big enough that starting an operation costs little beside it.
_PIECE = 2**17


class Piece(NamedTuple):
    """Some rows of an N x K x C tensor, its dims in memory order.

    Attributes:
        start: the first row.
        values: the piece; its dims are a permutation of (rows, members, last).
        rows: the dim of `values` that holds the rows.
        members: the dim that holds the K members.
        last: the dim that holds the C classes, labels or targets.
    """

    start: int
    values: Tensor
    rows: int
    members: int
    last: int

    def like(self, other: Tensor) -> Tensor:
        """Return the same rows of `other`, which has the shape of the whole, in the same order."""
        order = [0, 0, 0]
        order[self.rows], order[self.members], order[self.last] = 0, 1, 2
        count = self.values.shape[self.rows]
        return other.permute(order).narrow(self.rows, self.start, count)


def pieces(tensor: Tensor, *, copies: int = 1) -> Iterator[Piece]:
    """Yield the rows of an N x K x C tensor piece by piece; views, nothing is copied.

    Args:
        tensor: N x K x C, of any stride.
        copies: how many values the worker makes of each one, so that pieces shrink accordingly.
    """
    strides = tensor.stride()
    order = sorted(range(3), key=lambda dim: -strides[dim])
    view = tensor.permute(order)
    rows, members, last = (order.index(dim) for dim in range(3))
    step = _rows_per_piece(tensor, copies)
    for start in range(0, tensor.shape[0], step):
        count = min(step, tensor.shape[0] - start)
        yield Piece(start, view.narrow(rows, start, count), rows, members, last)


def _rows_per_piece(tensor: Tensor, copies: int) -> int:
    total = tensor.numel()
    if tensor.device.type == "cpu":
        wanted = _PIECE * torch.get_num_threads()
        # Many threads want big pieces; never so big that the temporaries rival the input.
        wanted = max(_PIECE, min(wanted, total // 16))
    else:
        # Starting a kernel costs more than its work on a small piece.
        wanted = min(max(2**20, total // 16), 2**24)
    per_row = max(1, tensor.shape[1] * tensor.shape[2] * copies)
    return max(1, wanted // per_row)
