from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event, text

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
    with pytest.raises(StoreVersionError, match=f"version {SCHEMA_VERSION + 1}.*--upgrade"):
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
