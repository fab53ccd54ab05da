"""What a task may be able to learn, keep and be measured by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.predictions import Prediction


@runtime_checkable
class Trainable(Protocol):
    """A loop can train it; without, a loop scores by the model as it was given."""

    def fit(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        seed: int,
        weights: Sequence[float] | None = None,
        valid: tuple[Sequence[Any], Sequence[Any]] | None = None,
        unlabelled: Sequence[Any] | None = None,
    ) -> None:
        """Train on labelled samples, from the pretrained weights again by default."""
        ...


@runtime_checkable
class WarmStarts(Protocol):
    """Says whether a fit goes on from the last one, so that a resumed loop brings that back."""

    @property
    def warm_start(self) -> bool:
        """Whether `fit` goes on from the weights of the last one."""
        ...


@runtime_checkable
class StartsOver(Protocol):
    """A loop can repeat its first fits in a task that was trained already."""

    def start_over(self) -> None:
        """Forget all training: the next `fit` starts from the beginning."""
        ...


@runtime_checkable
class Loads(Protocol):
    """`altasks rank --model` works without a ranker of its own: the saved folder is loaded."""

    def load(self, directory: Path | str) -> None:
        """Read back, in place, what `save` wrote."""
        ...


@runtime_checkable
class Saves(Loads, Protocol):
    """A resumed loop reads the weights of its last fit instead of training again."""

    def save(self, directory: Path | str) -> None:
        """Write the trained weights (safetensors) and settings (JSON) into `directory`."""
        ...


@runtime_checkable
class KeepsFeatures(Protocol):
    """Keeps what the frozen part of its network makes; a loop gives it a place by its weights."""

    def keep_features_in(self, folder: Path) -> None:
        """Keep it in `folder` from now on; the folder need not exist, and may never be needed."""
        ...


@runtime_checkable
class Evaluates(Protocol):
    """`loop.evaluate`, `loop.run(test=...)` and targets."""

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return the field's standard metrics."""
        ...


@runtime_checkable
class MainMetric(Protocol):
    """Names the metric that `al.compare` judges by; without, the first of `evaluate` counts."""

    @property
    def main_metric(self) -> str:
        """One of the names that `evaluate` reports."""
        ...


@runtime_checkable
class Measures(Protocol):
    """An ensemble is measured by its joint prediction instead of member by member."""

    def measure(self, prediction: Prediction, labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of a prediction, as `evaluate` does of what it predicts itself."""
        ...
