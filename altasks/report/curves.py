"""The labels that active learning saved, from learning curves over paired seeds.

A learning curve is a score at each of B label counts. Arms (BALD, random, ...) that share their
seeds share what a seed decides (the first labels, the model's initial head), so they are compared
seed by seed. Everything here is a pure function of arrays.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks._internal.arrays import refuse_masked
from altasks.errors import invalid

#: Up to this many resamples are enumerated, all of them, instead of drawn: 5 seeds have 3,125.
ENUMERATED = 5_000


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and the interval it lies in.

    Attributes:
        mean: the mean of the values.
        low: the lower end; NaN for a single value, which says nothing about spread.
        high: the upper end; NaN for a single value.
        count: how many values there were.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def known(self) -> bool:
        """Whether there were at least two values, so that there is an interval at all."""
        return self.count > 1

    def __str__(self) -> str:
        """Return the mean with its interval in brackets, to three digits."""
        if not self.known:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def area_under_curve(labels: Any, scores: Any) -> np.ndarray:
    """Return the area under each learning curve, divided by the range of label counts.

    The trapezoid rule; divided by the range, it is the average height of the curve and has the
    unit of the score.

    Args:
        labels: `[B]`, B >= 2 increasing label counts.
        scores: `[B]` or `[S, B]`, one row for each seed.

    Returns:
        `[]` or `[S]`, float64.

    Raises:
        InvalidInputError: if the shapes don't fit or the counts don't increase.

    Example:
        >>> float(area_under_curve([10, 20, 30], [0.5, 0.75, 1.0]))
        0.75
    """
    counts, curves = _as_curves(labels, scores)
    widths = np.diff(counts)
    heights = (curves[..., :-1] + curves[..., 1:]) / 2
    area: np.ndarray = np.asarray((heights * widths).sum(axis=-1) / (counts[-1] - counts[0]))
    return area


def bootstrap_mean(
    values: Any,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    rng: np.random.Generator | None = None,
) -> Interval:
    """Return the mean of `values` with its percentile-bootstrap interval (Efron 1979).

    With up to 5 values every resample is enumerated, so the result is exact; with more, they are
    drawn. Given the differences of paired arms, it is the paired bootstrap. With few values the
    interval is too narrow rather than too wide: read it as the least uncertainty there is.

    Args:
        values: `[S]`, one value for each seed.
        level: the share of the bootstrap distribution inside the interval.
        resamples: how many are drawn when they are not enumerated.
        rng: where drawn resamples come from; seeded with 0 by default.

    Raises:
        InvalidInputError: for no values, values that aren't finite, or a level outside (0, 1).

    Example:
        >>> print(bootstrap_mean([0.1, 0.2, 0.3]))
        0.200 [0.122, 0.278]
    """
    refuse_masked(values, "values")
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise invalid("values", "shape [S] with at least one value", f"shape {list(sample.shape)}")
    if not np.isfinite(sample).all():
        row = int(np.flatnonzero(~np.isfinite(sample))[0])
        raise invalid("values", "finite numbers", f"{sample[row]}", where=f"row {row}")
    if not 0 < level < 1:
        raise invalid("level", "a number in (0, 1)", f"{level!r}")
    count = len(sample)
    mean = float(sample.mean())
    if count == 1:
        return Interval(mean, float("nan"), float("nan"), 1)
    if count**count <= ENUMERATED:
        rows = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        generator = np.random.default_rng(0) if rng is None else rng
        rows = generator.integers(0, count, size=(resamples, count))
    means = sample[rows].mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), count)


def labels_to_reach(labels: Any, scores: Any, target: float) -> float | None:
    """Return at how many labels a curve first reaches `target`, or None if it never does.

    Linear between the points that were measured. A curve that starts at or above the target
    returns its first count, although fewer labels might have been enough.

    Args:
        labels: `[B]`, B >= 2 increasing label counts.
        scores: `[B]`, one curve (usually the mean over seeds).
        target: the score to reach.

    Example:
        >>> labels_to_reach([10, 20, 40], [0.25, 0.5, 1.0], 0.75)
        30.0
    """
    counts, curve = _as_curves(labels, scores)
    if curve.ndim != 1:
        raise invalid("scores", "shape [B], one curve", f"shape {list(curve.shape)}")
    reached = np.flatnonzero(curve >= target)
    if not len(reached):
        return None
    right = int(reached[0])
    if right == 0:
        return float(counts[0])
    share = (target - curve[right - 1]) / (curve[right] - curve[right - 1])
    return float(counts[right - 1] + share * (counts[right] - counts[right - 1]))


@dataclass(frozen=True)
class Comparison:
    """One arm against a baseline over paired seeds.

    Attributes:
        area: the arm's area under the learning curve.
        baseline_area: the baseline's.
        difference: arm minus baseline, paired by seed.
        final: the arm's score at the last label count.
        baseline_final: the baseline's.
        labels_needed: at how many labels the arm's mean curve first reaches the final score of
            the baseline's mean curve; None if it never does.
        labels_total: the last label count.
    """

    area: Interval
    baseline_area: Interval
    difference: Interval
    final: Interval
    baseline_final: Interval
    labels_needed: float | None
    labels_total: float

    @property
    def not_worse(self) -> bool | None:
        """Whether the interval of the difference is not wholly below 0; None for one seed."""
        return self.difference.high >= 0 if self.difference.known else None

    @property
    def better(self) -> bool | None:
        """Whether the interval of the difference is wholly above 0; None for one seed."""
        return self.difference.low > 0 if self.difference.known else None

    @property
    def share_of_labels(self) -> float | None:
        """With what share of the labels the arm has the baseline's final score, or None."""
        return None if self.labels_needed is None else self.labels_needed / self.labels_total


