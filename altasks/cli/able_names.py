"""Names that can work on the task at hand, where one was misspelt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from altasks.cli.rankers.base import Ranker
from altasks.errors import AltasksError, UnknownNameError
from altasks.registry import ACQUISITIONS, STRATEGIES, get_acquisition, get_task, unknown_name


@contextmanager
def able_names(task: str, ranker: Ranker) -> Iterator[None]:
    """Let errors about a misspelt name list only what can work on a task.

    Args:
        task: its registered name.
        ranker: the task's.
    """
    try:
        yield
    except UnknownNameError as error:
        unable = _unable(task, ranker) if error.known else set()
        able = [name for name in error.known if name not in unable]
        if not unable or not able:
            raise
        raise unknown_name(error.fault, error.name, able, listed=f"For {task}") from error


def _unable(task: str, ranker: Ranker) -> set[str]:
    """Return the names of functions and strategies that can't work on a task."""
    from altasks.strategies.fitting import able_strategies, never_there

    try:
        lacking = never_there(get_task(task))
    except AltasksError:  # a package that can't be loaded: nothing is known of it
        return set()
    able = able_strategies(lacking, with_settings=True)
    return {name for name in STRATEGIES if name not in able} | {
        name for name in ACQUISITIONS if not _can_read(name, ranker)
    }


def _can_read(name: str, ranker: Ranker) -> bool:
    """Return whether an acquisition function reads what a task predicts, as far as both say."""
    try:
        function: Any = get_acquisition(name)
    except AltasksError:
        return False
    kinds = [kind.__name__ for kind in getattr(function, "reads", ())]
    if ranker.predicts and kinds and not {*kinds} & {*ranker.predicts}:
        return False
    wanted = {*getattr(function, "fields", ())}
    return not ranker.predicts or wanted <= {*ranker.fields_predicted}
