"""The base class of predictions, with the row arithmetic that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from altasks._internal.frames import aligned_to_ids
from altasks.errors import InvalidInputError, invalid

#: Accepted where numbers are expected: a tensor, an array, or nested lists.
ArrayLike = Tensor | npt.ArrayLike

#: Accepted between the brackets of `prediction[...]`.
RowIndex = int | slice | Sequence[int] | Sequence[bool] | np.ndarray | Tensor


class Prediction(ABC):
    """The predictions of a committee of K members for N samples. Frozen; dim 0 is samples."""

    __slots__ = ()

    @property
    @abstractmethod
    def members(self) -> int:
        """K, the size of the committee."""

    @abstractmethod
    def __len__(self) -> int:
        """Return N, the number of samples."""

    @abstractmethod
    def __getitem__(self, index: RowIndex) -> Self:
        """Return the prediction of some samples; an int gives a prediction of length one."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """Return the prediction with its tensors on `device`."""

    @classmethod
    @abstractmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Return the samples of all `parts`, in order."""


def resolve_rows(index: RowIndex, length: int, device: torch.device | str) -> slice | Tensor:
    """Return `index` as a slice or an int64 tensor of rows, so that dim 0 always stays.

    Raises:
        IndexError: if a row does not exist or a mask has the wrong length.
    """
    if isinstance(index, slice):
        if (index.step or 1) < 0:
            return torch.arange(length, device=device)[list(range(length))[index]]
        return index
    if isinstance(index, int | np.integer) and not isinstance(index, bool):
        row = int(index)
        if not -length <= row < length:
            raise IndexError(f"row {row} does not exist: the prediction has {length} samples")
        row %= length
        return slice(row, row + 1)
    index = aligned_to_ids(index, "index")
    if isinstance(index, np.ndarray):  # `order[::-1]` goes backwards, which torch can't
        index = np.ascontiguousarray(index)
    rows = torch.as_tensor(index, device=device)
    if rows.dtype == torch.bool:
        if rows.shape != (length,):
            raise IndexError(f"a mask over {length} samples was given shape {tuple(rows.shape)}")
        return rows.nonzero().flatten()
    if rows.numel() == 0:
        return torch.empty(0, dtype=torch.int64, device=device)
    if rows.ndim != 1 or rows.is_floating_point():
        raise IndexError("rows are chosen by an int, a slice, a list of ints or a mask")
    low, high = int(rows.min()), int(rows.max())
    if low < -length or high >= length:
        worst = low if low < -length else high
        raise IndexError(f"row {worst} does not exist: the prediction has {length} samples")
    return rows.to(torch.int64) % length


def require_parts(parts: Sequence[Prediction], kind: str) -> None:
    """Refuse to join nothing, other kinds, or committees of different sizes."""
    if not parts:
        raise invalid("parts", f"at least one {kind}", "an empty list")
    for i, part in enumerate(parts):
        if type(part).__name__ != kind:
            raise invalid("parts", f"only {kind}", type(part).__name__, where=f"part {i}")
        if part.members != parts[0].members:
            raise invalid(
                "parts",
                f"committees of one size ({parts[0].members} in part 0)",
                f"{part.members} members",
                where=f"part {i}",
            )


def join_optional(name: str, values: Sequence[Tensor | None]) -> Tensor | None:
    """Concatenate an optional tensor of each part; all of them have it or none has."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    if len(present) != len(values):
        raise InvalidInputError(f"parts: some carry {name} and some don't; give it to all or none.")
    return torch.cat(present)


def tensor_repr(kind: str, tensor: Tensor, axes: str) -> str:
    """Return `Categorical(N=3, K=20, C=5, float32, cpu)`."""
    sizes = ", ".join(f"{axis}={size}" for axis, size in zip(axes, tensor.shape, strict=True))
    return f"{kind}({sizes}, {str(tensor.dtype).removeprefix('torch.')}, {tensor.device})"
