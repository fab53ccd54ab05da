"""The stopping rules: budget, target, plateau, and three that look at predictions alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from altasks._internal.metric_names import less_is_better
from altasks._internal.numbers import require_whole
from altasks.errors import InvalidInputError, invalid
from altasks.loop.stopping.base import Progress, Stop


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        wanted = f"a number from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
        raise invalid(name, wanted, f"{value!r}")
    return float(value)


class Budget:
    """Stop when so many samples were asked, or so much was spent.

    Args:
        samples: asked, skipped ones left out.
        cost: of all samples asked, in the unit of the loop's costs.

    Raises:
        InvalidInputError: for neither, or a number out of range.

    Example:
        >>> bool(Budget(100).judge(Progress(asked=100, labelled=98)))
        True
    """

    def __init__(self, samples: int | None = None, cost: float | None = None) -> None:
        if samples is None and cost is None:
            raise invalid("samples", "how many samples, or cost=, how much", "neither")
        self.samples = None if samples is None else require_whole("samples", samples, 1)
        self.cost = None if cost is None else _number("cost", cost, 0, math.inf)
        self.needs: frozenset[str] = frozenset() if cost is None else frozenset({"costs"})

    def judge(self, progress: Progress) -> Stop:
        """Return whether either is reached."""
        said = []
        for what, spent, most in (
            ("samples asked", progress.asked, self.samples),
            ("spent", progress.spent or 0.0, self.cost),
        ):
            if most is not None:
                said.append(f"{spent:g} of {most:g} {what}")
                if spent >= most:
                    return Stop(True, f"{said[-1]}.")
        return Stop(False, f"{' and '.join(said)}.")


class Target:
    """Stop when metrics of the test set are reached.

    Args:
        metrics: name -> value, by the names that the task's `evaluate` reports: at most that for
            errors (`cer`, `rmse`, `nll`, ...), at least that for everything else.

    Raises:
        InvalidInputError: for no metric, or a value that isn't a finite number.

    Example:
        >>> Target({"accuracy": 0.9}).judge(Progress(asked=0, labelled=0)).reason
        'No round with metrics has been recorded.'
    """

    needs: ClassVar[frozenset[str]] = frozenset({"metrics"})

    def __init__(self, metrics: Mapping[str, float]) -> None:
        if not isinstance(metrics, Mapping) or not metrics:
            raise invalid("metrics", "a dict from metric to value", f"{metrics!r}")
        self.metrics = {
            name: _number(f"metrics[{name!r}]", value, -math.inf, math.inf)
            for name, value in metrics.items()
        }

    def judge(self, progress: Progress) -> Stop:
        """Return whether the last round reached all of them."""
        last = next((one for one in reversed(progress.rounds) if one.metrics), None)
        if last is None:
            return Stop(False, "No round with metrics has been recorded.")
        said, reached = [], True
        for name, value in self.metrics.items():
            found = _metric(last.metrics, name)
            less = less_is_better(name)
            reached &= found <= value if less else found >= value
            said.append(
                f"{name} is {found:.4g}, wanted {'at most' if less else 'at least'} {value:g}"
            )
        return Stop(reached, f"{'; '.join(said)}.")


class Plateau:
    """Stop when a metric of the test set has not become better for some rounds.

    The best of the last `rounds` is compared with the best before them, as early stopping of
    training does (Prechelt 1998, "Early stopping, but when?"). A learning curve is flat by chance
    as well, the more so the smaller the test set: take more rounds for a small one.

    Args:
        metric: its name; None: the first that the task reports.
        rounds: how many, at least 1.
        gain: what counts as better, at least 0.

    Raises:
        InvalidInputError: for numbers out of range.

    Example:
        >>> from altasks.loop import Round
        >>> rounds = [Round(i, [], i, {"accuracy": a}, 0.0) for i, a in enumerate([0.5, 0.8, 0.8])]
        >>> bool(Plateau(rounds=1).judge(Progress(3, 3, rounds=rounds)))
        True
    """

    needs: ClassVar[frozenset[str]] = frozenset({"metrics"})

    def __init__(self, metric: str | None = None, *, rounds: int = 3, gain: float = 0.0) -> None:
        self.metric = metric
        self.rounds = require_whole("rounds", rounds, 1)
        self.gain = _number("gain", gain, 0, math.inf)

    def judge(self, progress: Progress) -> Stop:
        """Return whether the last rounds brought nothing."""
        there = [one.metrics for one in progress.rounds if one.metrics]
        if len(there) <= self.rounds:
            return Stop(
                False, f"{len(there)} rounds have metrics; {self.rounds + 1} are needed to compare."
            )
        name = self.metric or next(iter(there[-1]))
        sign = -1.0 if less_is_better(name) else 1.0
        values = [sign * _metric(one, name) for one in there]
        before, lately = max(values[: -self.rounds]), max(values[-self.rounds :])
        return Stop(
            lately - before <= self.gain,
            f"The best {name} of the last {self.rounds} rounds is {sign * lately:.4g}, that of "
            f"those before {sign * before:.4g}; {self.gain:g} or less counts as no gain.",
        )


class OverallUncertainty:
    """Stop when the model is sure of the stop set.

    Zhu, Wang and Hovy (2008), "Learning a stopping criterion for active learning for word sense
    disambiguation and text classification", IJCNLP, by the mean normalised entropy. A model that
    is too sure stops too early: calibrate it (`ActiveLoop(calibration=...)`).

    Args:
        threshold: of the mean uncertainty, in [0, 1]; see `Observation.uncertainty`.

    Raises:
        InvalidInputError: for a threshold out of range; in use, for a task whose predictions have
            no such number (one reader of lines without probabilities).

    Example:
        >>> from altasks.loop.stopping import Observation
        >>> seen = [Observation(1, 1, 10, uncertainty=0.03)]
        >>> bool(OverallUncertainty().judge(Progress(10, 10, observations=seen)))
        True
    """

    needs: ClassVar[frozenset[str]] = frozenset({"observations"})

    def __init__(self, threshold: float = 0.05) -> None:
        self.threshold = _number("threshold", threshold, 0, 1)

    def judge(self, progress: Progress) -> Stop:
        """Return whether the last model is sure."""
        if not progress.observations:
            return Stop(False, "No fit has been looked at.")
        found = progress.observations[-1].uncertainty
        if found is None:
            raise InvalidInputError(
                "stop: OverallUncertainty expected predictions that say how sure they are, found "
                "none; take StabilisingPredictions."
            )
        return Stop(
            found <= self.threshold,
            f"The mean uncertainty is {found:.3g}; {self.threshold:g} is sure enough.",
        )


class StabilisingPredictions:
    """Stop when the predictions of the stop set no longer change from fit to fit.

    Bloodgood and Vijay-Shanker (2009), "A Method for Stopping Active Learning Based on Stabilizing
    Predictions and the Need for User-Adjustable Stopping", CoNLL: the mean agreement (Cohen's
    kappa) of the last `window` pairs of consecutive models is at least `threshold`. Needs no test
    set and no labels. They use 0.99 and 3; a lower threshold stops earlier.

    Args:
        threshold: of the agreement, at most 1; see `Observation.agreement` for other tasks.
        window: how many pairs, at least 1.

    Raises:
        InvalidInputError: for numbers out of range.

    Example:
        >>> from altasks.loop.stopping import Observation
        >>> seen = [Observation(i, i, 10 * i, agreement=0.995) for i in range(1, 4)]
        >>> bool(StabilisingPredictions().judge(Progress(30, 30, observations=seen)))
        True
    """

    needs: ClassVar[frozenset[str]] = frozenset({"observations"})

    def __init__(self, threshold: float = 0.99, window: int = 3) -> None:
        self.threshold = _number("threshold", threshold, -1, 1)
        self.window = require_whole("window", window, 1)

    def judge(self, progress: Progress) -> Stop:
        """Return whether they are stable."""
        found = [
            one.agreement for one in progress.observations[-self.window :]
            if one.agreement is not None
        ]  # fmt: skip
        if len(found) < self.window:
            return Stop(False, f"{len(found)} of {self.window} pairs of fits have been compared.")
        mean = math.fsum(found) / len(found)
        return Stop(
            mean >= self.threshold - 1e-12,  # a mean of floats is rounded
            f"Predictions of the last {self.window + 1} fits agree by {mean:.4g} on average; "
            f"{self.threshold:g} is stable.",
        )


class ClassificationChange:
    """Stop when no prediction of the stop set changed with the last fit.

    Zhu, Wang and Hovy (2008), "Multi-criteria-based strategy to stop active learning for data
    annotation", COLING.

    Args:
        threshold: the share that may change, in [0, 1].

    Raises:
        InvalidInputError: for a threshold out of range.

    Example:
        >>> from altasks.loop.stopping import Observation
        >>> seen = [Observation(2, 2, 20, agreement=1.0, changed=0.0)]
        >>> bool(ClassificationChange().judge(Progress(20, 20, observations=seen)))
        True
    """

    needs: ClassVar[frozenset[str]] = frozenset({"observations"})

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = _number("threshold", threshold, 0, 1)

    def judge(self, progress: Progress) -> Stop:
        """Return whether nothing changed."""
        last = progress.observations[-1] if progress.observations else None
        if last is None or last.changed is None:
            return Stop(False, "No two fits have been compared.")
        return Stop(
            last.changed <= self.threshold,
            f"{last.changed:.2%} of the predictions changed with the last fit; "
            f"{self.threshold:.2%} may.",
        )


def _metric(metrics: Mapping[str, float], name: str) -> float:
    if name not in metrics:
        raise InvalidInputError(
            f"stop: expected a metric of this task ({', '.join(metrics)}), found {name!r}."
        )
    return metrics[name]
