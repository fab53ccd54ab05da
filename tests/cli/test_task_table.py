import importlib.util
from importlib.metadata import EntryPoint
from pathlib import Path

from rich.console import Console

import altasks as al
from altasks.cli.task_table import catalogue, print_tasks
from altasks.registry import TASKS, Builtin

ROOT = Path(__file__).parents[2]


def printed(monkeypatch, entry=None):
    if entry is not None:
        monkeypatch.setattr(TASKS, "builtin", {"text-classification": entry})
    console = Console(width=120, record=True, force_terminal=False)
    print_tasks(console)
    return console.export_text()


def test_every_registered_task_is_listed_with_what_it_really_is():
    assert {entry.name for entry in catalogue()} == set(TASKS.names())
    own = [entry for entry in catalogue() if entry.name in TASKS.builtin]
    assert len(own) == len(TASKS.builtin) == 8
    for entry in own:
        assert getattr(al, entry.adapter.removeprefix("al.")) is al.get_task(entry.name)
        assert (ROOT / entry.example).is_file()


def test_the_table_says_what_is_installed(monkeypatch):
    text = printed(monkeypatch)
    row = next(line for line in text.splitlines() if line.startswith("text-classification"))
    installed = all(
        importlib.util.find_spec(name) for name in TASKS.about("text-classification").modules
    )
    assert row.split()[:4] == [
        "text-classification",
        "al.TextClassification",
        "text",
        "yes" if installed else "no",
    ]
    assert "examples/text_classification.py" in row


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    entry = Builtin("a.module:TextClassification", "text", ("json", "no_such_library"), "x.py")
    text = printed(monkeypatch, entry)
    assert "lacks no_such_library: pip install '.[text]' in the clone" in text
    assert "json" not in text


def test_a_licence_is_said_where_the_user_picks(monkeypatch):
    entry = Builtin("a.module:Any", "text", (), "x.py", licence="AGPL-3.0 library")
    assert "text-classification: AGPL-3.0 library" in printed(monkeypatch, entry)


def test_a_third_party_task_is_listed(monkeypatch):
    class Own:
        def predict(self, samples): ...

    monkeypatch.setitem(TASKS._targets, "own-task", Own)
    assert 'al.get_task("own-task")' in printed(monkeypatch)


def test_an_installed_task_is_listed_without_importing_it(monkeypatch):
    point = EntryPoint("their-task", "no_such_module:Task", TASKS.group)
    monkeypatch.setattr("altasks.registry.entry_points", lambda group: [point])
    row = next(line for line in printed(monkeypatch).splitlines() if "their-task" in line)
    assert row.split() == ["their-task", "no_such_module:Task", "yes"]


def test_a_library_for_one_thing_alone_does_not_count_as_missing(monkeypatch):
    entry = Builtin(
        "a.module:OCR", "ocr", ("json",), "x.py", optional={"no_such_library": "a vote by median"}
    )
    text = printed(monkeypatch, entry)
    row = next(line for line in text.splitlines() if line.startswith("text-classification"))
    assert row.split()[3] == "yes"
    assert "works without no_such_library, for a vote by median alone: pip install '.[ocr]'" in text


def test_what_the_table_calls_installed_is_what_the_task_imports():
    """torchvision makes the image processors; python-Levenshtein is for one consensus alone."""
    assert "torchvision" in TASKS.about("image-classification").modules
    assert "Levenshtein" not in TASKS.about("ocr").modules
    assert set(TASKS.about("ocr").optional) == {"torchvision", "Levenshtein"}
