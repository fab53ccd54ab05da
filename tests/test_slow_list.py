"""The list of slow tests names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
LIST = REPO / "tests" / "slow_tests.txt"


def test_every_name_is_that_of_a_test() -> None:
    known: dict[str, set[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        path, name = line.partition("[")[0].split("::")[:2]
        if path not in known:
            module = ast.parse((REPO / path).read_text(encoding="utf-8"))
            known[path] = {name for node in module.body for name in _names(node)}
        assert name in known[path], line


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):  # the class that a state machine makes
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
