"""The cost of labelling a sample: as given, as the task expects, or counted from its label."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from altasks import abilities
from altasks._internal.numbers import as_real
from altasks.abilities import CountsLabels, PredictsCosts, provides
from altasks.data import Pool
from altasks.errors import UnknownNameError, UnreadableSampleError, invalid
from altasks.loop.base import Store
from altasks.loop.unreadable import by_id, read_samples, to_skip


class Costs:
    """The cost of each sample: the user's, else the one the task predicts or computes, else 1.

    A sample's own cost is looked up once, however often it is asked for; that of a dict always,
    so that prices may be changed in it. Predicted costs are made anew after each fit.

    Args:
        task: with `costs(samples)` or `cost(sample)`, or neither.
        pool: the samples.
        given: id -> cost, or a function of the sample, or None.
        batch_size: samples per call of `task.costs`.

    Raises:
        InvalidInputError: if `given` is neither.
    """

    def __init__(
        self,
        task: Any,
        pool: Pool,
        given: Mapping[str, float] | Callable[[Any], float] | None,
        batch_size: int = 32,
    ) -> None:
        if given is not None and not isinstance(given, Mapping) and not callable(given):
            raise invalid(
                "costs", "a dict from id to cost, or a function of a sample", f"{given!r}"
            )
        self._pool = pool
        self._given = given
        self._batch_size = batch_size
        self._task = task
        self._known: dict[str, float] = {}
        self._fit = 0  # that the known costs were predicted after
        #: Whether costs come from the model, which has to be at the last fit then.
        self.predicted = given is None and provides(task, PredictsCosts)

    def of(self, ids: Sequence[str], fit: int = 0) -> np.ndarray:
        """Return the costs `[len(ids)]`; predicted ones are those of the model after `fit`.

        Raises:
            UnknownNameError: for an id that the given dict lacks.
            UnreadableSampleError: naming the samples that can't be read.
            InvalidInputError: for a cost that isn't a finite number above 0, naming the id.
        """
        if isinstance(self._given, Mapping):
            costs = self._listed(ids)
            return np.fromiter((costs[name] for name in ids), np.float64, len(ids))
        if self.predicted:
            self._predict(ids, fit)
        missing = [name for name in ids if name not in self._known]
        for start in range(0, len(missing), self._batch_size):
            self._known |= self._batch(missing[start : start + self._batch_size])
        return np.fromiter((self._known[name] for name in ids), np.float64, len(ids))

    def _listed(self, ids: Sequence[str]) -> dict[str, float]:
        assert isinstance(self._given, Mapping)
        for name in ids:
            if name not in self._given:
                raise UnknownNameError(
                    f"costs: it holds {len(self._given)} costs and none of {name!r}."
                )
        return {name: checked_cost(self._given[name], "costs", name) for name in ids}

    def _batch(self, ids: list[str]) -> dict[str, float]:
        """Return the costs of a few samples, all of which are in memory for that."""
        if self._given is None and not provides(self._task, abilities.Costs):
            return dict.fromkeys(ids, 1.0)
        assert not isinstance(self._given, Mapping)
        one = self._task.cost if self._given is None else self._given
        argument = f"{type(self._task).__name__}.cost" if self._given is None else "costs"
        samples = read_samples(self._pool, ids)
        try:
            return {
                name: checked_cost(one(sample), argument, name)
                for name, sample in zip(ids, samples, strict=True)
            }
        except UnreadableSampleError as error:
            raise to_skip(error, by_id(error, ids)) from error

    def _predict(self, ids: Sequence[str], fit: int) -> None:
        """Predict the costs of `ids` and of what shares a batch with them.

        Batches are always the same parts of the pool: what a detector sees on an image may depend
        a little on the others of its batch, and must not on what was asked before.
        """
        if fit != self._fit:
            self._known, self._fit = {}, fit
        size = self._batch_size
        places = {self._pool.position(name) for name in ids if name not in self._known}
        for start in sorted({place // size * size for place in places}):
            batch = list(self._pool.ids[start : start + size])
            found: dict[str, str] = {}
            while batch:
                try:
                    values = self._task.costs(read_samples(self._pool, batch))
                except UnreadableSampleError as error:
                    bad = error.skipped or by_id(error, batch)
                    if not bad:
                        raise
                    found |= bad
                    batch = [name for name in batch if name not in bad]
                    continue
                self._keep(batch, values)
                break
            if wanted := {name: found[name] for name in ids if name in found}:
                raise to_skip(UnreadableSampleError("", {}), wanted)

    def _keep(self, ids: list[str], values: Sequence[Any]) -> None:
        argument = f"{type(self._task).__name__}.costs"
        if len(values) != len(ids):
            raise invalid(argument, f"{len(ids)} costs, one a sample", f"{len(values)}")
        for name, value in zip(ids, values, strict=True):
            self._known[name] = checked_cost(value, argument, name)


class LabelCosts:
    """The cost of labels, counted from them, where the task can count.

    Each label is read once, when it is new.

    Args:
        task: with `label_cost(label)`, or not.
        store: the labels.
        given: the user's own costs, which then count instead.
    """

    def __init__(self, task: Any, store: Store, given: Any) -> None:
        self._count = task.label_cost if given is None and provides(task, CountsLabels) else None
        self._argument = f"{type(task).__name__}.label_cost"
        self._store = store
        self._known: dict[str, float] = {}
        self._seen = 0  # the last event counted

    def now(self, last_event: int) -> Mapping[str, float]:
        """Return id -> cost of all that is labelled, as of event `last_event`."""
        if self._count is not None and last_event > self._seen:
            for event in self._store.history(after=self._seen):
                if event.kind == "label" and not event.part:
                    value = self._count(event.value)
                    self._known[event.id] = checked_cost(value, self._argument, event.id)
                elif event.kind == "withdraw":
                    self._recount(event.id)
                self._seen = event.seq
        return self._known

    def _recount(self, name: str) -> None:
        """Count the label that is left of a sample, once one was taken back."""
        left = self._store.labels(ids=[name]).values
        self._known.pop(name, None)
        if name in left and self._count is not None:
            self._known[name] = checked_cost(self._count(left[name]), self._argument, name)


class Prices:
    """What samples cost in one ask: each is looked up once, whoever wants to know it.

    A price that changes during an ask can't break its budget, then.

    Args:
        look_up: returns the costs `[len(ids)]` of some ids.
        kept: False where costs follow the model, which may change during an ask.
    """

    def __init__(self, look_up: Callable[[Sequence[str]], np.ndarray], *, kept: bool) -> None:
        self._look_up = look_up
        self._kept = kept
        self._known: dict[str, float] = {}

    def of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the costs `[len(ids)]`."""
        if not self._kept:
            return self._look_up(ids)
        known = self._known
        missing = [name for name in ids if name not in known]
        if missing:
            known.update(zip(missing, self._look_up(missing).tolist(), strict=True))
        return np.fromiter((known[name] for name in ids), np.float64, len(ids))


def checked_cost(value: Any, argument: str, name: str) -> float:
    """Return a cost as a number.

    Raises:
        InvalidInputError: if it isn't a finite number above 0, naming the id.
    """
    cost = as_real(value)
    if not 0 < cost < math.inf:
        raise invalid(
            argument,
            "a finite number above 0",
            f"{value!r}",
            where=f"id {name!r}",
            hint="Every sample must cost more than 0: count a constant beside what varies, such as "
            "1 + boxes.",
        )
    return cost
