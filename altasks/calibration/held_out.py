"""A temperature fitted anew for each model, on labelled samples that are kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch

from altasks._internal.numbers import require_whole
from altasks.calibration.targets import targets_of
from altasks.calibration.temperature import Criterion, TemperatureScaling
from altasks.errors import invalid
from altasks.predictions import Prediction


@dataclass(frozen=True, eq=False)
class HeldOutTemperature:
    """The temperature that suits a task best on labelled samples it is not trained on.

    For `al.score(calibration=...)` and `ActiveLoop(calibration=...)`: wherever a pool is scored,
    the task as it is then predicts these samples first, and `TemperatureScaling.fit` finds its
    temperature. Classification needs nothing more; a task of many units says by `targets`
    (`altasks.abilities.TellsTargets`) which column is right for each unit.

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
        """Return the temperature of the task as it is now."""
        found: list[Prediction] = []
        targets = []
        for start in range(0, len(self.samples), self.batch_size):
            part = slice(start, start + self.batch_size)
            samples, labels = list(self.samples[part]), list(self.labels[part])
            prediction: Prediction = task.predict(samples)
            found.append(prediction)
            targets.append(torch.as_tensor(targets_of(task, samples, labels, prediction)))
        whole = type(found[0]).cat(found)
        return TemperatureScaling.fit(whole, torch.cat(targets), by=self.by)
