"""A temperature fitted anew for each model, on labelled samples that are kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from altasks._internal.numbers import require_whole
from altasks.abilities import StreamsTargets, provides
from altasks.calibration.drawn_units import DrawnUnits
from altasks.calibration.targets import probabilities, targets_of
from altasks.calibration.temperature import Criterion, TemperatureScaling
from altasks.errors import invalid


@dataclass(frozen=True, eq=False)
class HeldOutTemperature:
    """The temperature that suits a task best on labelled samples it is not trained on.

    For `al.score(calibration=...)` and `ActiveLoop(calibration=...)`: wherever a pool is scored,
    the task as it is then predicts these samples first, and `TemperatureScaling.fit` finds its
    temperature. Classification needs nothing more; a task of many units says by `targets`
    (`altasks.abilities.TellsTargets`) which column is right for each unit: the built-in ones do,
    for words, boxes and pixels. Of more than 100,000 units as many are drawn, always the same.
    Regressions and readings (OCR) have no probabilities of classes, so they can't be scaled.

    Args:
        samples: as the task's `predict` takes them. They must not be in its pool: labels that it
            is trained on say nothing about how sure it may be elsewhere.
        labels: one for each, as the task's `fit` takes them.
        by: `"nll"` or `"ece"`, see `TemperatureScaling.fit`.
        batch_size: samples per call of the task.

    Raises:
        InvalidInputError: for no sample, another number of labels, or an option out of range.

    Example:
        >>> import altasks as al
        >>> class Sure:
        ...     labels = ("a", "b")
        ...     def predict(self, samples):
        ...         return al.Categorical([[0.99, 0.01] if x else [0.01, 0.99] for x in samples])
        >>> held_out = HeldOutTemperature([1, 1, 0, 0], ["a", "b", "b", "b"])
        >>> al.score(Sure(), [1], "least_confidence", calibration=held_out).values.round(2)
        array([0.25])
    """

    samples: Sequence[Any]
    labels: Sequence[Any]
    by: Criterion = "nll"
    batch_size: int = 32

    def __post_init__(self) -> None:
        if not len(self.samples) or len(self.samples) != len(self.labels):
            raise invalid(
                "labels",
                "one for each of at least one sample",
                f"{len(self.labels)} labels and {len(self.samples)} samples",
            )
        if self.by not in get_args(Criterion):
            raise invalid("by", "'nll' or 'ece'", f"{self.by!r}")
        require_whole("batch_size", self.batch_size, 1)

    def fit_to(self, task: Any) -> TemperatureScaling:
        """Return the temperature of the task as it is now.

        Raises:
            UnsupportedPredictionError: for a task whose predictions hold no probabilities of
                classes.
            InvalidInputError: for a task that doesn't say which column a label is, or labels of
                which nothing is known.
        """
        drawn = DrawnUnits()
        for start in range(0, len(self.samples), self.batch_size):
            part = slice(start, start + self.batch_size)
            samples, labels = list(self.samples[part]), list(self.labels[part])
            if provides(task, StreamsTargets):
                for _, piece, targets in task.iter_targets(samples, labels):
                    drawn.add(probabilities(piece, "HeldOutTemperature"), targets)
                continue
            prediction = task.predict(samples)
            units = probabilities(prediction, "HeldOutTemperature")
            drawn.add(units, targets_of(task, samples, labels, prediction))
        return TemperatureScaling.fit(*drawn.all(), by=self.by)
