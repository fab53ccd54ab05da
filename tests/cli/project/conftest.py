"""A project of a stranger's task, which learns in no time, and the commands run on it."""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest
from centroids import CLASSES, Centroids, numbers
from project_files import Checked, read_table, write_table
from typer.testing import CliRunner

from altasks.cli import app
from altasks.registry import TASKS


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(TASKS._targets, "centroids", Checked)
    Centroids.fits, Centroids.stop_after = 0, None


@pytest.fixture
def answers():
    _, y = numbers()
    return {f"n{i}": label for i, label in enumerate(y)}


@pytest.fixture
def shell(tmp_path):
    """Run a command in the project's folder."""

    def run(*words, ok=True):
        with contextlib.chdir(tmp_path):
            result = CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "200"})
        if ok:
            assert result.exit_code == 0, result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def as_json(*words):
        return json.loads(run(*words, "--json").stdout)

    def fill(name, answers, count=None):
        """Write the right labels into a queue, as a person would."""
        rows = read_table(tmp_path / name)
        for row in rows[:count]:
            row["label"] = answers[row["id"]]
        write_table(tmp_path / name, rows)
        return [row["id"] for row in rows]

    return SimpleNamespace(run=run, json=as_json, fill=fill, folder=tmp_path)


@pytest.fixture
def project(shell):
    """A project of sixty numbers, with nothing asked yet."""
    x, _ = numbers()
    rows = [{"id": f"n{i}", "text": one} for i, one in enumerate(x)]
    write_table(shell.folder / "numbers.csv", rows)
    words = ["init", "--task", "centroids", "--pool", "numbers.csv", "--number", 6]
    shell.run(*words, *(word for name in CLASSES for word in ("--label", name)))
    return shell
