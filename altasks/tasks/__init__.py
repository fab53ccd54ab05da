"""Task adapters: model output -> `Prediction`. One file each; optional libraries load at use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from altasks.tasks.base import Predictor, StreamingPredictor, Task

if TYPE_CHECKING:
    from altasks.tasks.text_classification import TextClassification

__all__ = ["Predictor", "StreamingPredictor", "Task", "TextClassification"]


def __getattr__(name: str) -> Any:
    if name == "TextClassification":
        from altasks.tasks.text_classification import TextClassification

        return TextClassification
    raise AttributeError(f"module 'altasks.tasks' has no attribute {name!r}")
