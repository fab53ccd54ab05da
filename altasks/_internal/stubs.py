"""Writes the stubs from which type checkers read the names that are loaded at first use.

The names stand once: in `altasks.registry`, and beside it in each package's `_HOMES`. Type checkers
run no code, so `python -m altasks._internal.stubs` writes those names down for them as
`__init__.pyi`.
"""

from __future__ import annotations

import importlib
from pathlib import Path

#: The packages with a table `_HOMES`.
PACKAGES = (
    "altasks",
    "altasks.acquisition",
    "altasks.committees",
    "altasks.loop.stopping",
    "altasks.oracles",
    "altasks.strategies",
    "altasks.tasks",
)

_HEAD = (
    "# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.\n"
)


def stub(package: str) -> tuple[Path, str]:
    """Return where the stub of a package lies and what it must hold."""
    module = importlib.import_module(package)
    imports: dict[str, set[str]] = {}
    aliases = []
    for name, home in module._HOMES.items():
        source, _, attribute = home.partition(":")
        attribute = attribute or name
        imports.setdefault(source, set()).add(attribute)
        if attribute != name:
            aliases.append(f"{name} = {attribute}\n")
    lines = [_HEAD, "\n"]
    for source in sorted(imports):
        names = "".join(f"    {name} as {name},\n" for name in sorted(imports[source]))
        lines.append(f"from {source} import (\n{names})\n")
    lines += ["\n", *sorted(aliases), "\n"] if aliases else ["\n"]
    listed = "".join(f'    "{name}",\n' for name in sorted(module.__all__))
    lines.append(f"__all__ = [\n{listed}]\n")
    return Path(str(module.__file__)).with_suffix(".pyi"), "".join(lines)


def main() -> None:
    """Write every stub."""
    for package in PACKAGES:
        path, text = stub(package)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
