"""The command line of `altasks serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from altasks.cli.serve_options import SHARED
from altasks.cli.task_command import TaskCommand

if TYPE_CHECKING:
    from altasks.cli.serve import ServeOrder


def _make(shared: dict[str, Any], own: dict[str, Any]) -> ServeOrder:
    from altasks.cli.serve import order_of

    return order_of(shared, own)


def _run(order: ServeOrder) -> None:
    from altasks.cli.serve import run_serve

    run_serve(order)


SERVE = TaskCommand(
    "serve",
    "Answer Label Studio: predictions for opened tasks, and fits on what people label.",
    SHARED,
    lambda ranker: ranker.options,
    _make,
    _run,
)
