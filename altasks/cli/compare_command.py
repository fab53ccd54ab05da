"""The command line of `altasks compare`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from altasks.cli.compare_options import SHARED
from altasks.cli.rankers.base import compare_options_of
from altasks.cli.task_command import TaskCommand

if TYPE_CHECKING:
    from altasks.cli.compare import CompareOrder

COMPARE = TaskCommand(
    "compare",
    "Say what active learning would save on your own labelled data, beside random labels.",
    SHARED,
    compare_options_of,
)


def compare_command(
    arguments: Sequence[str], run: Callable[[CompareOrder], None] | None = None
) -> Any:
    """Return the command with the options of the task that the arguments name.

    Args:
        arguments: what follows `altasks compare`.
        run: what to do with the order; by default, to compare.

    Raises:
        InvalidInputError: for an option that only other tasks have.
        UnknownNameError: for a task that isn't registered.
    """
    shared = {option.name for option in SHARED}

    def compare(given: dict[str, Any]) -> None:
        from altasks.cli.compare import order_of, run_compare

        (run or run_compare)(
            order_of(
                {name: value for name, value in given.items() if name in shared},
                {name: value for name, value in given.items() if name not in shared},
            )
        )

    return COMPARE.made_for(arguments, compare)


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
    orders: list[CompareOrder] = []
    command = compare_command(arguments, orders.append)
    command.main([*arguments], prog_name="altasks compare", standalone_mode=False)
    return orders[0]
