"""Rows of data frames and series, for arguments that otherwise take lists.

pandas and polars are recognised by their methods, so neither needs to be installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from altasks.errors import invalid


def is_frame(values: Any) -> bool:
    """Return whether `values` is a data frame of pandas or polars."""
    return hasattr(values, "columns") and (hasattr(values, "iloc") or hasattr(values, "to_dicts"))


def is_series(values: Any) -> bool:
    """Return whether `values` is one column of pandas or polars."""
    named = hasattr(values, "iloc") or hasattr(values, "to_list")
    return named and hasattr(values, "dtype") and not hasattr(values, "columns")


def as_rows(values: Any, argument: str = "samples") -> Any:
    """Return the rows of a frame as mappings, the values of a series; anything else as it is.

    Iterating over a frame gives its column names, and indexing a series looks labels up, so
    neither can be read as a list.

    Raises:
        InvalidInputError: for a frame with two columns of one name.

    Example:
        >>> import pandas as pd
        >>> as_rows(pd.DataFrame({"text": ["a", "b"]}, index=[7, 9]))
        [{'text': 'a'}, {'text': 'b'}]
        >>> as_rows(pd.Series([1.5, 2.5], index=[7, 9]))
        [1.5, 2.5]
    """
    if is_frame(values):
        names = [str(name) for name in values.columns]
        if len(set(names)) != len(names):
            raise invalid(argument, "columns of distinct names", repr(names))
        if not hasattr(values, "iloc"):
            return values.to_dicts()
        columns = [values.iloc[:, place].tolist() for place in range(len(names))]
        return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    if is_series(values):
        return values.tolist() if hasattr(values, "tolist") else values.to_list()
    return values


def aligned(samples: Any, values: Any, argument: str) -> Any:
    """Return the labels or weights of `samples` as rows in the samples' order.

    Where both have a pandas index, an entry belongs to the sample with the same index. Without
    one, entries belong together by position.

    Args:
        samples: as the caller was given them.
        values: one entry for each; a frame of one column counts as that column.
        argument: what `values` are called in errors.

    Raises:
        InvalidInputError: if the two indexes differ, or hold an entry twice in different orders.

    Example:
        >>> import pandas as pd
        >>> texts = pd.Series(["a", "b"], index=[7, 9])
        >>> aligned(texts, pd.Series(["label of b", "label of a"], index=[9, 7]), "labels")
        ['label of a', 'label of b']
    """
    rows = as_rows(values, argument)
    if is_frame(values) and len(values.columns) == 1:
        rows = [next(iter(row.values())) for row in rows]
    mine, theirs = _index_of(samples), _index_of(values)
    if mine is None or theirs is None or mine == theirs:
        return rows
    places = {key: place for place, key in enumerate(theirs)}
    if len(mine) == len(theirs) == len(places) == len(set(mine)):
        missing = [row for row, key in enumerate(mine) if key not in places]
        if not missing:
            return [rows[places[key]] for key in mine]
        row = missing[0]
        found = f"no entry for index {mine[row]!r}"
    else:
        row = next((i for i, key in enumerate(mine) if key not in places), 0)
        known = mine and mine[row] in places
        found = f"{len(theirs)} entries for {len(mine)} samples, "
        found += (
            "in another order or with an index twice"
            if known or not mine
            else f"none for index {mine[row]!r}"
        )
    raise invalid(
        argument,
        "the index of the samples",
        found,
        where=f"row {row}",
        hint=f"Select the matching rows, or pass {argument}.tolist() to match by position.",
    )


def _index_of(values: Any) -> list[Any] | None:
    """Return the index of a pandas object; None for anything else."""
    if not hasattr(values, "iloc") or not (is_frame(values) or is_series(values)):
        return None
    return list(values.index)


def paired(samples: Any, labels: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return samples and their labels as rows, matched by index where both have one."""
    return as_rows(samples), aligned(samples, labels, "labels")
