"""A project in the shell with Kili as its tool: by commands alone, through Kili's own SDK."""

from __future__ import annotations

import contextlib
import json

import pytest
from centroids import CLASSES, numbers
from project_files import Checked, write_table
from typer.testing import CliRunner

from altasks.cli import app
from altasks.data.kili import CategoryConverter
from altasks.registry import TASKS

pytestmark = pytest.mark.slow
KEY = "key-0123456789-secret"


class Numbers(Checked):
    """Numbers as texts, of one class each."""

    name, multi_label = "text-classification", False


@pytest.fixture
def shell(tmp_path, start, monkeypatch):
    monkeypatch.setitem(TASKS._targets, "numbers", Numbers)

    def run(*words, ok=True):
        with contextlib.chdir(tmp_path):
            result = CliRunner().invoke(app, [*map(str, words), "--json"])
        assert KEY not in result.output
        assert (result.exit_code == 0) is ok, result.output
        return json.loads(result.stdout.splitlines()[-1])

    return run


def test_a_round_with_people(shell, start, tmp_path, monkeypatch):
    x, y = numbers()
    rows = [{"id": f"n{i}", "text": one} for i, one in enumerate(x)]
    write_table(tmp_path / "n.csv", rows)
    right = dict(zip([row["id"] for row in rows], y, strict=True))
    converter = CategoryConverter(CLASSES)
    service = start(converter.interface(), list(right))
    shell(
        "init", "--task", "numbers", "--pool", "n.csv", "--number", 4, "--tool", "kili",
        "--set", "tool.project=project", "--set", f"tool.url={service.url}",
        *(word for name in CLASSES for word in ("--label", name)),
    )  # fmt: skip
    assert "KILI_API_KEY" in shell("sync", ok=False)["error"]["message"]
    monkeypatch.setenv("KILI_API_KEY", KEY)
    asked = [row["id"] for row in shell("ask")["rows"]]
    assert shell("sync")["open"] == 4
    assert service.serve()[:4] == asked  # people get the order of the query
    for name in asked[:3]:
        service.add(name, converter.response(right[name]), "ada@example.org")
    service.asset(asked[3])["skipped"] = True
    done = shell("sync")
    assert (done["labels"], done["skips"], done["open"]) == (3, 1, 0)
    looked = shell("run", "--once")  # fits, asks and hands out
    assert (looked["labelled"], looked["open"]) == (3, 4)
    assert len(service.predictions(service.serve()[0])) == 1
    with contextlib.chdir(tmp_path):
        text = CliRunner().invoke(app, ["export"]).stdout
    said = {one["id"]: one["label"] for one in map(json.loads, text.splitlines())}
    assert said == {name: right[name] for name in asked[:3]}
    assert KEY not in (tmp_path / "altasks.toml").read_text()
    assert KEY.encode() not in (tmp_path / "altasks.db").read_bytes()
