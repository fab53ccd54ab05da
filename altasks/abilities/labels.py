"""What a task may know of its labels: which are wrong, what they are the answer to, how rare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from altasks.predictions import Prediction


@runtime_checkable
class ChecksLabels(Protocol):
    """`loop.tell` refuses a wrong label at once, not when the model is trained on it."""

    def check_label(self, label: Any) -> Any:
        """Return the label in the form the store keeps (JSON), or raise `InvalidInputError`.

        A task whose labels depend on their samples has a second parameter, `sample=None`, and is
        then given it.
        """
        ...


@runtime_checkable
class TellsTargets(Protocol):
    """Its probabilities can be calibrated: it says which column is right for each unit."""

    def targets(
        self, samples: Sequence[Any], labels: Sequence[Any], prediction: Prediction
    ) -> Tensor | np.ndarray:
        """Return `[M]` columns, one for each unit of a prediction of these samples, -1 for unknown.

        For independent labels `[M, C]` of 0 and 1. Tasks with one unit a sample whose labels are
        names of `labels` (`NamesClasses`) needn't.
        """
        ...


@runtime_checkable
class StreamsTargets(Protocol):
    """The same for samples that are predicted in pieces: no prediction of a whole one is made."""

    def iter_targets(
        self, samples: Sequence[Any], labels: Sequence[Any]
    ) -> Iterator[tuple[int, Prediction, Tensor | np.ndarray]]:
        """Yield (index into samples, some units of it, their targets), each unit once."""
        ...


@runtime_checkable
class TellsObjects(Protocol):
    """Strategies that compare samples object by object (boxes) work: it gives each an embedding."""

    def objects(self, prediction: Prediction) -> Tensor | np.ndarray:
        """Return `[n, B, 2 + d]`: of each sample up to B objects, a row for each.

        A row has the number of the object's class, its score above 0, and its embedding; rows of
        score 0 are none. B and d are the same for all predictions of a task.
        """
        ...


@runtime_checkable
class MeasuresClasses(Protocol):
    """`DifficultyCalibrated` can weigh hard classes: it says how well it finds each."""

    def class_quality(self, samples: Sequence[Any], labels: Sequence[Any]) -> Sequence[float]:
        """Return a number from 0 to 1 for each class, measured on labelled samples."""
        ...


@runtime_checkable
class ReportsClassWeights(Protocol):
    """Functions with `class_weights=` can weigh rare classes by what has been labelled."""

    @property
    def class_weights(self) -> Sequence[float]:
        """A weight above 0 for each class, from the labels of the last fit."""
        ...


@runtime_checkable
class LeavesOut(Protocol):
    """Says which class of a mask means "not labelled", so that nothing is counted there."""

    @property
    def void(self) -> Any:
        """The value of unlabelled pixels."""
        ...
