"""Cells of a column of labels, and those among them that hold no label."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from altasks._internal.arrays import as_list
from altasks.errors import invalid

#: Texts that programs write for a value that is missing.
_WRITTEN = ("nan", "NaN", "NAN", "<NA>", "NaT", "null", "NULL", "None", "\\N")


def row_place(row: int) -> str:
    """Return where a row of what is in memory is, for errors: its position, counted from 0.

    Of a file, errors name the line instead: `Table.place`.
    """
    return f"row {row}"


def is_missing(value: Any) -> bool:
    """Return whether a value is none at all.

    So are None, NaN, pandas' NA and NaT, what a NumPy array masks, and blank texts.

    Example:
        >>> [is_missing(value) for value in (None, float("nan"), " ", 0, "a", [])]
        [True, True, True, False, False, False]
    """
    if isinstance(value, str):
        return not value.strip()
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    number = _plain(value)
    return isinstance(number, float) and math.isnan(number)


def labels_of(
    ids: Sequence[str],
    cells: Sequence[Any],
    column: str,
    *,
    no_label: Sequence[Any] | None = None,
    class_label: bool = False,
    place: Callable[[int], str] = row_place,
) -> dict[str, Any]:
    """Return id -> label of the rows that have one.

    None, NaN, pandas' NA and blank texts are no labels, and of a `ClassLabel` neither is -1. Of a
    list, as labels of several classes and tags are, the same goes for each entry: a list of
    nothing else is no label, an empty one is the label that says none, and one with a gap is
    refused. What could be a class as well as a missing value is refused unless `no_label` decides:
    the texts that programs write for missing values (`nan`, `null`, ...), and a -1 that is the
    only negative one among whole numbers. Numbers that are whole but came as floats because some
    are missing, as pandas has them, are whole numbers again.

    Args:
        ids: N ids.
        cells: N cells.
        column: where the cells come from, for errors.
        no_label: cells that mean "no label" besides the empty ones; none if empty.
        class_label: whether the cells are numbers of a Hugging Face `ClassLabel`, or lists of them.
        place: says where a row is, for errors.

    Raises:
        InvalidInputError: naming the row.

    Example:
        >>> labels_of(["a", "b", "c"], [1.0, float("nan"), 0.0], "y")
        {'a': 1, 'c': 0}
    """
    if isinstance(no_label, str):
        raise invalid("no_label", "a list of cells", repr(no_label), hint="Use [...].")
    labels: dict[str, Any] = {}
    row_of: dict[str, int] = {}
    for row, (name, cell) in enumerate(zip(ids, cells, strict=True)):
        value = _plain(as_list(cell))
        # A list of other things than values (boxes, spans, rows of a mask) goes as it is.
        entries = list(map(_plain, value)) if _is_flat(value) else [value]
        gaps = [_is_none(one, no_label, class_label) for one in entries]
        if any(gaps) and all(gaps):
            continue
        if any(gaps):
            raise invalid(
                column, "a list of labels without gaps", repr(value)[:200], where=place(row),
                hint=f"{entries[gaps.index(True)]!r} means that there is no label: take it out, "
                "or empty the cell.",
            )  # fmt: skip
        if no_label is None:
            _refuse_written(entries, column, place(row))
        labels[name], row_of[name] = value, row
    if no_label is None and not class_label:
        _refuse_doubtful(labels, row_of, column, place)
    came_as_floats = len(labels) < len(ids) and all(
        isinstance(value, float) and value.is_integer() for value in labels.values()
    )
    return {name: int(value) for name, value in labels.items()} if came_as_floats else labels


def _is_none(value: Any, no_label: Sequence[Any] | None, class_label: bool) -> bool:
    return is_missing(value) or (class_label and value == -1) or _listed(value, no_label)


def _is_flat(value: Any) -> bool:
    return isinstance(value, list | tuple) and not any(
        isinstance(one, list | tuple | Mapping | np.ndarray) and one is not np.ma.masked
        for one in value
    )


def _refuse_written(entries: Sequence[Any], column: str, where: str) -> None:
    """Refuse texts that programs write for a value that is missing."""
    for value in entries:
        if isinstance(value, str) and value in _WRITTEN:
            raise invalid(
                column, "a label, or an empty cell for none", repr(value), where=where,
                hint=f"Say no_label=[{value!r}] if it means that there is none, or no_label=[] if "
                "it is a class.",
            )  # fmt: skip


def _refuse_doubtful(
    labels: dict[str, Any], row_of: dict[str, int], column: str, place: Callable[[int], str]
) -> None:
    """Refuse -1 where it is the one negative number of otherwise whole ones."""
    doubtful = None
    for name, value in labels.items():
        number = _whole(value)
        if number is None or number < -1:
            return
        if number == -1 and doubtful is None:
            doubtful = name
    if doubtful is not None:
        raise invalid(
            column, "labels of which -1 is certain", repr(labels[doubtful]),
            where=place(row_of[doubtful]),
            hint=f"It may be a class, or mean that there is no label: say no_label=[] or "
            f"no_label=[{labels[doubtful]!r}].",
        )  # fmt: skip


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if digits.isdecimal() and digits.isascii() and len(digits) < 10 else None
    return value if isinstance(value, int) else None


def _listed(value: Any, no_label: Sequence[Any] | None) -> bool:
    # True == 1 in Python, but not in a column of labels.
    return any(type(value) is type(one) and value == one for one in no_label or ())


def _plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    return value
