"""Where the output of a frozen part of a network is kept, and how much of it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks._internal.numbers import is_whole
from altasks.errors import invalid
from altasks.tasks._shared.frozen.rows import Room, Rows

#: Bytes kept in memory, and on the disk, unless others are asked for.
MEMORY, DISK = 2**29, 2**34


class FeatureCache:
    """What the frozen part of a network makes of each sample, computed once and kept.

    Give it to a task that trains the upper part alone, `TextClassification(..., frozen_layers=4,
    keep_frozen=FeatureCache(limit=2**31))`; without, such a task makes one with the defaults.
    Several tasks may share one: a row is found by the content of the sample as the network reads
    it, the frozen weights, their code and the versions of the libraries, so none gets another's.

    In memory up to `limit`, then in a temporary file, memory-mapped. With a `folder` all rows are
    written there and found again by the next process; a loop with a work folder gives its task one
    in it. When `disk_limit` is reached too, the rest is computed each time.

    A text of L tokens takes L x d numbers (the first token's alone, or one vector, where the upper
    part reads no more): 5,000 questions of 13 tokens on average with the 384 of MiniLM, 100 MB.
    An image takes what the layer before the head gives.

    Args:
        limit: bytes of memory.
        disk_limit: bytes of files.
        dtype: `"float16"` halves both; fits and scores then differ from those without by rounding
            (a thousandth of a number). None keeps numbers as they were computed.
        folder: where rows are kept for later processes; None leaves it to the loop.

    Attributes:
        found: how many rows were there when they were needed.
        computed: how many were not.

    Raises:
        InvalidInputError: for a limit that is no whole number, or another `dtype`.

    Example:
        >>> FeatureCache(limit=2**30, dtype="float16")
        FeatureCache(0 rows, 0.0 MB in memory, 0 found, 0 computed)
    """

    def __init__(
        self,
        limit: int = MEMORY,
        *,
        disk_limit: int = DISK,
        dtype: Literal["float16", "float32"] | None = None,
        folder: Path | str | None = None,
    ) -> None:
        for name, value in (("limit", limit), ("disk_limit", disk_limit)):
            if not is_whole(value, 0):
                raise invalid(name, "a whole number of bytes, at least 0", repr(value))
        if dtype not in (None, "float16", "float32"):
            raise invalid("dtype", "'float16', 'float32' or None", repr(dtype))
        if folder is not None and not isinstance(folder, str | os.PathLike):
            raise invalid("folder", "a path or None", repr(folder))
        self.limit, self.disk_limit, self.dtype = int(limit), int(disk_limit), dtype
        self.found = self.computed = 0
        self._given = folder is not None
        self._folder = None if folder is None else Path(folder)
        self._rows: dict[tuple[str, str], Rows] = {}
        self._room = Room(self.limit, self.disk_limit)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self)} rows, {self.memory / 1e6:.1f} MB in memory, "
            f"{self.found} found, {self.computed} computed)"
        )

    def __len__(self) -> int:
        """Return how many rows are kept."""
        return sum(map(len, self._rows.values()))

    def __deepcopy__(self, memo: dict[int, Any]) -> FeatureCache:
        """Return this one: a copy of a task finds what the task found."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how another process makes one like this, which finds what is in its folder."""
        make = partial(
            type(self),
            self.limit,
            disk_limit=self.disk_limit,
            dtype=self.dtype,
            folder=self._folder,
        )
        return make, ()

    @property
    def memory(self) -> int:
        """The bytes of memory taken."""
        return self._room.used

    @property
    def folder(self) -> Path | None:
        """Where rows are kept for later processes, if anywhere."""
        return self._folder

    def keep_in(self, folder: Path | str) -> None:
        """Keep everything in `folder` from now on, unless another was given at the start."""
        place = Path(folder)
        if self._given or place == self._folder:
            return
        self._folder = place
        for key, rows in self._rows.items():
            rows.move_to(place / "-".join(key))

    def clear(self) -> None:
        """Forget all rows. Files in a folder that was given stay, and are not read again."""
        self._rows.clear()
        self._room = Room(self.limit, self.disk_limit)
        self.found = self.computed = 0

    def rows(self, kind: str, dtype: np.dtype) -> Rows:
        """Return the rows of one frozen part, of numbers as that makes them.

        Args:
            kind: names the frozen part: weights, code and all else that decides its output.
            dtype: as computed.
        """
        kept = np.dtype(self.dtype or dtype)
        key = (kind, kept.name)
        if key not in self._rows:
            folder = None if self._folder is None else self._folder / "-".join(key)
            self._rows[key] = Rows(kept, self._room, folder)
        return self._rows[key]
