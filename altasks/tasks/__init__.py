"""Task adapters: model output -> `Prediction`. One file each; optional libraries load at use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from altasks.tasks.base import Predictor, StreamingPredictor, Task

if TYPE_CHECKING:
    from altasks.tasks.image_classification import ImageClassification
    from altasks.tasks.ner import NER
    from altasks.tasks.object_detection import ObjectDetection
    from altasks.tasks.regression import Regression
    from altasks.tasks.segmentation import Segmentation
    from altasks.tasks.srl import SRL
    from altasks.tasks.text_classification import TextClassification

# name -> the module that holds it
_HOMES = {
    "ImageClassification": "altasks.tasks.image_classification",
    "NER": "altasks.tasks.ner",
    "ObjectDetection": "altasks.tasks.object_detection",
    "Regression": "altasks.tasks.regression",
    "Segmentation": "altasks.tasks.segmentation",
    "SRL": "altasks.tasks.srl",
    "TextClassification": "altasks.tasks.text_classification",
}

__all__ = [
    "NER",
    "SRL",
    "ImageClassification",
    "ObjectDetection",
    "Predictor",
    "Regression",
    "Segmentation",
    "StreamingPredictor",
    "Task",
    "TextClassification",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'altasks.tasks' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
