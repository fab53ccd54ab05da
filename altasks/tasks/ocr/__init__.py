"""Text lines, read by a committee of any recognisers."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.ocr.crnn import CRNN as CRNN
    from altasks.tasks.ocr.image_to_text import ImageToText as ImageToText
    from altasks.tasks.ocr.task import OCR as OCR
    from altasks.tasks.ocr.tesseract import Tesseract as Tesseract

__getattr__ = lazy_names(
    __name__,
    {
        "CRNN": "altasks.tasks.ocr.crnn",
        "ImageToText": "altasks.tasks.ocr.image_to_text",
        "OCR": "altasks.tasks.ocr.task",
        "Tesseract": "altasks.tasks.ocr.tesseract",
    },
)
