"""The protocol of pictures: a sample drawn with its prediction or its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Picture(Protocol):
    """A function registered under its task's name, which contact sheets and reports call.

    It needs no model: the description is JSON, from the task's `describe`, from a queue that
    `altasks rank` wrote, or a label in the same form.
    """

    def __call__(
        self, sample: Any, description: Mapping[str, Any], *, classes: Sequence[str] = ()
    ) -> Any:
        """Return a PIL image; the sample and the description stay as they are.

        Args:
            sample: as the task takes it: a path, an array, a PIL image, a text.
            description: what is predicted or labelled.
            classes: all classes in their order, where colours should mean the same in all
                pictures; empty if not known.

        Raises:
            UnreadableSampleError: for a sample that can't be read.
        """
        ...
