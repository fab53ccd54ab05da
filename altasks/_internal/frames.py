"""Data frames, Series and tables in memory, wherever rows, labels or numbers are taken.

Objects of pandas, polars and pyarrow are recognised by their methods, so none of these libraries
needs to be installed. An index of pandas names its rows. Read by position, a frame that was
filtered, shuffled or sorted would silently give its values to other samples, so the index is
followed, or the frame is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from altasks._internal.arrays import refuse_masked
from altasks.errors import InvalidInputError, invalid


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


def is_table(value: Any) -> bool:
    """Return whether `value` turns into an array by `to_numpy`, as frames and Series do."""
    return hasattr(value, "to_numpy") and not isinstance(value, np.ndarray)


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


def as_rows(values: Any, argument: str = "samples") -> Any:
    """Return the rows of a frame as mappings, the values of a series; anything else as it is.

    Iterating over a frame gives its column names, and indexing a series looks labels up, so
    neither can be read as a list.

    Raises:
        InvalidInputError: for a frame with two columns of one name; for a set, which has no
            order, and a dict, of which only the keys would be read; for masked values.

    Example:
        >>> import pandas as pd
        >>> as_rows(pd.DataFrame({"text": ["a", "b"]}, index=[7, 9]))
        [{'text': 'a'}, {'text': 'b'}]
        >>> as_rows(pd.Series([1.5, 2.5], index=[7, 9]))
        [1.5, 2.5]
    """
    if isinstance(values, Mapping):
        raise invalid(
            argument, "a list", f"a {type(values).__name__}",
            hint="Pass list(....values()), samples and labels in the same order.",
        )  # fmt: skip
    if isinstance(values, set | frozenset):
        raise invalid(argument, "a list", "a set, which has no order", hint="Pass sorted(...).")
    refuse_masked(values, argument)
    if is_frame(values):
        return frame_rows(values, argument)
    return series_values(values) if is_series(values) else values


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


def aligned_to_samples(samples: Any, values: Any, argument: str) -> Any:
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
        >>> labels = pd.Series(["label of b", "label of a"], index=[9, 7])
        >>> aligned_to_samples(texts, labels, "labels")
        ['label of a', 'label of b']
    """
    rows = as_rows(values, argument)
    if is_frame(values) and len(values.columns) == 1:
        rows = [next(iter(row.values())) for row in rows]
    indexes = frame_index(samples), frame_index(values)
    if indexes[0] is None or indexes[1] is None:
        return rows
    mine, theirs = indexes[0][1], indexes[1][1]
    if mine == theirs:
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


def paired(samples: Any, labels: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return samples and their labels as rows, matched by index where both have one."""
    return as_rows(samples), aligned_to_samples(samples, labels, "labels")


def aligned_to_ids(value: Any, argument: str, ids: Sequence[str] | None = None) -> Any:
    """Return a table's numbers in the order of `ids`; anything else comes back as it is.

    An index that names each of the ids once, and nothing else, is followed; numbers name the ids
    that look like them. A table without an index, or with the default one (0, 1, 2, ...), is read
    by position.

    Args:
        value: a table or not.
        argument: its name in the message.
        ids: what its rows belong to; None where rows have no names.

    Raises:
        InvalidInputError: if its index doesn't name its rows.

    Example:
        >>> import pandas
        >>> scores = pandas.Series([0.5, 1.0, 0.0], index=["c", "a", "b"])
        >>> aligned_to_ids(scores, "values", ["a", "b", "c"]).tolist()
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


def plain_array(
    value: Any, argument: str, wanted: str, ids: Sequence[str] | None = None
) -> np.ndarray:
    """Return an array of NumPy of a list, an array or a table, whatever it holds.

    Args:
        value: anything but a tensor, which has a type and a device of its own.
        argument: its name in the message.
        wanted: what it should have been, for the message.
        ids: what its rows belong to, as `aligned_to_ids` takes them.

    Raises:
        InvalidInputError: for rows of different lengths, masked values, a table whose index doesn't
            name its rows, or a list with tensors that NumPy can't read.

    Example:
        >>> plain_array([[1], [2, 3]], "mean", "a rectangular array of real numbers")
        Traceback (most recent call last):
        ...
        altasks.errors.InvalidInputError: mean: expected a rectangular array of real numbers, found
        a list: setting an array element with a sequence...
    """
    refuse_masked(value, argument, ids)
    value = aligned_to_ids(value, argument, ids)
    try:
        return np.asarray(value)
    # In lists: of tensors in bfloat16, on a GPU, without values, or with a gradient.
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        tensors = isinstance(value, list | tuple) and any(hasattr(one, "detach") for one in value)
        raise invalid(
            argument,
            wanted,
            f"a {type(value).__name__}: {error}",
            hint="Make one tensor of a list of tensors: torch.stack(...)." if tensors else "",
        ) from error


def labels_by_id(labels: Any, argument: str) -> Mapping[str, Any]:
    """Return labels by id: a mapping as it is, of a pandas Series its values by its index.

    Args:
        labels: a mapping, or a Series whose index holds the ids.
        argument: what they were given as, for errors.

    Raises:
        InvalidInputError: for a Series with an id twice, or anything else.

    Example:
        >>> import pandas
        >>> labels_by_id(pandas.Series(["x", "y"], index=["b", "a"]), "labels")
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


def ids_by_index(
    series: Any, argument: str, *, positional: bool, ids: Container[str] = ()
) -> dict[str, Any] | None:
    """Return id -> value of a pandas Series, or None if its values go by position.

    An index of text holds ids, and so does one of numbers where the samples have ids of their
    own. An index that merely counts the rows says nothing. Other numbers are what is left of a
    table that was sorted, shuffled or cut: as positions they would be wrong without a trace.

    Args:
        series: a Series, or anything else, which goes by position.
        argument: what it was given as, for errors.
        positional: whether the ids are nothing but positions in a list.
        ids: those of the samples.

    Raises:
        InvalidInputError: for a data frame, an index that may mean either, or an id twice.

    Example:
        >>> import pandas
        >>> ids_by_index(pandas.Series([1, 2], index=["b", "a"]), "scores", positional=False)
        {'b': 1, 'a': 2}
    """
    if is_frame(series):
        raise invalid(
            argument, "one column", "a data frame", hint=f'Choose one of it: {argument}["name"].'
        )
    index = frame_index(series) if is_series(series) else None
    if index is None:
        return None
    keys = index[1]
    counts = keys == list(range(len(keys)))
    if all(isinstance(key, str) for key in keys) and keys:
        return dict(labels_by_id(series, argument))
    if counts and not (not positional and keys and "0" in ids):
        return None
    if positional or counts:
        raise invalid(
            argument,
            "a Series whose index holds ids (text) or just counts its rows",
            f"the index {', '.join(map(repr, keys[:3]))}{', ...' * (len(keys) > 3)}",
            hint=f"By position: {argument}.tolist(). By id: "
            f"{argument}.set_axis({argument}.index.astype(str)).",
        )
    return dict(labels_by_id(series, argument))
