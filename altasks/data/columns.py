"""Ids, samples and labels out of the columns of tables, data frames and Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from altasks._internal.frames import frame_columns, frame_index, series_values
from altasks.data.label_cells import is_missing, labels_of
from altasks.errors import invalid


class Rows(NamedTuple):
    """The parts of a pool; see `Pool` for the fields.

    `cheap` says whether to fetch a sample costs next to nothing.
    """

    ids: list[str]
    fetch: Callable[[int], Any]
    positional: bool
    labels: dict[str, Any]
    cheap: bool = True


class ColumnNames(NamedTuple):
    """Which columns to read, and which cells of the labels are none; as `as_pool` takes them."""

    text: str | None
    id: str | None
    label: str | None
    no_label: Sequence[Any] | None


def from_table(columns: Mapping[str, Sequence[Any]], rows: int, chosen: ColumnNames) -> Rows:
    """Return the rows of a file: the ids stand in its column `id`, if there is one."""
    texts = _samples_of(columns, chosen.text or "text")
    if chosen.id is None and "id" in columns:
        chosen = chosen._replace(id="id")
    ids = _ids(columns, rows, chosen)
    return Rows(ids, texts.__getitem__, chosen.id is None, _labels(columns, ids, chosen))


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
            raise invalid(argument, f"one of the columns {', '.join(map(repr, names))}", repr(name))
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


def _ids(columns: Any, rows: int, chosen: ColumnNames) -> list[str]:
    if chosen.id is None:
        return [str(i) for i in range(rows)]
    listed = getattr(columns, "column_names", columns)
    return ids_of(_column(columns, "id_column", chosen.id, listed), chosen.id)


def _labels(
    columns: Mapping[str, Sequence[Any]], ids: Sequence[str], chosen: ColumnNames
) -> dict[str, Any]:
    if chosen.label is None:
        return {}
    cells = _column(columns, "label_column", chosen.label, columns)
    return labels_of(ids, cells, chosen.label, no_label=chosen.no_label)


def ids_of(cells: Iterable[Any], column: str) -> list[str]:
    """Return a column's cells as ids.

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
                where=f"row {row}",
            )
        name = str(value)
        if not name:
            raise invalid(column, "an id in every row", "an empty one", where=f"row {row}")
        if first.setdefault(name, row) != row:
            raise invalid(column, "distinct ids", f"{name!r} in rows {first[name]} and {row}")
    return list(first)


def _samples_of(columns: Mapping[str, Sequence[Any]], name: str) -> Sequence[Any]:
    """Return a column of samples, refusing rows that have none."""
    cells = _column(columns, "text_column", name, columns)
    for row, cell in enumerate(cells):
        # An empty text is a sample, if a poor one; a missing one is none.
        if not isinstance(cell, str) and is_missing(cell):
            raise invalid(
                name, "a sample in every row", "none", where=f"row {row}",
                hint="Leave the row out, or name another text_column.",
            )  # fmt: skip
    return cells


def _column(columns: Any, argument: str, name: str, listed: Iterable[str]) -> Sequence[Any]:
    names = list(listed)
    if name not in names:
        expected = f"one of the columns {', '.join(map(repr, names))}" if names else "None"
        raise invalid(argument, expected, repr(name))
    column: Sequence[Any] = columns[name]
    return column
