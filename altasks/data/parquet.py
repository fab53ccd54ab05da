"""Parquet files as pools: ids in memory, samples read a row group at a time."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any

from altasks._internal.extras import require
from altasks.data.columns import ColumnNames, ParquetTable, Rows, ids_of
from altasks.data.label_cells import labels_of
from altasks.errors import invalid

SUFFIX = ".parquet"


def is_parquet(path: Path) -> bool:
    """Return whether a path is of a Parquet file, or of a folder that is named like one.

    Example:
        >>> is_parquet(Path("pool.parquet")), is_parquet(Path("pool.csv"))
        (True, False)
    """
    return path.suffix.lower() == SUFFIX


def from_parquet(path: Path, chosen: ColumnNames) -> Rows:
    """Return the rows of a Parquet file, or of those in a folder by the order of their names.

    Raises:
        InvalidInputError: for a file that can't be read, or a column that isn't there.
        MissingExtraError: without pyarrow.
    """
    files = _Files(path)
    text = chosen.text or ("text" if "text" in files.names else None)
    column = chosen.id or ("id" if "id" in files.names else None)
    given = (("text_column", text), ("id_column", column), ("label_column", chosen.label))
    for argument, name in given:
        if name is not None and name not in files.names:
            listed = ", ".join(map(repr, files.names))
            raise invalid(argument, f"one of the columns {listed}", repr(name), where=str(path))
    count = files.starts[-1]
    ids = [str(row) for row in range(count)]
    if column is not None:
        ids = ids_of(files.column(column), column)
    labels = {}
    if chosen.label is not None:
        cells = files.column(chosen.label)
        labels = labels_of(ids, cells, chosen.label, no_label=chosen.no_label)
    shown = [name for name in files.names if name not in (column, chosen.label)]
    files.columns = shown if text is None else [text]

    def fetch(row: int) -> Any:
        cells = files.row(row)
        return cells if text is None else cells[text]

    table = ParquetTable(path, count, column, text, chosen.label)
    return Rows(ids, fetch, column is None, labels, cheap=False, table=table)


class _Files:
    """The row groups of some files, one of which is in memory.

    Attributes:
        names: the columns.
        starts: the first row of each row group, and behind them the number of rows.
        columns: those that `row` reads.
    """

    def __init__(self, path: Path) -> None:
        self._parquet: Any = require("pyarrow.parquet", "text", "a .parquet file")
        self._path = path
        if not path.exists():
            raise invalid("path", "an existing file or folder", f"{str(path)!r}, which is neither")
        paths = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not paths:
            raise invalid("pool", f"a folder with {SUFFIX} files", f"none in {path}")
        self._groups: list[tuple[Path, int]] = []
        sizes: list[int] = []
        self.names: list[str] = []
        for one in paths:
            try:
                with self._parquet.ParquetFile(one) as file:
                    names, meta = list(file.schema_arrow.names), file.metadata
            except (OSError, ValueError) as error:  # pyarrow's errors are of these kinds
                raise invalid("pool", "a Parquet file", f"{one}: {error}") from error
            if self.names and names != self.names:
                raise invalid("pool", f"the columns {self.names} in all files", f"{names} in {one}")
            self.names = names
            self._groups += [(one, place) for place in range(meta.num_row_groups)]
            sizes += [meta.row_group(place).num_rows for place in range(meta.num_row_groups)]
        self.starts = [0, *accumulate(sizes)]
        self.columns: list[str] = self.names
        self._held: tuple[int, Any] = (-1, None)

    def column(self, name: str) -> list[Any]:
        """Return the cells of a whole column."""
        return [
            cell
            for place in range(len(self._groups))
            for cell in self._read(place, [name]).column(name).to_pylist()
        ]

    def row(self, row: int) -> dict[str, Any]:
        """Return the cells of a row; those of its row group stay in memory for the next."""
        place = bisect_right(self.starts, row) - 1
        if self._held[0] != place:
            self._held = (place, None)  # the one before is let go first
            self._held = (place, self._read(place, self.columns))
        table = self._held[1]
        at = row - self.starts[place]
        return {name: table.column(name)[at].as_py() for name in self.columns}

    def _read(self, place: int, columns: list[str]) -> Any:
        path, group = self._groups[place]
        try:
            with self._parquet.ParquetFile(path) as file:
                return file.read_row_group(group, columns=columns)
        except (OSError, ValueError) as error:
            raise invalid("pool", "a Parquet file", f"{path}: {error}") from error
