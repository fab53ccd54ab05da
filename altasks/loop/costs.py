"""What labelling a sample costs, before anyone has labelled it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from altasks import abilities
from altasks.abilities import provides
from altasks.data import Pool
from altasks.errors import UnknownNameError, invalid


class Costs:
    """The cost of each sample, by what the user gave, else by `task.cost`, else 1.

    Args:
        task: with `cost(sample)`, or not.
        pool: the samples.
        given: id -> cost, or a function of the sample, or None.

    Raises:
        InvalidInputError: if `given` is neither.
    """

    def __init__(
        self, task: Any, pool: Pool, given: Mapping[str, float] | Callable[[Any], float] | None
    ) -> None:
        if given is not None and not isinstance(given, Mapping) and not callable(given):
            raise invalid(
                "costs", "a dict from id to cost, or a function of a sample", f"{given!r}"
            )
        self._pool = pool
        self._given = given
        self._of_task = task.cost if provides(task, abilities.Costs) else None
        self._argument = "costs" if given is not None else f"{type(task).__name__}.cost"

    def of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the costs `[len(ids)]`.

        Raises:
            UnknownNameError: for an id that the given dict lacks.
            InvalidInputError: for a cost that isn't a finite number above 0, naming the id.
        """
        return np.fromiter((self._one(name) for name in ids), np.float64, len(ids))

    def _one(self, name: str) -> float:
        if isinstance(self._given, Mapping):
            if name not in self._given:
                raise UnknownNameError(
                    f"costs: it holds {len(self._given)} costs and none of {name!r}."
                )
            value: Any = self._given[name]
        elif self._given is not None:
            value = self._given(self._pool[name])
        elif self._of_task is not None:
            value = self._of_task(self._pool[name])
        else:
            return 1.0
        try:
            cost = float(value)
        except (TypeError, ValueError):
            cost = math.nan
        if not 0 < cost < math.inf or isinstance(value, str | bytes):
            raise invalid(
                self._argument,
                "a finite number above 0",
                f"{value!r}",
                where=f"id {name!r}",
                hint="What is looked at costs something: count a constant beside what varies, "
                "such as 1 + boxes.",
            )
        return cost
