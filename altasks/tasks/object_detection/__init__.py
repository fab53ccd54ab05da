"""Object detection on Ultralytics YOLO (AGPL-3.0)."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.object_detection.sources import yolo_description as yolo_description
    from altasks.tasks.object_detection.task import ObjectDetection as ObjectDetection

__getattr__ = lazy_names(
    __name__,
    {
        "yolo_description": "altasks.tasks.object_detection.sources",
        "ObjectDetection": "altasks.tasks.object_detection.task",
    },
)
