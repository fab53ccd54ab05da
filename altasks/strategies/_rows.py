"""Reading rows of embeddings in an order that does not depend on the pool's.

Sums of floating-point numbers depend on the order of the terms, and matrix products on where a
row lies in a block. A strategy whose picks may not depend on the order of the pool therefore
reads the rows in the order of a seeded hash of their ids: then every number is the same for a
permuted pool, and "the first of equals" is the hash's choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.errors import invalid
from altasks.strategies.base import id_hashes

#: How many numbers a block of distances may hold: 64 MiB in float32.
TILE = 2**24


def hash_order(ids: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Return the rows in the order of a hash of their ids salted by `rng`: a random permutation.

    Example:
        >>> a = hash_order(["x", "y", "z"], np.random.default_rng(0))
        >>> b = hash_order(["z", "y", "x"], np.random.default_rng(0))
        >>> (2 - b).tolist() == a.tolist()
        True
    """
    return np.argsort(id_hashes(ids, rng), kind="stable")


def read_rows(array: Any, rows: np.ndarray | None = None) -> Tensor:
    """Return some rows (or all) as float32, float64 if they are, on the array's device.

    A memory-mapped file is read only where the rows are; the array is never written.
    """
    if isinstance(array, Tensor):
        picked = array.detach()
        if rows is not None:
            picked = picked[torch.as_tensor(rows, device=array.device)]
    else:
        # A copy: torch warns about a tensor over memory that it may not write.
        part = array if rows is None else array[rows]
        picked = torch.from_numpy(np.array(part, dtype=part.dtype.newbyteorder("=")))
    return picked if picked.dtype == torch.float64 else picked.to(torch.float32)


def read_finite(
    array: Any, rows: np.ndarray | None, names: Sequence[str] | None, argument: str
) -> Tensor:
    """Return `read_rows`, or raise `InvalidInputError` naming the first row that can't be used.

    That is one that isn't finite, or so long that a distance to it could be infinite: clustering
    would never end among infinite distances.
    """
    values = read_rows(array, rows)
    # The norm of all is a cheap test: a NaN cannot hide in it, but many rows may add up.
    limit = torch.finfo(values.dtype).max / 8  # |x - y|^2 <= 2 |x|^2 + 2 |y|^2
    if not float(torch.linalg.vector_norm(values)) ** 2 <= limit:
        bad = (~(values.square().flatten(1).sum(1) <= limit)).nonzero().flatten()
        if len(bad):
            place = int(bad[0])
            row = place if rows is None else int(rows[place])
            where = f"row {row}" if names is None else f"id {names[row]!r}"
            raise invalid(
                f"candidates.{argument}",
                "finite numbers whose squares can be summed",
                "NaN, infinity or a number too large",
                where=where,
            )
    return values


def known_rows(candidates: Any) -> Tensor:
    """Return the embeddings of the labelled, then of the pending samples, `[L + P, d]`."""
    parts: list[Tensor] = []
    for name in ("labelled_embeddings", "pending_embeddings"):
        array = getattr(candidates, name)
        if array is not None and len(array):
            part = read_finite(array, None, None, name)
            parts.append(part if not parts else part.to(parts[0]))
    if parts:
        return torch.cat(parts)
    return read_rows(candidates.embeddings, np.empty(0, dtype=np.int64))


def blocks(rows: int, width: int, tile: int = TILE) -> Iterator[slice]:
    """Yield slices over `rows`, each small enough that rows x `width` fits in a tile."""
    step = max(1, min(rows, tile // max(width, 1)))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def squared_distances(left: Tensor, right: Tensor, right_norms: Tensor | None = None) -> Tensor:
    """Return `[A, B]` squared Euclidean distances, by one matrix product.

    Centre both first (`left - mean`): rounding grows with the squared norms.

    Args:
        left: `[A, d]`.
        right: `[B, d]`.
        right_norms: `[B]` squared norms of `right`, if they are there already.
    """
    if right_norms is None:
        right_norms = (right * right).sum(1)
    product = torch.addmm(right_norms, left, right.T, alpha=-2)  # A x B
    return product.add_((left * left).sum(1, keepdim=True)).clamp_(min=0)
