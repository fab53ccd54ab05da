"""From the name of a task to its ranker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from altasks._internal.names import did_you_mean
from altasks.cli.rankers.base import Ranker, RankOption
from altasks.errors import AltasksError, UnknownNameError, describe_fault
from altasks.registry import RANKERS, TASKS


def find_ranker(task: str) -> Ranker:
    """Return the ranker that is registered for a task, or a plain one.

    Raises:
        UnknownNameError: if no task has that name, listing those there are.
    """
    if task in RANKERS.names():
        made: Ranker = RANKERS.get(task)()
        return made
    if task in TASKS.names():
        from altasks.cli.rankers.plain import PlainRanker

        return PlainRanker(task)
    known = task_names()
    expected = f"one of {', '.join(known)}"
    hint = did_you_mean(task, known)
    raise UnknownNameError(describe_fault("--task", expected, repr(task), hint=hint))


def task_names() -> list[str]:
    """Return every task that can be ranked, sorted; imports none."""
    return sorted({*RANKERS.names(), *TASKS.names()})


def tasks_with(flag: str, own: Callable[[Ranker], Sequence[RankOption[Any]]]) -> list[str]:
    """Return the tasks whose ranker has an option among those that `own` returns."""
    names = []
    for name in task_names():
        try:
            options = own(find_ranker(name))
        except AltasksError:  # a package that can't be loaded is not asked
            continue
        if any(option.flag == flag for option in options):
            names.append(name)
    return names
