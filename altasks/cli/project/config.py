"""Reading `altasks.toml`: every key checked, and errors that name it, the file and the line."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from altasks._internal.names import did_you_mean
from altasks.cli.project.keys import (
    FILE,
    OPEN_TABLES,
    SECRETS,
    TABLES,
    TOOL,
    TOOLS,
    TOP,
    Key,
)
from altasks.errors import InvalidInputError, invalid

_KINDS = {
    "text": "a text in quotation marks",
    "texts": "a list of texts",
    "whole": "a whole number",
    "number": "a number",
    "yes": "true or false",
}
#: Keys that a project can't do without.
_NEEDED = ("task", "pool")


@dataclass(frozen=True)
class Config:
    """What stands in an `altasks.toml`.

    Attributes:
        path: of the file, absolute.
        text: of the file, in which keys are looked up for errors.
        top: the keys outside of tables.
        ask: of the table `[ask]`; the others likewise.
    """

    path: Path
    text: str
    top: Mapping[str, Any]
    ask: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    tool: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    reader: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where paths in the file start."""
        return self.path.parent

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(self.top["task"])

    @property
    def store(self) -> str:
        """The database's URL."""
        named = str(self.top.get("store", "altasks.db"))
        return named if "://" in named else f"sqlite:///{named}"

    @property
    def number(self) -> int:
        """How many samples are open at once."""
        return int(self.ask.get("number", 20))

    def fault(
        self, key: str, expected: str, found: str, *, table: str = "", hint: str = ""
    ) -> InvalidInputError:
        """Return the error for a key, to be raised by the caller."""
        return _fault(self.path, self.text, table, key, expected, found, hint)

    def where(self, table: str, key: str) -> str:
        """Return the file, and the line where a key stands, if it does."""
        return _where(self.path, self.text, table, key)


def find_config(given: Path | None) -> Path:
    """Return the file of a project: the one named, that in a folder named, or in this folder.

    Raises:
        InvalidInputError: if there is none.
    """
    path = Path(FILE) if given is None else given
    if path.is_dir():
        path = path / FILE
    if not path.is_file():
        raise invalid(
            "--project" if given is not None else FILE,
            "the file of a project",
            f"no {str(path)!r} in {Path.cwd()}" if given is None else f"no {str(path)!r}",
            hint="Make one with `altasks init`, go to its folder, or name it with --project.",
        )
    return path.absolute()


def read_config(path: Path) -> Config:
    """Return what a project's file says.

    Raises:
        InvalidInputError: naming the line, for what is no TOML, an unknown key (and the closest
            known one), a value of another kind, a secret, or a key that is missing.
    """
    from altasks.data.text_files import read_text

    text = read_text(path)
    try:
        given = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(
            f"{path.name}: expected TOML, found a mistake: {error}. Texts stand in quotation "
            f'marks, lists in square brackets: labels = ["yes", "no"]. The file is {path}.'
        ) from error
    _refuse_secrets(path, text, given)
    tables: dict[str, Mapping[str, Any]] = {}
    top: dict[str, Any] = {}
    known = [*TOP, *TABLES, *OPEN_TABLES]
    for key, value in given.items():
        if key in TABLES or key in OPEN_TABLES:
            if not isinstance(value, Mapping):
                raise _fault(path, text, "", key, f"a table, [{key}]", repr(value)[:80])
            tables[key] = value
        elif key in TOP:
            top[key] = _checked(path, text, "", key, value, TOP[key])
        else:
            raise _unknown(path, text, "", key, known)
    for table, keys in TABLES.items():
        mine = tables.get(table, {})
        allowed = _of_tool(path, text, mine) if table == "tool" else keys
        if allowed is None:
            continue  # another package's tool: it checks for itself
        for key, value in mine.items():
            if key not in allowed:
                raise _unknown(path, text, table, key, allowed)
            _checked(path, text, table, key, value, allowed[key])
    _check_needed(path, text, top, tables)
    return Config(path, text, top, **tables)


def _check_needed(
    path: Path, text: str, top: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]
) -> None:
    if tables.get("reader") and "format" not in top:
        raise _fault(
            path, text, "", "reader", "the key 'format', whose options they are", "no such key"
        )
    for key in _NEEDED:
        if key not in top:
            raise _fault(path, text, "", key, TOP[key].means, "no such key")


