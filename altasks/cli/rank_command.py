"""The command line of `altasks rank`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from altasks.cli.rank_options import SHARED
from altasks.cli.rankers.base import RankRequest
from altasks.cli.task_command import TaskCommand

RANK = TaskCommand(
    "rank",
    "Order a pool by how much each sample would teach the model, and write the top of it.",
    SHARED,
    lambda ranker: ranker.options,
)


def request_of(arguments: Sequence[str]) -> RankRequest:
    """Return the request that a command line makes, without running it.

    Args:
        arguments: what would follow `altasks rank`.

    Raises:
        InvalidInputError: for an option that only other tasks have.
        UnknownNameError: for a task that isn't registered.

    Example:
        >>> given = ["--task", "ner", "--pool", "a.conll", "--out", "queue.jsonl", "--passes", "5"]
        >>> request = request_of(given)
        >>> request.number, request.options["passes"], request.options["dropout"]
        (100, 5, None)
    """
    requests: list[RankRequest] = []
    command = rank_command(arguments, requests.append)
    command.main([*arguments], prog_name="altasks rank", standalone_mode=False)
    return requests[0]


def rank_command(arguments: Sequence[str], run: Callable[[RankRequest], None] | None = None) -> Any:
    """Return the command with the options of the task that the arguments name.

    Args:
        arguments: what follows `altasks rank`.
        run: what to do with the request; by default, to rank.

    Raises:
        InvalidInputError: for an option that only other tasks have.
        UnknownNameError: for a task that isn't registered.
    """
    shared = {field.name for field in fields(RankRequest)} - {"options"}

    def rank(given: dict[str, Any]) -> None:
        from altasks.cli.rank import run_rank

        (run or run_rank)(
            RankRequest(
                **{name: value for name, value in given.items() if name in shared},
                options={name: value for name, value in given.items() if name not in shared},
            )
        )

    return RANK.made_for(arguments, rank)
