"""How far `altasks compare` is: a bar on a terminal, a line for each run anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from altasks._internal.text import printable
from altasks.comparison.watcher import Watcher
from altasks.comparison.workers import Job


class RunProgress(Watcher):
    """Shows runs as they are finished, and on a terminal the last round.

    Args:
        console: where to print.
        metric: the score to show; None for the task's own.
    """

    def __init__(self, console: Console, metric: str | None) -> None:
        self.console = console
        self.metric = metric
        self._started = time.monotonic()
        self._total = self._finished = 0
        self._bar = Progress(
            TextColumn("{task.fields[last]}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, total: int, left: int) -> None:
        """Note how many runs there are, and say how many of them are there already."""
        self._total, self._finished = total, total - left
        if left < total:
            self._print(f"{total - left} of {total} runs were finished before.")
        self._task = self._bar.add_task("", total=total, completed=total - left, last="begins")

    def point(self, job: Job, point: Mapping[str, Any]) -> None:
        """Show the last round."""
        self._bar.update(self._task, last=printable(self._line(job, point, None)))

    def done(self, job: Job, values: Mapping[str, Any]) -> None:
        """Show how a run ended."""
        self._finished += 1
        self._bar.update(self._task, completed=self._finished)
        seconds = int(time.monotonic() - self._started)
        line = self._line(job, values["points"][-1], values["main_metric"])
        after = f"({seconds // 60}:{seconds % 60:02d})"
        self._print(f"{self._finished}/{self._total}  {line}  {after}")

    def _line(self, job: Job, point: Mapping[str, Any], main: str | None) -> str:
        metrics = point["metrics"]
        name = self.metric or main or next(iter(metrics))
        score = f"{name} {metrics[name]:.3f}" if name in metrics else ""
        cost = "" if point["spent"] is None else f", cost {point['spent']:g}"
        return f"{job.name}: {point['labels']} labels{cost}: {score}"

    def _print(self, line: str) -> None:
        self.console.print(Text(printable(line)), soft_wrap=True)
