"""Handing out the samples of a pool, read ahead, some of which may turn out to be unreadable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks._internal.ahead import ahead, default_workers
from altasks._internal.numbers import require_whole
from altasks.abilities import OpensSamples, provides
from altasks.data import Pool
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.scoring.scores import Scores

#: A batch is read in so many parts, and so many are read ahead: a batch beside the one at work. A
#: part costs a thread's turn, which cheap samples should not pay one by one.
PARTS = 8


@dataclass(slots=True)
class Item:
    """One sample as it was read.

    Attributes:
        row: in the pool.
        given: as the pool gave it, where that is still needed.
        sample: as `predict` takes it: opened, where the task opens samples.
        noted: what the reader was told to note of it.
        error: what reading it raised instead.
        fetched: whether the pool gave it.
    """

    row: int
    given: Any = None
    sample: Any = None
    noted: Any = None
    error: Exception | None = None
    fetched: bool = False


class Reader:
    """Hands samples to work that may find some of them unreadable, and remembers which.

    Samples are read ahead on threads where there is anything to wait for: where the pool reads or
    decodes them as they are fetched, and where the task opens them. Others cost no thread.

    Args:
        pool: the samples.
        task: which may open them.
        workers: threads that read ahead; 0 reads in the caller's; None: as many as the task says,
            or else `default_workers()`.

    Attributes:
        unreadable: row in the pool -> what was found there.
    """

    def __init__(self, pool: Pool, task: Any = None, workers: int | None = None) -> None:
        self.pool = pool
        self.unreadable: dict[int, str] = {}
        self._open = task.open_sample if provides(task, OpensSamples) else None
        if workers is None:
            workers = task.workers if self._open is not None else default_workers()
        self._workers = require_whole("workers", workers, 0)
        # Two fetches at once are only safe where it is known: of one open file, two threads would
        # read each other's bytes.
        alone = not (pool.in_memory or pool.concurrent)
        self._fetching: Any = threading.Lock() if alone else nullcontext()
        if not self.waits:
            self._workers = 0
        elif alone and self._open is None:
            self._workers = min(self._workers, 1)
        #: How many parts of a batch are read by a thread each.
        self._share = PARTS if self._workers > 1 else 1

    def read(
        self,
        rows: np.ndarray,
        work: Callable[[list[Any], np.ndarray], Any],
        *,
        blame: bool = False,
    ) -> np.ndarray:
        """Fetch samples and call `work` as `attempt` does."""
        rows, batch = self.fetch(rows)
        return self.attempt(rows, batch, work, blame=blame)

    def fetch(self, rows: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """Return those of some rows that the pool gives, and the samples there, read here."""
        batch: list[Any] = []
        left: list[int] = []
        for row in rows.tolist():
            try:
                batch.append(self.pool.at(row))
                left.append(row)
            except Exception as error:  # a data set that decodes as it is read raises anything
                self.unreadable[row] = f"{type(error).__name__}: {error}"
        return np.array(left, dtype=np.int64), batch

    def attempt(
        self,
        rows: np.ndarray,
        batch: list[Any],
        work: Callable[[list[Any], np.ndarray], Any],
        *,
        blame: bool = False,
    ) -> np.ndarray:
        """Call `work(samples, rows)`, again without those it can't read; return the rows it did.

        Args:
            rows: which of the pool.
            batch: the samples there.
            work: raises `UnreadableSampleError` for what it can't read.
            blame: whether to find out which one sample another error is about.
        """
        while len(rows):
            try:
                work(batch, rows)
                return rows
            except UnreadableSampleError as error:
                bad = {row: found for row, found in error.rows.items() if 0 <= row < len(rows)}
                if not bad:  # which ones is unknown: there is nothing to go on without
                    self.note(error, rows)
                    raise
                self.unreadable |= {int(rows[row]): found for row, found in bad.items()}
                left = [i for i in range(len(rows)) if i not in bad]
                rows, batch = rows[left], [batch[i] for i in left]
            except InvalidInputError as error:
                if blame and len(rows) > 1:
                    for place, row in enumerate(rows):
                        self.attempt(np.array([row]), batch[place : place + 1], work, blame=True)
                self.note(error, rows)
                raise
        return rows

    @property
    def waits(self) -> bool:
        """Whether reading takes time, so that it is worth to be done ahead."""
        return self._open is not None or not self.pool.in_memory

    def ahead(
        self,
        batches: Iterable[np.ndarray],
        *,
        keep_given: bool = False,
        note: Callable[[Any], Any] | None = None,
    ) -> Generator[list[Item], None, None]:
        """Yield what was read of each batch, those left out that can't be; the next is read ahead.

        Args:
            batches: of rows.
            keep_given: whether samples are wanted as the pool gave them, too.
            note: called with each of those on the thread that read it; what it returns is kept.
        """

        def read(part: tuple[np.ndarray, bool]) -> tuple[list[Item], bool]:
            rows, last = part
            return [self._item(row, keep_given, note) for row in rows.tolist()], last

        items: list[Item] = []
        parts = self._parts(batches)
        for some, last in ahead(read, parts, workers=self._workers, limit=self._share):
            items += [item for item in some if self._is_read(item, keep_given, note)]
            some.clear()  # what was read lives as long as whoever takes the batch keeps it
            if last:
                yield items
                items = []

    def _parts(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
        """Yield batches in pieces that one thread reads, and whether each is a batch's last."""
        for rows in batches:
            step = max(1, -(-len(rows) // self._share))
            for start in range(0, max(1, len(rows)), step):
                yield rows[start : start + step], start + step >= len(rows)

    def _item(self, row: int, keep_given: bool, note: Callable[[Any], Any] | None) -> Item:
        item = Item(row)
        try:
            with self._fetching:
                given = self.pool.at(row)
            item.fetched = True
            if keep_given:
                item.given = given
            if note is not None:
                item.noted = note(given)
            item.sample = given if self._open is None else self._open(given)
        except Exception as error:
            item.error = error
        return item

    def _is_read(self, item: Item, keep_given: bool, note: Callable[[Any], Any] | None) -> bool:
        """Return whether a sample was read; note what was found otherwise."""
        if item.error is not None and not item.fetched:
            # Some things can only be read by the thread that opened them, as connections of SQLite.
            again = self._item(item.row, keep_given, note)
            item.given, item.sample, item.noted = again.given, again.sample, again.noted
            item.error, item.fetched = again.error, again.fetched
        error = item.error
        if error is None:
            return True
        if not item.fetched:
            # A data set that decodes as it is read raises anything.
            self.unreadable[item.row] = f"{type(error).__name__}: {error}"
        elif isinstance(error, UnreadableSampleError):
            self.unreadable[item.row] = next(iter(error.rows.values()), str(error))
        else:
            if isinstance(error, InvalidInputError):
                self.note(error, np.array([item.row]))
            raise error
        return False

    def note(self, error: InvalidInputError, rows: Sequence[int] | np.ndarray) -> None:
        """Say on an error about a batch which ids are in it."""
        ids = ", ".join(repr(self.pool.ids[int(i)]) for i in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        error.add_note(
            f"row 0 is id {ids}"
            if len(rows) == 1
            else f"in the batch of ids (row 0 is the first): {ids}{more}"
        )

    def skipped(self) -> dict[str, str]:
        """Return what is unreadable by id, in the pool's order."""
        return {self.pool.ids[row]: self.unreadable[row] for row in sorted(self.unreadable)}

    def error(self, partial: Scores | None) -> UnreadableSampleError:
        """Return the error that names them, with the scores of the others attached."""
        skipped = self.skipped()
        named = "; ".join(f"{name!r}: {found}" for name, found in list(skipped.items())[:5])
        more = f"; and {len(skipped) - 5} more (see `.skipped`)" if len(skipped) > 5 else ""
        rest = (
            "None could be scored."
            if partial is None
            else f"The scores of the other {len(partial)} are in `.partial`; "
            "unreadable='skip' leaves out what can't be read."
        )
        return UnreadableSampleError(
            f"{len(skipped)} of {len(self.pool)} samples can't be read: {named}{more}. {rest}",
            dict(self.unreadable),
            skipped=skipped,
            partial=partial,
        )
