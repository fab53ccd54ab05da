"""Rows of a training set that are read ahead in the order in which they will be taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from altasks._internal.ahead import ahead


@runtime_checkable
class ReadsAhead(Protocol):
    """A training set that can read rows before they are asked for."""

    def expect(self, order: Sequence[int]) -> None:
        """Read these rows ahead: they are the next to be asked for."""
        ...


class ComingRows:
    """Reads rows on threads in the order they were announced; one out of order is read at once.

    Args:
        read: returns what is read of a row, and draws nothing at random.
        workers: threads.
        limit: the most rows that are read ahead.
    """

    def __init__(self, read: Callable[[int], Any], *, workers: int, limit: int) -> None:
        self._read = read
        self._workers = workers
        self._limit = limit
        self._order: deque[int] = deque()
        self._found: Iterator[Any] = iter(())

    def expect(self, order: Sequence[int]) -> None:
        """Begin to read these rows; what was announced before is let go."""
        self.close()
        if self._workers:
            self._order = deque(order)
            self._found = ahead(self._read, order, workers=self._workers, limit=self._limit)

    def close(self) -> None:
        """Read no further."""
        self._order.clear()
        found, self._found = self._found, iter(())
        if hasattr(found, "close"):
            found.close()

    def take(self, row: int) -> Any:
        """Return what is read of a row.

        Example:
            >>> rows = ComingRows(lambda row: -row, workers=2, limit=4)
            >>> rows.expect([3, 1])
            >>> [rows.take(row) for row in (3, 1, 7)]
            [-3, -1, -7]
        """
        if not self._order or self._order[0] != row:
            return self._read(row)
        self._order.popleft()
        return next(self._found)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs: it announces its own rows."""
        return {**vars(self), "_order": deque(), "_found": iter(())}


class Announced:
    """A sampler that tells a training set the order of an epoch before the first row is taken."""

    def __init__(self, sampler: Any, rows: ReadsAhead) -> None:
        self._sampler = sampler
        self._rows = rows

    def __iter__(self) -> Iterator[int]:
        order = list(self._sampler)
        self._rows.expect(order)
        yield from order

    def __len__(self) -> int:
        return len(self._sampler)

    def __getattr__(self, name: str) -> Any:
        # The epoch is set on it by name, and Trainer looks for generators.
        if name.startswith("__") or name == "_sampler":
            raise AttributeError(name)
        return getattr(self._sampler, name)


def announce(loader: Any, rows: Any) -> None:
    """Let a torch data loader tell its training set in which order it takes the rows.

    Nothing changes if the set doesn't read ahead, or if processes of the loader's own read it.
    """
    batches = getattr(loader, "batch_sampler", None)
    sampler = getattr(batches, "sampler", None)
    own = getattr(loader, "num_workers", 0)
    if isinstance(rows, ReadsAhead) and sampler is not None and not own:
        batches.sampler = Announced(sampler, rows)  # type: ignore[union-attr]
