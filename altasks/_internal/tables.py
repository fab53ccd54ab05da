"""Rows that come as a DataFrame or a Series: brought into the order of ids, or refused.

A table of pandas (or of another library with its `index` and `to_numpy`) names its rows. Read by
position, a table that was filtered, shuffled or sorted would give its numbers to other samples
without a word. pandas itself is not needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from altasks.errors import InvalidInputError, invalid


def is_table(value: Any) -> bool:
    """Return whether `value` is a DataFrame or a Series, with an index (pandas) or not (polars)."""
    return hasattr(value, "to_numpy") and not isinstance(value, np.ndarray)


def aligned(value: Any, argument: str, ids: Sequence[str] | None = None) -> Any:
    """Return a table's numbers in the order of `ids`; anything else comes back as it is.

    An index that names each of the ids once, and nothing else, is followed; numbers name the ids
    that look like them. A table without an index, or with the default one (0, 1, 2, ...), is read
    by position.

    Args:
        value: a table or not.
        argument: its name in the message.
        ids: what its rows belong to; None where rows have no names.

    Raises:
        InvalidInputError: if its rows can't be told apart by its index.

    Example:
        >>> import pandas
        >>> scores = pandas.Series([0.5, 1.0, 0.0], index=["c", "a", "b"])
        >>> aligned(scores, "values", ["a", "b", "c"]).tolist()
        [1.0, 0.0, 0.5]
    """
    if not is_table(value):
        return value
    array = np.asarray(value.to_numpy())
    if not hasattr(value, "iloc"):
        return array
    index = value.index.tolist()
    place = {str(name): row for row, name in enumerate(index)}
    if ids is not None and len(place) == len(index) == len(ids) and all(n in place for n in ids):
        return array[[place[name] for name in ids]]
    if index == list(range(len(index))):
        return array  # its length is checked as any array's is
    raise _unclear(value, argument, index, ids)


def _unclear(
    value: Any, argument: str, index: list[Any], ids: Sequence[str] | None
) -> InvalidInputError:
    """Return the error of a table whose index can't be followed."""
    first = ", ".join(repr(name) for name in index[:3]) + (", ..." if len(index) > 3 else "")
    found = f"a {type(value).__name__} with the index [{first}]"
    hint = "`.to_numpy()` takes the rows in the order they stand in."
    if ids is None:
        expected = "an array, or a table with the index 0, 1, 2, ..."
        return invalid(argument, expected, found, hint=f"Rows have no names here. {hint}")
    count = Counter(str(name) for name in index)
    wanted = set(ids)
    faults = [f"no row for the id {name!r}" for name in ids if name not in count][:1]
    faults += [f"a row {name!r} that is no id" for name in count if name not in wanted][:1]
    faults += [f"{name!r} {times} times" for name, times in count.items() if times > 1][:1]
    expected = f"a row for each of the {len(ids)} ids"
    where = " and ".join(faults)
    return invalid(argument, expected, found, where=where, hint=f"Make the ids its index; {hint}")
