"""What committees, acquisition functions, calibrations and oracles may be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.predictions import Prediction


@runtime_checkable
class HasCommittee(Protocol):
    """Shows its committee, so that scoring sees whether that one `AveragesFeatures`."""

    @property
    def committee(self) -> Any:
        """The committee, or None."""
        ...


@runtime_checkable
class AveragesFeatures(Protocol):
    """A committee whose members each see features of their own: embeddings come from `embed`."""

    @property
    def averages_features(self) -> bool:
        """Whether the features of its draws are an average over members."""
        ...


@runtime_checkable
class StreamsItself(Protocol):
    """An acquisition function without unit scores to reduce: it folds streamed samples itself."""

    @property
    def streamed(self) -> Callable[..., Any]:
        """`streamed(n, **options)` returns an object with `add(index, prediction)`, `result()`."""
        ...


@runtime_checkable
class FitsToTask(Protocol):
    """A calibration, or an acquisition function, that is fitted anew to each model."""

    def fit_to(self, task: Any) -> Callable[[Prediction], Any]:
        """Return what calibrates, or scores, the predictions of the task as it is now."""
        ...


@runtime_checkable
class ReadsLabels(Protocol):
    """An acquisition function with options that say something of what is labelled."""

    @property
    def from_labels(self) -> Mapping[str, Callable[[Sequence[Any]], Any]]:
        """Option -> what makes its value of all labels; a loop fills those it wasn't given."""
        ...


@runtime_checkable
class CostsLabels(Protocol):
    """An oracle that knows what its labels cost: the rounds of a run say so."""

    def cost_of(self, labels: Mapping[str, Any]) -> float:
        """Return what these labels cost."""
        ...
