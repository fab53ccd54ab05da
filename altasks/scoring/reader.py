"""Handing out the samples of a pool, some of which may turn out to be unreadable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from altasks.data import Pool
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.scoring.scores import Scores


class Reader:
    """Hands samples to work that may find some of them unreadable, and remembers which.

    Attributes:
        unreadable: row in the pool -> what was found there.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.unreadable: dict[int, str] = {}

    def read(
        self,
        rows: np.ndarray,
        work: Callable[[list[Any], np.ndarray], Any],
        *,
        blame: bool = False,
    ) -> np.ndarray:
        """Call `work(samples, rows)`, again without those it can't read; return the rows it did.

        Args:
            rows: which of the pool.
            work: raises `UnreadableSampleError` for what it can't read.
            blame: whether to find out which one sample another error is about.
        """
        rows, batch = self._fetch(rows)
        while len(rows):
            try:
                work(batch, rows)
                return rows
            except UnreadableSampleError as error:
                bad = {row: found for row, found in error.rows.items() if 0 <= row < len(rows)}
                if not bad:  # which ones is unknown: there is nothing to go on without
                    self._note(error, rows)
                    raise
                self.unreadable |= {int(rows[row]): found for row, found in bad.items()}
                left = [i for i in range(len(rows)) if i not in bad]
                rows, batch = rows[left], [batch[i] for i in left]
            except InvalidInputError as error:
                if blame and len(rows) > 1:
                    for row in rows:
                        self.read(np.array([row]), work, blame=True)
                self._note(error, rows)
                raise
        return rows

    def _fetch(self, rows: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        batch: list[Any] = []
        left: list[int] = []
        for row in rows.tolist():
            try:
                batch.append(self.pool.at(row))
                left.append(row)
            except Exception as error:  # a data set that decodes as it is read raises anything
                self.unreadable[row] = f"{type(error).__name__}: {error}"
        return np.array(left, dtype=np.int64), batch

    def _note(self, error: InvalidInputError, rows: np.ndarray) -> None:
        ids = ", ".join(repr(self.pool.ids[i]) for i in rows[:5].tolist())
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
