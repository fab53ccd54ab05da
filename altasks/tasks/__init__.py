"""Task adapters: model output -> `Prediction`. One file each; optional libraries load at use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from altasks.tasks.base import Predictor, StreamingPredictor, Task

if TYPE_CHECKING:
    from altasks.tasks.crnn import CRNN
    from altasks.tasks.image_classification import ImageClassification
    from altasks.tasks.image_to_text import ImageToText
    from altasks.tasks.ner import NER
    from altasks.tasks.object_detection import ObjectDetection
    from altasks.tasks.ocr import OCR
    from altasks.tasks.regression import Regression
    from altasks.tasks.segmentation import Segmentation
    from altasks.tasks.srl import SRL
    from altasks.tasks.tesseract import Tesseract
    from altasks.tasks.text_classification import TextClassification

# name -> the module that holds it
_HOMES = {
    "ImageClassification": "altasks.tasks.image_classification",
    "NER": "altasks.tasks.ner",
    "ObjectDetection": "altasks.tasks.object_detection",
    "CRNN": "altasks.tasks.crnn",
    "ImageToText": "altasks.tasks.image_to_text",
    "OCR": "altasks.tasks.ocr",
    "Regression": "altasks.tasks.regression",
    "Segmentation": "altasks.tasks.segmentation",
    "SRL": "altasks.tasks.srl",
    "Tesseract": "altasks.tasks.tesseract",
    "TextClassification": "altasks.tasks.text_classification",
}

__all__ = [
    "CRNN",
    "NER",
    "OCR",
    "SRL",
    "ImageClassification",
    "ImageToText",
    "ObjectDetection",
    "Predictor",
    "Regression",
    "Segmentation",
    "StreamingPredictor",
    "Task",
    "Tesseract",
    "TextClassification",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'altasks.tasks' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
