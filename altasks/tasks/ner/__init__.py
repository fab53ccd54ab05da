"""Named entities."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.ner.task import NER as NER

__getattr__ = lazy_names(
    __name__,
    {
        "NER": "altasks.tasks.ner.task",
    },
)
