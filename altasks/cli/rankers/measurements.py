"""Tables of numbers, and of what numbers are to be predicted from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, RankRequest
from altasks.cli.rankers.labelled_files import read_format
from altasks.cli.rankers.plain import rows_of_table
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool
    from altasks.data.tables import Table


def read_numbers(table: Table, request: RankRequest, names: Sequence[str] | None) -> Pool:
    """Return the rows of a table as mappings from column to number, checked.

    Args:
        table: as it was read.
        request: with its path, and its column of ids.
        names: the columns to read; None: all but the ids.

    Raises:
        InvalidInputError: naming the line and column of a cell that is no number.
    """
    from altasks._internal.names import did_you_mean
    from altasks.data import Pool

    columns = table.columns
    missing = [name for name in names or () if name not in columns]
    if missing:
        raise invalid(
            "--pool",
            f"the columns the model was trained on, {', '.join(map(repr, names or ()))}",
            f"no {missing[0]!r}",
            where=str(request.pool),
            hint=did_you_mean(missing[0], columns),
        )
    rows = rows_of_table(table, request)
    kept = names or list(rows.at(0))
    numbers = {name: _numbers(name, table) for name in kept}
    return Pool(
        rows.ids,
        lambda place: {name: numbers[name][place] for name in kept},
        positional=rows.positional,
    )


def read_measurements(
    path: Path, request: CompareRequest, text_column: str | None, *, texts: bool
) -> LabelledPool:
    """Return what numbers are predicted from, with the numbers: rows of a table, texts or images.

    Args:
        path: a table.
        request: names the columns of the labels; `label` if it names none.
        text_column: the column of texts; None for `text`.
        texts: whether the samples are texts; else all other columns are numbers.

    Raises:
        InvalidInputError: naming the line and column of a cell that is no number.
    """
    from altasks.data import LabelledPool, as_pool
    from altasks.data.columns import unknown_column
    from altasks.data.tables import read_table

    if request.format not in (None, "table"):
        columns = {"label_column": request.label_column, "id_column": request.id_column}
        data = read_format(
            path,
            request.task,
            format=request.format,
            options=request.reader_options,
            columns=columns,
        )
        cells = [data.pool.labels.get(name) for name in data.pool.ids]
        ids = data.pool.ids
        targets = _targets("label", cells, lambda row: f"{path}, id {ids[row]!r}")
        return LabelledPool(_labelled(data.pool, [targets]))
    table = read_table(path)
    asked = list(request.label_columns) or ["label"]
    for name in asked:
        if name not in table.columns:
            raise unknown_column("--label-column", name, table.columns, where=str(path))
    every = [
        _targets(name, table.columns[name], lambda row: f"{path}, {table.place(row)}")
        for name in asked
    ]
    if texts:
        pool = as_pool(path, text_column=text_column, id_column=request.id_column)
    else:
        pool = read_numbers(table.without(asked), replace(request, pool=path), None)
    return LabelledPool(_labelled(pool, every))


def _labelled(pool: Pool, targets: Sequence[Sequence[float | None]]) -> Pool:
    """Return a pool with the labels of the rows that have all of their numbers."""
    from altasks.data import Pool

    labels: dict[str, Any] = {}
    for name, *values in zip(pool.ids, *targets, strict=True):
        if None not in values:
            labels[name] = values if len(values) > 1 else values[0]
    return Pool(pool.ids, pool.at, positional=pool.positional, labels=labels)


def _targets(name: str, cells: Sequence[Any], place: Callable[[int], str]) -> list[float | None]:
    """Return the numbers of a column of labels; None for an empty cell.

    Raises:
        InvalidInputError: naming the place of a cell that is no number.
    """
    found: list[float | None] = []
    for row, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            found.append(None)
            continue
        value = _number(cell)
        if value is None:
            raise invalid(
                "--label-column", "a finite number, or an empty cell for none", repr(cell),
                where=f"{place(row)}, column {name!r}",
            )  # fmt: skip
        found.append(value)
    return found


def _numbers(name: str, table: Table) -> list[float]:
    values = []
    for row, cell in enumerate(table.columns[name]):
        value = _number(cell)
        if value is None:
            raise invalid(
                "--pool",
                "a finite number in every cell that the model reads",
                "an empty one" if cell in (None, "") else repr(cell),
                where=f"{table.path}, {table.place(row)}, column {name!r}",
                hint="Fill it in, or leave the row out.",
            )
        values.append(value)
    return values


def _number(cell: Any) -> float | None:
    """Return a cell as a finite number, or None; a CSV has nothing but text."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
