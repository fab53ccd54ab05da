from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy

import altasks as al

WORKER = Path(__file__).with_name("_worker.py")


def _use_a_database_of_its_own() -> None:
    """Give each of pytest-xdist's workers its own database on the server: tests empty theirs."""
    url, worker = os.environ.get("ALTASKS_TEST_POSTGRES"), os.environ.get("PYTEST_XDIST_WORKER")
    if url is None or worker is None:
        return
    name = f"altasks_{worker}"
    server = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        there = sqlalchemy.text("SELECT 1 FROM pg_database WHERE datname = :name")
        if connection.scalar(there, {"name": name}) is None:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    server.dispose()
    own = sqlalchemy.make_url(url).set(database=name)
    os.environ["ALTASKS_TEST_POSTGRES"] = own.render_as_string(hide_password=False)


# Before the test modules are imported, which read it.
_use_a_database_of_its_own()


def _load_worker() -> ModuleType:
    name = "altasks_tests_loop_worker"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WORKER)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def worker() -> ModuleType:
    """The module with the cheap task and its data."""
    return _load_worker()


@pytest.fixture(scope="session")
def data(worker: ModuleType) -> tuple[dict[str, Any], dict[str, str]]:
    return worker.make_data()


@pytest.fixture
def make(
    worker: ModuleType, data: tuple[dict[str, Any], dict[str, str]], url: str
) -> Callable[..., al.ActiveLoop]:
    """A function that opens the same loop again, as another process would."""

    def make(**options: Any) -> al.ActiveLoop:
        task = options.pop("task", None) or worker.VectorTask()
        pool = options.pop("pool", data[0])
        return al.ActiveLoop(task, pool, **{"store": url, "progress": False, **options})

    return make


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/reviews.db"


class Server:
    """Sends orders to a process that forks children and kills them."""

    def __init__(self) -> None:
        root = WORKER.parents[2]
        paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    def __call__(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the server died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that carries out an order in a forked process and says how it ended."""
    made = Server()
    yield made
    made.close()
