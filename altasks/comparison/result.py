"""The outcome of a comparison: curves, a table, a picture, and whether it pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from altasks._internal.extras import require
from altasks._internal.metric_names import less_is_better
from altasks.comparison.arm_result import ArmResult
from altasks.comparison.arms import RANDOM
from altasks.comparison.text import aligned, as_csv, chance, number, seconds, share_of, sure_of
from altasks.comparison.verdict import verdict_of
from altasks.errors import MissingExtraError, invalid
from altasks.report.curves import Comparison, Interval, area_under_curve, compare, labels_to_reach
from altasks.report.paired import holm, paired_t_test
from altasks.report.plots import plot_learning_curves

#: Shares of the score that all labels give.
SHARES = (0.9, 0.95, 0.99)


class ComparisonResult:
    """Arms beside random labels over paired seeds, as `al.compare` measured them.

    Args:
        points: arm -> for each seed the points of its run, random's first; a point has `labels`,
            `spent`, `metrics` and `seconds_asking`.
        metric: which of the metrics is compared.
        by_cost: whether counts are costs.
        full: for each seed the metrics of a fit to all labels; empty if there was none.
        seeds: the seeds, in order.
        total: how many labels that fit had.

    Raises:
        InvalidInputError: for a metric that wasn't measured.
    """

    def __init__(
        self,
        points: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]],
        *,
        metric: str,
        by_cost: bool = False,
        full: Sequence[Mapping[str, float]] = (),
        seeds: Sequence[int] = (),
        total: int | None = None,
    ) -> None:
        known = next(iter(points.values()))[0][0]["metrics"]
        if metric not in known:
            raise invalid("metric", f"one of {', '.join(known)}", repr(metric))
        self.points = {name: [list(run) for run in runs] for name, runs in points.items()}
        self.metric = metric
        self.by_cost = by_cost
        self.full = list(full)
        self.total = total
        self.seeds = list(seeds) or list(range(len(self.points[RANDOM])))
        self.less_is_better = less_is_better(metric)

    def __repr__(self) -> str:
        """Return what was compared and the verdict."""
        return f"ComparisonResult({', '.join(self.points)}; {self.verdict})"

    @property
    def unit(self) -> str:
        """What counts count."""
        return "cost" if self.by_cost else "labels"

    @cached_property
    def counts(self) -> list[float]:
        """The labels, or costs, at which the curves are read.

        They are those of the runs where all have the same. Runs by cost spend a little more or
        less; they are read at as many even steps between what all have passed, linear between
        their points.
        """
        asked = [self._asked(run) for runs in self.points.values() for run in runs]
        if all(one == asked[0] for one in asked):
            return asked[0]
        low, high = max(one[0] for one in asked), min(one[-1] for one in asked)
        if low >= high:
            raise invalid(
                "batch", "batches so small that all runs have a stretch in common",
                f"runs from {low:g} and up to {high:g}",
            )  # fmt: skip
        return [float(one) for one in np.linspace(low, high, max(map(len, asked)))]

    @cached_property
    def curves(self) -> dict[str, np.ndarray]:
        """Arm -> `[S, B]` scores at the counts, one row a seed."""
        return {
            name: np.array([self._read(run) for run in runs]) for name, runs in self.points.items()
        }

    @cached_property
    def full_score(self) -> float | None:
        """The score of a fit to all labels, the mean over seeds; None if there was none."""
        if not self.full:
            return None
        return float(np.mean([one[self.metric] for one in self.full]))

    @cached_property
    def arms(self) -> list[ArmResult]:
        """Every arm beside random, which is the first."""
        sign = -1.0 if self.less_is_better else 1.0
        beside = {
            name: compare(self.counts, sign * curve, sign * self.curves[RANDOM])
            for name, curve in self.curves.items()
        }
        others = [name for name in beside if name != RANDOM]
        tests = {name: paired_t_test(self._ahead(name)) for name in others}
        known = [name for name in others if tests[name] is not None]
        adjusted = dict(zip(known, holm([tests[name] or 0.0 for name in known]), strict=True))
        return [
            self._arm(name, one, tests.get(name), adjusted.get(name))
            for name, one in beside.items()
        ]

    def _arm(
        self, name: str, beside: Comparison, p: float | None, p_holm: float | None
    ) -> ArmResult:
        curve = self.curves[name].mean(0)
        asking = [
            point["seconds_asking"]
            for run in self.points[name]
            for point in run[1:]  # the first labels are asked without a model
            if point["seconds_asking"] is not None
        ]
        return ArmResult(
            name=name,
            curve=tuple(curve.tolist()),
            average=self._flipped(beside.area),
            ahead=beside.difference,
            p=p,
            p_holm=p_holm,
            last=self._flipped(beside.final),
            to_reach=self._to_reach(curve),
            share=self._share_needed(curve),
            asking=float(np.mean(asking)) if asking else float("nan"),
        )

    def _share_needed(self, curve: np.ndarray) -> float | None:
        """Return with what share of the labels that random needs for its last score it is there."""
        sign = -1.0 if self.less_is_better else 1.0
        random = sign * self.curves[RANDOM].mean(0)
        mine = labels_to_reach(self.counts, sign * curve, float(random[-1]))
        # Random may have had that score before its last count.
        others = labels_to_reach(self.counts, random, float(random[-1]))
        return None if mine is None or others is None else mine / others

    def _ahead(self, name: str) -> np.ndarray:
        """Return `[S]`: by how much an arm is ahead on average over its curve, for each seed."""
        sign = -1.0 if self.less_is_better else 1.0
        return area_under_curve(self.counts, sign * (self.curves[name] - self.curves[RANDOM]))

    def _flipped(self, interval: Interval) -> Interval:
        if not self.less_is_better:
            return interval
        return Interval(-interval.mean, -interval.high, -interval.low, interval.count)

    def _to_reach(self, curve: np.ndarray) -> dict[float, float | None]:
        if self.full_score is None:
            return {}
        sign = -1.0 if self.less_is_better else 1.0
        best = sign * self.full_score
        return {
            share: labels_to_reach(self.counts, sign * curve, best - (1 - share) * abs(best))
            for share in SHARES
        }

    def _read(self, run: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return `[B]`: the scores of a run at the counts."""
        scores = [one["metrics"][self.metric] for one in run]
        curve: np.ndarray = np.interp(self.counts, self._asked(run), scores)
        return curve

    def _asked(self, run: Sequence[Mapping[str, Any]]) -> list[float]:
        return [float(one["spent"] if self.by_cost else one["labels"]) for one in run]

    @property
    def verdict(self) -> str:
        """One sentence: does it pay on this data, and with what."""
        return verdict_of(
            self.arms[1:],
            metric=self.metric,
            less_is_better=self.less_is_better,
            seeds=len(self.seeds),
            last=f"{self.counts[-1]:g} {self.unit}",
            unit=self.unit,
            flat=self._flat_score(),
        )

    def _flat_score(self) -> float | None:
        """Return the one score that all curves have everywhere; None where any differs."""
        found = {float(value) for curve in self.curves.values() for value in curve.ravel()}
        return found.pop() if len(found) == 1 else None

    # For people and for other programs.

    def table(self) -> str:
        """Return the arms as lines of text, and below them what the columns mean."""
        reached = [f"{share:.0%}" for share in SHARES] if self.full else []
        head = ["arm", self.metric, "ahead of random by", "p", f"at {self.counts[-1]:g}",
                *reached, "saved", "asking"]  # fmt: skip
        rows = [head]
        for arm in self.arms:
            baseline = arm.name == RANDOM
            rows.append(
                [
                    arm.name,
                    number(arm.average.mean),
                    "" if baseline else sure_of(arm.ahead),
                    "" if arm.p_holm is None else chance(arm.p_holm),
                    number(arm.last.mean),
                    *("never" if at is None else f"{at:.0f}" for at in arm.to_reach.values()),
                    "" if baseline else share_of(arm.share),
                    seconds(arm.asking),
                ]
            )
        return "\n".join([aligned(rows), "", *self._legend()])

    def _legend(self) -> list[str]:
        count = len(self.seeds)
        better = "less is better" if self.less_is_better else "more is better"
        lines = [
            f"{self.metric}: on average over the curve from {self.counts[0]:g} to "
            f"{self.counts[-1]:g} {self.unit}, {better}; mean of {count} "
            f"seed{'s' * (count > 1)}.",
        ]
        if count > 1:
            lines.append(
                "ahead of random by: the paired difference with its 95% bootstrap interval; p: of "
                "the paired t-test, allowing for the number of arms (Holm)."
            )
        if self.full_score is not None:
            within = (
                f"an error at most 10%, 5% and 1% above {number(self.full_score)}"
                if self.less_is_better
                else f"90%, 95% and 99% of {number(self.full_score)}"
            )
            lines.append(
                f"90%, 95%, 99%: {self.unit} to {within}, which all {self.total or ''} labels "
                "give.".replace("  ", " ")
            )
        lines.append(
            f"saved: the share of {self.unit} that random needs for its score at "
            f"{self.counts[-1]:g} and the arm does not; asking: seconds to find a batch."
        )
        return lines

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each arm, as the table has it, in plain values."""
        found = []
        for arm in self.arms:
            other = arm.name != RANDOM
            row: dict[str, Any] = {
                "arm": arm.name,
                "metric": self.metric,
                "average": arm.average.mean,
                "ahead": arm.ahead.mean if other else None,
                "ahead_low": arm.ahead.low if other and arm.ahead.known else None,
                "ahead_high": arm.ahead.high if other and arm.ahead.known else None,
                "p": arm.p,
                "p_holm": arm.p_holm,
                "last": arm.last.mean,
            }
            row |= {f"{self.unit}_to_{share * 100:.0f}": at for share, at in arm.to_reach.items()}
            saved = None if arm.share is None or not other else 1 - arm.share
            asking = None if np.isnan(arm.asking) else arm.asking
            found.append({**row, "saved": saved, "seconds_asking": asking})
        return found

    def point_rows(self) -> list[dict[str, Any]]:
        """Return a row for each arm, seed and round: what was asked and every metric."""
        return [
            {
                "arm": name,
                "seed": seed,
                "labels": point["labels"],
                **({"cost": point["spent"]} if self.by_cost else {}),
                **point["metrics"],
                "seconds_asking": point["seconds_asking"],
            }
            for name, runs in self.points.items()
            for seed, run in zip(self.seeds, runs, strict=True)
            for point in run
        ]

    def to_frame(self) -> Any:
        """Return `point_rows` as a pandas data frame.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        return require("pandas", "text", "A data frame").DataFrame(self.point_rows())

    def plot(self, path: Path | str, *, title: str = "") -> Path:
        """Draw every arm's mean curve with its interval over seeds, as a PNG; return its path.

        Raises:
            MissingExtraError: if matplotlib is not installed.
        """
        count = len(self.seeds)
        note = "one seed: an example, not evidence"
        if count > 1:
            note = f"mean over {count} seeds, 95% bootstrap interval"
        return plot_learning_curves(
            path,
            self.counts,
            self.curves,
            metric=self.metric,
            title=title,
            note=note,
            unit=self.unit,
            reference=None if self.full_score is None else ("all labels", self.full_score),
        )

    def save(self, folder: Path | str, *, title: str = "") -> list[Path]:
        """Write the table (`table.txt`, `table.csv`), every point (`points.csv`) and the picture.

        The picture, `curves.png`, is left out where matplotlib is not installed.

        Returns:
            The paths that were written.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        texts = {
            "table.txt": f"{self.table()}\n\n{self.verdict}\n",
            "table.csv": as_csv(self.rows()),
            "points.csv": as_csv(self.point_rows()),
        }
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8")
        written = [place / name for name in texts]
        try:
            written.append(self.plot(place / "curves.png", title=title))
        except MissingExtraError:
            return written
        return written
