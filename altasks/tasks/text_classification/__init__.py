"""Text classification, single and multi-label."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.text_classification.task import TextClassification as TextClassification

__getattr__ = lazy_names(
    __name__,
    {
        "TextClassification": "altasks.tasks.text_classification.task",
    },
)
