"""Every public name, against a committed list: a change of the list is a decision, not a slip.

`python tests/test_public_api.py` writes the list anew after a planned change; names of version 0.1,
in `public_names_0.1.json`, go on working whatever is planned.
"""

import ast
import importlib
import json
import pkgutil
from pathlib import Path

import pytest

from altasks import registry

LISTED = Path(__file__).with_name("public_names.json")
FIRST = Path(__file__).with_name("public_names_0.1.json")
PACKAGES = (
    "altasks",
    "altasks.abilities",
    "altasks.acquisition",
    "altasks.cli",
    "altasks.committees",
    "altasks.comparison",
    "altasks.data",
    "altasks.errors",
    "altasks.loop",
    "altasks.oracles",
    "altasks.predictions",
    "altasks.registry",
    "altasks.report",
    "altasks.scoring",
    "altasks.serve",
    "altasks.strategies",
    "altasks.tasks",
)


def modules():
    """The packages whose names are public, and every module of `altasks.testing`."""
    path = Path(importlib.import_module("altasks.testing").__file__).parent
    suites = [f"altasks.testing.{found.name}" for found in pkgutil.iter_modules([str(path)])]
    return [*PACKAGES, *suites]


def names_of(module):
    """What `__all__` lists; else what the module itself defines without an underscore."""
    found = importlib.import_module(module)
    if hasattr(found, "__all__"):
        return sorted(found.__all__)
    names = set()
    for node in ast.parse(Path(found.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return sorted(name for name in names if not name.startswith("_"))


def tables():
    """The built-in names of every registry."""
    found = [value for value in vars(registry).values() if isinstance(value, registry.Registry)]
    return {table.group: sorted(table.builtin) for table in found}


def current():
    return {**{module: names_of(module) for module in modules()}, "registered": tables()}


def test_public_names_are_those_listed():
    listed, found = json.loads(LISTED.read_text(encoding="utf-8")), current()
    assert found.keys() == listed.keys()
    for place in found:
        assert found[place] == listed[place], (
            f"the names of {place} changed; if that is meant: python tests/test_public_api.py"
        )


@pytest.mark.parametrize(
    "module",
    [name for name in json.loads(FIRST.read_text(encoding="utf-8")) if name != "registered"],
)
def test_names_of_the_first_version_still_import(module):
    found = importlib.import_module(module)
    for name in json.loads(FIRST.read_text(encoding="utf-8"))[module]:
        assert getattr(found, name) is not None, f"{module}.{name}"


def test_registered_names_of_the_first_version_still_lead_to_something():
    first = json.loads(FIRST.read_text(encoding="utf-8"))["registered"]
    found = tables()
    for group, names in first.items():
        assert {*names} <= {*found[group]}


if __name__ == "__main__":
    LISTED.write_text(json.dumps(current(), indent=1) + "\n", encoding="utf-8")
