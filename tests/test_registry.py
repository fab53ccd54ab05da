"""Names lead to things, and an unknown name teaches."""

import sys
from importlib.metadata import EntryPoint

import pytest

import altasks as al
from altasks import registry
from altasks._internal.stubs import PACKAGES, stub
from altasks.errors import InvalidInputError, UnknownNameError

TABLES = (
    "ACQUISITIONS",
    "COMMITTEES",
    "ORACLES",
    "PICTURES",
    "RANKERS",
    "READERS",
    "STOPPING_RULES",
    "STRATEGIES",
    "TASKS",
)


@pytest.mark.parametrize("table", TABLES)
def test_every_builtin_name_resolves(table):
    names = getattr(registry, table).names()
    assert names == sorted(names)
    for name in names:
        found = getattr(registry, table).get(name)
        assert callable(found if table != "READERS" else found.read)


def test_every_kind_has_an_entry_point_group_of_its_own():
    groups = [getattr(registry, table).group for table in TABLES]
    assert groups == [f"altasks.{table.lower()}" for table in TABLES]


def test_functions_are_registered_under_their_own_names():
    for name in registry.ACQUISITIONS:
        assert al.get_acquisition(name) is getattr(al, name)


def test_unknown_names_get_a_suggestion_and_the_list():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'bald'.*entropy.*entry-point group"):
        al.get_acquisition("bold")
    with pytest.raises(UnknownNameError, match="No strategy"):
        al.get_strategy("nope")
    with pytest.raises(UnknownNameError, match="No committee"):
        al.get_committee("nope")
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


def test_a_name_that_two_packages_bring_is_refused_by_both(monkeypatch):
    points = [
        EntryPoint("twice", target, "altasks.strategies") for target in ("math:sqrt", "math:exp")
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert registry.STRATEGIES.names().count("twice") == 1
    with pytest.raises(UnknownNameError, match=r"math:sqrt.*math:exp.*uninstall one"):
        al.get_strategy("twice")
    # The same one seen twice on the path is one.
    monkeypatch.setattr(registry, "entry_points", lambda group: [points[0], points[0]])
    assert al.get_strategy("twice")(4.0) == 2.0


def test_what_a_thing_needs_is_known_without_importing_it(monkeypatch):
    point = EntryPoint("theirs", "no_such_module:Task", "altasks.tasks")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert registry.TASKS.about("theirs").target == "no_such_module:Task"
    assert registry.TASKS.about("ner").extra == "text"
    assert "theirs" in registry.TASKS
    assert "their" not in registry.TASKS
    with pytest.raises(UnknownNameError, match="Did you mean 'theirs'"):
        registry.TASKS.about("their")


@pytest.mark.parametrize("table", ["ACQUISITIONS", "COMMITTEES", "ORACLES", "STRATEGIES", "TASKS"])
def test_what_is_registered_is_exported(table):
    """One line in the registry is enough: the package and `altasks` take the name from there."""
    import importlib

    for attribute, target in getattr(registry, table).exports().items():
        thing = registry.load_target(target)
        package = importlib.import_module(".".join(target.split(".")[:2]))
        assert getattr(package, attribute) is thing
        assert attribute in package.__all__
        assert getattr(al, attribute) is thing
        assert attribute in al.__all__


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_are_told_the_same_names(package):
    path, text = stub(package)
    assert path.read_text(encoding="utf-8") == text, "run python -m altasks._internal.stubs"


def test_a_function_stays_one_when_its_module_is_imported_first():
    """`altasks.acquisition.margin` is a module and a function; the name means the function."""
    import subprocess

    script = (
        "import altasks.acquisition.margin, altasks.acquisition as a, altasks as al\n"
        "from altasks.acquisition.entropy import entropy\n"
        "assert a.margin is al.margin and callable(a.margin)\n"
        "assert a.entropy is al.entropy is entropy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
