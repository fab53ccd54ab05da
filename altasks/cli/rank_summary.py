"""The end of `altasks rank`: how scores spread, which classes are on top and why, and warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from altasks._internal.text import printable
from altasks.cli.rankers.base import Ranker, RankRequest, Scorer

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores

#: How many of the picks are shown, and how much of each text.
SHOWN = 5
TEXT_WIDTH = 60
#: How many classes are counted by name.
_CLASSES = 12


@dataclass(frozen=True)
class Printer:
    """Prints lines that may hold other people's text: no markup, no emoji or control codes.

    A line that begins with `Warning:` is set off.
    """

    console: Console

    def __call__(self, text: str) -> None:
        """Print one line."""
        style = "bold yellow" if text.startswith("Warning:") else ""
        self.console.print(plain(text, style), soft_wrap=True)


@dataclass(frozen=True)
class Queue:
    """The rows to write, and their descriptions.

    Attributes:
        rows: the rows of the file, best first.
        ranker: reads descriptions.
        described: id -> the task's whole description; {} if it describes nothing.
    """

    rows: list[dict[str, Any]]
    ranker: Ranker
    described: Mapping[str, Any]

    def reasons(self) -> list[str]:
        """Return why the first few score as they do."""
        found = [self.described.get(row["id"]) for row in self.rows[:SHOWN]]
        return ["" if one is None else self.ranker.reason(one) for one in found]

    def classes(self) -> Counter[str]:
        """Return how often each class is predicted."""
        return Counter(name for one in self.described.values() for name in self.ranker.classes(one))


def summarise(
    show: Printer,
    request: RankRequest,
    queue: Queue,
    scores: Scores,
    acquisition: str,
    scorer: Scorer | None,
    *,
    spread: bool = False,
) -> None:
    """Print how the scores spread, what is among the picks, and why the first are first.

    Args:
        show: prints one line.
        request: as it was made.
        queue: the picks.
        scores: of all.
        acquisition: what made them.
        scorer: with lines of its own, if any.
        spread: whether the strategy reads embeddings too, and orders without scores.
    """
    values = scores.values.tolist()
    rows = queue.rows
    show(f"Scored {len(scores):,} samples by {acquisition}: {spread_of(values)}")
    for line in () if scorer is None else scorer.lines():
        show(line)
    if len(values) > 1 and min(values) == max(values):
        left = "the picks lie far apart, no more" if spread else "the queue is drawn by chance"
        show(
            f"Warning: all {len(values):,} samples have the same score, {values[0]:.4g}, so the "
            f"scores order nothing and {left}. Look at the model and at --acquisition before you "
            "pay for labels."
        )
    if len(rows) < request.number:
        show(f"Asked for {request.number:,}, but there are only {len(rows):,}: all are in.")
    show(f"Wrote {len(rows):,} to {request.out}: {spread_of([row['score'] for row in rows])}")
    if counts := queue.classes():
        listed = ", ".join(f"{name} {count}" for name, count in counts.most_common(_CLASSES))
        more = f", and {len(counts) - _CLASSES} more classes" if len(counts) > _CLASSES else ""
        show(f"Predicted classes among them: {listed}{more}")
    show.console.print(_table(rows, queue.reasons()))


def _table(rows: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("sample", overflow="fold", ratio=1)
    table.add_column("why", overflow="fold", ratio=1)
    for row, reason in zip(rows, reasons, strict=False):
        shown = " ".join(str(row.get("text", " ".join(row.get("tokens", [row["id"]])))).split())
        if len(shown) > TEXT_WIDTH:
            shown = shown[: TEXT_WIDTH - 3] + "..."
        table.add_row(str(row["rank"]), f"{row['score']:.4g}", plain(shown), plain(reason))
    return table


def spread_of(values: Sequence[float]) -> str:
    """Return how scores spread, in words."""
    mean = sum(values) / len(values)
    return f"score mean {mean:.4g}, from {min(values):.4g} to {max(values):.4g}."


def unreadable_lines(skipped: Mapping[str, str], count: int) -> str:
    """Return which samples can't be read, and why."""
    named = "".join(f"\n  {name}: {found}" for name, found in list(skipped.items())[:SHOWN])
    more = f"\n  and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
    return f"{len(skipped):,} of {count:,} samples can't be read:{named}{more}\n"


def note_unreadable(show: Printer, scores: Scores, count: int) -> None:
    """Print which samples were left out because they can't be read."""
    if scores.skipped:
        for line in unreadable_lines(scores.skipped, count).splitlines():
            show(line)


def note_passed_over(show: Printer, pool: Pool) -> None:
    """Print how many files beside the samples were passed over, and the first of them."""
    from altasks.data.folders import passed_over_line

    if line := passed_over_line(pool.passed_over):
        show(line)


def plain(text: str, style: str = "") -> Text:
    """Return other people's text as it is: no markup, no emoji codes, no control codes."""
    return Text(printable(text), style)
