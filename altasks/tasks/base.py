"""What a task is to the rest of altasks: an interface, not a base class.

Scoring needs `predict` alone; everything else is used where it exists. So a user's own object
with one method is a task, and the adapters in this package are plain classes with more of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from altasks.predictions import Prediction


@runtime_checkable
class Predictor(Protocol):
    """The least a task must be."""

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the committee's prediction of one batch."""
        ...


@runtime_checkable
class StreamingPredictor(Protocol):
    """A task whose samples are too big for one prediction a batch."""

    def iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        """Yield (index into `samples`, a prediction of some of its units)."""
        ...


@runtime_checkable
class Task(Predictor, Protocol):
    """A full task adapter; `ActiveLoop` can train, measure, save and resume it.

    Attributes:
        default_acquisition: the name of the acquisition function used when none is named.
        default_strategy: the name of the strategy used when none is named.
        joint_draws: whether draw k of the committee is one function over all samples
            (strategies such as BatchBALD need that).
    """

    default_acquisition: str
    default_strategy: str

    @property
    def joint_draws(self) -> bool:
        """Whether draw k is one function over all samples."""
        ...

    def start_round(self, round: int) -> None:
        """Tell the committee which round its random draws are for; the loop calls it per ask."""
        ...

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return `[n, d]` features of one batch, on the CPU."""
        ...

    def size(self, sample: Any) -> int:
        """Return how big a sample is, without the model: batches are made of equals."""
        ...

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return what labelling the sample costs, in the task's unit (1 per sample)."""
        ...

    def check_label(self, label: Any) -> Any:
        """Return the label in the form the store keeps (JSON), or raise `InvalidInputError`.

        A task whose labels depend on their samples has a second parameter, `sample=None`, and is
        then given it.
        """
        ...

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
        """Train on labelled samples, from the pretrained weights again unless told otherwise."""
        ...

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return the field's standard metrics."""
        ...

    def save(self, directory: Path | str) -> None:
        """Write the trained weights (safetensors) and settings (JSON) into `directory`."""
        ...

    def load(self, directory: Path | str) -> None:
        """Read back, in place, what `save` wrote."""
        ...

    def describe(self, sample: Any, prediction: Prediction) -> Mapping[str, Any]:
        """Return, as JSON, what a person wants to see of one sample's prediction."""
        ...


#: What `Task.embed` may return; scoring makes it a NumPy array.
Embeddings = Tensor | np.ndarray
