"""What a task may be able to show to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.predictions import Prediction


@runtime_checkable
class Describes(Protocol):
    """Queries carry what the model predicts, for people to correct and for reports."""

    def describe(self, sample: Any, prediction: Prediction) -> Mapping[str, Any]:
        """Return, as JSON, what a person wants to see of one sample's prediction."""
        ...


@runtime_checkable
class DescribesMany(Protocol):
    """Describes samples that have no one prediction (streamed ones), or shares work among them."""

    def describe_many(self, samples: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        """Predict and describe each sample; the prediction is made inside."""
        ...


@runtime_checkable
class DrawsPictures(Protocol):
    """Contact sheets show the prediction on the sample instead of the sample alone."""

    def picture(self, sample: Any, description: Mapping[str, Any]) -> Any:
        """Return a PIL image of a sample with its description drawn on it."""
        ...
