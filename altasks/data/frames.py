"""Tables in memory: pandas and polars data frames and Series, and pyarrow tables.

None of these libraries is needed: their objects are known by what they can do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from altasks.errors import invalid

__all__ = ["frame_columns", "frame_index", "frame_rows", "is_frame", "is_series", "series_values"]


def is_frame(source: Any) -> bool:
    """Return whether an object is a data frame of pandas or polars, or a table of pyarrow."""
    pandas = hasattr(source, "iloc") and hasattr(source, "columns")
    polars = hasattr(source, "to_dicts") and hasattr(source, "columns")
    # A Hugging Face Dataset has column names as well, and features.
    arrow = hasattr(source, "column_names") and hasattr(source, "to_pylist")
    return pandas or polars or (arrow and not hasattr(source, "features"))


def is_series(source: Any) -> bool:
    """Return whether an object is a Series of pandas or polars, or a pyarrow array."""
    if hasattr(source, "columns") or hasattr(source, "column_names"):
        return False
    pandas = hasattr(source, "iloc")
    polars = hasattr(source, "to_list") and hasattr(source, "to_frame")
    arrow = hasattr(source, "to_pylist") and hasattr(source, "null_count")
    return pandas or polars or arrow


def frame_columns(frame: Any, argument: str = "samples") -> dict[str, list[Any]]:
    """Return name -> values of a data frame, in the order of its rows, as Python's own objects.

    Args:
        frame: what `is_frame` knows.
        argument: what it was given as, for errors.

    Raises:
        InvalidInputError: for two columns of one name.

    Example:
        >>> import pandas
        >>> frame_columns(pandas.DataFrame({"x": [1, 2], "y": ["a", "b"]}, index=[7, 3]))
        {'x': [1, 2], 'y': ['a', 'b']}
    """
    names = [str(name) for name in getattr(frame, "column_names", None) or frame.columns]
    for name, count in Counter(names).items():
        if count > 1:
            raise invalid(argument, "distinct column names", f"{name!r} {count} times")
    if hasattr(frame, "iloc"):
        columns = [frame.iloc[:, place].tolist() for place in range(len(names))]
    elif hasattr(frame, "to_dicts"):
        columns = [column.to_list() for column in frame.get_columns()]
    else:
        columns = [frame.column(place).to_pylist() for place in range(len(names))]
    return dict(zip(names, columns, strict=True))


def frame_rows(frame: Any, argument: str = "samples") -> list[dict[str, Any]]:
    """Return the rows of a data frame, a dict from column to value each; raises as above.

    Example:
        >>> import pandas
        >>> frame_rows(pandas.DataFrame({"x": [1, 2]}))
        [{'x': 1}, {'x': 2}]
    """
    columns = frame_columns(frame, argument)
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def series_values(series: Any) -> list[Any]:
    """Return the values of a Series in the order it has them, as Python's own objects."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(series, method):
            return list(getattr(series, method)())
    return list(series)


def frame_index(source: Any) -> tuple[str, list[Any]] | None:
    """Return the name and the values of the index of a pandas frame or Series.

    An index without a name is called `index`. None where there is no index: polars and pyarrow
    have none.

    Example:
        >>> import pandas
        >>> frame_index(pandas.Series([1, 2], index=["a", "b"]))
        ('index', ['a', 'b'])
    """
    if not hasattr(source, "iloc"):
        return None
    name = source.index.name
    return "index" if name is None else str(name), source.index.tolist()


def plain_mapping(labels: Any, argument: str) -> Mapping[str, Any]:
    """Return labels by id: a mapping as it is, of a pandas Series its values by its index.

    Args:
        labels: a mapping, or a Series whose index holds the ids.
        argument: what they were given as, for errors.

    Raises:
        InvalidInputError: for a Series with an id twice, or anything else.

    Example:
        >>> import pandas
        >>> plain_mapping(pandas.Series(["x", "y"], index=["b", "a"]), "labels")
        {'b': 'x', 'a': 'y'}
    """
    if isinstance(labels, Mapping):
        return labels
    index = frame_index(labels) if is_series(labels) else None
    if index is None:
        raise invalid(argument, "a dict from id to label", type(labels).__name__)
    names = [str(name) for name in index[1]]
    for name, count in Counter(names).items():
        if count > 1:
            raise invalid(argument, "an index of distinct ids", f"{name!r} {count} times")
    return dict(zip(names, series_values(labels), strict=True))
