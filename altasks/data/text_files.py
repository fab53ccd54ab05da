"""Text files read whole, line by line, with errors that name the line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.errors import InvalidInputError, describe_fault, invalid


def fault(
    path: Path, line: int | None, expected: str, found: str, hint: str = ""
) -> InvalidInputError:
    """Return an error about a line of a file, to be raised by the caller.

    Example:
        >>> print(fault(Path("a.txt"), 3, "two columns", "one"))
        a.txt: expected two columns, found one (line 3).
    """
    where = "" if line is None else f"line {line}"
    return InvalidInputError(describe_fault(str(path), expected, found, where=where, hint=hint))


def read_lines(path: str | PathLike[str], encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line) of a text file; `.gz` is unpacked.

    Lines end at a line feed, with or without a carriage return before it, and nowhere else: other
    characters that Python's `splitlines` breaks at occur inside words. A byte-order mark is no
    part of the first line.

    Raises:
        InvalidInputError: if there is no such file, or it is not of that encoding or no gzip file.
    """
    path = Path(path)
    if not path.is_file():
        raise fault(path, None, "an existing file", "a folder" if path.is_dir() else "none")
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise fault(path, None, "a gzip file", str(error)) from error
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise invalid("encoding", "an encoding that Python knows", repr(encoding)) from error
    except UnicodeDecodeError as error:
        place, byte = data.count(b"\n", 0, error.start) + 1, f"byte {data[error.start]:#04x}"
        raise fault(
            path, place, f"{encoding} text", byte,
            "Save the file as UTF-8, or name its encoding.",
        ) from error  # fmt: skip
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        yield number, line.removesuffix("\r")


def cut_character(texts: Sequence[str]) -> str | None:
    r"""Return the first text with half of a character in it, which no file can hold, or None.

    JSON can say half of a surrogate pair, a text that was cut in the middle of a character.

    Example:
        >>> cut_character(["whole", "\ud83c"])
        '\ud83c'
    """
    for text in texts:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return text
    return None


def read_json_lines(
    path: str | PathLike[str], encoding: str = "utf-8"
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number from 1, object) of a file with one JSON object a line; blank ones are passed.

    Raises:
        InvalidInputError: as `read_lines`, and for a line that is no JSON object.
    """
    for number, line in read_lines(path, encoding):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # also numbers and nesting beyond limits
            raise fault(Path(path), number, "a JSON object", f"{error}") from error
        if not isinstance(record, dict):
            raise fault(Path(path), number, "a JSON object", type(record).__name__)
        yield number, record
