"""The order in which a pool is scored: the biggest samples first, groups in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from altasks.abilities import ChecksSamples, Grouped, Sized, UniformSize, provides
from altasks.errors import UnreadableSampleError, invalid
from altasks.scoring.reader import Reader

#: Samples looked at together where reading them costs nothing.
_IN_MEMORY = 1000


class Survey:
    """Learns about every sample, in one read of each, what has to be known before the first batch.

    That is its size, for batches of equals, and its group, for what is predicted in one pass. A
    sample that the task refuses is found here too, before any work is done. Where there is nothing
    to learn, samples of a pool that reads them from a disk aren't read here: each is checked with
    its batch (`checks_late`).

    Args:
        task: with any of `check_samples`, `size` and `group_key`.
        reader: of the pool.
        batch_size: samples in memory at once.
        progress: as in `score`.

    Attributes:
        checks_late: whether batches are checked when they are scored.
    """

    def __init__(self, task: Any, reader: Reader, batch_size: int, progress: bool | None) -> None:
        self._check = task.check_samples if provides(task, ChecksSamples) else None
        uniform = provides(task, UniformSize) and task.uniform_size
        self._size = task.size if provides(task, Sized) and not uniform else None
        self._key = task.group_key if provides(task, Grouped) else None
        self._reader = reader
        count = len(reader.pool)
        self._sizes = np.zeros(count, np.int64)
        self._leaders = np.arange(count)  # the first row of each one's group
        self._firsts: dict[Any, int] = {}
        in_memory = reader.pool.in_memory
        needed = self._size is not None or self._key is not None
        self.checks_late = self._check is not None and not (needed or in_memory)
        if needed or (in_memory and self._check is not None):
            self._look(_IN_MEMORY if in_memory else batch_size, progress)

    def _look(self, step: int, progress: bool | None) -> None:
        count = len(self._sizes)
        bar = tqdm(
            total=count,
            desc="measuring",
            unit="sample",
            leave=False,
            delay=1.0,  # seconds: of most pools it is over by then
            disable=None if progress is None else not progress,
        )
        with bar:
            for start in range(0, count, step):
                rows = np.arange(start, min(start + step, count))
                self._reader.read(rows, self._measure, blame=True)
                bar.update(len(rows))

    def _measure(self, batch: Sequence[Any], rows: np.ndarray) -> None:
        if self._check is not None:
            self._check(batch)
        bad: dict[int, str] = {}
        for place, (sample, row) in enumerate(zip(batch, rows.tolist(), strict=True)):
            try:
                if self._size is not None:
                    self._sizes[row] = self._size(sample)
                if self._key is not None:
                    self._leaders[row] = self._first_of(self._key(sample), row)
            except UnreadableSampleError as error:
                bad[place] = next(iter(error.rows.values()), str(error))
        if bad:
            raise UnreadableSampleError(f"samples: {bad}", bad)

    def _first_of(self, key: Any, row: int) -> int:
        if key is None:
            return row
        try:
            return self._firsts.setdefault(key, row)
        except TypeError:
            raise invalid("group_key", "None or a key of a dict", repr(key)) from None

    def check(self, batch: Sequence[Any]) -> None:
        """Let the task refuse samples that are about to be scored, if it hasn't seen them yet."""
        if self.checks_late and self._check is not None:
            self._check(batch)

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """Yield rows to predict together, without those known to be unreadable.

        Groups of one size come one after the other, wherever in the pool their samples are, and a
        batch ends where a group does: regions of one image come from one pass over it.
        """
        sizes = self._sizes.copy()
        np.maximum.at(sizes, self._leaders, self._sizes)  # of a group, its biggest sample's
        rows = np.arange(len(sizes))
        order = np.lexsort((rows, -self._sizes, self._leaders, -sizes[self._leaders]))
        unreadable = self._reader.unreadable
        if unreadable:
            order = order[[row not in unreadable for row in order.tolist()]]
        leaders = self._leaders[order]
        start = 0
        while start < len(order):
            stop = min(start + batch_size, len(order))
            while stop < len(order) and leaders[stop] == leaders[stop - 1]:
                stop += 1
            yield order[start:stop]
            start = stop
