"""Splitting labelled data for a simulation."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from altasks._internal.random import derive_rng
from altasks.data.label_cells import is_missing
from altasks.errors import invalid


def stratified_split(
    labels: Sequence[Hashable], share: float, *, seed: int
) -> tuple[list[int], list[int]]:
    """Return (rows to keep, rows held out): about `share` of each class is held out.

    Each class gives `round(share * its count)` rows, but keeps at least one. The rows depend on
    the seed and on nothing global.

    Args:
        labels: N class labels, of a type that sorts.
        share: the share to hold out, in (0, 1).
        seed: which rows they are.

    Raises:
        InvalidInputError: if `share` is not in (0, 1), or a label is missing.

    Example:
        >>> stratified_split(["a"] * 4 + ["b"] * 4, 0.25, seed=0)[1]
        [2, 7]
    """
    if not 0 < share < 1:
        raise invalid("share", "a number in (0, 1)", f"{share!r}")
    rows_of: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels):
        if is_missing(label):
            raise invalid("labels", "a class in every row", repr(label), where=f"row {row}")
        rows_of.setdefault(label, []).append(row)
    rng = derive_rng(seed, "stratified_split")
    held: set[int] = set()
    for label in sorted(rows_of, key=repr):
        rows = rows_of[label]
        count = min(round(share * len(rows)), len(rows) - 1)
        held.update(rows[i] for i in rng.permutation(len(rows))[:count].tolist())
    return [row for row in range(len(labels)) if row not in held], sorted(held)
