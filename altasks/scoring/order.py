"""The order in which a pool is scored: the biggest samples first, groups in one batch."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from altasks.abilities import ChecksSamples, Grouped, Sized, UniformSize, provides
from altasks.errors import InvalidInputError, UnreadableSampleError, invalid
from altasks.scoring.reader import Item, Reader

#: Samples looked at together where reading them costs nothing.
_IN_MEMORY = 1000
#: Of a pool that is read as it is scored, so many batches are sorted by size together, or fewer if
#: their samples hold more than so many bytes.
WINDOW, HELD = 4, 2**27


class Survey:
    """Puts a pool in batches, and has each sample checked before it is scored.

    Of a pool in memory all sizes and groups are looked at first: its samples cost nothing to reach,
    and one that the task refuses is found before any work is done. A pool that reads or decodes
    its samples as they are fetched is gone through once, in its own order: what is read ahead is
    sorted by size, and each sample is checked, measured and scored from the one read.

    Args:
        task: with any of `check_samples`, `size` and `group_key`.
        reader: of the pool.
        batch_size: samples per call of the task.
        progress: as in `score`.
        check: whether samples are checked at all.

    Attributes:
        checks_late: whether samples are checked when they are scored.
    """

    def __init__(
        self,
        task: Any,
        reader: Reader,
        batch_size: int,
        progress: bool | None,
        *,
        check: bool = True,
    ) -> None:
        self._check = task.check_samples if check and provides(task, ChecksSamples) else None
        uniform = provides(task, UniformSize) and task.uniform_size
        self._size = task.size if provides(task, Sized) and not uniform else None
        self._key = task.group_key if provides(task, Grouped) else None
        self._reader = reader
        self._batch_size = batch_size
        self._late = not reader.pool.in_memory
        self.checks_late = self._late and self._check is not None
        count = 0 if self._late else len(reader.pool)
        self._sizes = np.zeros(count, np.int64)
        self._leaders = np.arange(count)  # the first row of each one's group
        self._firsts: dict[Any, int] = {}
        if not self._late and (self._check or self._size or self._key):
            self._look(progress)

    def _look(self, progress: bool | None) -> None:
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
            for start in range(0, count, _IN_MEMORY):
                rows = np.arange(start, min(start + _IN_MEMORY, count))
                self._reader.read(rows, self._measure, blame=True)
                bar.update(len(rows))

    def _measure(self, batch: Sequence[Any], rows: np.ndarray) -> None:
        if self._check is not None:
            self._check(batch)
        bad: dict[int, str] = {}
        for place, (sample, row) in enumerate(zip(batch, rows.tolist(), strict=True)):
            try:
                size, key = self._note(sample)
            except UnreadableSampleError as error:
                bad[place] = next(iter(error.rows.values()), str(error))
                continue
            self._sizes[row] = size
            self._leaders[row] = self._first_of(key, row)
        if bad:
            raise UnreadableSampleError(f"samples: {bad}", bad)

    def _note(self, sample: Any) -> tuple[int, Any]:
        """Return a sample's size and group."""
        size = 0 if self._size is None else self._size(sample)
        return size, None if self._key is None else self._key(sample)

    def _first_of(self, key: Any, row: int) -> int:
        if key is None:
            return row
        try:
            return self._firsts.setdefault(key, row)
        except TypeError:
            raise invalid("group_key", "None or a key of a dict", repr(key)) from None

    def batches(self) -> Generator[tuple[np.ndarray, list[Any]], None, None]:
        """Yield rows to predict together, and their samples, without those that can't be read."""
        if not self._late:
            order = self._in_order(self._sizes, self._leaders)
            if not self._reader.waits:  # a sample costs less than to note it
                yield from map(self._reader.fetch, order)
                return
            for items in self._reader.ahead(order):
                yield _taken(items)
        elif self._size is None and self._key is None:
            for items in self._reader.ahead(self._consecutive(), keep_given=self.checks_late):
                yield _taken(self._checked(items))
        else:
            for window in self._windows():
                yield from self._sorted(window)

    def runs(self) -> Iterator[np.ndarray]:
        """Yield the rows of each batch; of a pool read late, of what is sorted together."""
        if not self._late:
            yield from self._in_order(self._sizes, self._leaders)
            return
        count, step = len(self._reader.pool), self._batch_size
        if self._size is not None or self._key is not None:
            step *= WINDOW
        for start in range(0, count, step):
            yield np.arange(start, min(start + step, count))

    def _consecutive(self) -> Iterator[np.ndarray]:
        count = len(self._reader.pool)
        for start in range(0, count, self._batch_size):
            yield np.arange(start, min(start + self._batch_size, count))

    def _checked(self, items: list[Item]) -> list[Item]:
        """Return the samples that the task doesn't refuse."""
        if self._check is None:
            return items
        check = self._check
        rows = self._reader.attempt(
            np.array([item.row for item in items], np.int64),
            [item.given for item in items],
            lambda batch, _: check(batch),
            blame=True,
        )
        left = set(rows.tolist())
        for item in items:
            item.given = None
        return items if len(left) == len(items) else [one for one in items if one.row in left]

    def _windows(self) -> Iterator[list[Item]]:
        """Yield samples that follow each other in the pool, to be sorted; no group is cut."""
        window: list[Item] = []
        taken = 0
        for items in self._reader.ahead(
            self._consecutive(), keep_given=self.checks_late, note=self._note
        ):
            for item in self._checked(items):
                full = len(window) >= self._batch_size * WINDOW or (
                    taken > HELD and len(window) >= self._batch_size
                )
                if full and (item.noted[1] is None or item.noted[1] != window[-1].noted[1]):
                    yield window
                    window, taken = [], 0
                window.append(item)
                taken += bytes_of(item.sample)
            items.clear()
        if window:
            yield window

    def _sorted(self, window: list[Item]) -> Iterator[tuple[np.ndarray, list[Any]]]:
        sizes = np.array([item.noted[0] for item in window], np.int64)
        self._firsts = {}
        leaders = np.arange(len(window))
        for place, item in enumerate(window):
            try:
                leaders[place] = self._first_of(item.noted[1], place)
            except InvalidInputError as error:
                self._reader.note(error, np.array([item.row]))
                raise
        for places in self._in_order(sizes, leaders):
            items = [window[place] for place in places.tolist()]
            rows, samples = _taken(list(items))
            for item in items:
                item.sample = None  # let go when it was scored, and not with the whole window
            yield rows, samples

    def _in_order(self, sizes: np.ndarray, leaders: np.ndarray) -> Iterator[np.ndarray]:
        """Yield places in batches, without those known to be unreadable.

        Groups of one size come one after the other, wherever their samples are, and a batch ends
        where a group does: regions of one image come from one pass over it.
        """
        of_group = sizes.copy()
        np.maximum.at(of_group, leaders, sizes)  # of a group, its biggest sample's
        order = np.lexsort((np.arange(len(sizes)), -sizes, leaders, -of_group[leaders]))
        unreadable = {} if self._late else self._reader.unreadable
        if unreadable:
            order = order[[row not in unreadable for row in order.tolist()]]
        leaders = leaders[order]
        start = 0
        while start < len(order):
            stop = min(start + self._batch_size, len(order))
            while stop < len(order) and leaders[stop] == leaders[stop - 1]:
                stop += 1
            yield order[start:stop]
            start = stop


def _taken(items: list[Item]) -> tuple[np.ndarray, list[Any]]:
    """Return rows and samples, and let go of the list's own hold on them."""
    rows = np.array([item.row for item in items], np.int64)
    samples = [item.sample for item in items]
    items.clear()
    return rows, samples


def bytes_of(sample: Any) -> int:
    """Return about how much memory a sample holds, as far as it says so; 0 for other kinds.

    Example:
        >>> bytes_of({"image": np.zeros((4, 6), np.uint8), "name": "a"})
        24
    """
    if isinstance(sample, Mapping):
        return sum(map(bytes_of, sample.values()))
    if isinstance(held := getattr(sample, "nbytes", None), int):  # an array, a tensor
        return held
    if hasattr(sample, "getbands") and hasattr(sample, "size"):  # a Pillow image
        width, height = sample.size
        return int(width * height * len(sample.getbands()))
    return 0
