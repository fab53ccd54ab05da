"""What the model of the last fit says of Label Studio's tasks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altasks.errors import UnreadableSampleError
from altasks.loop.glance import glance
from altasks.loop.query import Query
from altasks.oracles.guesses import guesses_of
from altasks.oracles.label_studio.queue import ID, VERSION

if TYPE_CHECKING:
    from altasks.data.label_studio import Converter
    from altasks.loop import ActiveLoop

#: Tasks predicted at once, between two looks at the clock.
_MANY = 32


class Predictor:
    """Predicts with a loop of its own, and takes up each fit that the store has logged.

    Args:
        loop: of this process alone; nothing is asked, told or fitted.
        converter: of the project.
    """

    def __init__(self, loop: ActiveLoop, converter: Converter) -> None:
        self.loop = loop
        self.converter = converter
        self._checked: set[str] = set()

    def check(self, config: str | None) -> None:
        """Refuse a labelling interface that has become another.

        Raises:
            InvalidInputError: if it doesn't fit the task any more.
        """
        if config and config not in self._checked:
            self.converter.attached(config, control=self.converter.control.name)
            self._checked = {config}

    def predict(self, tasks: Sequence[Mapping[str, Any]], until: float) -> list[Any]:
        """Return for each task its prediction, or an empty list where there is none.

        There is none for tasks that altasks didn't push, for samples that can't be read, for what
        the interface can't show, and for those whose turn doesn't come in time.

        Args:
            tasks: as Label Studio sends them.
            until: by the monotonic clock.

        Raises:
            StoreError: if the store can't be read.
        """
        names = [_name(task) for task in tasks]
        wanted = list(dict.fromkeys(name for name in names if name in self.loop.pool))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), _MANY):
            if time.monotonic() > until:
                break
            found |= self._predicted(wanted[start : start + _MANY])
        return [found.get(name, []) for name in names]

    def _predicted(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        scores, descriptions = _readable(lambda some: glance(self.loop, some), ids)
        names = list(scores)
        samples = [self.loop.pool[name] for name in names]
        query = Query(names, samples, [scores[name] for name in names], 0, descriptions)
        results = guesses_of(query, self.converter, self.converter.result)
        return {
            name: {
                "result": result, "score": lowest_first(scores[name]), "model_version": VERSION,
            }
            for name, result in results.items()
        }  # fmt: skip


def _name(task: Mapping[str, Any]) -> str:
    name = task["data"].get(ID)
    return name if isinstance(name, str) else ""


def _readable(
    look: Callable[[list[str]], tuple[dict[str, float], dict[str, Any]]], ids: list[str]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return what is seen of those that can be read."""
    while ids:
        try:
            return look(ids)
        except UnreadableSampleError as error:
            left = [name for name in ids if name not in error.skipped]
            if len(left) == len(ids):
                raise
            ids = left
    return {}, {}


def lowest_first(score: float) -> float:
    """Return a score, higher = label first, as a number in (0, 1) that uncertainty sampling reads.

    Label Studio serves the lowest first.

    Example:
        >>> lowest_first(0.0), lowest_first(2.0) < lowest_first(1.0), 0 < lowest_first(1e9)
        (0.5, True, True)
    """
    return 0.5 - math.atan(score) / math.pi
