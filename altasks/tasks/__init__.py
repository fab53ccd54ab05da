"""Task adapters: model output -> `Prediction`. One file each; optional libraries load at use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altasks._internal.lazy import keep_old_paths, lazy_names
from altasks.tasks.base import Predictor, StreamingPredictor, Task

if TYPE_CHECKING:
    from altasks.tasks.image_classification import ImageClassification
    from altasks.tasks.ner import NER
    from altasks.tasks.object_detection import ObjectDetection
    from altasks.tasks.ocr import OCR
    from altasks.tasks.ocr.crnn import CRNN
    from altasks.tasks.ocr.image_to_text import ImageToText
    from altasks.tasks.ocr.tesseract import Tesseract
    from altasks.tasks.regression import Regression
    from altasks.tasks.segmentation import Segmentation
    from altasks.tasks.srl import SRL
    from altasks.tasks.text_classification import TextClassification

# name -> the module that holds it
_HOMES = {
    "ImageClassification": "altasks.tasks.image_classification",
    "NER": "altasks.tasks.ner",
    "ObjectDetection": "altasks.tasks.object_detection",
    "CRNN": "altasks.tasks.ocr.crnn",
    "ImageToText": "altasks.tasks.ocr.image_to_text",
    "OCR": "altasks.tasks.ocr",
    "Regression": "altasks.tasks.regression",
    "Segmentation": "altasks.tasks.segmentation",
    "SRL": "altasks.tasks.srl",
    "Tesseract": "altasks.tasks.ocr.tesseract",
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


__getattr__ = lazy_names(__name__, _HOMES)

keep_old_paths(
    __name__,
    {
        "crnn": "altasks.tasks.ocr.crnn",
        "image_to_text": "altasks.tasks.ocr.image_to_text",
        "tesseract": "altasks.tasks.ocr.tesseract",
        "weak_labels": "altasks.tasks.segmentation.weak_labels",
    },
)
