"""`altasks sync` and `altasks run` with a tool that another package registers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from centroids import Centroids

from altasks.errors import ToolError
from altasks.loop import Answer, Answers
from altasks.registry import ORACLES


class Desk:
    """A tool whose cards lie in a file; whoever sits there answers some of them at each look."""

    looks = 0
    breaks_at = None

    def __init__(self, task, pool, folder, per_look=6):
        assert task.labels
        self.pool, self.per_look = pool, per_look
        self.path = Path(folder) / "desk.json"

    @property
    def name(self):
        return "desk"

    def _read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {"open": [], "said": {}}

    def push(self, query):
        self._step()
        now = self._read()
        self.path.write_text(json.dumps({**now, "open": query.ids}))

    def pull(self, since=None, *, also=()):
        self._step()
        now = self._read()
        for name in now["open"][: self.per_look]:
            now["said"].setdefault(name, ["low", "mid", "high"][int(float(self.pool[name]))])
        self.path.write_text(json.dumps(now))
        by_id = {name: [Answer(label, "ada", 1.0)] for name, label in now["said"].items()}
        return Answers(by_id, len(by_id))

    def label(self, query):
        return {}

    def _step(self):
        Desk.looks += 1
        if Desk.looks == Desk.breaks_at:
            raise ToolError("desk: nobody answers the door.")


@pytest.fixture
def desk(project, monkeypatch):
    monkeypatch.setitem(ORACLES._targets, "desk", Desk)
    Desk.looks, Desk.breaks_at = 0, None
    path = project.folder / "altasks.toml"
    text = path.read_text().replace("[run]", "[run]\nbudget = 18\nevery = 1\nfit_after = 6")
    path.write_text(text + '[tool]\nname = "desk"\nfolder = "."\n')
    monkeypatch.setattr("altasks.cli.project.run.time.sleep", lambda _: None)
    return project


def test_sync_is_what_stands_between_ask_and_fit(desk):
    assert desk.json("sync")["open"] == 0
    assert desk.json("ask")["new"] == 6
    assert desk.json("status")["next"] == "altasks sync"
    assert desk.json("sync")["open"] == 6  # handed out
    done = desk.json("sync")  # and answered
    assert (done["labels"], done["open"], done["tool"]) == (6, 0, "desk")
    assert desk.json("sync")["labels"] == 0
    assert desk.json("status")["next"] == "altasks fit"
    said = [json.loads(line) for line in desk.run("export", "--everyone").stdout.splitlines()]
    assert {one["annotator"] for one in said} == {"desk/ada"}
    assert {one["seconds"] for one in said} == {1.0}


def test_run_goes_to_the_budget_and_no_further(desk):
    done = desk.json("run")
    assert (done["labelled"], done["open"]) == (18, 0)
    assert Centroids.fits == 3
    assert "budget" in done["over"]
    assert desk.json("run")["labelled"] == 18
    assert Centroids.fits == 3


def test_run_that_breaks_at_any_look_goes_on(desk):
    whole = None
    text = (desk.folder / "altasks.toml").read_text()
    for at in [None, 2, 5]:
        (desk.folder / "altasks.toml").write_text(text.replace("altasks.db", f"{at}.db"))
        (desk.folder / "desk.json").unlink(missing_ok=True)
        Desk.looks, Desk.breaks_at = 0, at
        if at is not None:
            broken = desk.run("run", ok=False)
            assert broken.exit_code == 2
            assert "nobody answers" in broken.output
        found = desk.json("run")
        found["rounds"] = [{**one, "seconds": 0} for one in found["rounds"]]
        whole = whole or found
        assert found == whole, at


def test_one_look_for_a_timer(desk):
    for labelled in (0, 6, 12, 18):
        assert desk.json("run", "--once")["labelled"] == labelled


def test_a_rule_stops_before_the_budget(desk):
    path = desk.folder / "altasks.toml"
    path.write_text(path.read_text().replace("budget = 18", 'budget = 24\nstop = "plateau"'))
    refused = desk.run("run", ok=False)  # a plateau of what? there is no test set
    assert refused.exit_code == 2
    assert "run.stop" in refused.output
    path.write_text(path.read_text().replace("plateau", "stabilising_predictions"))
    done = desk.json("run")
    assert done["labelled"] <= 24
    assert done["over"]


def test_keys_of_the_tool_are_checked(desk):
    path = desk.folder / "altasks.toml"
    path.write_text(path.read_text().replace('folder = "."', 'floder = "."'))
    refused = desk.run("sync", ok=False)
    assert "tool.floder" in refused.output
    assert "folder" in refused.output
    assert "line" in refused.output


def test_without_a_tool_run_says_what_a_round_is(project):
    for command in ("run", "sync"):
        refused = project.run(command, ok=False)
        assert refused.exit_code == 2
        assert "[tool]" in refused.output


def test_label_studio_without_a_token_or_its_library_says_so(project, monkeypatch):
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    path = project.folder / "altasks.toml"
    path.write_text(path.read_text() + '[tool]\nname = "label_studio"\nproject = "Numbers"\n')
    refused = project.run("sync", ok=False)
    assert refused.exit_code == 2
    assert "altasks.data.label_studio" in refused.output  # a task that has no converter
    monkeypatch.setitem(sys.modules, "label_studio_sdk", None)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "sesame-42")
    assert "sesame" not in project.run("sync", ok=False).output
