"""What is right, row by row of a prediction: checked, or made of a task's labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from altasks._internal.tensor_checks import as_float_tensor
from altasks.abilities import NamesClasses, TellsTargets, provides
from altasks.errors import InvalidInputError, UnsupportedPredictionError, invalid
from altasks.predictions import Bernoulli, Categorical, Prediction, Ragged

#: The target of a unit of which it isn't known what is right: it is left out.
UNKNOWN = -1


def probabilities(prediction: Any, what: str) -> Categorical | Bernoulli:
    """Return the units of a prediction, or refuse what has no probabilities of classes.

    Raises:
        UnsupportedPredictionError: naming what was found, for `what`.
    """
    units = prediction.units if isinstance(prediction, Ragged) else prediction
    if not isinstance(units, Categorical | Bernoulli):
        raise UnsupportedPredictionError(
            f"{what}: reads Categorical and Bernoulli (or a Ragged of these), found {prediction!r}."
            if isinstance(prediction, Prediction)
            else f"{what}: expected a prediction (Categorical or Bernoulli), found "
            f"{type(prediction).__name__}. Wrap it: Categorical(probs) for exclusive classes, "
            "Bernoulli(probs) for independent labels."
        )
    return units


def check_targets(units: Categorical | Bernoulli, targets: Any) -> tuple[Tensor, Tensor]:
    """Return the rows of which it is known what is right, and that.

    Args:
        units: M of them.
        targets: `[M]` whole numbers, the right column of each row of a `Categorical`, -1 where it
            isn't known; or `[M, C]` of 0 and 1 for a `Bernoulli`, -1 likewise.

    Returns:
        For a `Categorical` `[R]` rows and `[R]` columns, int64; for a `Bernoulli` a mask `[M, C]`
        of what is known and `[M, C]` float64. On the CPU.

    Raises:
        InvalidInputError: if they don't fit, naming the first row that doesn't, or if nothing is
            known.
    """
    given = as_float_tensor(targets, "targets").cpu()
    shape = list(units.probs.shape[:1])
    highest = units.probs.shape[2] - 1
    expected = f"shape {shape}, the right class of each"
    if isinstance(units, Bernoulli):
        shape, highest = [*shape, units.probs.shape[2]], 1
        expected = f"shape {shape} of 0 and 1"
    if list(given.shape) != shape:
        raise invalid("targets", expected, f"shape {list(given.shape)}")
    wide = given.to(torch.float64)
    wrong = ~((wide == wide.round()) & (wide >= UNKNOWN) & (wide <= highest))
    if bool(wrong.any()):
        place = [int(number) for number in wrong.nonzero()[0]]
        raise invalid(
            "targets",
            f"whole numbers from 0 to {highest}, or -1 where it isn't known",
            f"{float(wide[tuple(place)]):g}",
            where=f"row {place[0]}",
        )
    known = wide != UNKNOWN
    if not bool(known.any()):
        raise invalid("targets", "at least one that is known", "none")
    if isinstance(units, Bernoulli):
        return known, wide
    rows = known.nonzero().flatten()
    return rows, wide[rows].to(torch.int64)


def targets_of(task: Any, samples: Sequence[Any], labels: Sequence[Any], found: Any) -> Any:
    """Return the targets of samples, made of their labels, as `check_targets` takes them.

    Args:
        task: with `targets` (`TellsTargets`), or with `labels`, the names of its columns, for
            predictions of one unit a sample: each label is then one of these names (a
            `Categorical`), or the list of them (a `Bernoulli`).
        samples: what was predicted.
        labels: one for each sample, as `fit` takes them.
        found: the prediction.

    Raises:
        InvalidInputError: for a label that is none of the names, or a task that doesn't say.
    """
    if provides(task, TellsTargets):
        return task.targets(samples, labels, found)
    name = type(task).__name__
    if not provides(task, NamesClasses) or not isinstance(found, Categorical | Bernoulli):
        raise InvalidInputError(
            f"task: {name} doesn't say which column of its prediction a label is. Give it "
            "targets(samples, labels, prediction) (altasks.abilities.TellsTargets), or fit by a "
            "prediction and its targets: TemperatureScaling.fit(prediction, targets)."
        )
    names = list(task.labels)[: found.probs.shape[2]]
    place = {one: column for column, one in enumerate(names)}
    if isinstance(found, Categorical):
        return torch.tensor([_column(place, label, row) for row, label in enumerate(labels)])
    targets = torch.zeros(len(labels), found.probs.shape[2])
    for row, label in enumerate(labels):
        if isinstance(label, str) or not isinstance(label, Collection):
            raise invalid(
                "labels", "the list of a sample's labels", f"{label!r}", where=f"row {row}"
            )
        for one in label:
            targets[row, _column(place, one, row)] = 1
    return targets


def _column(place: dict[Any, int], label: Any, row: int) -> int:
    try:
        return place[label]
    except (KeyError, TypeError):
        known = ", ".join(repr(name) for name in list(place)[:10])
        raise invalid("labels", f"one of {known}", f"{label!r}", where=f"row {row}") from None
