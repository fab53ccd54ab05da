"""Names lead to things, and an unknown name teaches."""

import sys
from importlib.metadata import EntryPoint

import pytest

import altasks as al
from altasks import registry
from altasks.errors import InvalidInputError, UnknownNameError


@pytest.mark.parametrize("table", ["ACQUISITIONS", "STRATEGIES", "TASKS", "ORACLES"])
def test_every_builtin_name_resolves(table):
    names = getattr(registry, table).names()
    assert names == sorted(names)
    for name in names:
        assert callable(getattr(registry, table).get(name))


def test_functions_are_registered_under_their_own_names():
    for name in registry.ACQUISITIONS:
        assert al.get_acquisition(name) is getattr(al, name)


def test_unknown_names_get_a_suggestion_and_the_list():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'bald'.*entropy.*entry-point group"):
        al.get_acquisition("bold")
    with pytest.raises(UnknownNameError, match="No strategy"):
        al.get_strategy("nope")
    with pytest.raises(UnknownNameError, match="No task"):
        al.get_task("nope")
    with pytest.raises(UnknownNameError, match="No oracle"):
        al.get_oracle("nope")


def test_register_and_never_overwrite():
    table = registry.Registry("thing", "altasks.none", {"json": "json:loads"})
    table.register("mine", len)
    table.register("mine", len)
    assert table.get("mine") is len
    assert list(table) == ["json", "mine"]
    with pytest.raises(InvalidInputError, match="already registered"):
        table.register("json", len)


def test_entry_points_are_found(monkeypatch):
    point = EntryPoint("theirs", "math:sqrt", "altasks.acquisitions")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert "theirs" in registry.ACQUISITIONS.names()
    assert al.get_acquisition("theirs")(4.0) == 2.0


def test_an_installed_plugin_is_found(tmp_path):
    """A real distribution on the path, found by its metadata, in a process of its own."""
    import subprocess

    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[altasks.strategies]\nworst = plugin_module:Worst\n")
    (tmp_path / "plugin_module.py").write_text("class Worst:\n    needs = frozenset()\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import altasks as al\n"
        "print(al.get_strategy('worst').__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "Worst"


def test_a_plugin_that_fails_to_import_is_named(monkeypatch):
    point = EntryPoint("broken", "altasks_no_such_module:thing", "altasks.strategies")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert "broken" in registry.STRATEGIES.names()
    with pytest.raises(UnknownNameError, match=r"'broken'.*altasks_no_such_module:thing"):
        al.get_strategy("broken")
