"""Task adapters: model output -> `Prediction`. One package each; optional libraries load at use."""

from altasks._internal.lazy import keep_old_paths, lazy_names
from altasks.registry import TASKS

# Name -> the module that holds it.
_HOMES = {
    **TASKS.exports(),
    "CRNN": "altasks.tasks.ocr.crnn",
    "FeatureCache": "altasks.tasks._shared.frozen.cache",
    "ImageToText": "altasks.tasks.ocr.image_to_text",
    "Predictor": "altasks.tasks.base",
    "StreamingPredictor": "altasks.tasks.base",
    "Task": "altasks.tasks.base",
    "Tesseract": "altasks.tasks.ocr.tesseract",
}

__all__ = list(_HOMES)

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
