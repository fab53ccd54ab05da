"""What comes back from Ray's actors, in whatever order, joined by id."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from altasks.errors import InvalidInputError, UnreadableSampleError, invalid
from altasks.scoring.by_ray.actor import FOUND, ID, VALUE, kind_of
from altasks.scoring.scores import KEEPABLE, Scores

#: How many ids a message lists.
_SHOWN = 5


class Collected:
    """Gathers blocks of rows.

    Args:
        ids: all ids, in the order of the result; None: they are sorted.
        id_of: what stands as id in a block -> the id; None: it is one.
    """

    def __init__(self, ids: list[str] | None, id_of: Callable[[str], str] | None) -> None:
        self._ids, self._id_of = ids, id_of
        self._names: list[str] = []
        self._values: list[np.ndarray] = []
        self._found: dict[str, str] = {}
        self._kept: dict[str, list[tuple[int, np.ndarray]]] = {}  # with the first row's place

    def __len__(self) -> int:
        """Return how many samples have come back, read or not."""
        return len(self._names)

    def add(self, block: Mapping[str, Any]) -> int:
        """Take a block, and return how many rows it had."""
        names = [str(name) for name in np.asarray(block[ID]).tolist()]
        if not names:
            return 0
        if self._id_of is not None:
            names = [self._id_of(name) for name in names]
        start = len(self._names)
        self._names += names
        self._values.append(np.asarray(block[VALUE], np.float64))
        for name, found in zip(names, np.asarray(block[FOUND]).tolist(), strict=True):
            if found:
                self._found[name] = found
        for name in KEEPABLE:
            if name in block:
                kind = json.loads(str(np.asarray(block[kind_of(name)])[0]))
                self._kept.setdefault(name, []).append((start, _rows(block[name], *kind)))
        return len(names)

    def scores(self) -> Scores:
        """Return the scores of what has come back, with what can't be read in `skipped`.

        Raises:
            InvalidInputError: for an id that two rows have, or arrays of different shapes.
        """
        places = self._order()
        values = np.concatenate(self._values) if self._values else np.zeros(0)
        order = np.array([row for row in places if not np.isnan(values[row])], np.int64)
        names = [self._names[row] for row in order.tolist()]
        return Scores(
            names,
            values[order],
            skipped={
                self._names[row]: self._found[self._names[row]]
                for row in places
                if np.isnan(values[row])
            },
            **{name: array[order] for name, array in self._arrays(~np.isnan(values)).items()},
        )

    def whole(self, unreadable: str) -> Scores:
        """Return the scores of all; the ids have to be those that are known.

        Raises:
            InvalidInputError: if a row came back twice, or not at all.
            UnreadableSampleError: as `altasks.score`.
        """
        scores = self.scores()
        if not self._names:
            raise invalid("pool", "at least one sample", "an empty pool")
        if self._ids is not None and len(self._names) != len(self._ids):
            come = {*self._names}
            lost = [name for name in self._ids if name not in come]
            raise InvalidInputError(
                f"engine: Ray gave back {len(self._names)} of {len(self._ids)} samples; the first "
                f"that is missing: {lost[:1]}. Has the pool changed while it was scored?"
            )
        if scores.skipped and (unreadable == "error" or not len(scores)):
            named = [f"{name!r}: {found}" for name, found in scores.skipped.items()]
            more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
            partial = scores if len(scores) else None
            rest = "None could be scored." if partial is None else (
                f"The scores of the other {len(scores)} are in `.partial`; unreadable='skip' "
                "leaves out what can't be read."
            )  # fmt: skip
            raise UnreadableSampleError(
                f"{len(named)} of {len(self._names)} samples can't be read: "
                f"{'; '.join(named[:_SHOWN])}{more}. {rest}",
                {},
                skipped=dict(scores.skipped),
                partial=partial,
            )
        return scores

    def _order(self) -> list[int]:
        """Return the places of what has come back in the order of the result."""
        row_of = {name: row for row, name in enumerate(self._names)}
        if len(row_of) != len(self._names):
            counts = Counter(self._names)
            twice = next(name for name in self._names if counts[name] > 1)
            raise invalid("pool", "distinct ids", f"{twice!r} {counts[twice]} times")
        if self._ids is None:
            return [row_of[name] for name in sorted(row_of)]
        known = [row_of.pop(name) for name in self._ids if name in row_of]
        if row_of:
            stranger = next(iter(row_of))
            raise invalid("pool", "ids that were there when it was listed", f"{stranger!r}")
        return known

    def _arrays(self, scored: np.ndarray) -> dict[str, np.ndarray]:
        """Return what was kept, a row for each that has come back; zeros where none was read."""
        arrays = {}
        for name, blocks in self._kept.items():
            shapes = {block.shape[1:] for _, block in blocks}
            if len(shapes) > 1:
                raise invalid(name, "rows of one shape", f"shapes {sorted(map(list, shapes))}")
            kept = np.zeros((len(scored), *shapes.pop()), blocks[0][1].dtype)
            there = np.zeros(len(scored), dtype=bool)
            for start, block in blocks:
                kept[start : start + len(block)] = block
                there[start : start + len(block)] = True
            if not there[scored].all():
                raise invalid("predict", f"{name} of every sample", "of some alone")
            arrays[name] = kept
        return arrays


def _rows(cells: Any, dtype: str, shape: Sequence[int]) -> np.ndarray:
    """Return what was kept of some rows, from bytes; zeros where there are none."""
    empty = np.zeros(shape, dtype)
    given = np.asarray(cells, dtype=object).tolist()
    return np.stack(
        [np.frombuffer(cell, dtype).reshape(shape) if cell else empty for cell in given]
    )
