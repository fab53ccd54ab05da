"""Pictures of learning curves and of calibration (extra `plots`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from altasks._internal.extras import require
from altasks.errors import invalid
from altasks.report.curves import bootstrap_mean

if TYPE_CHECKING:
    from altasks.calibration import Reliability

#: Blue, vermilion, green, ... of Okabe and Ito (2008): told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_POINTS: dict[str, Any] = {"markersize": 5, "linewidth": 2}


def plot_learning_curves(
    path: Path | str,
    labels: Any,
    arms: Mapping[str, Any],
    *,
    metric: str = "score",
    title: str = "",
    note: str = "",
    level: float = 0.95,
    unit: str = "labels",
    reference: tuple[str, float] | None = None,
) -> Path:
    """Draw the mean learning curve of each arm, with its interval over seeds, as a PNG.

    One seed is drawn as a line without a band, since nothing is known of its spread.

    Args:
        path: where to write; the folder is made.
        labels: `[B]` label counts.
        arms: name -> `[S, B]` scores, one row for each seed.
        metric: what the vertical axis says.
        title: above the picture.
        note: small print below it.
        level: of the bootstrap interval over seeds.
        unit: what the horizontal axis says.
        reference: the name and height of a dashed line, such as the score with all labels.

    Returns:
        The path that was written.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        InvalidInputError: if there are no arms or a shape doesn't fit.
    """
    require("matplotlib", "plots", "Drawing learning curves")
    from matplotlib.ticker import MaxNLocator

    if not arms:
        raise invalid("arms", "at least one named set of curves", "none")
    counts = np.asarray(labels, dtype=np.float64)
    figure, axes = _figure(7.2, 4.5)
    for place, (name, scores) in enumerate(arms.items()):
        curves = np.asarray(scores, dtype=np.float64)
        if curves.ndim != 2 or curves.shape[1] != len(counts) or not len(curves):
            raise invalid(
                f"arms[{name!r}]", f"shape [S, {len(counts)}], S >= 1", f"{list(curves.shape)}"
            )
        style = _style(place)
        axes.plot(counts, curves.mean(axis=0), **style, **_POINTS, label=_literal(name))
        if len(curves) > 1:
            bands = [bootstrap_mean(curves[:, b], level=level) for b in range(len(counts))]
            axes.fill_between(
                counts,
                [band.low for band in bands],
                [band.high for band in bands],
                color=style["color"],
                alpha=0.15,
                linewidth=0,
            )
    if reference is not None:
        name, height = reference
        axes.axhline(height, color="0.5", linewidth=1, linestyle="--", label=_literal(name))
    if len(counts) <= 12:
        axes.set_xticks(counts)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _written(figure, axes, path, (_literal(unit), _literal(metric)), title, note)


def plot_calibration(
    path: Path | str,
    levels: Sequence[float],
    arms: Mapping[str, Any],
    *,
    title: str = "",
    note: str = "",
) -> Path:
    """Draw, as a PNG, which share of truths lies in the intervals of each level.

    On the diagonal intervals hold what they promise; below it they are too narrow.

    Args:
        path: where to write; the folder is made.
        levels: `[L]`, as `altasks.report.calibration_curve` was asked for.
        arms: name -> `[L]` shares, or `[S, L]`, one row for each seed or split, of which the
            mean is drawn.
        title: above the picture.
        note: small print below it.

    Returns:
        The path that was written.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        InvalidInputError: if there are no arms or a shape doesn't fit.
    """
    require("matplotlib", "plots", "Drawing calibration curves")
    if not arms:
        raise invalid("arms", "at least one named set of shares", "none")
    figure, axes = _promised()
    for place, (name, values) in enumerate(arms.items()):
        shares = np.atleast_2d(np.asarray(values, dtype=np.float64))
        if shares.ndim != 2 or shares.shape[1] != len(levels) or not len(shares):
            raise invalid(
                f"arms[{name!r}]",
                f"shape [{len(levels)}] or [S, {len(levels)}], S >= 1",
                f"{list(np.shape(values))}",
            )
        axes.plot(levels, shares.mean(axis=0), **_style(place), **_POINTS, label=_literal(name))
    said = ("level of the interval", "share of truths inside")
    return _written(figure, axes, path, said, title, note)


def plot_reliability(
    path: Path | str,
    arms: Mapping[str, Reliability],
    *,
    title: str = "",
    note: str = "",
) -> Path:
    """Draw, as a PNG, how often a model is right against how sure it is, with its error.

    On the diagonal probabilities mean what they say; below it they are too sure. The area of a
    point is its bin's share of the rows.

    Args:
        path: where to write; the folder is made.
        arms: name -> what `altasks.reliability` found, such as before and after scaling.
        title: above the picture.
        note: small print below it.

    Returns:
        The path that was written.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        InvalidInputError: if there are no arms.
    """
    require("matplotlib", "plots", "Drawing reliability")
    if not arms:
        raise invalid("arms", "at least one named reliability", "none")
    figure, axes = _promised()
    for place, (name, found) in enumerate(arms.items()):
        style = _style(place)
        label = _literal(f"{name} (error {found.error():.3f})")
        axes.plot(found.confidence, found.accuracy, color=style["color"], linewidth=2, label=label)
        areas = 20 + 280 * found.count / found.count.sum()
        axes.scatter(found.confidence, found.accuracy, s=areas, **style, zorder=3)
    return _written(figure, axes, path, ("probability", "share that is right"), title, note)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure of some inches, and its axes."""
    # The object interface: pyplot would choose a backend and keep figures for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _promised() -> tuple[Any, Any]:
    """Return a square figure of shares against shares, with the diagonal where they are equal."""
    figure, axes = _figure(5, 4.8)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label="as promised")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    return figure, axes


def _style(place: int) -> dict[str, str]:
    """Return the colour and marker of an arm, by its place among them."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def _written(
    figure: Any,
    axes: Any,
    path: Path | str,
    axis_labels: tuple[str, str],
    title: str,
    note: str,
) -> Path:
    """Finish a figure, its frame open above and to the right, and write it."""
    axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1])
    axes.set_title(_literal(title), loc="left")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="best")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if note:
        figure.supxlabel(note, fontsize=8, color="0.35", x=0.01, ha="left")
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, format="png")
    return target


def _literal(text: str) -> str:
    """Return text that matplotlib shows as it is: no formula, and no label left out of a legend."""
    shown = text.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
