"""Semantic roles."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.srl.task import SRL as SRL

__getattr__ = lazy_names(
    __name__,
    {
        "SRL": "altasks.tasks.srl.task",
    },
)
