"""Doubt about boxes, weighed by how hard their class is for the detector."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from altasks._internal.numbers import as_real
from altasks._internal.tensor_checks import working_dtype
from altasks.abilities import MeasuresClasses, provides
from altasks.acquisition._declare import acquisition
from altasks.acquisition._options import describes_options
from altasks.acquisition._reduce import Reduce, reduce_units
from altasks.errors import InvalidInputError, UnsupportedPredictionError, invalid
from altasks.predictions import Categorical, Prediction, Ragged


def difficulty_weights(
    class_quality: Sequence[float], *, alpha: float = 0.3, strength: float = 0.2
) -> list[float]:
    """Return the weight of each class: 1 for one that is found perfectly, more for harder ones.

    1 + alpha strength ln(1 + (exp(1 / alpha) - 1) (1 - quality)), which is 1 + strength at a
    quality of 0 and falls slowly at first.

    Args:
        class_quality: of each class, from 0 to 1, such as `ObjectDetection.class_quality` measures.
        alpha: above 0; the smaller, the later the weight falls as the quality rises.
        strength: at least 0; by how much the hardest class counts more.

    Raises:
        InvalidInputError: for an option outside its range, or a quality that isn't in [0, 1].

    Source:
        Yang, Huang and Crowley 2024, "Plug and Play Active Learning for Object Detection", CVPR.

    Example:
        >>> [round(weight, 3) for weight in difficulty_weights([1.0, 0.5, 0.0])]
        [1.0, 1.161, 1.2]
    """
    # exp(1 / 0.002) is no float64 any more.
    if not 0.002 <= as_real(alpha) < math.inf:
        raise invalid("alpha", "a finite number of at least 0.002", f"{alpha!r}")
    if not 0 <= as_real(strength) < math.inf:
        raise invalid("strength", "a finite number of at least 0", f"{strength!r}")
    weights = []
    for place, quality in enumerate(class_quality):
        if not 0 <= as_real(quality) <= 1:
            raise invalid(
                "class_quality", "numbers from 0 to 1", f"{quality!r}", where=f"class {place}"
            )
        hardness = math.log1p(math.expm1(1 / alpha) * (1 - float(quality)))
        weights.append(1 + alpha * strength * hardness)
    if not weights:
        raise invalid("class_quality", "one number for each of at least one class", "none")
    return weights


@acquisition(reads=(Categorical,), fields=["conf"])
@describes_options
def difficulty_calibrated(
    prediction: Prediction,
    *,
    class_quality: Sequence[float] | None = None,
    alpha: float = 0.3,
    strength: float = 0.2,
    least: float = 0.05,
    reduce: Reduce = "sum",
    k: int = 10,
    empty: float = 0.0,
) -> Tensor:
    """Return how unsure a detector is of an image's boxes, those of hard classes counting more.

    The first stage of PPAL: the sum over boxes of a confidence of at least `least` of
    w_c (- s ln s - (1 - s) ln(1 - s)), where s is the box's confidence, c its class and w_c the
    class's `difficulty_weights`. A sum grows with the number of boxes, so crowded images come
    first; with a budget in boxes ask by `per_cost`, or reduce by `"mean"`. Confidences are the
    detector's own: `calibration=` scales the probabilities beside them and leaves these alone.

    A loop trains anew, and qualities change: give it `DifficultyCalibrated(samples, labels)`, which
    measures them before each scoring.

    Own arguments:
        prediction: a `Ragged` of boxes, with the field `conf` `[M]`; of a committee, `conf` and the
            class are its average's.
        class_quality: how well each class is found, from 0 to 1, in the order of the classes; see
            `ObjectDetection.class_quality`. None: all alike, so that all weights are 1.
        alpha: of `difficulty_weights`.
        strength: of `difficulty_weights`.
        least: boxes that are less confident don't count, from 0 to 1.
        reduce: `"sum"`, `"mean"` or `"max"` of a sample's boxes (one that doesn't count counts as
            0), `"top_k"` (mean of the `k` largest, of all if fewer), or `"none"` for the scores of
            the boxes `[M]`.
        empty: the score of a sample without boxes.

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device.

    Raises:
        UnsupportedPredictionError: for anything that isn't boxes.
        InvalidInputError: for an option outside its range, or more qualities than classes.

    Source:
        Yang, Huang and Crowley 2024, "Plug and Play Active Learning for Object Detection", CVPR:
        "difficulty calibrated uncertainty sampling". There a class's quality is a running average
        over training; here it is measured on held-out images.

    Example:
        >>> units = Categorical([[0.5, 0.1, 0.4], [0.1, 0.5, 0.4]])
        >>> boxes = Ragged(units, [1, 1], {"conf": torch.tensor([0.5, 0.5])})
        >>> scores = difficulty_calibrated(boxes, class_quality=[1.0, 0.0])
        >>> [round(score, 3) for score in scores.tolist()]
        [0.693, 0.832]
    """
    if not isinstance(prediction, Ragged) or "conf" not in prediction.fields:
        raise UnsupportedPredictionError(
            "difficulty_calibrated: reads boxes (a Ragged with the field 'conf'), found "
            f"{prediction!r}. ObjectDetection gives one. For one distribution a sample use entropy."
        )
    if not 0 <= as_real(least) <= 1:
        raise invalid("least", "a number from 0 to 1", f"{least!r}")
    units = prediction.units
    assert isinstance(units, Categorical)
    conf = torch.as_tensor(prediction.fields["conf"])
    conf = conf.to(working_dtype(conf.dtype)).clamp(0, 1)
    scores = -(torch.xlogy(conf, conf) + torch.special.xlog1py(1 - conf, -conf))
    if class_quality is not None:
        weights = difficulty_weights(class_quality, alpha=alpha, strength=strength)
        if len(weights) > units.probs.shape[-1]:
            raise invalid(
                "class_quality",
                f"at most {units.probs.shape[-1]}, one for each class",
                f"{len(weights)}",
            )
        best = units.mean_probs[:, : len(weights)].argmax(1)
        scores = scores * torch.tensor(weights, dtype=scores.dtype, device=scores.device)[best]
    else:
        difficulty_weights([1.0], alpha=alpha, strength=strength)  # refuses what can't be
    scores = torch.where(conf >= least, scores, torch.zeros_like(scores))
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)


class DifficultyCalibrated:
    """`difficulty_calibrated` by the qualities that a detector has on held-out images, as it is.

    For `al.score` and `ActiveLoop`: before each scoring the task as it is then predicts these
    images (`ObjectDetection.class_quality`), so that classes weigh by what the last fit made of
    them.

    Args:
        samples: as the task's `predict` takes them. They must not be in its pool: what it was
            trained on it finds better than anything else.
        labels: one for each, as the task's `fit` takes them.
        alpha: the smaller, the later a class's weight falls as it is found better.
        strength: by how much the hardest class counts more.
        least: boxes that are less confident don't count.
        reduce: of a sample's boxes.

    Raises:
        InvalidInputError: for no sample, or another number of labels.

    Example:
        >>> class Detector:
        ...     def class_quality(self, samples, labels):
        ...         return [0.5, 1.0]
        >>> measured = DifficultyCalibrated(["image"], [[]]).fit_to(Detector())
        >>> units = Categorical([[0.5, 0.1, 0.4], [0.1, 0.5, 0.4]])
        >>> boxes = Ragged(units, [1, 1], {"conf": torch.tensor([0.5, 0.5])})
        >>> [round(score, 3) for score in measured(boxes).tolist()]
        [0.804, 0.693]
    """

    def __init__(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        alpha: float = 0.3,
        strength: float = 0.2,
        least: float = 0.05,
        reduce: Reduce = "sum",
    ) -> None:
        difficulty_weights([1.0], alpha=alpha, strength=strength)
        if not len(samples) or len(samples) != len(labels):
            raise invalid(
                "labels",
                "one for each of at least one sample",
                f"{len(labels)} labels and {len(samples)} samples",
            )
        self.samples, self.labels = samples, labels
        self.alpha, self.strength, self.least, self.reduce = alpha, strength, least, reduce

    def fit_to(self, task: Any) -> Callable[[Prediction], Tensor]:
        """Return the function with the qualities of the task's classes.

        Raises:
            InvalidInputError: for a task that can't measure them.
        """
        if not provides(task, MeasuresClasses):
            raise InvalidInputError(
                f"task: {type(task).__name__} can't say how well it finds each class. Give it "
                "class_quality(samples, labels) (altasks.abilities.MeasuresClasses), or score by "
                "difficulty_calibrated(prediction, class_quality=...)."
            )
        quality = [float(one) for one in task.class_quality(self.samples, self.labels)]
        return functools.partial(
            difficulty_calibrated,
            class_quality=quality,
            alpha=self.alpha,
            strength=self.strength,
            least=self.least,
            reduce=self.reduce,
        )

    def __call__(self, prediction: Prediction) -> Tensor:
        """Refuse: which detector is meant isn't known.

        Raises:
            InvalidInputError: always.
        """
        del prediction
        raise InvalidInputError(
            "DifficultyCalibrated: expected a task to measure first, found a prediction alone. "
            "Give it to al.score or ActiveLoop as the acquisition, or call fit_to(task) and the "
            "function that it returns."
        )
