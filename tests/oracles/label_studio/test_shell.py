"""A project in the shell with a real Label Studio as its tool: by commands alone."""

from __future__ import annotations

import contextlib
import itertools
import json
import time

import pytest
from centroids import CLASSES, numbers
from project_files import Checked, write_table
from typer.testing import CliRunner

from altasks.cli import app
from altasks.registry import TASKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
TITLES = (f"shell {time.time():.0f} {number}" for number in itertools.count())


class Numbers(Checked):
    """Numbers as texts, of one class each."""

    name, multi_label = "text-classification", False


@pytest.fixture
def shell(tmp_path, site, monkeypatch):
    monkeypatch.setitem(TASKS._targets, "numbers", Numbers)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", site.token)

    def run(*words, ok=True):
        with contextlib.chdir(tmp_path):
            result = CliRunner().invoke(app, [*map(str, words), "--json"])
        assert site.token not in result.output
        assert (result.exit_code == 0) is ok, result.output
        return json.loads(result.stdout.splitlines()[-1])

    return run


def test_a_round_with_people(shell, site, tmp_path, monkeypatch):
    x, y = numbers()
    rows = [{"id": f"n{i}", "text": one} for i, one in enumerate(x)]
    write_table(tmp_path / "n.csv", rows)
    right = dict(zip([row["id"] for row in rows], y, strict=True))
    title = next(TITLES)
    shell(
        "init", "--task", "numbers", "--pool", "n.csv", "--number", 4, "--tool", "label-studio",
        "--set", f"tool.project={title}", "--set", f"tool.url={site.url}",
        *(word for name in CLASSES for word in ("--label", name)),
    )  # fmt: skip
    assert site.token not in (tmp_path / "altasks.toml").read_text()
    asked = [row["id"] for row in shell("ask")["rows"]]
    assert shell("sync")["open"] == 4
    (project,) = [
        one for one in site.call("GET", "api/projects/?page_size=100")["results"]
        if one["title"] == title
    ]  # fmt: skip
    served = []
    for _ in range(4):
        task = site.next_task(project["id"])
        name = task["data"]["altasks_id"]
        served.append(name)
        if len(served) == 4:  # can't be labelled
            site.annotate(task["id"], [], was_cancelled=True)
            continue
        choice = {"from_name": "label", "to_name": "sample", "type": "choices",
                  "value": {"choices": [right[name]]}}  # fmt: skip
        site.annotate(task["id"], [choice])
    assert served == asked  # people got the order of the query
    done = shell("sync")
    assert (done["labels"], done["skips"], done["open"]) == (3, 1, 0)
    assert shell("sync")["labels"] == 0
    # One look does what is due: fit, ask, hand out.
    looked = shell("run", "--once")
    assert (looked["labelled"], looked["open"]) == (3, 4)
    assert looked["rounds"][0]["labelled"] == 3
    with contextlib.chdir(tmp_path):
        text = CliRunner().invoke(app, ["export", "--everyone"]).stdout
    said = [json.loads(line) for line in text.splitlines()]
    assert {one["id"]: one["label"] for one in said if "label" in one} == {
        name: right[name] for name in served[:3]
    }
    assert all(one["annotator"].endswith("a@example.org") for one in said)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    refused = shell("sync", ok=False)
    assert refused["error"]["kind"] == "ToolError"
