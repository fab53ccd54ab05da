"""Tables for people: CSV that a spreadsheet opens safely, and data frames.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@` or a control character for a formula,
whose author may be anybody who wrote a sample (OWASP, "CSV Injection"). Such a text gets an
apostrophe in front, which `plain_cell` takes off again. Numbers stay as they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePath
from typing import Any

from altasks._internal.extras import require
from altasks._internal.jsonable import to_json
from altasks._internal.whole_files import written_whole
from altasks.errors import InvalidInputError

#: What a formula begins with, also in the wide forms of East Asian keyboards.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; what is no text stays as it is.

    Example:
        >>> [safe_cell(one) for one in ("=1+1", "a=b", -1.5, "'@x")]
        ["'=1+1", 'a=b', -1.5, "''@x"]
    """
    if isinstance(value, str) and value.lstrip("'").startswith(_FORMULA):
        return f"'{value}"
    return value


def plain_cell(text: str) -> str:
    """Return a text without the apostrophe that `safe_cell` put in front, if it did.

    Example:
        >>> [plain_cell(safe_cell(one)) for one in ("=1+1", "a=b", "'@x", "'quoted'")]
        ['=1+1', 'a=b', "'@x", "'quoted'"]
    """
    return text[1:] if text[:1] == "'" and text.lstrip("'").startswith(_FORMULA) else text


def sample_fields(sample: Any) -> dict[str, Any]:
    """Return what of a sample goes into a table, as JSON; nothing of what is none.

    Example:
        >>> sample_fields("some text"), sample_fields(["two", "words"])
        ({'text': 'some text'}, {'tokens': ['two', 'words']})
    """
    if isinstance(sample, str):
        return {"text": sample}
    if isinstance(sample, PurePath):
        return {"path": str(sample)}
    if getattr(sample, "ndim", 0) > 1:  # pixels
        return {}
    try:
        value = to_json(sample, "sample")
    except InvalidInputError:
        return {}
    if isinstance(value, dict):
        return value
    words = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return {"tokens" if words else "sample": value}


def csv_text(rows: Sequence[Mapping[str, Any]], *, safe: bool = True) -> str:
    r"""Return rows as CSV: a header of all their keys, lists and mappings as JSON.

    Args:
        rows: key -> value; a key that a row leaves out is an empty cell.
        safe: whether texts that a spreadsheet would take for formulas get an apostrophe.

    Example:
        >>> csv_text([{"id": "=a", "label": None}, {"id": "b", "boxes": [1]}]).splitlines()
        ['id,label,boxes', "'=a,,", 'b,,[1]']
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([safe_cell(name) if safe else name for name in names])
    for row in rows:
        cells = [_cell(row.get(name)) for name in names]
        writer.writerow([safe_cell(cell) for cell in cells] if safe else cells)
    return file.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def write_csv(path: str | PathLike[str], rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows for a spreadsheet, whole or not at all: UTF-8 with a mark, by which it knows.

    Returns:
        The path.
    """
    target = Path(path)
    with written_whole(target) as file:
        file.write(csv_text(rows).encode("utf-8-sig"))
    return target


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> Any:
    """Return rows as a pandas data frame.

    Args:
        rows: key -> value.
        columns: those that are there even where there is no row.

    Raises:
        MissingExtraError: if pandas is not installed.
    """
    pandas = require("pandas", "text", "A data frame")
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    return pandas.DataFrame({name: [row.get(name) for row in rows] for name in names})
