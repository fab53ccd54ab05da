"""The table of tasks and what each still needs to be installed; imports none of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from altasks._internal.extras import how_to_install
from altasks.registry import TASKS


@dataclass(frozen=True)
class TaskEntry:
    """A task as the shell presents it.

    Attributes:
        name: as registered.
        adapter: how Python reaches it.
        extra: the extra with its libraries; empty if it needs none.
        modules: the libraries whose presence means that the extra is installed.
        example: a script to start from.
        licence: a note on the libraries' licences; empty if none is needed.
        optional: further libraries of the extra -> the one thing that each is for.
    """

    name: str
    adapter: str
    extra: str
    modules: tuple[str, ...]
    example: str
    licence: str = ""
    optional: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """Return the libraries that are not installed, without importing any."""
        return [name for name in self.modules if not _is_there(name)]

    def without(self) -> list[str]:
        """Return what can't be done for want of optional libraries: `"x, for networks of x"`."""
        return [f"{name}, for {use}" for name, use in self.optional.items() if not _is_there(name)]


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def catalogue() -> list[TaskEntry]:
    """Return every task there is: altasks' own, then those other packages installed."""
    own = list(TASKS.builtin)
    return [_entry(name) for name in (*own, *(name for name in TASKS.names() if name not in own))]


def _entry(name: str) -> TaskEntry:
    about = TASKS.about(name)
    adapter = about.target or f'al.get_task("{name}")'
    if name in TASKS.builtin:
        adapter = f"al.{about.target.partition(':')[2]}"
    return TaskEntry(
        name, adapter, about.extra, about.modules, about.example, about.licence, about.optional
    )


def print_tasks(console: Console | None = None) -> None:
    """Print the table of tasks, and what to install for those that lack something."""
    console = console or Console()
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("task", "adapter", "extra", "installed"):
        table.add_column(heading, no_wrap=True)
    table.add_column("example", overflow="fold")
    entries = catalogue()
    for entry in entries:
        installed = "no" if entry.missing() else "yes"
        table.add_row(entry.name, entry.adapter, entry.extra, installed, entry.example)
    console.print(table)
    console.print()
    for entry in entries:
        # Without markup, which would read the extra's square brackets as a style.
        if missing := entry.missing():
            lacks = f"{entry.name} lacks {', '.join(missing)}: {how_to_install(entry.extra)}"
            console.print(lacks, markup=False, soft_wrap=True)
        for thing in () if missing else entry.without():
            lacks = f"{entry.name} works without {thing} alone: {how_to_install(entry.extra)}"
            console.print(lacks, markup=False, soft_wrap=True)
        if entry.licence:
            console.print(f"{entry.name}: {entry.licence}", markup=False, soft_wrap=True)
    console.print("Rank a file:  altasks rank --help\nSee it work:  altasks demo")
