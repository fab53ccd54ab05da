"""Connections and transactions: how labels survive a kill, a full disk and other writers.

SQLite runs with its rollback journal and `synchronous=EXTRA`: a commit has returned only when the
database file and the removal of the journal are on the disk, so labels survive the death of the
process and of the machine. Between commits the store is one file that can be copied, and
it works on network drives, where a write-ahead log does not. Writers start with `BEGIN IMMEDIATE`
and wait for each other; a connection lives for one transaction, so nothing is shared with forked
processes or threads.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, StaticPool

from altasks._internal.extras import how_to_install
from altasks.errors import StoreError, invalid

T = TypeVar("T")

#: Seconds to wait for other writers before giving up; SQLite itself waits `BUSY_WAIT` at a time.
PATIENCE = 120.0
BUSY_WAIT = 10.0

#: Parts of the names of URL parameters that are not for messages.
_SECRETS = ("password", "passwd", "pwd", "secret", "token")
#: Any number: the key of the PostgreSQL advisory lock that puts writers in one line.
_ADVISORY_KEY = 0x616C7461736B73


class Database:
    """An engine, and the two kinds of transaction a store needs.

    Args:
        url: an SQLAlchemy URL, `sqlite://` for one in memory, or a `Path` of an SQLite file.
        name: what messages call it; by default the URL without the password.

    Raises:
        InvalidInputError: if the URL can't be read, or names no file.
        StoreError: if its driver is not installed.
    """

    def __init__(self, url: str | Path | URL, name: str = "") -> None:
        self.url = _parse(url)
        self._name = name
        self._server = self.url.get_backend_name() == "postgresql"
        self.in_memory = self.url.drivername.startswith("sqlite") and _is_memory(self.url)
        self.engine = _engine(self.url, self.in_memory)
        # One connection serves all threads of an in-memory store.
        self._lock: Any = threading.RLock() if self.in_memory else nullcontext()

    @property
    def name(self) -> str:
        """The URL without the password, for messages."""
        return self._name or _shown(self.url)

    @property
    def file(self) -> Path | None:
        """The SQLite file, where it is given by its path."""
        database = self.url.database
        plain = self.url.get_backend_name() == "sqlite" and not self.in_memory
        if not plain or database is None or database.startswith("file:"):
            return None
        return Path(database)

    @property
    def is_shared(self) -> bool:
        """Whether it is on a server, where others may keep tables of their own beside ours."""
        return self.url.get_backend_name() != "sqlite"

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, run on one consistent state of the store."""
        return self._run(work, write=False)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, committed as a whole or not at all, after other writers.

        `work` may run more than once (each time on a fresh transaction) while the store is busy.
        """
        return self._run(work, write=True)

    def _run(self, work: Callable[[Connection], T], *, write: bool) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self._lock, self.engine.connect() as plain:
                    connection = plain.execution_options(altasks_write=write)
                    if not write and self._server:
                        # One snapshot for all statements, as SQLite has it anyway.
                        connection = plain.execution_options(isolation_level="REPEATABLE READ")
                    with connection.begin():
                        if write and self._server:
                            connection.execute(
                                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY}
                            )
                        return work(connection)
            except UnicodeEncodeError as error:
                raise invalid(
                    "id",
                    "ids, annotators and settings that UTF-8 can write",
                    f"{error.object!r}",
                    hint="It holds half of a surrogate pair, as file names do that are not UTF-8. "
                    "Nothing of this call was written.",
                ) from error
            except DBAPIError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise StoreError(self._explain(error)) from error
                time.sleep(0.01)

    def _explain(self, error: DBAPIError) -> str:
        reason = str(error.orig).strip()
        low = reason.lower()
        advice = "Nothing of this call was written."
        if "disk is full" in low or "no space left" in low:
            advice += " Free some space and repeat the call."
        elif "readonly" in low or "read-only" in low:
            advice += " The store or its folder can't be written to: check the permissions."
        elif "disk i/o error" in low:
            advice += " Is the disk full, over its quota, or failing? Then repeat the call."
        elif "unable to open" in low:
            advice += " Does the folder exist, and may this user write there?"
            if "~" in str(self.url.database):
                advice += " A '~' is not your home here: give the whole path."
        elif "not a database" in low or "malformed" in low:
            advice += " The file is not an altasks store, or is damaged."
        elif _is_busy(error):
            advice += f" Another process has been writing for over {PATIENCE:.0f} seconds."
        return f"store {self.name}: {reason}. {advice}"

    def close(self) -> None:
        """Close the connections; an in-memory store is lost with them."""
        self.engine.dispose()


def _shown(url: URL) -> str:
    """Return a URL without its secrets: drivers take a password from the query too."""
    secret = [name for name in url.query if any(part in name.lower() for part in _SECRETS)]
    hidden = url.difference_update_query(secret)
    if "@" in (url.host or ""):  # an @ in the password that was not written as %40
        hidden = hidden.set(host=str(url.host).rpartition("@")[2])
    return hidden.render_as_string(hide_password=True)


def _is_busy(error: DBAPIError) -> bool:
    low = str(error.orig).lower()
    return "database is locked" in low or "database table is locked" in low or "busy" in low


def _is_memory(url: URL) -> bool:
    return url.database in (None, ":memory:")


def _parse(url: str | Path | URL) -> URL:
    if isinstance(url, Path):
        url = URL.create("sqlite", database=str(url))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        # A URL that can't be parsed may hold a password anywhere, so little of it is shown.
        text = str(url)
        private = "@" in text or any(part in text.lower() for part in _SECRETS)
        raise invalid(
            "store",
            "a database URL such as 'sqlite:///reviews.db', a Store, or None for memory",
            "a text with '@' or a password in it (not shown)" if private else repr(url),
            hint="A URL is scheme://user:password@host:5432/database, with @, / and : in the "
            "password written as %40, %2F and %3A."
            if private
            else _advice(str(url).strip()),
        ) from None
    database = parsed.database
    if parsed.get_backend_name() == "sqlite":
        _check_file(parsed)
    if (
        parsed.get_backend_name() == "sqlite"
        and not _is_memory(parsed)
        and database is not None
        and not database.startswith("file:")
    ):
        # Connections are opened again and again: the store must not move with the process's cwd.
        parsed = parsed.set(database=str(Path(database).absolute()))
    return parsed


def _advice(text: str) -> str:
    """Return how to write what may be a path, or the URL of an SQLite file with slashes missing."""
    meant = re.fullmatch(r"sqlite(?:\+\w+)?:?([/\\]*)(.*)", text, flags=re.IGNORECASE)
    path = meant[2] if meant and (meant[1] or ":" in text) else text
    advice = f"For a file write 'sqlite:///{path or 'reviews.db'}'"
    if path != text and meant and meant[1]:
        advice += f", or 'sqlite:////{path}' if the path begins at the root"
    return f"{advice}."


def _check_file(url: URL) -> None:
    """Refuse an address of an SQLite file that names none, which SQLite would take for memory."""
    if url.host:  # what stands between the second and the third slash
        rest = f"/{url.database}" if url.database else ""
        raise invalid(
            "store",
            "three slashes before the path of an SQLite file",
            f"'{url.drivername}://{url.host}{rest}', which has two",
            hint=f"Write '{url.drivername}:///{url.host}{rest}', or give Path('{url.host}{rest}').",
        )
    if url.database is not None and not url.database.strip():
        raise invalid(
            "store",
            "the path of an SQLite file after the slashes",
            "none",
            hint="Write 'sqlite:///reviews.db', or None for a store in memory.",
        )
    if url.database is not None and Path(url.database).is_dir():
        raise invalid(
            "store",
            "an SQLite file",
            f"the folder '{url.database}'",
            hint=f"Name a file in it: '{Path(url.database) / 'reviews.db'}'.",
        )


def _engine(url: URL, in_memory: bool) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    options: dict[str, Any] = {"poolclass": StaticPool if in_memory else NullPool}
    if sqlite:
        options["connect_args"] = {"timeout": BUSY_WAIT, "check_same_thread": False}
    try:
        engine = create_engine(url, **options)
    except (NoSuchModuleError, ImportError) as error:
        if url.drivername != url.drivername.lower():
            raise invalid(
                "store", "a URL with its scheme in lower case", repr(url.drivername)
            ) from error
        raise StoreError(
            f"store {_shown(url)}: its database driver is not "
            f"installed ({error}). SQLite needs none; PostgreSQL: {how_to_install('postgres')}, "
            "and a URL that begins with postgresql+psycopg://"
        ) from error
    if sqlite:
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    # Python's sqlite3 would begin transactions by itself, and only at the first write.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=EXTRA")


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("altasks_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
