import importlib.util
from pathlib import Path

from rich.console import Console

import altasks as al
from altasks.cli.catalog import BUILTIN, TaskEntry, catalogue, print_tasks
from altasks.registry import TASKS

ROOT = Path(__file__).parents[2]


def printed(monkeypatch, entries=None):
    if entries is not None:
        monkeypatch.setattr("altasks.cli.catalog.BUILTIN", entries)
    console = Console(width=120, record=True, force_terminal=False)
    print_tasks(console)
    return console.export_text()


def test_every_registered_task_is_listed_with_what_it_really_is():
    assert {entry.name for entry in catalogue()} == set(TASKS.names())
    for entry in BUILTIN:
        assert getattr(al, entry.adapter.removeprefix("al.")) is al.get_task(entry.name)
        assert (ROOT / entry.example).is_file()


def test_the_table_says_what_is_installed(monkeypatch):
    text = printed(monkeypatch)
    row = next(line for line in text.splitlines() if line.startswith("text-classification"))
    installed = all(importlib.util.find_spec(name) for name in BUILTIN[0].modules)
    assert row.split()[:4] == [
        "text-classification",
        "al.TextClassification",
        "text",
        "yes" if installed else "no",
    ]
    assert "examples/text_classification.py" in row


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    entry = TaskEntry(
        "text-classification", "al.TextClassification", "text", ("json", "no_such_library"), "x.py"
    )
    text = printed(monkeypatch, (entry,))
    assert "lacks no_such_library: pip install 'altasks[text]'" in text
    assert "json" not in text


def test_a_licence_is_said_where_the_user_picks(monkeypatch):
    entry = TaskEntry("text-classification", "a", "text", (), "x.py", licence="AGPL-3.0 library")
    assert "text-classification: AGPL-3.0 library" in printed(monkeypatch, (entry,))


def test_a_third_party_task_is_listed(monkeypatch):
    class Own:
        def predict(self, samples): ...

    monkeypatch.setitem(TASKS._targets, "own-task", Own)
    assert 'al.get_task("own-task")' in printed(monkeypatch)
