"""The result of scoring, and the arrays that are filled on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from altasks._internal.arrays import refuse_masked
from altasks._internal.extras import require
from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_rng
from altasks.errors import InvalidInputError, invalid
from altasks.strategies.base import top_rows

#: The names that `keep=` takes.
KEEPABLE = ("embeddings", "mean_probs", "draws", "objects")


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """The scores of a pool, in the pool's order.

    Args:
        ids: N ids.
        values: `[N]` float64, higher = label first, finite.
        embeddings: `[N, d]`, if kept.
        mean_probs: `[N, C]`, if kept.
        draws: `[N, K, C]`, if kept.
        objects: `[N, B, 2 + d]`, the boxes of each sample, if kept; see `Candidates`.
        skipped: id -> what was found, of samples that could not be read; they are not in `ids`.

    Raises:
        InvalidInputError: for values that are masked.
    """

    ids: list[str]
    values: np.ndarray
    embeddings: np.ndarray | None = None
    mean_probs: np.ndarray | None = None
    draws: np.ndarray | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    objects: np.ndarray | None = None

    def __post_init__(self) -> None:
        refuse_masked(self.values, "values", self.ids)

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.ids)

    def __repr__(self) -> str:
        low, high = (self.values.min(), self.values.max()) if len(self) else (math.nan, math.nan)
        kept = [
            f"{name}={list(array.shape)}"
            for name in KEEPABLE
            if (array := getattr(self, name)) is not None
        ]
        skipped = [f"{len(self.skipped)} skipped"] if self.skipped else []
        return f"Scores({', '.join([f'N={len(self)}, {low:g} to {high:g}', *kept, *skipped])})"

    def top(self, n: int, *, seed: int = 0) -> list[str]:
        """Return the ids of the `n` highest scores (all if fewer), best first.

        Equal scores are ordered by a seeded hash of the ids, not by their place in the pool.

        Example:
            >>> Scores(["a", "b", "c"], np.array([0.1, 0.9, 0.5])).top(2)
            ['b', 'c']
        """
        require_whole("n", n, 0)
        rows = top_rows(self.values, self.ids, int(n), derive_rng(seed, "top"))
        return [self.ids[i] for i in rows.tolist()]

    def to_frame(self) -> Any:
        """Return a pandas data frame with the columns `id` and `score`, in the pool's order.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        pandas = require("pandas", "text", "A data frame")
        return pandas.DataFrame({"id": self.ids, "score": self.values})

    def take(self, rows: np.ndarray) -> Scores:
        """Return the scores at some rows."""
        kept: dict[str, Any] = {
            name: None if (array := getattr(self, name)) is None else array[rows]
            for name in KEEPABLE
        }
        return replace(
            self, ids=[self.ids[i] for i in rows.tolist()], values=self.values[rows], **kept
        )


def file_of(folder: Path, name: str) -> Path:
    """Return the file in which what is kept under `name` is mapped."""
    return folder / f"{name}.npy"


class KeptRows:
    """Rows of arrays that are allocated when the first batch shows their width."""

    def __init__(self, rows: int, folder: Path | None) -> None:
        self.rows = rows
        self.folder = folder
        self.arrays: dict[str, np.ndarray] = {}

    def put(self, name: str, where: np.ndarray, values: Tensor | np.ndarray) -> None:
        """Write the rows `where` of what is kept under `name`."""
        if isinstance(values, Tensor):
            part = values.detach().cpu()
            block = (part.float() if part.dtype.itemsize < 4 else part).numpy()
        else:
            block = np.asarray(values)
        # The first batch decides the type: whole numbers or halves would round the next ones.
        if block.dtype.kind != "f":
            block = block.astype(np.float64)
        elif block.dtype.itemsize < 4:
            block = block.astype(np.float32)
        if name not in self.arrays:
            shape = (self.rows, *block.shape[1:])
            self.arrays[name] = (
                np.empty(shape, block.dtype)
                if self.folder is None
                else np.lib.format.open_memmap(
                    file_of(self.folder, name), mode="w+", dtype=block.dtype, shape=shape
                )
            )
        if block.shape[1:] != self.arrays[name].shape[1:]:
            raise InvalidInputError(
                f"{name}: expected rows of shape {list(self.arrays[name].shape[1:])} as in the "
                f"first batch, found {list(block.shape[1:])}."
            )
        if len(block) != len(where):  # one row would be written over all, without a word
            raise invalid(name, f"{len(where)} rows, one per sample", f"{len(block)}")
        self.arrays[name][where] = block

    def pack(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays of some rows, in ascending order; a mapped array stays on the disk.

        The rows are moved up in place, so a mapped file keeps its length: behind the rows that
        are returned it holds what was there before.
        """
        if len(rows) < self.rows:
            for array in self.arrays.values():
                for start in range(0, len(rows), 4096):
                    block = rows[start : start + 4096]
                    array[start : start + len(block)] = array[block]
        return {name: array[: len(rows)] for name, array in self.arrays.items()}
