"""The oracle of an experiment: it knows the answers already."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altasks._internal.frames import ids_by_index
from altasks._internal.jsonable import dumps, to_json
from altasks._internal.numbers import as_real
from altasks._internal.random import derive_rng
from altasks.errors import UnknownNameError, invalid

if TYPE_CHECKING:
    from altasks.loop.query import Query


class Simulated:
    """Answers from labels that were held back, at once and always.

    Args:
        labels: id -> label, or a sequence in the order of a list pool (ids are its positions). A
            pandas Series goes by its index if that is of text (ids), by position if it counts the
            rows; another index is refused.
        noise: the probability of a wrong answer, drawn evenly from the other labels that occur.
            Whether and how an id is answered wrongly depends on the seed and the id alone, so a
            resumed run hears the same errors.
        cost: what a label costs: a number, a dict from id to number, or a function of (id,
            label), which counts from the true label (`lambda id, label: 1 + len(label)`); None:
            labels cost nothing.
        seed: of the noise.

    Raises:
        InvalidInputError: if there are no labels, `noise` is not in [0, 1] or has no other label
            to draw, or a cost is no finite number of at least 0.

    Example:
        >>> from altasks.loop import Query
        >>> oracle = Simulated(["cat", "dog"], cost=0.5)
        >>> oracle.label(Query(ids=["1"], samples=["?"], scores=[None], round=1))
        {'1': 'dog'}
        >>> oracle.cost_of({"1": "dog"})
        0.5
    """

    def __init__(
        self,
        labels: Mapping[str, Any] | Sequence[Any],
        *,
        noise: float = 0.0,
        cost: float | Mapping[str, float] | Callable[[str, Any], float] | None = None,
        seed: int = 0,
    ) -> None:
        by_id = ids_by_index(labels, "labels", positional=True)
        labels = labels if by_id is None else by_id
        unordered = isinstance(labels, str | set | frozenset | type)
        unordered = unordered or not hasattr(labels, "__len__") or getattr(labels, "ndim", 1) == 0
        if unordered or not len(labels):
            raise invalid("labels", "a dict from id to label, or a sequence", f"{labels!r}")
        given = labels if isinstance(labels, Mapping) else dict(_by_position(labels))
        self._labels = {name: to_json(one, "labels", f"id {name!r}") for name, one in given.items()}
        if not 0 <= as_real(noise) <= 1:
            raise invalid("noise", "a probability", f"{noise!r}")
        self.noise = float(noise)
        self.seed = seed
        self.cost = cost if cost is None or callable(cost) else _checked_cost(cost)
        # By their text, so that any JSON value is a class and the order is the same everywhere.
        self._classes = {dumps(one): one for one in self._labels.values()} if noise else {}
        if noise and len(self._classes) < 2:
            raise invalid("noise", "two different labels to confuse", "one")

    def label(self, query: Query) -> dict[str, Any]:
        """Return id -> label for the whole query.

        Raises:
            UnknownNameError: for an id without a held-back label.
        """
        return {name: self._answer(name) for name in query.ids}

    def _answer(self, name: str) -> Any:
        try:
            right = self._labels[name]
        except KeyError:
            raise UnknownNameError(
                f"labels: this oracle holds {len(self._labels)} labels and none of {name!r}."
            ) from None
        if not self.noise:
            return right
        rng = derive_rng(self.seed, "simulated", name)
        if rng.random() >= self.noise:
            return right
        others = sorted(text for text in self._classes if text != dumps(right))
        return self._classes[others[int(rng.integers(len(others)))]]

    def cost_of(self, labels: Mapping[str, Any]) -> float:
        """Return what these labels cost together."""
        if self.cost is None:
            return 0.0
        if isinstance(self.cost, Mapping):
            missing = [name for name in labels if name not in self.cost]
            if missing:
                raise UnknownNameError(
                    f"cost: it holds {len(self.cost)} costs and none of {missing[0]!r}."
                )
            return float(sum(self.cost[name] for name in labels))
        if callable(self.cost):
            return float(sum(self.cost(name, label) for name, label in labels.items()))
        return float(self.cost) * len(labels)


def _checked_cost(cost: Any) -> Any:
    """Return a number or a dict from id to number; a Series becomes the latter by its index."""
    by_id = cost if isinstance(cost, Mapping) else ids_by_index(cost, "cost", positional=True)
    if by_id is not None:
        return {name: _checked_number(value, f"id {name!r}") for name, value in by_id.items()}
    return _checked_number(cost)


def _checked_number(value: Any, where: str = "") -> float:
    number = as_real(value)
    if not 0 <= number < math.inf:
        wanted = "a finite number of at least 0"
        if not where:
            wanted += ", a dict from id to number, or a function"
        raise invalid("cost", wanted, f"{value!r}"[:80], where=where)
    return number


def _by_position(labels: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(str(i), label) for i, label in enumerate(labels)]
