"""One string (or sequence of symbols) per sample and member."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from altasks._internal.frames import aligned_to_ids, is_table
from altasks._internal.tensor_checks import as_float_tensor, first_bad, place, require_finite
from altasks.errors import invalid
from altasks.predictions._base import (
    ArrayLike,
    Prediction,
    RowIndex,
    join_optional,
    require_parts,
    resolve_rows,
)

#: A reading: a string, or a sequence of hashable symbols such as tags.
Reading = str | tuple[Hashable, ...]


@dataclass(frozen=True, eq=False, repr=False, slots=True, init=False)
class Transcripts(Prediction):
    """K readings of each of N samples.

    Args:
        texts: N lists of K strings, or of K sequences of hashable symbols (tags, words).
        log_probs: `[N, K]` total natural log probabilities of the readings (at most 0), or None.

    Raises:
        InvalidInputError: for rows of different lengths, a reading that is None, or log
            probabilities above 0.

    Example:
        >>> Transcripts([["cat", "cut"], ["dog", "dog"]])
        Transcripts(N=2, K=2)
    """

    texts: tuple[tuple[Reading, ...], ...]
    log_probs: Tensor | None  # N x K

    def __init__(
        self,
        texts: Sequence[Sequence[str | Sequence[Hashable]]],
        log_probs: ArrayLike | None = None,
    ) -> None:
        readings = _as_readings(texts)
        object.__setattr__(self, "texts", readings)
        object.__setattr__(self, "log_probs", _as_log_probs(log_probs, readings))

    @classmethod
    def _trusted(cls, texts: tuple[tuple[Reading, ...], ...], log_probs: Tensor | None) -> Self:
        self = object.__new__(cls)
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "log_probs", log_probs)
        return self

    @property
    def members(self) -> int:
        """K, the size of the committee; 0 when there is no sample to tell it from."""
        if self.texts:
            return len(self.texts[0])
        return 0 if self.log_probs is None else self.log_probs.shape[1]

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.texts)

    def __getitem__(self, index: RowIndex) -> Self:
        """Return the prediction of some samples; an int gives a prediction of length one."""
        rows = resolve_rows(index, len(self), "cpu")
        if isinstance(rows, slice):
            texts = self.texts[rows]
        else:
            texts = tuple(self.texts[i] for i in rows.tolist())
        if self.log_probs is None:
            return self._trusted(texts, None)
        chosen = rows if isinstance(rows, slice) else rows.to(self.log_probs.device)
        return self._trusted(texts, self.log_probs[chosen])

    def to(self, device: torch.device | str) -> Self:
        """Return the prediction with `log_probs` on `device`; texts have none."""
        log_probs = None if self.log_probs is None else self.log_probs.to(device)
        return self._trusted(self.texts, log_probs)

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Return the samples of all `parts`, in order."""
        filled = [part for part in parts if len(part)] or list(parts[:1])
        require_parts(filled, cls.__name__)
        return cls._trusted(
            tuple(row for part in filled for row in part.texts),
            join_optional("log_probs", [part.log_probs for part in filled]),
        )

    def __repr__(self) -> str:
        return f"Transcripts(N={len(self)}, K={self.members})"


def _as_readings(texts: Any) -> tuple[tuple[Reading, ...], ...]:
    if is_table(texts):
        texts = aligned_to_ids(texts, "texts").tolist()
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise invalid("texts", "N lists of K readings", type(texts).__name__)
    rows: list[tuple[Reading, ...]] = []
    members = -1
    for n, row in enumerate(texts):
        if isinstance(row, str) or not isinstance(row, Sequence):
            raise invalid(
                "texts",
                "a list of K readings per sample",
                type(row).__name__,
                where=f"row {n}",
                hint="One reading per sample is still a list of one.",
            )
        members = len(row) if members < 0 else members
        if len(row) != members or not members:
            raise invalid(
                "texts",
                f"{max(members, 1)} readings in every row",
                f"{len(row)}",
                where=f"row {n}",
                hint="A member that read nothing says the empty string.",
            )
        if all(type(reading) is str for reading in row):
            rows.append(tuple(row))
        else:
            rows.append(tuple(_as_reading(reading, n, k) for k, reading in enumerate(row)))
    return tuple(rows)


def _as_reading(reading: Any, n: int, k: int) -> Reading:
    where = f"row {n}, member {k}"
    if isinstance(reading, str):
        return reading
    if not isinstance(reading, Sequence):
        raise invalid(
            "texts", "a string or a sequence of symbols", type(reading).__name__, where=where
        )
    symbols = tuple(reading)
    for symbol in symbols:
        if not isinstance(symbol, Hashable):
            raise invalid("texts", "hashable symbols", type(symbol).__name__, where=where)
    return symbols


def _as_log_probs(
    value: ArrayLike | None, readings: tuple[tuple[Reading, ...], ...]
) -> Tensor | None:
    if value is None:
        return None
    log_probs = as_float_tensor(value, "log_probs")
    members = len(readings[0]) if readings else log_probs.shape[-1]
    if log_probs.shape != (len(readings), members):
        raise invalid(
            "log_probs",
            f"shape [N, K] = [{len(readings)}, {members}]",
            f"shape {list(log_probs.shape)}",
        )
    require_finite(log_probs, "log_probs")
    if log_probs.numel() and float(log_probs.amax()) > 0:
        index = first_bad(log_probs > 0)
        raise invalid(
            "log_probs",
            "natural logs of probabilities, at most 0",
            f"{float(log_probs[index]):.4g}",
            where=place(index, members),
        )
    return log_probs
