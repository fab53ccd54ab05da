from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event, text

import altasks
from altasks.errors import InvalidInputError, StoreError, StoreVersionError
from altasks.loop import SQLStore, Store
from altasks.loop.store.schema import METADATA, SCHEMA_VERSION
from altasks.testing.stores import StoreSuite

POSTGRES = os.environ.get("ALTASKS_TEST_POSTGRES")


class TestSQLite(StoreSuite):
    @pytest.fixture
    def open_store(self, url: str) -> Callable[[], Store]:
        return lambda: SQLStore(url)


class TestInMemory(StoreSuite):
    @pytest.fixture
    def open_store(self) -> Iterator[Callable[[], Store]]:
        store = SQLStore("sqlite://")
        yield lambda: store
        store.close()


@pytest.mark.skipif(POSTGRES is None, reason="no server: set ALTASKS_TEST_POSTGRES to its URL")
class TestPostgres(StoreSuite):
    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        assert POSTGRES is not None
        engine = sqlalchemy.create_engine(POSTGRES)
        METADATA.drop_all(engine)
        engine.dispose()
        return lambda: SQLStore(POSTGRES)


def test_a_store_of_a_newer_version_is_refused(url: str) -> None:
    SQLStore(url).put("schema_version", SCHEMA_VERSION + 1)
    with pytest.raises(StoreVersionError, match=f"version {SCHEMA_VERSION + 1}.*upgrade altasks"):
        SQLStore(url)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is no database. " * 100)
    with pytest.raises(StoreError, match="not an altasks store"):
        SQLStore(path)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Does the folder exist"):
        SQLStore(f"sqlite:///{tmp_path}/nowhere/reviews.db")


def test_a_full_disk_keeps_nothing_and_says_so(url: str, tmp_path: Path) -> None:
    """SQLite's own limit stands for the disk: it fails the same way, at the same place."""
    store = SQLStore(url)
    store.tell({"a": "before"}, replace=False)
    engine = store._database.engine

    def limit(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    event.listen(engine, "connect", limit)
    with pytest.raises(StoreError, match=r"full.*Free some space"):
        store.tell({f"id-{i}": "x" * 1000 for i in range(1000)}, replace=False)
    event.remove(engine, "connect", limit)
    assert store.labels().values == {"a": "before"}
    store.tell({"b": "after"}, replace=False)
    assert SQLStore(url).labels().values == {"a": "before", "b": "after"}


def test_a_read_only_store_can_be_read(url: str, tmp_path: Path) -> None:
    SQLStore(url).tell({"a": 1}, replace=False)
    store = SQLStore(f"sqlite:///file:{tmp_path}/reviews.db?mode=ro&uri=true")
    assert store.labels().values == {"a": 1}
    with pytest.raises(StoreError, match=r"readonly.*permissions"):
        store.tell({"b": 1}, replace=False)


def test_bad_urls() -> None:
    with pytest.raises(ValueError, match=r"sqlite:///reviews\.db"):
        SQLStore("reviews.db")
    with pytest.raises(StoreError, match="driver is not installed"):
        SQLStore("nosuchbase://host/name")


def test_the_store_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    store = SQLStore("sqlite:///reviews.db")
    monkeypatch.chdir(tmp_path / "b")
    store.tell({"a": 1}, replace=False)
    assert SQLStore(tmp_path / "a/reviews.db").labels().values == {"a": 1}
    assert not list((tmp_path / "b").iterdir())


def test_a_password_is_not_shown() -> None:
    try:
        name = SQLStore("postgresql+psycopg://me:secret@127.0.0.1:1/none").name
    except StoreError as error:
        name = str(error)
    assert "secret" not in name


def test_commits_are_synchronous(url: str) -> None:
    """What makes a commit survive a power cut; it can't be seen from a killed process."""
    mode = SQLStore(url)._database.read(
        lambda connection: (
            connection.execute(text("PRAGMA synchronous")).scalar(),
            connection.execute(text("PRAGMA journal_mode")).scalar(),
        )
    )
    assert mode == (3, "delete")  # 3 is EXTRA


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ann:hush@server:port/db",
        "postgresql:/ann:hush@server/db",
        "ann:hush@server/db",
        "postgresql+nope://ann:hush@server/db",
        "postgresql+nope://ann:a@hush@server/db",
        "postgresql+nope://ann@server/db?password=hush",
    ],
)
def test_no_message_shows_a_password(url: str) -> None:
    with pytest.raises((StoreError, InvalidInputError)) as caught:
        SQLStore(url)
    assert "hush" not in str(caught.value)
    assert "store" in str(caught.value)


