"""Any number of units per sample: words, boxes, pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from altasks._internal.frames import aligned_to_ids
from altasks.errors import InvalidInputError, invalid
from altasks.predictions._base import ArrayLike, Prediction, RowIndex, require_parts, resolve_rows


@dataclass(frozen=True, eq=False, repr=False, slots=True, init=False)
class Ragged(Prediction):
    """A prediction over M units, of which each of N samples has some (or none).

    Args:
        units: any other prediction, one row per unit, sample by sample.
        lengths: `[N]` integers: how many units each sample has; zeros allowed; sums to M.
        fields: extras with one row per unit, for whoever wants to look:
            `{"boxes": [M, 4], ...}`. Tensors, arrays or lists.

    Raises:
        InvalidInputError: if the lengths don't add up to M or a field has another length.

    Example:
        >>> from altasks import Categorical
        >>> words = Categorical([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
        >>> Ragged(words, lengths=[2, 0, 1])
        Ragged(N=3, M=3, Categorical(N=3, K=1, C=2, float64, cpu))
    """

    units: Prediction
    lengths: Tensor  # N
    fields: Mapping[str, Any]

    def __init__(
        self,
        units: Prediction,
        lengths: ArrayLike,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(units, Prediction) or isinstance(units, Ragged):
            raise invalid(
                "units",
                "a Categorical, Bernoulli, Normal or Transcripts",
                type(units).__name__,
            )
        if fields is not None and not isinstance(fields, Mapping):
            raise invalid("fields", "a dict from name to rows", type(fields).__name__)
        kept = {}
        for name, value in (fields or {}).items():
            rows = value
            if _is_numeric_array(value):
                # torch has no negative strides: the one case of a copy.
                backwards = min(value.strides, default=0) < 0
                rows = torch.from_numpy(value.copy() if backwards else value)
            if not isinstance(rows, Tensor):
                if not isinstance(rows, Iterable):
                    wanted = f"one row for each of {len(units)} units"
                    raise invalid(f"fields[{name!r}]", wanted, type(rows).__name__)
                rows = tuple(rows)
            if isinstance(rows, Tensor) and not rows.ndim:
                raise invalid(f"fields[{name!r}]", "rows", "a single number")
            if len(rows) != len(units):
                raise invalid(
                    f"fields[{name!r}]", f"one row for each of {len(units)} units", f"{len(rows)}"
                )
            kept[name] = rows
        object.__setattr__(self, "units", units)
        object.__setattr__(self, "lengths", _as_lengths(lengths, len(units)))
        object.__setattr__(self, "fields", MappingProxyType(kept))

    @classmethod
    def _trusted(cls, units: Prediction, lengths: Tensor, fields: Mapping[str, Any]) -> Self:
        self = object.__new__(cls)
        object.__setattr__(self, "units", units)
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "fields", MappingProxyType(dict(fields)))
        return self

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        return self.units.members

    @property
    def offsets(self) -> Tensor:
        """`[N + 1]`: sample n owns the units `offsets[n]:offsets[n + 1]`."""
        return torch.nn.functional.pad(self.lengths.cumsum(0), (1, 0))

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return self.lengths.shape[0]

    def __getitem__(self, index: RowIndex) -> Self:
        """Return the prediction of some samples; an int gives a prediction of length one."""
        rows = resolve_rows(index, len(self), "cpu")
        offsets = self.offsets
        if isinstance(rows, slice) and (rows.step or 1) == 1:
            start, stop, _ = rows.indices(len(self))
            stop = max(start, stop)
            chosen: slice | Tensor = slice(int(offsets[start]), int(offsets[stop]))
        else:
            if isinstance(rows, slice):
                rows = torch.arange(len(self))[rows]
            spans = [torch.arange(int(offsets[i]), int(offsets[i + 1])) for i in rows.tolist()]
            chosen = torch.cat(spans) if spans else torch.empty(0, dtype=torch.int64)
        fields = {name: _take(value, chosen) for name, value in self.fields.items()}
        return self._trusted(self.units[chosen], self.lengths[rows], fields)

    def to(self, device: torch.device | str) -> Self:
        """Return the prediction with its tensors on `device`; `lengths` stays on the CPU."""
        fields = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.fields.items()
        }
        return self._trusted(self.units.to(device), self.lengths, fields)

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Return the samples of all `parts`, in order; all carry the same fields."""
        filled = [part for part in parts if part.members] or list(parts[:1])
        require_parts(filled, cls.__name__)
        names = set(parts[0].fields)
        for i, part in enumerate(parts):
            if set(part.fields) != names:
                raise InvalidInputError(
                    f"parts: part {i} has the fields {sorted(part.fields)}, part 0 {sorted(names)}."
                )
        units = type(parts[0].units).cat([part.units for part in parts])
        lengths = torch.cat([part.lengths for part in parts])
        fields = {name: _join([part.fields[name] for part in parts]) for name in parts[0].fields}
        return cls._trusted(units, lengths, fields)

    def __repr__(self) -> str:
        return f"Ragged(N={len(self)}, M={len(self.units)}, {self.units!r})"


def _is_numeric_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"


def _as_lengths(value: Any, units: int) -> Tensor:
    value = aligned_to_ids(value, "lengths")
    if isinstance(value, np.ndarray):  # `lengths[::-1]` goes backwards, which torch can't
        value = np.ascontiguousarray(value)
    try:
        lengths = torch.as_tensor(value).to("cpu")
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise invalid("lengths", "one integer per sample", f"{value!r}"[:80]) from error
    if lengths.numel() == 0:
        lengths = torch.zeros(0, dtype=torch.int64)
    if lengths.ndim != 1 or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise invalid(
            "lengths", "one integer per sample", f"{lengths.dtype}, shape {list(lengths.shape)}"
        )
    lengths = lengths.to(torch.int64)
    if lengths.numel() and int(lengths.min()) < 0:
        row = int((lengths < 0).nonzero()[0])
        raise invalid("lengths", "counts of at least 0", f"{int(lengths[row])}", where=f"row {row}")
    if int(lengths.sum()) != units:
        raise invalid(
            "lengths", f"a sum of {units}, the number of units", f"a sum of {int(lengths.sum())}"
        )
    return lengths


def _take(value: Any, chosen: slice | Tensor) -> Any:
    if isinstance(value, Tensor):
        return value[chosen if isinstance(chosen, slice) else chosen.to(value.device)]
    if isinstance(chosen, slice):
        return value[chosen]
    return tuple(value[i] for i in chosen.tolist())


def _join(values: list[Any]) -> Any:
    if all(isinstance(value, Tensor) for value in values):
        return torch.cat(values)
    return tuple(row for value in values for row in value)
