"""The end of the demo: numbers with their intervals, a picture, and what they prove."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from altasks.cli.demo.settings import (
    ARMS,
    BASELINE,
    DEFAULT_OUT,
    METRIC,
    METRICS,
    DemoSettings,
)
from altasks.report import (
    Comparison,
    area_under_curve,
    bootstrap_mean,
    compare,
    plot_learning_curves,
)

if TYPE_CHECKING:
    from altasks.report import ResultRows


def report(
    console: Console,
    settings: DemoSettings,
    rows: ResultRows,
    out: Path,
    *,
    seconds_per_seed: float | None,
) -> Path:
    """Print the comparison over all seeds, draw the picture, and return its path."""
    counts = settings.label_counts
    # metric -> arm -> S x B
    measured: dict[str, dict[str, list[list[float]]]] = {
        metric: {arm: [] for arm in ARMS} for metric in METRICS
    }
    for seed in range(settings.seeds):
        for arm in ARMS:
            row = rows.get(settings.config(seed, arm))
            assert row is not None
            for metric in METRICS:
                measured[metric][arm].append(row[metric])
    curves = measured[METRIC]
    others = [arm for arm in ARMS if arm != BASELINE]
    results = {arm: compare(counts, curves[arm], curves[BASELINE]) for arm in others}
    by_topic = {
        arm: bootstrap_mean(area_under_curve(counts, measured["macro_f1"][arm])) for arm in ARMS
    }
    console.print()
    if settings.seeds > 1:
        table = Table(
            box=None,
            header_style="bold",
            padding=(0, 3, 0, 0),
            title=f"{METRIC}: mean [95% interval] over {settings.seeds} seeds",
            title_justify="left",
        )
        table.add_column("labels", justify="right")
        for arm in ARMS:
            table.add_column(arm, justify="right", no_wrap=True)
        for place, labels in enumerate(counts):
            cells = [str(bootstrap_mean([c[place] for c in curves[arm]])) for arm in ARMS]
            table.add_row(str(labels), *(cell.replace("[", r"\[") for cell in cells))
        console.print(table)
        console.print()
    said = [line for arm in others for line in (*verdict(results[arm], settings.seeds, arm), "")]
    areas = ", ".join(f"{arm} {area}" for arm, area in by_topic.items())
    for line in (
        *said,
        f"Macro F1, in which each topic counts the same, on average over the curve: {areas}.",
        *advice(settings, out, seconds_per_seed),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=not console.is_terminal)
    path = plot_learning_curves(
        out / "learning-curve.png",
        counts,
        curves,
        metric=f"{METRIC} on held-out sentences",
        title="12 topics of chatterbot-corpus, MiniLM fine-tuned",
        note="one seed: an example, not evidence"
        if settings.seeds == 1
        else f"mean over {settings.seeds} seeds, 95% bootstrap interval",
    )
    console.print(f"\nresults        {rows.path}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"learning curve {path}", markup=False, highlight=False, soft_wrap=True)
    return path


def verdict(result: Comparison, seeds: int, arm: str) -> list[str]:
    """Return, in words, how an arm did against random, no better than the numbers say.

    Example:
        >>> from altasks.report import compare
        >>> result = compare([10, 20], [[0.5, 0.6]], [[0.5, 0.7]])
        >>> print(verdict(result, 1, "BALD")[0])
        BALD: average accuracy over the curve 0.550, random's 0.600: behind by 0.050.
    """
    gap = result.difference.mean
    standing = (
        "level" if abs(gap) < 0.0005 else f"{'ahead' if gap > 0 else 'behind'} by {abs(gap):.3f}"
    )
    lines = [
        f"{arm}: average accuracy over the curve {result.area}, random's {result.baseline_area}: "
        f"{standing}."
    ]
    final = f"With {result.labels_total:.0f} labels it has {result.final}, random "
    final += f"{result.baseline_final}"
    if result.share_of_labels is None:
        lines.append(f"{final}, which it never reaches.")
    else:
        lines.append(
            f"{final}, which it reaches with {result.share_of_labels:.0%} of the labels "
            f"({result.labels_needed:.0f} of {result.labels_total:.0f})."
        )
    if seeds > 1:
        lines.append(f"Paired difference over {seeds} seeds: {result.difference}: {_judge(result)}")
    return lines


def _judge(result: Comparison) -> str:
    if result.better:
        return "better than random; the interval is wholly above 0."
    if result.not_worse:
        return "not distinguishable from random; the interval holds 0."
    return "worse than random here; the interval is wholly below 0."


def advice(settings: DemoSettings, out: Path, seconds_per_seed: float | None) -> list[str]:
    """Return what to think of so few seeds, and the command that runs more."""
    if settings.seeds >= 5:
        return []
    words = (
        "One seed proves nothing: another start set can turn this round."
        if settings.seeds == 1
        else "So few seeds prove little."
    )
    cost = ""
    if seconds_per_seed is not None:
        minutes = max(1, round(seconds_per_seed * (5 - settings.seeds) / 60))
        cost = f" (about {minutes} more minutes; finished seeds are kept)"
    usual = type(settings)()
    command = "altasks demo --seeds 5"
    for name in ("rounds", "start", "batch"):
        if getattr(settings, name) != getattr(usual, name):
            command += f" --{name} {getattr(settings, name)}"
    if out != DEFAULT_OUT:
        command += f" --out {shlex.quote(str(out))}"
    return ["", f"{words} For a mean with its interval{cost}:", f"  {command}"]
