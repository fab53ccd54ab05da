"""What a task may know of its samples: whether they can be used, how big, how dear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.predictions import Prediction


@runtime_checkable
class ChecksSamples(Protocol):
    """A sample that can't be used is refused by its id before any work is done."""

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Raise `InvalidInputError` or `UnreadableSampleError`, its message or rows saying which.

        Called with up to 1,000 samples, and on an error with each alone, to find the one.
        """
        ...


@runtime_checkable
class OpensSamples(Protocol):
    """Samples are read and decoded on threads while the model computes, each once per scoring."""

    @property
    def workers(self) -> int:
        """How many threads open samples; 0 opens each in the caller's thread."""
        ...

    def open_sample(self, sample: Any) -> Any:
        """Return a sample read and decoded, small if it can be; or as it is, if it needs neither.

        `predict`, `iter_predict` and `embed` take it in place of the sample, with the same result.
        Called on several threads at once, as `size` and `group_key` then may be. Raises
        `UnreadableSampleError`.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """Batches are made of samples of about one size, the biggest first: less padding."""

    def size(self, sample: Any) -> int:
        """Return how big a sample is, at least 0, without running the model."""
        ...


@runtime_checkable
class UniformSize(Protocol):
    """Says whether all samples come to one size, so that no sample is read for its own."""

    @property
    def uniform_size(self) -> bool:
        """Whether `size` is the same for all samples."""
        ...


@runtime_checkable
class Grouped(Protocol):
    """Samples that are parts of one thing (regions of an image) share a batch and its one pass."""

    def group_key(self, sample: Any) -> Any:
        """Return what samples of one group have in common; None for a sample on its own."""
        ...


@runtime_checkable
class Costs(Protocol):
    """A loop can spend a budget in words, boxes or characters instead of samples."""

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return what labelling the sample costs, above 0, in the task's unit."""
        ...


@runtime_checkable
class PredictsCosts(Protocol):
    """A budget counts what the model expects to be labelled, such as the boxes of an image."""

    def costs(self, samples: Sequence[Any]) -> Sequence[float]:
        """Return what labelling each sample of one batch costs, predicted by the model as it is."""
        ...


@runtime_checkable
class CountsLabels(Protocol):
    """A budget counts what was labelled, once it is, instead of what was expected."""

    def label_cost(self, label: Any) -> float:
        """Return what a label cost, above 0, in the unit of `cost`."""
        ...
