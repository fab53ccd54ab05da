"""CSV and JSON lines, read whole and checked by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altasks.errors import InvalidInputError, invalid


@dataclass(frozen=True)
class Table:
    """Columns of equal length, by name."""

    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), []))


def read_table(path: Path | str) -> Table:
    """Read a `.csv`, `.tsv` or `.jsonl` file (UTF-8).

    A line of JSON is an object, or a string, which is read as `{"text": string}`. Objects may
    leave fields out; they read as None.

    Raises:
        InvalidInputError: naming the file and the line that can't be read.
    """
    path = Path(path)
    if not path.is_file():
        raise invalid("path", "an existing file or folder", f"{str(path)!r}, which is neither")
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".tsv"):
            return _read_csv(path, "\t" if suffix == ".tsv" else ",")
        if suffix in (".jsonl", ".ndjson"):
            return _read_jsonl(path)
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{path}: expected UTF-8 text, found byte {error.object[error.start]:#04x}"
            f"{_line_of(path)}. Save the file as UTF-8."
        ) from error
    raise invalid("path", "a .csv, .tsv or .jsonl file, or a folder", repr(path.name))


def _line_of(path: Path) -> str:
    """Return where a file stops being UTF-8; the reader's own error counts from its last block."""
    data = path.read_bytes()
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return f" (line {data.count(bytes([10]), 0, error.start) + 1})"
    return ""


def _read_csv(path: Path, delimiter: str) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                raise InvalidInputError(f"{path}: expected a header line, found an empty file.")
            if len(set(header)) != len(header):
                raise InvalidInputError(f"{path}: expected distinct column names, found {header}.")
            rows = []
            for row in reader:
                if not row:  # a blank line
                    continue
                if len(row) != len(header):
                    raise InvalidInputError(
                        f"{path}: expected {len(header)} cells, found {len(row)} "
                        f"(line {reader.line_num}). Quote cells that hold the delimiter."
                    )
                rows.append(row)
        except csv.Error as error:
            advice = ""
            if "field limit" in str(error):
                advice = (
                    " Is a quote not closed? Texts that are really so long can come as JSON lines"
                    " (.jsonl)."
                )
            raise InvalidInputError(f"{path}: {error} (line {reader.line_num}).{advice}") from error
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in header]
    return Table(dict(zip(header, columns, strict=True)))


def _read_jsonl(path: Path) -> Table:
    records = []
    for number, line in _lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # also numbers and nesting beyond limits
            raise InvalidInputError(f"{path}: {error} (line {number}).") from error
        if isinstance(record, str):
            record = {"text": record}
        if not isinstance(record, dict):
            raise InvalidInputError(
                f"{path}: expected an object or a string on each line, found "
                f"{type(record).__name__} (line {number})."
            )
        records.append(record)
    if not records:
        raise InvalidInputError(f"{path}: expected an object on each line, found an empty file.")
    names = list(dict.fromkeys(name for record in records for name in record))
    return Table({name: [record.get(name) for record in records] for name in names})


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line
