"""Rows of JSON lines keyed by configuration and code version: a run resumes where it stopped."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from altasks.errors import InvalidInputError, invalid

#: The parts of the package that decide what a run measures; pictures and the shell don't.
MEASURED = (
    "acquisition",
    "committees",
    "data",
    "loop",
    "oracles",
    "predictions",
    "scoring",
    "strategies",
    "tasks",
)


def code_version(*modules: str) -> str:
    """Return a short digest of the source of `modules`: it changes when the code does.

    A commit's name would change with every edit of a page of documentation, and is absent from
    an installed package.

    Args:
        modules: dotted names of modules or packages; the measuring parts of altasks by default.

    Example:
        >>> code_version("altasks.report") == code_version("altasks.report")
        True
    """
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(modules or (f"altasks.{part}" for part in MEASURED)):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise invalid("modules", "the name of a Python module", repr(name))
        origin = Path(spec.origin)
        inside = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
        for path in inside:
            digest.update(f"{name}/{path.relative_to(origin.parent).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


class ResultRows:
    """Results in a JSON-lines file, found again by what they are the result of.

    Each row is `{"config": {...}, "code": "...", ...values}`. A row is written in one piece and
    is on the disk when `add` returns. A run that was killed leaves at most an unfinished last
    line: it stands in `unfinished`, is not read, and makes room for the next row.

    Args:
        path: the file; made, with its folder, when the first row is added.
        code: the version of the code, `code_version()` by default.

    Raises:
        InvalidInputError: for a line in the file that isn't a row, naming the line.

    Example:
        >>> import tempfile
        >>> rows = ResultRows(tempfile.mkdtemp() + "/rows.jsonl", code="1")
        >>> rows.add({"arm": "bald", "seed": 0}, {"accuracy": 0.8})
        >>> rows.get({"seed": 0, "arm": "bald"})["accuracy"]
        0.8
        >>> rows.get({"seed": 1, "arm": "bald"}) is None
        True
    """

    def __init__(self, path: Path | str, *, code: str | None = None) -> None:
        self.path = Path(path)
        self.code = code_version() if code is None else code
        self.unfinished = b""
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        lines = self.path.read_bytes().split(b"\n")
        # The rest after the last newline is empty, or a line whose writing was cut short.
        self.unfinished = lines.pop()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                key = (_canonical(row["config"]), str(row["code"]))
            except (ValueError, KeyError, TypeError) as error:
                raise invalid(
                    str(self.path),
                    'rows such as {"config": {...}, "code": "...", ...}',
                    repr(line[:80].decode("utf-8", errors="replace")),
                    where=f"line {number}",
                    hint="Mend or remove that line, or choose another file.",
                ) from error
            self._rows[key] = row

    def __len__(self) -> int:
        """Return how many different results there are, of every code version."""
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows in the order in which they were first written."""
        return iter(self._rows.values())

    def get(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the row of this configuration and this code version, or None."""
        return self._rows.get((_canonical(config), self.code))

    def add(self, config: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Append a row, and have it on the disk before returning.

        Raises:
            InvalidInputError: if something in it isn't JSON, or a value is called `config` or
                `code`.
        """
        clash = {"config", "code"} & set(values)
        if clash:
            raise InvalidInputError(f"values: the name {sorted(clash)[0]!r} is taken by the key.")
        key = (_canonical(config), self.code)
        row = {"config": dict(config), "code": self.code, **values}
        line = _dump(row) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if self.unfinished:
                start = file.seek(0, os.SEEK_END) - len(self.unfinished)
                file.seek(max(0, start))
                # Another process may have made room for a row of its own since.
                if file.read() == self.unfinished:
                    file.truncate(start)
                self.unfinished = b""
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        self._rows[key] = json.loads(line)


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise invalid("row", "values that JSON can hold, no NaN", str(error)) from error


def _canonical(config: Mapping[str, Any]) -> str:
    """Return one text for equal configurations, whatever the order of their keys."""
    try:
        return json.dumps(dict(config), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise invalid("config", "values that JSON can hold, no NaN", str(error)) from error
