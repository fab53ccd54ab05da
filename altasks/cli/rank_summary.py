"""What `altasks rank` says at the end: what was scored, what is on top and why, pictures of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from altasks.cli.rank_request import Ranker, RankRequest

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores

#: How many of the picks are shown, and how much of each text.
SHOWN = 5
TEXT_WIDTH = 60


def unreadable_lines(skipped: Mapping[str, str], count: int) -> str:
    """Return which samples can't be read, and why."""
    named = "".join(f"\n  {name}: {found}" for name, found in list(skipped.items())[:SHOWN])
    more = f"\n  and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
    return f"{len(skipped):,} of {count:,} samples can't be read:{named}{more}\n"


def show_pictures(
    console: Console,
    request: RankRequest,
    ranker: Ranker,
    task: Any,
    pool: Pool,
    scores: Scores,
    rows: list[dict[str, Any]],
) -> None:
    """Say what was left out, and write the contact sheet if one is wanted."""
    if scores.skipped:
        for line in unreadable_lines(scores.skipped, len(pool)).splitlines():
            console.print(plain(line), soft_wrap=True)
    if request.sheet is not None:
        from altasks.report.contact_sheet import MOST, contact_sheet

        sheet: dict[str, Any] = dict(ranker.sheet)
        contact_sheet(rows, task, request.sheet, pool=pool, **sheet)
        shown = f"the first {MOST:,}" if len(rows) > MOST else "all of them"
        console.print(plain(f"Pictures of {shown} are in {request.sheet}."), soft_wrap=True)


def summarise(
    console: Console,
    request: RankRequest,
    ranker: Ranker,
    scores: Scores,
    rows: list[dict[str, Any]],
    reasons: list[str],
    acquisition: str,
    found: list[str],
) -> None:
    """Print how the scores spread, what is among the picks, and why the first are first."""

    def say(text: str) -> None:
        console.print(plain(text), soft_wrap=True)

    say(f"Scored {len(scores):,} samples by {acquisition}: {_spread(scores.values.tolist())}")
    for line in found:
        say(line)
    if len(rows) < request.number:
        say(f"Asked for {request.number:,}, but there are only {len(rows):,}: all are in.")
    say(f"Wrote {len(rows):,} to {request.out}: {_spread([row['score'] for row in rows])}")
    counts = Counter(name for row in rows for name in ranker.classes(row["prediction"]))
    if counts:
        listed = ", ".join(f"{name} {count}" for name, count in counts.most_common(12))
        more = f", and {len(counts) - 12} more classes" if len(counts) > 12 else ""
        say(f"Predicted classes among them: {listed}{more}")
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
    console.print(table)


def _spread(values: list[float]) -> str:
    mean = sum(values) / len(values)
    return f"score mean {mean:.4g}, from {min(values):.4g} to {max(values):.4g}."


def plain(text: str) -> Text:
    """Return other people's text as what it says: no markup, no emoji codes, no control codes.

    A pool is untrusted: an escape sequence in it could clear or recolour the terminal, and a
    change of direction could make it say something else.
    """
    return Text("".join(char if char.isprintable() else "\ufffd" for char in text))
