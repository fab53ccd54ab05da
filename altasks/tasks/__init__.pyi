# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.

from altasks.tasks._shared.frozen.cache import (
    FeatureCache as FeatureCache,
)
from altasks.tasks.base import (
    Predictor as Predictor,
    StreamingPredictor as StreamingPredictor,
    Task as Task,
)
from altasks.tasks.image_classification import (
    ImageClassification as ImageClassification,
)
from altasks.tasks.ner import (
    NER as NER,
)
from altasks.tasks.object_detection import (
    ObjectDetection as ObjectDetection,
)
from altasks.tasks.ocr import (
    OCR as OCR,
)
from altasks.tasks.ocr.crnn import (
    CRNN as CRNN,
)
from altasks.tasks.ocr.image_to_text import (
    ImageToText as ImageToText,
)
from altasks.tasks.ocr.tesseract import (
    Tesseract as Tesseract,
)
from altasks.tasks.regression import (
    Regression as Regression,
)
from altasks.tasks.segmentation import (
    Segmentation as Segmentation,
)
from altasks.tasks.srl import (
    SRL as SRL,
)
from altasks.tasks.text_classification import (
    TextClassification as TextClassification,
)

__all__ = [
    "CRNN",
    "FeatureCache",
    "ImageClassification",
    "ImageToText",
    "NER",
    "OCR",
    "ObjectDetection",
    "Predictor",
    "Regression",
    "SRL",
    "Segmentation",
    "StreamingPredictor",
    "Task",
    "Tesseract",
    "TextClassification",
]
