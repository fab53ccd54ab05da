"""Arrays read in blocks, checked for finite numbers, in an order that the pool's can't change.

Sums of floating-point numbers depend on the order of the terms, and matrix products on where a
row lies in a block. A strategy whose picks may not depend on the order of the pool therefore
reads the rows in the order of a seeded hash of their ids (`hash_order`), or breaks ties by one
(`Ties`): then "the first of equals" is the hash's choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.errors import invalid
from altasks.strategies.base import Candidates, id_hashes

#: Numbers in one block of work: 16 MB of float32, small enough for a cache or a small GPU.
BLOCK = 2**22
#: How many numbers a block of distances may hold: 64 MiB in float32.
TILE = 2**24


class Rows:
    """Rows of an array as float32 tensors (float64 if they come as float64), a block at a time.

    A writable array in memory and a tensor are read in place; a memory-mapped or read-only array is
    copied block by block, so it is never in memory as a whole.

    Args:
        array: `[N, ...]` numbers of any floating or integer type.
        device: where the blocks go; the array's own device by default.
        unit: scale each row of a matrix to length 1; a row of zeros stays zero.
    """

    def __init__(
        self, array: Any, device: torch.device | None = None, *, unit: bool = False
    ) -> None:
        tensor: Tensor | None = None
        if isinstance(array, Tensor):
            tensor = array.detach()
            double = tensor.dtype == torch.float64 or not tensor.dtype.is_floating_point
        else:
            double = array.dtype not in (np.float32, np.float16)
            # torch views only writable arrays of positive strides without a warning or a copy.
            if (
                array.flags.writeable
                and array.dtype.isnative
                and min(array.strides, default=0) >= 0
            ):
                tensor = torch.from_numpy(array)
        self.array = array
        self.tensor = tensor
        self.dtype = torch.float64 if double else torch.float32
        self.device = device or (tensor.device if tensor is not None else torch.device("cpu"))
        self.unit = unit
        self.shape = tuple(int(side) for side in array.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def width(self) -> int:
        """Return how many numbers a row holds."""
        return int(np.prod(self.shape[1:]))

    def _ready(self, part: Any, dtype: torch.dtype | None) -> Tensor:
        if not isinstance(part, Tensor):
            part = torch.from_numpy(
                np.array(part, dtype=np.float64 if self.dtype == torch.float64 else np.float32)
            )
        ready: Tensor = part.to(device=self.device, dtype=dtype or self.dtype)
        if self.unit:
            length = ready.square().sum(1, keepdim=True).sqrt()
            ready = ready / length.where(length > 0, torch.ones_like(length))
        return ready

    def slice(self, start: int, stop: int, dtype: torch.dtype | None = None) -> Tensor:
        """Return rows `start` to `stop`; a view where nothing has to be converted."""
        source = self.tensor if self.tensor is not None else self.array
        return self._ready(source[start:stop], dtype)

    def take(self, rows: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return a copy of the rows at the indices `rows`."""
        if self.tensor is not None:
            return self._ready(self.tensor[rows.to(self.tensor.device)], dtype)
        return self._ready(self.array[rows.cpu().numpy()], dtype)

    def blocks(self, width: int = 0) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (start, stop, rows): blocks that stay in a cache, for `width` results a row."""
        step = max(1, BLOCK // max(1, 16 * self.width, width))
        for start in range(0, len(self), step):
            stop = min(start + step, len(self))
            yield start, stop, self.slice(start, stop)

    def _sample(self) -> Tensor:
        count = min(len(self), 1000)
        return self.take(torch.arange(count, device=self.device) * len(self) // max(count, 1))

    def sample_mean(self) -> Tensor:
        """Return the mean `[d]` of up to 1,000 rows, a shift that keeps rounding small."""
        # A row that is not finite is reported by whoever meets it, under its name.
        return torch.nan_to_num(self._sample().sum(0) / max(1, min(len(self), 1000)), 0.0, 0.0, 0.0)

    def sample_spread(self) -> Tensor:
        """Return the mean squared distance of the same rows from that mean."""
        return (self._sample() - self.sample_mean()).square().sum(1).nan_to_num(0.0).mean()


def require_finite(
    totals: Tensor,
    argument: str,
    ids: Sequence[str] | None = None,
    most: float = np.inf,
) -> None:
    """Raise if a row's total (such as its squared length) is not finite or above `most`."""
    bad = ~(torch.isfinite(totals) & (totals <= most))
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise invalid(
            argument,
            "finite numbers whose squares can be summed",
            "NaN, infinity or a number too large",
            where=f"id {ids[row]!r}" if ids is not None else f"row {row}",
        )


