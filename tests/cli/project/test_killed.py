"""Killed between any two steps, and typed again: nothing twice, nothing lost."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from project_files import Checked

from altasks.loop.store import SQLStore

ROOT = Path(__file__).parents[3]


class Killed(BaseException):
    """The end of a process, as far as one process can play it."""


#: What writes: everything before and after one of these calls is a place to die.
WRITES = ("claim", "put", "record_ask", "tell", "skip", "withdraw", "log_fit", "record_round")


class Killer:
    """Counts what is written to stores and files, and raises before one of them."""

    def __init__(self, monkeypatch):
        self.seen, self.at = 0, None
        for name in WRITES:
            self.watch(monkeypatch, SQLStore, name)
        self.watch(monkeypatch, Path, "replace")
        self.watch(monkeypatch, Path, "rename")

    def watch(self, monkeypatch, owner, name):
        real = getattr(owner, name)

        def watched(*args, **options):
            self.step()  # died before it, and after the one before
            return real(*args, **options)

        monkeypatch.setattr(owner, name, watched)

    def step(self):
        self.seen += 1
        if self.seen == self.at:
            raise Killed

    def arm(self, at):
        self.seen, self.at = 0, at


def go_through(shell, answers, killer, at):
    """A round; at step `at` the command dies, and is typed again. Return what is left."""
    died = 0

    def run(*words):
        nonlocal died
        try:
            return shell.run(*words)
        except Killed:
            died += 1
            killer.at = None
            return shell.run(*words)

    killer.arm(at)
    run("ask", "--out", "batch.csv")
    shell.fill("batch.csv", answers)
    run("tell", "batch.csv", "--annotator", "ada")
    run("fit", "--out", "model")
    run("ask", "--out", "batch.csv")
    steps = killer.seen
    killer.arm(None)
    said = [json.loads(line) for line in shell.run("export", "--everyone").stdout.splitlines()]
    said = [{key: one for key, one in row.items() if key != "at"} for row in said]
    found = shell.json("status")
    queue = (shell.folder / "batch.csv").read_text()
    (shell.folder / "batch.csv").unlink()
    weights = (shell.folder / "model" / "altasks.json").read_text()
    left = sorted(path.name for path in shell.folder.iterdir() if path.name.startswith("."))
    kept = [found[key] for key in ("round", "labelled", "open", "skipped", "fits")]
    return (said, kept, weights, queue), steps, died, left


@pytest.mark.parametrize("each", [1_000, pytest.param(1, marks=pytest.mark.slow)])
def test_a_command_that_dies_anywhere_is_typed_again(project, answers, monkeypatch, each):
    shell = project
    killer = Killer(monkeypatch)
    whole, steps, died, _ = go_through(shell, answers, killer, None)
    assert died == 0
    assert steps > 10
    assert whole[1] == [2, 6, 6, 0, 1]
    text = (shell.folder / "altasks.toml").read_text()
    for at in [steps // 2] if each > 1 else range(1, steps + 1):
        (shell.folder / "altasks.toml").write_text(text.replace("altasks.db", f"s{at}.db"))
        for path in shell.folder.glob("model*"):
            for one in path.iterdir():
                one.unlink()
            path.rmdir()
        result, _, died, _ = go_through(shell, answers, killer, at)
        assert died == 1, at
        assert result == whole, at


@pytest.mark.slow
def test_a_process_that_is_killed(project, answers):
    """With `kill -9`, while the second fit goes on."""
    shell = project
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        [str(ROOT), str(ROOT / "tests" / "comparison"), os.environ.get("PYTHONPATH", "")]
    )}  # fmt: skip
    script = [sys.executable, str(Path(__file__).with_name("project_files.py"))]

    def run(*words, **more):
        return subprocess.run([*script, *words], cwd=shell.folder, env={**environment, **more},
                              capture_output=True, text=True, check=False)  # fmt: skip

    assert run("ask", "--out", "batch.csv").returncode == 0
    shell.fill("batch.csv", answers)
    assert run("tell", "batch.csv").returncode == 0
    assert run("fit", ALTASKS_TEST_KILL="fit").returncode == -9
    with sqlite3.connect(shell.folder / "altasks.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert json.loads(run("status", "--json").stdout)["labelled"] == 6
    assert "Fit 1: 6 labels" in run("fit").stdout
    assert Checked.fits == 0  # in this process
