"""The rules of the layout that import-linter can't state; its contracts are in pyproject.toml."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1] / "altasks"
MODULES = {
    ".".join(("altasks", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}
#: Loaded at first use, whoever uses them: each is optional, or slow to import.
LAZY = {
    "PIL", "accelerate", "cv2", "datasets", "faiss", "httpx", "label_studio_sdk", "matplotlib",
    "pyarrow", "pycocotools", "rapidfuzz", "ray", "starlette",
    "safetensors", "scipy", "skimage", "sklearn", "timm", "torchvision", "transformers",
    "ultralytics", "uvicorn", "yaml",
}  # fmt: skip
#: A query knows the oracle that answers it, and the oracle the query: types alone.
ALLOWED_CIRCLE = {"altasks.oracles.base", "altasks.loop.query"}


def imported(tree):
    """Yield (module, whether it is imported when the file is) of every import in a file."""
    for node in ast.walk(tree):
        inside = getattr(node, "col_offset", 0) > 0
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, not inside
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES else node.module), not inside


IMPORTS = {name: list(imported(ast.parse(path.read_text()))) for name, path in MODULES.items()}


def private_owner(target):
    """Return the package that a private module belongs to, or None for one that anybody may use."""
    parts = target.split(".")
    if parts[0] != "altasks" or parts[1:2] in (["_internal"], ["_version"]):
        return None
    private = [place for place, part in enumerate(parts) if part.startswith("_")]
    return ".".join(parts[: private[0]]) if private else None


def test_private_modules_are_imported_in_their_own_package_only():
    found = [
        f"{name} imports {target}"
        for name, targets in IMPORTS.items()
        for target, _ in targets
        if (owner := private_owner(target)) and not f"{name}.".startswith(f"{owner}.")
    ]
    assert found == []


def test_optional_libraries_are_imported_where_they_are_used():
    found = [
        f"{name} imports {target}"
        for name, targets in IMPORTS.items()
        for target, at_import in targets
        if at_import
        and target.partition(".")[0]
        in LAZY | (set() if name.startswith("altasks.loop.store.") else {"sqlalchemy"})
    ]
    assert found == []


def test_no_modules_import_each_other_in_a_circle():
    """Imports inside functions count, and those for types alone."""
    graph = defaultdict(set)
    for name, targets in IMPORTS.items():
        # A package that hands its names on at first use (PEP 562) is no arrow to them.
        if MODULES[name].name != "__init__.py":
            graph[name] = {one for one, _ in targets if one in MODULES and one != name}
    circles = [found for found in strongly_connected(graph) if found != ALLOWED_CIRCLE]
    assert circles == []


def strongly_connected(graph):
    """Return the sets of more than one node that reach each other (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = set()
            while node not in group:
                group.add(stack.pop())
            if len(group) > 1:
                found.append(group)

    for node in sorted(MODULES):
        if node not in index:
            visit(node)
    return found


def test_the_search_for_circles_finds_one():
    graph = defaultdict(set, {"altasks": {"altasks.errors"}, "altasks.errors": {"altasks"}})
    assert strongly_connected(graph) == [{"altasks", "altasks.errors"}]


def test_test_files_are_named_for_rooms_not_for_private_modules():
    tests = Path(__file__).parent
    assert [str(path) for path in tests.rglob("test__*.py")] == []
