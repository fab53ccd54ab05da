"""The list of slow tests names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
LIST = REPO / "tests" / "slow_tests.txt"


def test_every_name_is_that_of_a_test() -> None:
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        path, *names = line.partition("[")[0].split("::")
        module = ast.parse((REPO / path).read_text(encoding="utf-8"))
        kinds = (ast.FunctionDef, ast.ClassDef)
        known = {node.name for node in module.body if isinstance(node, kinds)}
        assert names[0] in known, line
