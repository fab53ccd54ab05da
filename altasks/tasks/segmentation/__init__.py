"""Semantic segmentation, of whole images or of regions."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.segmentation.task import Segmentation as Segmentation
    from altasks.tasks.segmentation.weak_labels import WeakLabels as WeakLabels
    from altasks.tasks.segmentation.weak_labels import weak_labels as weak_labels
    from altasks.tasks.segmentation.weak_labels import with_weak_labels as with_weak_labels

__getattr__ = lazy_names(
    __name__,
    {
        "Segmentation": "altasks.tasks.segmentation.task",
        "WeakLabels": "altasks.tasks.segmentation.weak_labels",
        "weak_labels": "altasks.tasks.segmentation.weak_labels",
        "with_weak_labels": "altasks.tasks.segmentation.weak_labels",
    },
)