def test_half_a_surrogate_pair_is_named(url: str) -> None:
    store = SQLStore(url)
    for annotator, name in (("\ud800", "a"), ("", "\udcff.txt")):
        with pytest.raises(InvalidInputError, match="surrogate"):
            store.tell({name: 1}, annotator=annotator, replace=False)
    assert store.history() == []


def test_a_garbled_version_is_told_from_a_newer_one(url: str) -> None:
    SQLStore(url).put("schema_version", "one")
    with pytest.raises(StoreError, match="'\"one\"', which is no number"):
        SQLStore(url)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite://reviews.db", r"three slashes.*'sqlite:///reviews\.db'"),
        ("sqlite://./reviews.db", r"three slashes.*'sqlite:///\./reviews\.db'"),
        ("sqlite+pysqlite://a.db", r"three slashes.*'sqlite\+pysqlite:///a\.db'"),
        ("", r"'sqlite:///reviews\.db'"),
        (" ", r"'sqlite:///reviews\.db'"),
        ("sqlite:///", r"'sqlite:///reviews\.db', or None"),
        ("sqlite:/reviews.db", r"'sqlite:///reviews\.db', or 'sqlite:////reviews\.db' if"),
        ("sqlite:reviews.db", r"write 'sqlite:///reviews\.db'\.$"),
        ("sqlite//reviews.db", r"write 'sqlite:///reviews\.db', or"),
        ("sqlite+pysqlite:/a.db", r"write 'sqlite:///a\.db', or"),
        ("sqlite:\\reviews.db", r"write 'sqlite:///reviews\.db', or"),
        ("reviews.db", r"write 'sqlite:///reviews\.db'\.$"),
        ("/a/reviews.db", r"write 'sqlite:////a/reviews\.db'\.$"),
        ("SQLite:///reviews.db", "lower case"),
    ],
)
def test_an_address_that_names_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match=words):
        SQLStore(address)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    for address in (tmp_path, f"sqlite:///{tmp_path}"):
        with pytest.raises(InvalidInputError, match=r"the folder .*reviews\.db"):
            SQLStore(address)


def test_memory_is_asked_for_by_name() -> None:
    for address in ("sqlite://", "sqlite:///:memory:"):
        assert SQLStore(address).in_memory


@pytest.mark.parametrize("table", ["users", "altasks_events"])
def test_a_database_of_something_else_is_left_alone(tmp_path: Path, table: str) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute(f"create table {table}(id int)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"something else.*users|altasks_events.*damaged"):
        SQLStore(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["theirs.db"]


def test_a_file_of_nothing_is_no_new_store(tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    path.touch()
    with pytest.raises(StoreError, match=r"0 bytes.*delete"):
        SQLStore(path)
    assert path.read_bytes() == b""


def test_an_empty_database_is_a_new_store(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as plain:
        plain.execute("create table t(a)")
        plain.execute("drop table t")
    plain.close()
    assert SQLStore(tmp_path / "a.db").labels().values == {}


def test_a_store_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """A process that dies while it makes one leaves nothing that the next would trip over."""
    script = (
        "import os, sys\n"
        "from altasks.loop.store import new_file\n"
        "new_file._link = lambda *_: os._exit(9)\n"
        "from altasks.loop import SQLStore\n"
        "SQLStore(sys.argv[1])\n"
    )
    url = f"sqlite:///{tmp_path}/reviews.db"
    root = str(Path(altasks.__file__).parents[1])
    died = subprocess.run(
        [sys.executable, "-c", script, url], env={**os.environ, "PYTHONPATH": root}, check=False
    )
    assert died.returncode == 9
    assert not (tmp_path / "reviews.db").exists()
    SQLStore(url).tell({"a": 1}, replace=False)
    assert SQLStore(url).labels().values == {"a": 1}


def test_many_may_make_one_store_at_once(tmp_path: Path) -> None:
    ids: list[str] = []
    failures: list[BaseException] = []

    def make() -> None:
        try:
            ids.append(SQLStore(tmp_path / "a.db").claim("store_id", "none"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(set(ids)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]
