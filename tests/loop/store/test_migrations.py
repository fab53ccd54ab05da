"""Stores of every earlier version open, and go on as the version that wrote them would have."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy

from altasks.errors import StoreError
from altasks.loop import SQLStore
from altasks.loop.store import migrations
from altasks.loop.store.schema import METADATA, SCHEMA_VERSION

POSTGRES = os.environ.get("ALTASKS_TEST_POSTGRES")
FIXTURES = Path(__file__).parents[1] / "fixtures"
VERSIONS = sorted(int(path.name[1:]) for path in FIXTURES.glob("v*"))


def _maker() -> ModuleType:
    name = "altasks_tests_loop_make_store"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FIXTURES / "make_store.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


MAKER = _maker()
EACH = [(version, name) for version in VERSIONS for name in MAKER.NAMES]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., Path]:
    def copy(version: int, name: str) -> Path:
        return Path(shutil.copy(FIXTURES / f"v{version}" / f"{name}.sqlite", tmp_path))

    return copy


def expected(version: int, name: str) -> Any:
    return json.loads((FIXTURES / f"v{version}/expected.json").read_text(encoding="utf-8"))[name]


def settings_kept(path: Path) -> dict[str, Any]:
    with sqlite3.connect(path) as plain:
        return {
            key: json.loads(value) for key, value in plain.execute("select * from altasks_meta")
        }


def test_there_is_a_store_of_every_earlier_version() -> None:
    assert sorted(migrations.MIGRATIONS) == list(range(1, SCHEMA_VERSION)) == VERSIONS


@pytest.mark.parametrize(("version", "name"), EACH)
def test_an_old_store_goes_on(copy: Callable[..., Path], version: int, name: str) -> None:
    path = copy(version, name)
    with MAKER.loop_of(name, path) as loop:
        assert MAKER.go_on(loop) == expected(version, name)
    kept = settings_kept(path)
    assert kept["schema_version"] == SCHEMA_VERSION
    assert len(kept["store_id"]) == 32
    text = path.read_bytes()
    assert b"altasks.strategies" not in text
    assert b"__main__" not in text
    with MAKER.loop_of(name, path) as again:  # it opens as its own version's, too
        assert again.round == expected(version, name)["round"] + 3


@pytest.mark.parametrize("version", VERSIONS)
def test_old_weights_are_found(copy: Callable[..., Path], version: int) -> None:
    path = copy(version, "power")
    shutil.copytree(FIXTURES / f"v{version}/power.sqlite.work", f"{path}.work")
    with MAKER.loop_of("power", path) as loop:
        assert loop.ask(5).ids == expected(version, "power")["next"]
        assert loop.task.fits == 0
        loop.fit()
    with MAKER.loop_of("power", path) as loop:
        loop.ask(1)
        assert loop.task.fits == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_other_settings_are_still_refused(copy: Callable[..., Path], version: int) -> None:
    from altasks import strategies

    with pytest.raises(StoreError, match=r"strategy: .*power\(beta=2.0\), .*has power\(beta=3.0\)"):
        MAKER.loop_of("power", copy(version, "power"), strategy=strategies.Power(beta=3))
    with pytest.raises(StoreError, match=r"acquisition: .*own_score\(power=0.5\)"):
        MAKER.loop_of("own", copy(version, "own"), acquisition_options={"power": 2})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_migration_that_fails_changes_nothing(
    copy: Callable[..., Path], version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy(version, "hybrid")
    before = settings_kept(path)
    last = SCHEMA_VERSION - 1
    whole = migrations.MIGRATIONS[last]

    def fails_at_the_end(connection: Any) -> None:
        whole(connection)
        raise RuntimeError("the power is cut")

    monkeypatch.setitem(migrations.MIGRATIONS, last, fails_at_the_end)
    with pytest.raises(RuntimeError, match="power is cut"):
        SQLStore(path)
    assert settings_kept(path) == before
    monkeypatch.undo()
    assert SQLStore(path).claim("schema_version", 0) == SCHEMA_VERSION


@pytest.mark.parametrize("version", VERSIONS)
def test_many_may_open_an_old_store_at_once(copy: Callable[..., Path], version: int) -> None:
    path = copy(version, "nested")
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.append(SQLStore(path).claim("store_id", "")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_store_that_can_not_be_written(copy: Callable[..., Path], version: int) -> None:
    path = copy(version, "list")
    with pytest.raises(StoreError, match=rf"version {version}.*version {SCHEMA_VERSION}.*copy"):
        SQLStore(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert settings_kept(path)["schema_version"] == version


@pytest.mark.parametrize("found", [0, -1])
def test_a_version_that_never_was(tmp_path: Path, found: int) -> None:
    SQLStore(tmp_path / "a.db").put("schema_version", found)
    with pytest.raises(StoreError, match=f"version is {found}.*damaged"):
        SQLStore(tmp_path / "a.db")


@pytest.mark.skipif(POSTGRES is None, reason="no server: set ALTASKS_TEST_POSTGRES to its URL")
@pytest.mark.parametrize(("version", "name"), EACH)
def test_an_old_store_on_postgresql_goes_on(
    copy: Callable[..., Path], version: int, name: str
) -> None:
    """Its rows are copied into tables like today's, less the columns that came later."""
    assert POSTGRES is not None
    server = sqlalchemy.create_engine(POSTGRES)
    METADATA.drop_all(server)
    file = sqlalchemy.create_engine(f"sqlite:///{copy(version, name)}")
    METADATA.create_all(server)
    with file.connect() as source, server.begin() as target:
        for table in METADATA.sorted_tables:
            there = {column["name"] for column in sqlalchemy.inspect(file).get_columns(table.name)}
            for column in table.columns:
                if column.name not in there:
                    target.exec_driver_sql(f"ALTER TABLE {table.name} DROP COLUMN {column.name}")
            wanted = [column for column in table.columns if column.name in there]
            rows = [dict(row._mapping) for row in source.execute(sqlalchemy.select(*wanted))]
            if rows:
                target.execute(sqlalchemy.insert(table), rows)
    server.dispose()
    file.dispose()
    with MAKER.loop_of(name, POSTGRES, work_dir=copy(version, name).with_suffix("")) as loop:
        assert MAKER.go_on(loop) == expected(version, name)
        assert loop.store.claim("schema_version", 0) == SCHEMA_VERSION