def compare(
    labels: Any,
    scores: Any,
    baseline: Any,
    *,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Comparison:
    """Compare an arm with a baseline: areas, their paired difference, and the labels saved.

    Args:
        labels: `[B]`, B >= 2 increasing label counts, the same for both.
        scores: `[S, B]`, the arm's curves; row s is seed s.
        baseline: `[S, B]`, the baseline's curves with the same seeds in the same order.
        level: of every interval.
        rng: where bootstrap resamples come from when there are too many to enumerate.

    Raises:
        InvalidInputError: if the shapes don't fit.

    Example:
        >>> result = compare([10, 20], [[0.5, 0.9], [0.5, 0.8]], [[0.5, 0.7], [0.5, 0.7]])
        >>> print(result.difference, result.share_of_labels)
        0.075 [0.052, 0.098] 0.785...
    """
    counts, ours = _as_curves(labels, scores)
    _, theirs = _as_curves(labels, baseline)
    if ours.ndim != 2 or ours.shape != theirs.shape or not len(ours):
        raise invalid(
            "baseline",
            f"shape [S, {len(counts)}], the shape of scores, S >= 1",
            f"{list(theirs.shape)} beside scores of {list(ours.shape)}",
        )
    area, baseline_area = area_under_curve(counts, ours), area_under_curve(counts, theirs)

    def interval(values: np.ndarray) -> Interval:
        return bootstrap_mean(values, level=level, rng=rng)

    return Comparison(
        area=interval(area),
        baseline_area=interval(baseline_area),
        difference=interval(area - baseline_area),
        final=interval(ours[:, -1]),
        baseline_final=interval(theirs[:, -1]),
        labels_needed=labels_to_reach(counts, ours.mean(axis=0), float(theirs[:, -1].mean())),
        labels_total=float(counts[-1]),
    )


def _as_curves(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return label counts `[B]` and scores `[..., B]` as float64, checked."""
    refuse_masked(labels, "labels")
    counts = np.asarray(labels, dtype=np.float64)
    if counts.ndim != 1 or len(counts) < 2:
        raise invalid("labels", "shape [B] with B >= 2", f"shape {list(counts.shape)}")
    steps = np.diff(counts)
    if not (np.isfinite(counts).all() and (steps > 0).all()):
        row = int(np.flatnonzero(~(steps > 0))[0]) + 1 if (~(steps > 0)).any() else 0
        raise invalid(
            "labels", "increasing finite label counts", f"{counts[row]:g}", where=f"row {row}"
        )
    refuse_masked(scores, "scores")
    curves = np.asarray(scores, dtype=np.float64)
    if curves.ndim not in (1, 2) or curves.shape[-1] != len(counts):
        raise invalid(
            "scores",
            f"shape [{len(counts)}] or [S, {len(counts)}], one score for each label count",
            f"shape {list(curves.shape)}",
        )
    if not np.isfinite(curves).all():
        place = np.argwhere(~np.isfinite(curves))[0].tolist()
        raise invalid("scores", "finite numbers", f"{curves[tuple(place)]}", where=f"at {place}")
    return counts, curves
