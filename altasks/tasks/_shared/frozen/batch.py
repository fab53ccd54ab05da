"""A batch as a network takes it: its rows without padding, their keys, and rows as a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Inputs that nothing in the lower part of a network reads.
NOT_READ = ("labels", "num_items_in_batch", "return_dict", "output_attentions")
MASK = "attention_mask"


@dataclass(frozen=True)
class Extent:
    """Where the tokens of each row are: padding is on one side of them.

    Attributes:
        length: L, the columns of the batch; None where rows have none.
        spans: the first column of each row and the one behind its last.
    """

    length: int | None
    spans: list[tuple[int, int]]

    @classmethod
    def of(cls, inputs: Mapping[str, Tensor], *, unpad: bool) -> Extent | None:
        """Return the extent of a batch; None if its mask leaves gaps.

        Args:
            inputs: of `n` rows each.
            unpad: whether padding may be left out at all.
        """
        count = len(next(iter(inputs.values())))
        mask = inputs.get(MASK)
        if mask is None or mask.ndim != 2:
            return cls(None, [(0, 0)] * count)
        whole = int(mask.shape[1])
        if not unpad:
            return cls(whole, [(0, whole)] * count)
        seen = mask.detach().cpu().numpy() != 0  # n x L
        lengths = seen.sum(1)
        starts = np.where(lengths > 0, seen.argmax(1), 0)
        places = np.arange(whole)
        right = (places >= starts[:, None]) & (places < (starts + lengths)[:, None])
        if not bool((right == seen).all()):
            return None
        return cls(whole, list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True)))


def keys_of(inputs: Mapping[str, Tensor], extent: Extent) -> list[bytes]:
    """Return a key for each row: a hash of everything in it but padding.

    Args:
        inputs: of `n` rows each, columns second where there are any.
        extent: where the tokens are.
    """
    arrays = [(name, _numbers(values)) for name, values in sorted(inputs.items())]
    heads = [f"{name} {array.dtype} {array.shape[2:]}".encode() for name, array in arrays]
    keys = []
    for row, (start, stop) in enumerate(extent.spans):
        made = hashlib.blake2b(digest_size=16)
        for head, (_, array) in zip(heads, arrays, strict=True):
            by_token = array.ndim > 1 and array.shape[1] == extent.length
            made.update(head)
            made.update((array[row, start:stop] if by_token else array[row]).tobytes())
        keys.append(made.digest())
    return keys


def _numbers(values: Tensor) -> np.ndarray:
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def some_rows(
    inputs: Mapping[str, Tensor], extent: Extent, rows: Sequence[int]
) -> tuple[dict[str, Tensor], int]:
    """Return some rows of a batch without columns that none needs, and the first column kept."""
    first, last = 0, extent.length or 0
    if extent.length is not None:
        first = min(extent.spans[row][0] for row in rows)
        last = max(extent.spans[row][1] for row in rows)
    chosen = torch.tensor(list(rows))
    made = {}
    for name, values in inputs.items():
        part = values[chosen.to(values.device)]
        if extent.length is not None and part.ndim > 1 and part.shape[1] == extent.length:
            part = part[:, first:last]
        made[name] = part
    return made, first


@dataclass(frozen=True)
class Field:
    """One tensor of a frozen part's output, as it is kept.

    Attributes:
        name: in the output.
        per: what there is one of: a `"token"`; the `"first"` token, where no other is read; or a
            `"sample"`.
        tail: the shape of one.
    """

    name: Any
    per: str
    tail: tuple[int, ...]

    def size(self, length: int) -> int:
        """Return how many numbers there are for a row of so many tokens."""
        return int(np.prod(self.tail, dtype=np.int64)) * (length if self.per == "token" else 1)


def rows_of(
    tensors: Mapping[Any, Tensor], fields: Sequence[Field], spans: Sequence[tuple[int, int]]
) -> list[np.ndarray]:
    """Return what is kept of each row of an output, `[size]`."""
    arrays = [(field, _numbers(tensors[field.name])) for field in fields]
    rows = []
    for row, (start, stop) in enumerate(spans):
        parts = []
        for field, array in arrays:
            part = array[row]
            if field.per == "token":
                part = part[start:stop]
            elif field.per == "first":
                part = part[0]
            parts.append(part.reshape(-1))
        rows.append(parts[0] if len(parts) == 1 else np.concatenate(parts))
    return rows


def batch_of(
    rows: Sequence[np.ndarray], fields: Sequence[Field], extent: Extent, like: Mapping[Any, Tensor]
) -> dict[Any, Tensor]:
    """Return kept rows as one batch, with zeros for padding and for what is not read.

    Args:
        rows: of each sample.
        fields: what is in them.
        extent: where the tokens of each belong.
        like: tensors of the type and on the device that the network works with.
    """
    made, begin = {}, [0] * len(rows)
    for field in fields:
        columns = () if field.per == "sample" else (extent.length or 0,)
        whole = np.zeros((len(rows), *columns, *field.tail), rows[0].dtype)
        for row, (values, (start, stop)) in enumerate(zip(rows, extent.spans, strict=True)):
            size = field.size(stop - start)
            part = values[begin[row] : begin[row] + size]
            begin[row] += size
            if field.per == "token":
                whole[row, start:stop] = part.reshape(stop - start, *field.tail)
            elif field.per == "first":
                whole[row, 0] = part.reshape(field.tail)
            else:
                whole[row] = part.reshape(field.tail)
        made[field.name] = torch.from_numpy(whole).to(like[field.name])
    return made
