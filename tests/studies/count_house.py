"""Count the modules and arrows of docs/decisions/0002-house.md.

    python tests/studies/count_house.py

Every import counts, those inside functions and those for types alone too; of a package that only
hands its names on, none. `git worktree add /tmp/then COMMIT` and its path count another version.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

#: What a module has at least that counts as one.
LINES = 6


def modules_of(root: Path) -> dict[str, Path]:
    """Return name -> file of every module of altasks."""
    found = {}
    for path in sorted((root / "altasks").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of altasks that a file imports, again for each time."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in whole]
        yield from (name for name in names if name in known)


def main(root: Path) -> None:
    """Print the counts of a checkout."""
    known = modules_of(root)
    lines = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in known.items()
    }
    counted = {name: count for name, count in lines.items() if count >= LINES}
    largest = max(counted, key=counted.__getitem__)
    median = statistics.median(counted.values())
    print(f"{len(counted)} modules of more than 5 lines, median {median:g}", end=", ")
    print(f"largest {counted[largest]} ({largest})")
    arrows = {
        (name, target)
        for name, path in known.items()
        if path.name != "__init__.py"
        for target in imports_of(path, known)
        if target != name
    }
    packages = {tuple([*name.split("."), ""][1] for name in arrow) for arrow in arrows}
    between = sum(start != end for start, end in packages)
    print(f"{len(arrows)} arrows from file to file, {between} between packages")
    rooms = {
        tuple(name.split(".")[2] for name in arrow)
        for arrow in arrows
        if all(name.startswith("altasks.tasks.") for name in arrow)
    }
    print(f"{sum(start != end for start, end in rooms)} arrows between rooms of altasks/tasks")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[2])
