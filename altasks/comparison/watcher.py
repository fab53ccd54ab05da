"""How a comparison tells how it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from altasks.comparison.workers import Job


class Watcher:
    """Told of runs and rounds; override what is of interest."""

    def begin(self, total: int, left: int) -> None:
        """Take how many runs there are, and how many of them are not on the disk yet."""

    def point(self, job: Job, point: Mapping[str, Any]) -> None:
        """Take what a round measured: `labels`, `spent` and `metrics`."""

    def done(self, job: Job, values: Mapping[str, Any]) -> None:
        """Take what a finished run measured: `points` and `main_metric`."""


class Caller(Watcher):
    """Calls a function with each job and point."""

    def __init__(self, function: Callable[[Job, Mapping[str, Any]], None]) -> None:
        self._function = function

    def point(self, job: Job, point: Mapping[str, Any]) -> None:
        """Call the function."""
        self._function(job, point)


class Printer(Watcher):
    """Prints each round to stderr."""

    def point(self, job: Job, point: Mapping[str, Any]) -> None:
        """Print a line."""
        cost = "" if point["spent"] is None else f" (cost {point['spent']:g})"
        named = list(point["metrics"].items())[:3]
        metrics = "  ".join(f"{name} {value:.3f}" for name, value in named)
        sys.stderr.write(f"{job.name}: {point['labels']} labels{cost}  {metrics}\n")


def watcher_of(progress: bool | Callable[[Job, Mapping[str, Any]], None] | None) -> Watcher:
    """Return a watcher: True prints, None prints on a terminal, a function is called."""
    if progress is None:
        progress = sys.stderr.isatty()
    if callable(progress):
        return Caller(progress)
    return Printer() if progress else Watcher()
