"""Image classification, single and multi-label."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.image_classification.task import ImageClassification as ImageClassification

__getattr__ = lazy_names(
    __name__,
    {
        "ImageClassification": "altasks.tasks.image_classification.task",
    },
)
