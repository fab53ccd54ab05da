"""Ids, samples and labels out of the columns of tables, data frames and Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from altasks._internal.frames import frame_columns, frame_index, series_values
from altasks._internal.names import did_you_mean
from altasks.data.label_cells import is_missing, labels_of, row_place
from altasks.data.tables import Table
from altasks.errors import InvalidInputError, invalid


class ParquetTable(NamedTuple):
    """A Parquet file, or a folder of them, and what of it a pool shows.

    Attributes:
        path: where it is.
        rows: how many it has.
        id_column: with the ids; None: they are row numbers.
        text_column: with the samples; None: the row without ids and labels.
        label_column: with the labels; None: none.
    """

    path: Path
    rows: int
    id_column: str | None
    text_column: str | None
    label_column: str | None


class Rows(NamedTuple):
    """The parts of a pool; see `Pool` for the fields.

    `cheap` says whether to fetch a sample costs next to nothing, `place` where a row is, for
    errors; `table`, where rows are read from one as they are fetched, which.
    """

    ids: list[str]
    fetch: Callable[[int], Any]
    positional: bool
    labels: dict[str, Any]
    cheap: bool = True
    place: Callable[[int], str] = row_place
    table: ParquetTable | None = None


class ColumnNames(NamedTuple):
    """Which columns to read, and which cells of the labels are none; as `as_pool` takes them."""

    text: str | None
    id: str | None
    label: str | None
    no_label: Sequence[Any] | None


def from_table(table: Table, chosen: ColumnNames) -> Rows:
    """Return the rows of a file: the ids stand in its column `id`, if there is one."""
    columns = table.columns
    texts = _samples_of(columns, chosen.text or "text", table.place)
    if chosen.id is None and "id" in columns:
        chosen = chosen._replace(id="id")
    ids = _ids(columns, len(table), chosen, table.place)
    labels = _labels(columns, ids, chosen, table.place)
    return Rows(ids, texts.__getitem__, chosen.id is None, labels, place=table.place)


def from_frame(frame: Any, chosen: ColumnNames) -> Rows:
    """Return the rows of a data frame; its index can hold the ids."""
    columns = frame_columns(frame, "pool")
    index = frame_index(frame)
    ids = _ids(dict([index]) | columns if index else columns, len(frame), chosen)
    labels = _labels(columns, ids, chosen)
    if chosen.text is not None:
        return Rows(ids, _samples_of(columns, chosen.text).__getitem__, chosen.id is None, labels)
    # A model must not be shown the answer, nor learn ids.
    names = [name for name in columns if name not in (chosen.id, chosen.label)]

    def fetch(position: int) -> Any:
        return {name: columns[name][position] for name in names}

    return Rows(ids, fetch, chosen.id is None, labels)


def from_series(series: Any, chosen: ColumnNames) -> Rows:
    """Return the values of a Series, by position; its index can hold the ids."""
    values = series_values(series)
    index = frame_index(series)
    ids = _ids(dict([index]) if index else {}, len(values), chosen)
    return Rows(ids, values.__getitem__, chosen.id is None, {})


def from_dataset(dataset: Any, chosen: ColumnNames) -> Rows:
    """Return the rows of a Hugging Face `Dataset`, read one at a time."""
    names = list(dataset.column_names)
    if chosen.text is None and "text" in names:
        chosen = chosen._replace(text="text")
    for argument, name in zip(("text_column", "id_column", "label_column"), chosen, strict=False):
        if name is not None and name not in names:
            raise unknown_column(argument, str(name), names)
    ids = _ids(dataset, len(dataset), chosen)
    labels = {}
    if chosen.label is not None:
        feature = dataset.features[chosen.label]
        while not hasattr(feature, "names") and (inner := _inner(feature)) is not None:
            feature = inner
        class_label = bool(getattr(feature, "names", None))
        labels = labels_of(
            ids, dataset[chosen.label], chosen.label,
            no_label=chosen.no_label, class_label=class_label,
        )  # fmt: skip

    def fetch(position: int) -> Any:
        row = dataset[position]
        return row if chosen.text is None else row[chosen.text]

    kind = "" if chosen.text is None else getattr(dataset.features[chosen.text], "dtype", "")
    return Rows(ids, fetch, chosen.id is None, labels, cheap=kind in ("string", "large_string"))


def _inner(feature: Any) -> Any:
    """Return what a list of a Hugging Face data set holds; None of another feature."""
    if isinstance(feature, list):
        return feature[0]
    inner = getattr(feature, "feature", None)
    return None if isinstance(inner, Mapping) else inner


def _ids(
    columns: Any, rows: int, chosen: ColumnNames, place: Callable[[int], str] = row_place
) -> list[str]:
    if chosen.id is None:
        return [str(i) for i in range(rows)]
    listed = getattr(columns, "column_names", columns)
    return ids_of(_column(columns, "id_column", chosen.id, listed), chosen.id, place)


def _labels(
    columns: Mapping[str, Sequence[Any]],
    ids: Sequence[str],
    chosen: ColumnNames,
    place: Callable[[int], str] = row_place,
) -> dict[str, Any]:
    if chosen.label is None:
        return {}
    cells = _column(columns, "label_column", chosen.label, columns)
    return labels_of(ids, cells, chosen.label, no_label=chosen.no_label, place=place)


def ids_of(cells: Iterable[Any], column: str, place: Callable[[int], str] = row_place) -> list[str]:
    """Return a column's cells as ids.

    Args:
        cells: of the column.
        column: its name, for errors.
        place: says where a row is, for errors.

    Raises:
        InvalidInputError: for one that is none, or that occurs twice, naming the row.
    """
    first: dict[str, int] = {}
    for row, cell in enumerate(cells):
        value = cell.item() if hasattr(cell, "item") else cell  # NumPy's numbers
        missing = not isinstance(value, str) and is_missing(value)
        # A row without an id, or with a list of them, is a slip, not an id "None".
        if isinstance(value, bool) or not isinstance(value, str | int | float) or missing:
            raise invalid(
                column,
                "an id (a string or a number) in every row",
                "none" if missing else f"{value!r}",
                where=place(row),
            )
        name = str(value)
        if not name:
            raise invalid(column, "an id in every row", "an empty one", where=place(row))
        if first.setdefault(name, row) != row:
            both = f"{place(first[name])} and {place(row)}"
            raise invalid(column, "distinct ids", f"{name!r} in {both}")
    return list(first)


def _samples_of(
    columns: Mapping[str, Sequence[Any]], name: str, place: Callable[[int], str] = row_place
) -> Sequence[Any]:
    """Return a column of samples, refusing rows that have none."""
    cells = _column(columns, "text_column", name, columns)
    for row, cell in enumerate(cells):
        # An empty text is a sample, if a poor one; a missing one is none.
        if not isinstance(cell, str) and is_missing(cell):
            raise invalid(
                name, "a sample in every row", "none", where=place(row),
                hint="Leave the row out, or name another text_column.",
            )  # fmt: skip
    return cells


def unknown_column(
    argument: str, name: str, columns: Iterable[str], *, where: str = ""
) -> InvalidInputError:
    """Return the error of a column that isn't there, to be raised by the caller.

    Args:
        argument: that names it.
        name: of the column.
        columns: those there are.
        where: the file.

    Example:
        >>> print(unknown_column("text_column", "txt", ["id", "text"]))
        text_column: expected one of the columns 'id', 'text', found 'txt'. Did you mean 'text'?
    """
    names = list(columns)
    expected = f"one of the columns {', '.join(map(repr, names))}" if names else "None"
    return invalid(argument, expected, repr(name), where=where, hint=did_you_mean(name, names))


def _column(columns: Any, argument: str, name: str, listed: Iterable[str]) -> Sequence[Any]:
    names = list(listed)
    if name not in names:
        raise unknown_column(argument, str(name), names)
    column: Sequence[Any] = columns[name]
    return column