def unit_rows(
    array: Any,
    argument: str,
    ids: Sequence[str] | None = None,
    device: torch.device | None = None,
) -> Rows:
    """Return rows scaled to length 1, all of a finite length: others would come out as zeros.

    Raises:
        InvalidInputError: as `require_finite` does.
    """
    for start, stop, block in Rows(array, device).blocks():
        require_finite(block.square().sum(1), argument, None if ids is None else ids[start:stop])
    return Rows(array, device, unit=True)


def read_rows(array: Any, rows: np.ndarray | None = None) -> Tensor:
    """Return a copy of some rows (or all) as `Rows` gives them.

    A memory-mapped file is read only where the rows are.
    """
    source = Rows(array)
    if rows is None:
        return source.slice(0, len(source)).clone()
    return source.take(torch.from_numpy(rows))


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
        named = names if names is None or rows is None else [names[i] for i in rows.tolist()]
        totals = values.square().flatten(1).sum(1)
        require_finite(totals, f"candidates.{argument}", named, limit)
    return values


def known_rows(candidates: Candidates) -> Tensor:
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


def read_pool(
    candidates: Candidates, rng: np.random.Generator
) -> tuple[np.ndarray, Tensor, Tensor]:
    """Return an order of the candidates, their embeddings in it, and those of what is known.

    Args:
        candidates: with embeddings, also of what is labelled and pending.
        rng: one draw salts the hash of the ids.

    Returns:
        `[N]` rows in the order of the hash, `[N, d]` their embeddings, and `[L + P, d]` those of
        the labelled and the pending samples, of the same type and on the same device.
    """
    order = hash_order(candidates.ids, rng)
    points = read_finite(candidates.embeddings, order, candidates.ids, "embeddings")
    return order, points, known_rows(candidates).to(points)


def read_together(candidates: Candidates, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
    """Return an order of the candidates, and their embeddings in it with what is known behind.

    The same as joining what `read_pool` gives, in one copy of the embeddings instead of two.

    Returns:
        `[N]` rows in the order of the hash, `[N + L + P, d]` embeddings.
    """
    order = hash_order(candidates.ids, rng)
    known = known_rows(candidates)
    source = Rows(candidates.embeddings)
    shape = (len(order) + len(known), source.width)
    points = torch.empty(shape, dtype=source.dtype, device=source.device)
    for part in blocks(len(order), source.width, BLOCK // 8):
        points[part] = read_finite(candidates.embeddings, order[part], candidates.ids, "embeddings")
    points[len(order) :] = known.to(points)
    return order, points


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


def hash_order(ids: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Return the rows in the order of a hash of their ids salted by `rng`: a random permutation.

    Example:
        >>> a = hash_order(["x", "y", "z"], np.random.default_rng(0))
        >>> b = hash_order(["z", "y", "x"], np.random.default_rng(0))
        >>> (2 - b).tolist() == a.tolist()
        True
    """
    return np.argsort(id_hashes(ids, rng), kind="stable")


def best_first(values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the rows of the highest scores first, equal ones in the order of `drawn`.

    Args:
        values: a score for each row.
        drawn: the rows, in the order of `hash_order`.

    Example:
        >>> best_first(np.array([1.0, 2.0, 1.0]), np.array([2, 1, 0])).tolist()
        [1, 2, 0]
    """
    ordered: np.ndarray = drawn[np.argsort(-values[drawn], kind="stable")]
    return ordered


class Ties:
    """The order of equal rows: a hash of (rng, id), computed only for the rows that are asked for.

    Args:
        ids: the names of the rows.
        rng: one draw is taken from it.
    """

    def __init__(self, ids: Sequence[str], rng: np.random.Generator) -> None:
        self.ids = ids
        self.seed = int(rng.integers(0, 2**63, dtype=np.int64))
        self._known: np.ndarray | None = None

    def hashes(self, rows: np.ndarray) -> np.ndarray:
        """Return the uint64 hash of each of `rows`, always the same for the same id."""
        if self._known is not None:
            known: np.ndarray = self._known[rows]
            return known
        salt = np.random.default_rng(self.seed)
        if 2 * len(rows) > len(self.ids):
            self._known = id_hashes(self.ids, salt)
            return self.hashes(rows)
        return id_hashes([self.ids[i] for i in rows.tolist()], salt)

    def order(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows` in the order of their hashes."""
        if len(rows) < 2:
            return rows
        ordered: np.ndarray = rows[np.argsort(self.hashes(rows), kind="stable")]
        return ordered

    def first(self, rows: np.ndarray) -> int:
        """Return the row of the smallest hash."""
        return int(rows[0]) if len(rows) == 1 else int(rows[np.argmin(self.hashes(rows))])

    def fill(self, picks: list[int], n: int) -> list[int]:
        """Return `picks`, filled up to `n` rows with the others in the order of their hashes."""
        if len(picks) >= n:
            return picks
        left = np.setdiff1d(np.arange(len(self.ids)), np.asarray(picks, dtype=np.int64))
        return [*picks, *self.order(left)[: n - len(picks)].tolist()]
