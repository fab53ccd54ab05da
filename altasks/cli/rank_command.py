"""The command line of `altasks rank`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from altasks.cli.rank_options import SHARED
from altasks.cli.rankers.base import RankRequest
from altasks.cli.read_paths import check_request_paths
from altasks.cli.task_command import TaskCommand


def _make(shared: dict[str, Any], own: dict[str, Any]) -> RankRequest:
    return RankRequest(**shared, options=own)


def _run(request: RankRequest) -> None:
    check_request_paths(request)

    from altasks.cli.rank import run_rank

    run_rank(request)


RANK = TaskCommand(
    "rank",
    "Order a pool by how much each sample would teach the model, and write the top of it.",
    SHARED,
    lambda ranker: ranker.options,
    _make,
    _run,
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
    return RANK.order_from(arguments)
