"""CSV and JSON lines, read whole and checked by row."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.text_files import file_error, read_json_values, read_text, split_lines
from altasks.errors import InvalidInputError, invalid

#: How the quotation marks of a `.csv` or `.tsv` file can be read.
QUOTING = ("csv", "none")


@dataclass(frozen=True)
class Table:
    """Columns of equal length, by name.

    Attributes:
        columns: name -> cells.
        path: the file.
        lines: in which line of the file each row begins, counted from 1, as editors do.
    """

    columns: dict[str, list[Any]]
    path: Path
    lines: list[int]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return where a row is, for errors: its line in the file."""
        return f"line {self.lines[row]}"

    def without(self, names: Collection[str]) -> Table:
        """Return the table without some columns."""
        left = {name: cells for name, cells in self.columns.items() if name not in names}
        return Table(left, self.path, self.lines)


def read_table(path: Path | str, *, quoting: str | None = None) -> Table:
    """Read a `.csv`, `.tsv` or `.jsonl` file (UTF-8, or UTF-16 with its mark).

    A line of JSON is an object, or a string, which is read as `{"text": string}`. Objects may
    leave fields out; they read as None.

    Args:
        path: the file.
        quoting: of a `.csv` or `.tsv`, see `read_cells`.

    Raises:
        InvalidInputError: naming the file and the line that can't be read.
    """
    path = Path(path)
    if not path.is_file():
        raise invalid("path", "an existing file or folder", f"{str(path)!r}, which is neither")
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        (_, header), *rows = read_cells(path, quoting=quoting)
        names = column_names(path, header)
        cells = [cells for _, cells in rows]
        columns = [list(column) for column in zip(*cells, strict=True)] or [[] for _ in names]
        return Table(dict(zip(names, columns, strict=True)), path, [line for line, _ in rows])
    if suffix in (".jsonl", ".ndjson"):
        return _read_jsonl(path)
    raise invalid("path", "a .csv, .tsv or .jsonl file, or a folder", repr(path.name))


def column_names(path: Path, header: list[str]) -> list[str]:
    """Return the names of a table's columns, all different.

    A column without a name, such as the index that pandas writes, is called after its place:
    `column 1`.

    Raises:
        InvalidInputError: for a name that two columns have.
    """
    names = [name if name.strip() else f"column {i}" for i, name in enumerate(header, 1)]
    for name, count in Counter(names).items():
        if count > 1:
            places = " and ".join(str(i) for i, one in enumerate(names, 1) if one == name)
            raise file_error(
                path, None, "distinct column names", f"{name!r} for the columns {places}",
                "Rename one of them.",
            )  # fmt: skip
    return names


def read_cells(
    path: str | PathLike[str], *, encoding: str = "utf-8", quoting: str | None = None
) -> list[tuple[int, list[str]]]:
    r"""Return (line, cells) of a `.csv` file, or of a `.tsv` with tabs; the first is the header.

    Quotation marks are read as CSV has them (RFC 4180: a cell that begins with one ends with one,
    and may hold delimiters, line breaks and doubled marks), or as characters like any other, as
    texts saved without quoting have them. A file is refused that is a table in either sense, but
    with other rows; a `.tsv` that is a table only with plain marks is read so.

    Args:
        path: the file; its first row names the columns. Blank lines are passed over.
        encoding: of the file.
        quoting: `"csv"`, `"none"` for plain marks, or None: as the file shows.

    Raises:
        InvalidInputError: for a row of another number of cells than the header, a quote that
            nothing closes, or an empty file, naming the line.
    """
    path = Path(path)
    if quoting not in (None, *QUOTING):
        raise invalid("quoting", "'csv', 'none' or None", repr(quoting))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    text = read_text(path, encoding)
    if quoting == "none":
        return _even(path, _plain_rows(text, delimiter))
    try:
        rows, ambiguous = _quoted_rows(path, text, delimiter)
        rows = _even(path, rows)
    except InvalidInputError:
        if quoting is None and delimiter == "\t":
            plain = _plain_rows(text, delimiter)
            if plain and _is_even(plain) and not any(map(_is_quoted, plain)):
                return plain
        raise
    if quoting is None and ambiguous is not None and _is_even(_plain_rows(text, delimiter)):
        raise file_error(
            path, ambiguous, "quotation marks that can be read in one way only",
            "a cell over several lines, each of which is a row if marks are plain characters",
            "Say quoting='none' (each line is a row) or quoting='csv', or save it as JSON lines.",
        )  # fmt: skip
    return rows


def _plain_rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    lines = enumerate(split_lines(text), 1)
    return [(number, line.split(delimiter)) for number, line in lines if line]


def _quoted_rows(
    path: Path, text: str, delimiter: str
) -> tuple[list[tuple[int, list[str]]], int | None]:
    """Return the rows, and the line of the first cell over several lines that may be none."""
    # Strict: else a quote that nothing closes takes the lines after it into one cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    ambiguous, line = None, 1
    try:
        for cells in reader:
            if cells:  # not a blank line
                rows.append((line, cells))
            spread = reader.line_num > line and any("\n" in c or "\r" in c for c in cells)
            # A mark in a cell with marks around it was doubled: that is CSV for certain.
            if spread and ambiguous is None and not any('"' in cell for cell in cells):
                ambiguous = line
            line = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise file_error(
                path, reader.line_num, "cells of at most 131,072 characters", str(error),
                "Is a quote not closed? Texts that are really so long can come as JSON lines "
                "(.jsonl).",
            ) from error  # fmt: skip
        raise file_error(
            path, reader.line_num, "cells that are quoted as in CSV", str(error),
            'A cell with a quote in it is quoted itself, and the quote doubled: "a ""b"" c". If '
            "quotes are characters like any other, say quoting='none'.",
        ) from error  # fmt: skip
    return rows, ambiguous


def _is_even(rows: list[tuple[int, list[str]]]) -> bool:
    return all(len(cells) == len(rows[0][1]) for _, cells in rows)


def _is_quoted(row: tuple[int, list[str]]) -> bool:
    """Whether a cell of the row has a doubled mark between two marks."""
    return any(
        len(cell) > 3 and cell[0] == cell[-1] == '"'
        and '""' in cell[1:-1] and '"' not in cell[1:-1].replace('""', "")
        for cell in row[1]
    )  # fmt: skip


def _even(path: Path, rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Return the rows, all as long as the header."""
    if not rows:
        raise file_error(path, None, "a header line", "an empty file")
    header = rows[0][1]
    commas = path.suffix.lower() != ".tsv"
    if commas and len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise file_error(
            path, rows[0][0], "columns separated by commas", repr(header[0]),
            "Save it with commas, or with tabs as .tsv.",
        )  # fmt: skip
    for line, cells in rows:
        if len(cells) != len(header):
            raise file_error(
                path, line, f"{len(header)} cells", f"{len(cells)}",
                "Quote cells that hold the delimiter.",
            )  # fmt: skip
    return rows


def _read_jsonl(path: Path) -> Table:
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, value in read_json_values(path):
        record = {"text": value} if isinstance(value, str) else value
        if not isinstance(record, dict):
            raise file_error(
                path, number, "an object or a string on each line", type(record).__name__
            )
        records.append(record)
        lines.append(number)
    if not records:
        raise file_error(path, None, "an object on each line", "an empty file")
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: [record.get(name) for record in records] for name in names}
    return Table(columns, path, lines)