def _of_tool(path: Path, text: str, mine: Mapping[str, Any]) -> Mapping[str, Key] | None:
    if not mine:
        return TOOL
    name = mine.get("name")
    if not isinstance(name, str):
        raise _fault(path, text, "tool", "name", TOOL["name"].means, repr(name))
    own = TOOLS.get(name.replace("-", "_"))
    return None if own is None else {**TOOL, **own}


def _checked(path: Path, text: str, table: str, key: str, value: Any, known: Key) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "text": isinstance(value, str) and bool(value.strip()),
        "texts": isinstance(value, list) and all(isinstance(one, str) and one for one in value),
        "whole": number and isinstance(value, int),
        "number": number and math.isfinite(value),
        "yes": isinstance(value, bool),
        "any": isinstance(value, str | int) and not isinstance(value, bool),
    }[known.kind]
    if not fits:
        wanted = _KINDS.get(known.kind, "a text or a whole number")
        raise _fault(path, text, table, key, wanted, repr(value)[:80], f"It is {known.means}.")
    if known.kind == "texts" and len(set(value)) != len(value):
        twice = next(one for one in value if value.count(one) > 1)
        raise _fault(path, text, table, key, "different names", f"{twice!r} twice")
    if known.min is not None and value < known.min:
        raise _fault(path, text, table, key, f"at least {known.min:g}", f"{value!r}")
    return value


def _unknown(
    path: Path, text: str, table: str, key: str, known: Iterable[str]
) -> InvalidInputError:
    names = list(known)
    hint = did_you_mean(key, names)
    if not hint:
        for other, keys in {"": TOP, **TABLES}.items():
            if key in keys and other != table:
                place = f"below [{other}]" if other else "above all tables"
                hint = f"It belongs {place}."
    return _fault(path, text, table, key, f"one of {', '.join(names)}", "an unknown key", hint)


def _refuse_secrets(path: Path, text: str, given: Mapping[str, Any], table: str = "") -> None:
    """Refuse what people paste into files that are then shared; never show it."""
    for key, value in given.items():
        if isinstance(value, Mapping):
            if key not in ("options", "reader", "training"):
                _refuse_secrets(path, text, value, key)
            continue
        said = next((env for part, env in SECRETS.items() if _says(key, part)), None)
        if said is not None:
            raise _fault(
                path, text, table, key, "no secrets in the file", "one",
                f"Take it out, and put it into the environment: {said}.",
            )  # fmt: skip
        if isinstance(value, str) and "://" in value and _has_password(value):
            raise _fault(
                path, text, table, key, "an address without a password", "one with",
                "Take it out, and put it into the environment: PGPASSWORD for PostgreSQL, "
                "LABEL_STUDIO_API_KEY, KILI_API_KEY.",
            )  # fmt: skip


def _says(key: str, part: str) -> bool:
    """Whether a key is a word for a secret, or ends in one."""
    lower = key.lower().replace("-", "_")
    return lower == part or lower.endswith(f"_{part}")


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return "@" in url


def _fault(
    path: Path, text: str, table: str, key: str, expected: str, found: str, hint: str = ""
) -> InvalidInputError:
    name = f"{table}.{key}" if table else key
    return invalid(name, expected, found, where=_where(path, text, table, key), hint=hint)


def _where(path: Path, text: str, table: str, key: str) -> str:
    line = line_of(text, table, key)
    return str(path) if line is None else f"{path}, line {line}"


def line_of(text: str, table: str, key: str) -> int | None:
    """Return the line on which a key of a TOML stands; None where that isn't plain.

    Example:
        >>> line_of('task = "ner"', "", "task"), line_of("[ask]" + chr(10) + "n = 1", "ask", "n")
        (1, 2)
    """
    now = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        header = re.match(r"\[\s*([\w.\-]+)\s*\]", stripped)
        if header:
            now = header[1]
            if not table and now == key:
                return number
            continue
        found = re.match(r"[\"']?([\w.\-]+)[\"']?\s*=", stripped)
        if found and (found[1] == key and now == table):
            return number
        if found and now == "" and table and found[1] == f"{table}.{key}":
            return number
    return None
