"""Rows of labels out of the tables that people fill in: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altasks.data.spreadsheets import plain_cell
from altasks.data.text_files import file_error, read_text
from altasks.errors import InvalidInputError, invalid

#: What counts as yes in a cell of the column `skip`.
_YES = ("x", "yes", "y", "true", "1", "skip")
_NO = ("", "no", "n", "false", "0")
#: Suffixes of tables.
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
#: Problems that one message names.
_NAMED = 10


@dataclass(frozen=True)
class LabelRow:
    """One row.

    Attributes:
        place: the file and line, for errors.
        id: of the sample.
        label: as it stands there; None for none.
        from_text: whether the label is a cell of text, which may mean a number, or a list.
        skip: whether it says that the sample can't be labelled.
        annotator: who says so; None if it isn't said.
        seconds: how long it took, if that is said.
        text: the text of the sample, if the row shows it.
    """

    place: str
    id: str
    label: Any
    from_text: bool = False
    skip: bool = False
    annotator: str | None = None
    seconds: float | None = None
    text: str | None = None


def has_labels(path: Path, id_column: str | None, keys: Sequence[str]) -> bool:
    """Return whether a file is a table with ids and labels."""
    if path.suffix.lower() not in TABLES or not path.is_file():
        return False
    found = next(_records(path), None)
    if found is None:
        return False
    record = found[1]
    return _id_key(record, id_column) is not None and any(key in record for key in keys)


def read_rows(
    path: Path, *, id_column: str | None, label_column: str | None, keys: Sequence[str]
) -> list[LabelRow]:
    """Return the rows of a table of labels, those without a label too.

    Args:
        path: `.csv`, `.tsv`, `.jsonl` or `.parquet`.
        id_column: with the ids; None for `id`.
        label_column: with the labels; None: the first of `keys` that is there.
        keys: usual names of that column.

    Raises:
        InvalidInputError: for another file, a column that is missing, or cells that can't be read;
            the message names the lines.
    """
    if path.suffix.lower() not in TABLES:
        raise invalid("FILE", "a table (.csv, .tsv, .jsonl, .parquet)", repr(path.name))
    if not path.is_file():
        raise invalid("FILE", "an existing file", repr(str(path)))
    is_text = path.suffix.lower() in (".csv", ".tsv")
    rows, problems = [], []
    wanted = [label_column] if label_column else list(keys)
    for place, record in _records(path):
        id_key = _id_key(record, id_column)
        label_key = next((key for key in wanted if key in record), None)
        if is_text and (id_key is None or label_key is None):
            missing = repr(id_column or "id") if id_key is None else " or ".join(map(repr, wanted))
            raise invalid(
                "FILE", f"a column {missing}", f"the columns {', '.join(map(repr, record))}",
                where=str(path),
                hint="Name it with --id-column or --label-column.",
            )  # fmt: skip
        try:
            rows.append(_row(place, record, id_key, label_key, is_text))
        except InvalidInputError as error:
            problems.append(f"{place}: {error}")
    raise_problems(problems)
    return rows


def raise_problems(problems: Sequence[str]) -> None:
    """Raise one error for all rows that can't be taken.

    Raises:
        InvalidInputError: if there are any; nothing has been written then.
    """
    if not problems:
        return
    more = len(problems) - _NAMED
    lines = [*problems[:_NAMED], *([f"... and {more} more"] if more > 0 else [])]
    rows = "one row" if len(problems) == 1 else f"{len(problems)} rows"
    raise InvalidInputError("\n".join([f"Nothing was taken: {rows} can't be.", *lines]))


def _row(
    place: str, record: Mapping[str, Any], id_key: str | None, label_key: str | None, text: bool
) -> LabelRow:
    name = None if id_key is None else record[id_key]
    if isinstance(name, float) and name.is_integer():  # as data frames have whole numbers
        name = int(name)
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise invalid("id", "an id", "none" if name in (None, "") else repr(name))
    label = None if label_key is None else record[label_key]
    if isinstance(label, float) and math.isnan(label):
        label = None
    if isinstance(label, str) and not label.strip():
        label = None
    skip = _skips(record.get("skip"))
    if skip and label is not None:
        raise invalid("skip", "a label or a skip", "both")
    who = record.get("annotator")
    if who is not None and not isinstance(who, str):
        raise invalid("annotator", "a text", repr(who))
    if text and isinstance(label, str):
        label = plain_cell(label).strip()
    shown = record.get("text") if label_key != "text" else None
    if text and isinstance(shown, str):
        shown = plain_cell(shown)
    return LabelRow(
        place,
        str(name),
        label,
        text and label is not None,
        skip,
        None if who is None else (plain_cell(who) if text else who),
        _seconds(record.get("seconds")),
        shown if isinstance(shown, str) and shown.strip() else None,
    )


def _skips(cell: Any) -> bool:
    if cell is None or isinstance(cell, bool):
        return bool(cell)
    said = str(cell).strip().lower()
    if said in _YES:
        return True
    if said in _NO or said == "nan":
        return False
    raise invalid("skip", "x for a sample that can't be labelled, or nothing", repr(cell)[:40])


def _seconds(cell: Any) -> float | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    try:
        found = float(cell)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if isinstance(cell, bool) or not 0 <= found < math.inf:
        raise invalid("seconds", "a finite number of at least 0", repr(cell)[:40])
    return found


def _id_key(record: Mapping[str, Any], id_column: str | None) -> str | None:
    """Return the column of ids: the one that is named, or `id`, as a queue has it."""
    return next((key for key in (id_column, "id") if key and key in record), None)


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file and line, column -> cell)."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        from altasks._internal.extras import require

        require("pyarrow", "text", "Reading Parquet")
        frame = require("pandas", "text", "Reading Parquet").read_parquet(path)
        for number, record in enumerate(frame.to_dict("records")):
            yield f"{path}, row {number}", {key: _plain(one) for key, one in record.items()}
        return
    if suffix in (".jsonl", ".ndjson"):
        from altasks.data.text_files import read_json_lines

        for number, record in read_json_lines(path):
            yield f"{path}, line {number}", record
        return
    from altasks.data.tables import column_names, read_cells

    lines = _with_semicolons(path) or read_cells(path, quoting="csv")
    names = [plain_cell(one) for one in column_names(path, lines[0][1])]
    for number, cells in lines[1:]:
        if len(cells) != len(names):
            raise file_error(path, number, f"{len(names)} cells", f"{len(cells)}")
        yield f"{path}, line {number}", dict(zip(names, cells, strict=True))


def _with_semicolons(path: Path) -> list[tuple[int, list[str]]]:
    """Return (line, cells) of a CSV as spreadsheets write it where a comma is in numbers.

    Nothing of a file whose first line has commas, or no semicolon.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    if path.suffix.lower() != ".csv" or ";" not in first or "," in first:
        return []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
    found, line = [], 1
    try:
        for cells in reader:
            if cells:
                found.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise file_error(path, line, "cells that are quoted as in CSV", str(error)) from error
    return found


def _plain(value: Any) -> Any:
    """Return NumPy's numbers and arrays as Python's."""
    return value.tolist() if hasattr(value, "tolist") else value
