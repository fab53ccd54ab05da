"""Temperature scaling: one number that makes probabilities as sure as they may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar, get_args

import torch
from torch import Tensor

from altasks._internal.chunks import pieces
from altasks._internal.tensor_checks import working_dtype
from altasks.calibration.error import calibration_error
from altasks.calibration.targets import check_targets, probabilities
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Prediction, Ragged

Scaled = TypeVar("Scaled", bound=Prediction)

#: What a temperature is fitted by.
Criterion = Literal["nll", "ece"]

#: The temperatures that are looked at.
LOWEST, HIGHEST = 0.05, 20.0
#: How many of them are tried first, evenly spaced in their logarithm; 1 is among them.
_TRIED = {"nll": 25, "ece": 121}
#: Halvings, so to speak, of the interval around the best of these: to a few parts in a million.
_STEPS = 28
#: A probability of 0 counts as this much in a fit, lest one row decide alone.
_LEAST = 1e-12
#: Numbers in a block of a fit.
_BLOCK = 2**22


@dataclass(frozen=True)
class TemperatureScaling:
    """Makes a model less sure (above 1) or surer (below 1), by one number for all it says.

    Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks": the logits
    are divided by T. Of probabilities p that is p^(1/T), scaled to sum to 1, which needs no
    logits; of independent labels, the sigmoid of their log odds divided by T. Each member of a
    committee is scaled for itself, by the same T, so that what is made of their disagreement
    (BALD) is scaled too. The most probable class of each member stays.

    Call it with a prediction; give it to `al.score(calibration=...)` or
    `ActiveLoop(calibration=...)`.

    Args:
        temperature: above 0.

    Raises:
        InvalidInputError: for a temperature that isn't a finite number above 0.

    Example:
        >>> from altasks import Categorical
        >>> TemperatureScaling(2.0)(Categorical([[0.8, 0.2]])).probs.round(decimals=3).tolist()
        [[[0.667, 0.333]]]
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        value = self.temperature
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 < value < math.inf
        ):
            raise invalid("temperature", "a finite number above 0", f"{value!r}")

    def __call__(self, prediction: Scaled) -> Scaled:
        """Return the prediction with its probabilities scaled; of a `Ragged`, those of its units.

        The features and fields stay. Half precision comes out as float32; at T = 1 the prediction
        itself comes back.

        Raises:
            UnsupportedPredictionError: for a prediction without probabilities of classes.
        """
        units = probabilities(prediction, "temperature")
        if self.temperature == 1:
            return prediction
        scaled = type(units)._trusted(_scaled(units, self.temperature), units.features)
        if isinstance(prediction, Ragged):
            return Ragged._trusted(  # type: ignore[return-value]
                scaled, prediction.lengths, prediction.fields
            )
        return scaled  # type: ignore[return-value]

    @classmethod
    def fit(
        cls,
        prediction: Prediction,
        targets: Any,
        *,
        by: Criterion = "nll",
        smooth: bool = False,
        among: Sequence[float] | None = None,
    ) -> Self:
        """Return the temperature under which a prediction suits what is right best.

        The samples must be others than those the model was trained on, of which it is too sure.
        Of a committee the average of the scaled members is looked at. By `"nll"`, the negative log
        likelihood (for independent labels the binary one), a probability of 0 counts as 1e-12, so
        that one row doesn't decide alone. Temperatures from 0.05 to 20 are looked at; where the
        best is at an end, as where all is right, that end is returned.

        Args:
            prediction: a `Categorical` or `Bernoulli`, or a `Ragged` of one.
            targets: `[M]`, the right column of each row or unit, or `[M, C]` of 0 and 1 for a
                `Bernoulli`; -1 where it isn't known.
            by: `"nll"`, or `"ece"`, the calibration error in 15 bins of about as many rows: of the
                temperatures tried the best one, of equals the nearest to 1.
            smooth: with `"nll"`: what is right counts as right by (n + 1) / (n + 2), n rows (for
                independent labels, decisions), and the rest as the other classes, alike. These
                are the targets of Platt (1999), "Probabilistic Outputs for Support Vector
                Machines": few rows may all be predicted right, and then the surest is likeliest.
            among: the temperatures to choose from; None searches.

        Raises:
            UnsupportedPredictionError: for any other prediction.
            InvalidInputError: for targets that don't fit, another `by`, or no temperature to
                choose from.

        Example:
            >>> from altasks import Categorical
            >>> too_sure = Categorical([[0.99, 0.01]] * 4)
            >>> scaling = TemperatureScaling.fit(too_sure, [0, 0, 0, 1])
            >>> scaling(too_sure).probs[0].round(decimals=2).tolist()
            [[0.75, 0.25]]
        """
        if by not in get_args(Criterion):
            raise invalid("by", "'nll' or 'ece'", f"{by!r}")
        units = probabilities(prediction, "fit")
        known, right = check_targets(units, targets)  # before anything is scaled
        loss: Callable[[float], float]
        if by == "nll":
            loss = _Likelihood(units, known, right, smooth)
        else:

            def loss(one: float) -> float:
                return calibration_error(cls(one)(units), targets, equal_mass=True)

        if among is None:
            return cls(_least(loss, _evenly(_TRIED[by]), refine=by == "nll"))
        if not len(among):
            raise invalid("among", "at least one temperature", "none")
        return cls(_least(loss, [cls(float(one)).temperature for one in among], refine=False))


