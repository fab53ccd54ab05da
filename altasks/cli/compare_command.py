"""The command line of `altasks compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from altasks.cli.compare_options import SHARED
from altasks.cli.rankers.base import compare_options_of
from altasks.cli.rankers.find import find_ranker
from altasks.cli.read_paths import check_paths
from altasks.cli.task_command import TaskCommand

if TYPE_CHECKING:
    from altasks.cli.compare_order import CompareOrder


def _make(shared: dict[str, Any], own: dict[str, Any]) -> CompareOrder:
    from altasks.cli.compare_order import order_of

    return order_of(shared, own)


def _run(order: CompareOrder) -> None:
    request = order.request
    check_paths({"--data": request.pool, "--test": order.test}, request.model)
    find_ranker(request.task).check_compare(request)

    from altasks.cli.compare import run_compare

    run_compare(order)


COMPARE = TaskCommand(
    "compare",
    "Say what active learning would save on your own labelled data, beside random labels.",
    SHARED,
    compare_options_of,
    _make,
    _run,
)


def order_from(arguments: Sequence[str]) -> CompareOrder:
    """Return the order that a command line makes, without running it.

    Args:
        arguments: what would follow `altasks compare`.

    Raises:
        InvalidInputError: for an option that only other tasks have.
        UnknownNameError: for a task that isn't registered.

    Example:
        >>> order = order_from(["--task", "ner", "--data", "a.conll", "--arm", "mnlp"])
        >>> order.arms, order.seeds, order.request.options["passes"]
        (('mnlp',), 5, 20)
    """
    return COMPARE.order_from(arguments)
