"""The demo's table: live on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class LiveTable:
    """Scores of several arms as they come in, side by side, one row for each label count.

    Args:
        console: where to print.
        arms: names, in the order of the columns.
        metric: what the scores are.
        title: above the table.
        rounds: how many rows there will be.
    """

    def __init__(
        self, console: Console, arms: Sequence[str], *, metric: str, title: str, rounds: int
    ) -> None:
        self.console = console
        self.arms = list(arms)
        self.metric = metric
        self.title = title
        self.rounds = rounds
        self._rows: dict[int, dict[str, float]] = {}  # labels -> arm -> score
        self._status = ""
        self._started = time.monotonic()
        self._spinner = Spinner("dots")
        self._live = (
            Live(get_renderable=self._render, console=console, refresh_per_second=8)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is None:
            self.console.print(self.title, markup=False, soft_wrap=True)
        else:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status = ""
        if self._live is not None:
            self._live.stop()

    def status(self, text: str) -> None:
        """Set the line about the work in progress; shown on a terminal only."""
        self._status = text

    def add(self, labels: int, arm: str, score: float) -> None:
        """Enter the score of an arm at a label count."""
        row = self._rows.setdefault(labels, {})
        row[arm] = score
        if self._live is None and len(row) == len(self.arms):
            scores = "   ".join(f"{name} {row[name]:.3f}" for name in self.arms)
            line = f"  {labels:5d} labels   {scores}   ({self._elapsed()})"
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._started)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _render(self) -> RenderableType:
        table = Table(box=None, header_style="bold", padding=(0, 3, 0, 0))
        table.add_column("labels", justify="right")
        for arm in self.arms:
            table.add_column(f"{arm} {self.metric}", justify="right")
        for labels, scores in self._rows.items():
            best = max(scores.values())
            cells = [
                Text(
                    f"{scores[arm]:.3f}" if arm in scores else "...",
                    style="bold green" if scores.get(arm) == best and len(scores) > 1 else "",
                )
                for arm in self.arms
            ]
            table.add_row(str(labels), *cells)
        parts: list[RenderableType] = [Text(self.title), table]
        if self._status:
            done = f"{len(self._rows)}/{self.rounds}"
            self._spinner.update(text=f"{self._elapsed()}  row {done}  {self._status}")
            parts.append(self._spinner)
        return Group(*parts)
