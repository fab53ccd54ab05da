"""Text files read whole, line by line, with errors that name the line."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.errors import InvalidInputError, describe_fault, invalid

# Longest first: UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
#: A gzip file may hold so many bytes, and beyond that so many times its own: texts pack to a tenth.
_MOST_UNPACKED = 2**26
_MOST_RATIO = 200


def file_error(
    path: Path, line: int | None, expected: str, found: str, hint: str = ""
) -> InvalidInputError:
    """Return an error about a line of a file, to be raised by the caller.

    Example:
        >>> print(file_error(Path("a.txt"), 3, "two columns", "one"))
        a.txt: expected two columns, found one (line 3).
    """
    where = "" if line is None else f"line {line}"
    return InvalidInputError(describe_fault(str(path), expected, found, where=where, hint=hint))


#: Its name until version 0.2.
fault = file_error


def read_text(path: str | PathLike[str], encoding: str = "utf-8", *, keep_nul: bool = False) -> str:
    r"""Return the text of a file with its line ends as they are; `.gz` is unpacked.

    A byte-order mark is not part of the text. With the default encoding a file that begins with
    the mark of UTF-16 or UTF-32, as Excel's "Unicode text" does, is read as that.

    Args:
        path: the file.
        encoding: of the file.
        keep_nul: whether NUL characters are part of the text, instead of a sign that it is none.

    Raises:
        InvalidInputError: if there is no such file, or it is not of that encoding, or no gzip
            file or one made to fill the memory, or a zip archive, or holds a NUL character (as
            UTF-16 without a mark does, read as UTF-8).
    """
    path = Path(path)
    if not path.is_file():
        raise file_error(path, None, "an existing file", "a folder" if path.is_dir() else "none")
    data = read_whole(path, "text")
    if path.suffix.lower() == ".gz":
        data = _unpacked(data, path)
    elif data.startswith(_GZIP):
        raise file_error(path, None, "text", "a gzip file", "Rename it so that it ends in .gz.")
    try:
        codec = codecs.lookup(encoding).name
    except LookupError as error:
        raise invalid("encoding", "an encoding that Python knows", repr(encoding)) from error
    if codec == "utf-8":
        codec = next((name for mark, name in _MARKS if data.startswith(mark)), codec)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(codec, "replace")
        raise file_error(
            path, _count_lines(before), f"{codec} text", f"byte {data[error.start]:#04x}",
            "Save the file as UTF-8, or name its encoding.",
        ) from error  # fmt: skip
    except (LookupError, ValueError) as error:  # a codec of bytes, such as "hex"
        raise invalid("encoding", "an encoding of text", repr(encoding)) from error
    if not isinstance(text, str):  # "rot13" and the like
        raise invalid("encoding", "an encoding of text", repr(encoding))
    if "\0" in text and not keep_nul:
        raise file_error(
            path, _count_lines(text[: text.index("\0")]), "text", "a NUL character",
            "Is the file UTF-16, or not a text at all? Save it as UTF-8, or name its encoding.",
        )  # fmt: skip
    return text.removeprefix("\ufeff")


def read_whole(path: Path, wanted: str) -> bytes:
    """Return the bytes of a file that is no zip archive: none is unpacked.

    Args:
        path: the file.
        wanted: what it should be, for the error.

    Raises:
        InvalidInputError: for an archive, or a file that can't be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_ZIP))
            if head == _ZIP:
                raise file_error(path, None, wanted, "a zip archive", "Unpack it first.")
            return head + file.read()
    except OSError as error:
        raise file_error(path, None, "a file that can be read", str(error)) from error


def _unpacked(data: bytes, path: Path) -> bytes:
    """Return what a gzip file holds, which is refused as soon as it is far too much."""
    most = max(_MOST_UNPACKED, _MOST_RATIO * len(data))
    try:
        with gzip.open(BytesIO(data)) as file:
            found = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise file_error(path, None, "a gzip file", str(error)) from error
    if len(found) > most:
        raise file_error(
            path, None, f"a text of at most {most:,} bytes in {len(data):,} packed ones", "more",
            "No text packs so well; unpack it yourself if it is one.",
        )  # fmt: skip
    return found


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a text, which end at `\n` or `\r\n`; at `\r` where there is no `\n`.

    Nothing else ends a line: other characters that Python's `splitlines` breaks at, and a single
    `\r` among lines that end otherwise, occur inside words. `\r\r\n`, which a text becomes that is
    converted twice, is one line end.

    Example:
        >>> split_lines("a\r\nb\n"), split_lines("a\rb\r")
        (['a', 'b', ''], ['a', 'b', ''])
    """
    if "\n" not in text:
        return text.split("\r")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r\n", "\n")
    return text.split("\n")


def _count_lines(text: str) -> int:
    return len(split_lines(text))


def read_lines(
    path: str | PathLike[str], encoding: str = "utf-8", *, keep_nul: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line) of a text file; see `read_text` and `split_lines`.

    Raises:
        InvalidInputError: as `read_text`.
    """
    yield from enumerate(split_lines(read_text(path, encoding, keep_nul=keep_nul)), 1)


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


def parse_json(text: str) -> Any:
    """Return the value of a JSON text in which no object has a name twice.

    Raises:
        ValueError: for what isn't JSON, also numbers and nesting beyond Python's limits, and for
            an object with one name twice, of which Python would keep the last.

    Example:
        >>> parse_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: an object with the name 'a' twice
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nesting beyond Python's limit") from error


def read_json(path: str | PathLike[str]) -> Any:
    """Return the value of a file that is one JSON text.

    Raises:
        InvalidInputError: as `read_text`, for what isn't JSON or is half of it, for an object with
            one name twice, and for a zip archive, which is not unpacked.
    """
    path = Path(path)
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        if isinstance(error, InvalidInputError):
            raise
        raise file_error(path, None, "JSON", str(error)) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object with the name {twice!r} twice")
    return found


def read_json_values(
    path: str | PathLike[str], encoding: str = "utf-8"
) -> Iterator[tuple[int, Any]]:
    """Yield (number from 1, value) of a file with JSON on each line; blank ones are passed.

    Raises:
        InvalidInputError: as `read_text`, and for a line that is no JSON.
    """
    for number, line in read_lines(path, encoding):
        if not line.strip():
            continue
        try:
            yield number, parse_json(line)
        except ValueError as error:
            raise file_error(Path(path), number, "a JSON object", f"{error}") from error


def read_json_lines(
    path: str | PathLike[str], encoding: str = "utf-8"
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number from 1, object) of a file with one JSON object a line; blank ones are passed.

    Raises:
        InvalidInputError: as `read_text`, and for a line that is no JSON object.
    """
    for number, record in read_json_values(path, encoding):
        if not isinstance(record, dict):
            raise file_error(Path(path), number, "a JSON object", type(record).__name__)
        yield number, record