def _scaled(units: Categorical | Bernoulli, temperature: float) -> Tensor:
    """Return the scaled probabilities, laid out in memory as they are."""
    probs = units.probs
    out = torch.empty_like(probs, dtype=working_dtype(probs.dtype))
    for piece in pieces(probs, copies=3):
        values = piece.values.to(out.dtype)
        logits = values.logit() if isinstance(units, Bernoulli) else values.log()
        logits.div_(temperature)
        done = torch.sigmoid(logits) if isinstance(units, Bernoulli) else logits.softmax(piece.last)
        piece.like(out).copy_(done)
    return out


class _Likelihood:
    """The mean negative log likelihood of what is right, under a temperature."""

    def __init__(
        self, units: Categorical | Bernoulli, known: Tensor, right: Tensor, smooth: bool
    ) -> None:
        self.units, self.known, self.right = units, known, right
        self.labels = isinstance(units, Bernoulli)
        self.count = int(known.sum()) if self.labels else len(known)
        # What is right counts by this much, and each other class by a share of the rest.
        self.weight = (self.count + 1) / (self.count + 2) if smooth else 1.0
        self._logits: list[Tensor] | None = None

    def __call__(self, temperature: float) -> float:
        total, start = 0.0, 0
        for logits in self._blocks():  # rows x K x C
            part = slice(start, start + len(logits))
            start += len(logits)
            if self.labels:
                scaled = torch.sigmoid(logits / temperature).mean(1)  # rows x C
                known, right = self.known[part], self.right[part]
                chance = torch.where(right == 1, scaled, 1 - scaled)[known]
                others = _log(1 - chance).sum() if self.weight < 1 else 0.0
            else:
                right = self.right[part, None]
                scaled = torch.softmax(logits / temperature, 2).mean(1)
                chance = scaled.gather(1, right)
                others = 0.0
                if self.weight < 1:
                    logs = _log(scaled)
                    others = (logs.sum() - logs.gather(1, right).sum()) / (scaled.shape[1] - 1)
            total -= float(self.weight * _log(chance).sum() + (1 - self.weight) * others)
        return total / self.count

    def _blocks(self) -> list[Tensor] | Any:
        probs = self.units.probs
        if self._logits is None and probs.numel() <= 4 * _BLOCK:
            self._logits = list(self._made())
        return self._made() if self._logits is None else self._logits

    def _made(self) -> Any:
        probs = self.units.probs
        rows = torch.arange(len(probs)) if self.labels else self.known
        step = max(1, _BLOCK // max(1, probs[0].numel()))
        for start in range(0, len(rows), step):
            block = probs[rows[start : start + step].to(probs.device)].cpu().to(torch.float64)
            if self.labels:
                block = block.clamp(_LEAST, 1 - _LEAST)
                yield block.log() - torch.log1p(-block)
            else:
                yield block.clamp_min(_LEAST).log()


def _log(probs: Tensor) -> Tensor:
    return probs.clamp_min(torch.finfo(torch.float64).tiny).log()


def _evenly(count: int) -> list[float]:
    """Return temperatures over the whole range, evenly spaced in their logarithm, 1 among them."""
    step = math.log(HIGHEST / LOWEST) / (count - 1)
    grid = [math.exp(math.log(LOWEST) + i * step) for i in range(count)]
    grid[count // 2] = 1.0  # both ends are equally far from it
    return grid


def _least(loss: Callable[[float], float], tried: Sequence[float], *, refine: bool) -> float:
    """Return the temperature of the least loss; of equals the nearest to 1.

    Of one model the likelihood has one minimum (it is convex in 1/T), of a committee it may have
    several, so the whole range is looked at before the best place is searched.
    """
    losses = [loss(one) for one in tried]
    least = min(losses)
    close = [i for i, one in enumerate(losses) if one <= least + 1e-12 * abs(least)]
    best = min(close, key=lambda i: abs(math.log(tried[i])))
    if not refine or len(close) > 1:
        return tried[best]
    return _golden(loss, tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)])


def _golden(loss: Callable[[float], float], low: float, high: float) -> float:
    """Return the place of the minimum between two temperatures, by golden section (Kiefer 1953)."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = math.log(low), math.log(high)
    one, other = right - ratio * (right - left), left + ratio * (right - left)
    at_one, at_other = loss(math.exp(one)), loss(math.exp(other))
    for _ in range(_STEPS):
        if at_one <= at_other:
            right, other, at_other = other, one, at_one
            one = right - ratio * (right - left)
            at_one = loss(math.exp(one))
        else:
            left, one, at_one = one, other, at_other
            other = left + ratio * (right - left)
            at_other = loss(math.exp(other))
    return math.exp((left + right) / 2)
