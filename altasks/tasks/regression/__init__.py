"""Regression with a predicted variance: tables, texts, images, any torch module."""

from typing import TYPE_CHECKING

from altasks._internal.lazy import lazy_names

if TYPE_CHECKING:
    from altasks.tasks.regression.task import Regression as Regression

__getattr__ = lazy_names(
    __name__,
    {
        "Regression": "altasks.tasks.regression.task",
    },
)
