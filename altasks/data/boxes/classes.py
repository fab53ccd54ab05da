"""Class names as files spell them: distinct texts, in an order that numbers refer to."""

from __future__ import annotations

import difflib
import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks._internal.names import alike
from altasks.data.text_files import file_error, read_lines
from altasks.errors import invalid

#: Files with a class a line, in the order of their numbers, that tools lay beside the labels.
CLASS_FILES = ("classes.txt", "obj.names", "_darknet.labels")


def require_class(name: str, names: Sequence[str] | None, source: Path, line: int | None) -> str:
    """Return a class name, refusing one that isn't among those expected.

    Raises:
        InvalidInputError: naming file and line, and the closest name.
    """
    if not name.strip():
        raise file_error(source, line, "a class name", "none")
    if names is not None and name not in names:
        close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
        shown = ", ".join(map(repr, list(names)[:20]))
        hint = f"Did you mean {close[0]!r}?" if close else ""
        raise file_error(source, line, f"one of the classes {shown}", repr(name), hint)
    return name


def check_class_list(names: Any, source: str = "names") -> list[str]:
    """Return class names, refusing anything but strings that can be told apart."""
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise invalid(source, "a list of class names", reprlib.repr(names))
    found: list[str] = []
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise invalid(
                source, "names that are strings", reprlib.repr(name), where=f"class {place}"
            )
        if name in found:
            raise invalid(source, "distinct class names", f"{name!r} twice")
        found.append(name)
    pair = alike(found)
    if pair is not None:
        raise invalid(
            source, "names that can be told apart", f"{pair[0]!r} and {pair[1]!r}",
            hint="Rename one of them.",
        )  # fmt: skip
    return found


def names_by_number(names: Any) -> list[str]:
    """Return class names in the order of their numbers, from the forms that models keep them in.

    Args:
        names: a list; a mapping from number (also as text) to name; or either as JSON.

    Raises:
        InvalidInputError: for anything else, and for numbers that don't run from 0.

    Example:
        >>> names_by_number({"2": "c", "0": "a", "1": "b"})
        ['a', 'b', 'c']
        >>> names_by_number('["cat", "dog"]')
        ['cat', 'dog']
    """
    if isinstance(names, str):
        try:
            names = json.loads(names)
        except (ValueError, RecursionError) as error:
            raise invalid("names", "class names as JSON", reprlib.repr(names)) from error
    if isinstance(names, Mapping):
        numbered = {whole_number(str(key)): name for key, name in names.items()}
        if len(numbered) != len(names) or set(numbered) != set(range(len(numbered))):
            raise invalid("names", "names numbered from 0", reprlib.repr(list(names)))
        names = [numbered[number] for number in range(len(numbered))]
    if isinstance(names, tuple):
        names = list(names)
    if isinstance(names, list):
        names = [
            str(name) if isinstance(name, int) and not isinstance(name, bool) else name
            for name in names
        ]
    return check_class_list(names)


def check_class_files(folder: Path, names: Sequence[str] | None) -> list[str] | None:
    """Return the classes that a folder of labels states itself, or None.

    The file `classes.txt` (or `obj.names`, `_darknet.labels`) in the folder or the one around it
    gives the classes in the order that the numbers in the labels refer to.

    Args:
        folder: of label files.
        names: what the caller takes the classes for, if known. One list may be longer than the
            other.

    Raises:
        InvalidInputError: where the two disagree: every box would get another class.
    """
    for place in (folder, folder.parent):
        for file in (place / name for name in CLASS_FILES):
            if not file.is_file():
                continue
            stated = class_lines(file)
            if names is None:
                return check_class_list(stated, str(file))
            for number, (mine, its) in enumerate(zip(names, stated, strict=False)):
                if mine != its:
                    raise file_error(
                        file,
                        None,
                        f"the classes {list(names)[:20]!r}",
                        f"class {number} is {its!r}",
                        "The numbers in the labels refer to this file's order (Label Studio sorts "
                        "it): give the names in that order, or remove the file if it is stale.",
                    )
            return list(names)
    return None if names is None else list(names)


def class_lines(file: str | PathLike[str]) -> list[str]:
    """Return the classes of a file with one a line, in the order of their numbers.

    Raises:
        InvalidInputError: for an empty line before a class: its number would be another.
    """
    found: list[str] = []
    empty: int | None = None
    for number, content in read_lines(file):
        name = content.strip()
        if not name:
            empty = empty or number
        elif empty is not None:
            raise file_error(
                Path(file), empty, "a class on each line", "none",
                "The numbers in the labels count lines: remove the empty one if they don't.",
            )  # fmt: skip
        else:
            found.append(name)
    return found


def whole_number(text: str) -> int | None:
    """Return the number of 0 or more that a text is, or None.

    Example:
        >>> [whole_number(text) for text in ("7", "0.0", "0e+00", "1.5", "x", "1_0", "nan")]
        [7, 0, 0, None, None, None, None]
    """
    value = number_in(text)
    return int(value) if value is not None and value >= 0 and value == int(value) else None


def number_in(text: str) -> float | None:
    """Return the finite number that a text is in plain digits, or None.

    Python itself takes `1_0`, `nan` and the digits of every script for numbers as well.

    Example:
        >>> number_in("-2.5e-1"), number_in("1,5")
        (-0.25, None)
    """
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text.strip()):
        return None
    value = float(text.strip())  # which takes more for white space than float() does
    return value if abs(value) < 1e300 else None
