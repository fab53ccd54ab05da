"""What arms are compared on: labelled samples, how they are split, and the task they teach."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from altasks._internal.frames import ids_by_index
from altasks._internal.jsonable import dumps, to_json
from altasks._internal.random import derive_rng
from altasks.data import LabelledPool, Pool, as_pool
from altasks.data.split import stratified_split
from altasks.errors import InvalidInputError, invalid

#: The share of the labelled samples that is held out to measure on.
TEST_SHARE = 0.25
#: Samples whose text is part of what a comparison is known by.
_PLAIN = (str, Path, int, float)


@dataclass(frozen=True)
class Split:
    """What one seed asks from and is measured on.

    Attributes:
        pool: the samples to ask from, all of which have a label.
        labels: their labels by id.
        test: samples and labels to measure on.
    """

    pool: Pool
    labels: dict[str, Any]
    test: tuple[Sequence[Any], Sequence[Any]]


@dataclass(frozen=True)
class Problem:
    """Labelled data and the task that learns from it.

    Attributes:
        pool: samples by id.
        labels: the label of each; all are labelled.
        build_task: returns a fresh task. It may have a parameter `seed`, the run's, and one
            `committee`, for arms that bring one.
        test: samples and labels to measure on; None: each seed holds out `test_share`.
        test_share: in (0, 1).
        key: what else decides a result, as JSON, such as the name of the model.
        costs: what labelling a sample costs, as `altasks.ActiveLoop` takes it.
        batch_size: of the loop.
    """

    pool: Pool
    labels: Mapping[str, Any]
    build_task: Callable[..., Any]
    test: tuple[Sequence[Any], Sequence[Any]] | None = None
    test_share: float = TEST_SHARE
    key: Any = None
    costs: Any = None
    batch_size: int = 32

    def split(self, seed: int) -> Split:
        """Return what a seed asks from and is measured on; the same for all arms."""
        if self.test is not None:
            return Split(self.pool, dict(self.labels), self.test)
        kept, held = _rows(list(self.labels.values()), self.test_share, seed)
        names = list(self.labels)
        ids, others = [names[row] for row in kept], [names[row] for row in held]
        return Split(
            self.pool.subset(ids),
            {name: self.labels[name] for name in ids},
            ([self.pool[name] for name in others], [self.labels[name] for name in others]),
        )

    def build(self, seed: int, committee: Any = None) -> Any:
        """Return a fresh task.

        Raises:
            InvalidInputError: if `build_task` has no parameter for the committee.
        """
        given: dict[str, Any] = {}
        if _takes(self.build_task, "seed"):
            given["seed"] = seed
        if committee is not None:
            if not _takes(self.build_task, "committee"):
                raise invalid(
                    "build_task",
                    "a parameter committee=, for the arms that bring one",
                    "none",
                    hint="def build_task(committee=al.MCDropout(20)): ...",
                )
            given["committee"] = committee
        return self.build_task(**given)

    @property
    def ask_from(self) -> int:
        """How many samples a seed asks from."""
        if self.test is not None:
            return len(self.labels)
        return len(_rows(list(self.labels.values()), self.test_share, 0)[0])

    def as_lists(self) -> dict[str, Any]:
        """Return the problem with its samples read, as another process can be given it."""
        ids = list(self.pool.ids)
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**given, "pool": (ids, [self.pool[name] for name in ids], self.pool.positional)}

    def recipe(self) -> dict[str, Any]:
        """Return what the problem is known by, so that a row is found again: data and task."""
        digest = hashlib.blake2b(digest_size=8)
        for name, label in self.labels.items():
            sample = self.pool[name] if self.pool.in_memory else None
            shown = str(sample) if isinstance(sample, _PLAIN) else ""
            digest.update(dumps([name, shown, _as_json(label)]).encode())
        test: Any = self.test_share
        if self.test is not None:
            held = hashlib.blake2b(digest_size=8)
            for sample, label in zip(*self.test, strict=True):
                shown = str(sample) if isinstance(sample, _PLAIN) else ""
                held.update(dumps([shown, _as_json(label)]).encode())
            test = held.hexdigest()
        return {
            "task": _source_of(self.build_task),
            "key": to_json(self.key, "key"),
            "data": digest.hexdigest(),
            "test": test,
        }


def problem_of_lists(given: Mapping[str, Any]) -> Problem:
    """Return the problem that `Problem.as_lists` took apart."""
    ids, samples, positional = given["pool"]
    pool = Pool(ids, samples.__getitem__, positional=positional, in_memory=True)
    return Problem(**{**given, "pool": pool})


def labelled_pool(samples: Any, labels: Any) -> tuple[Pool, dict[str, Any]]:
    """Return a pool and the labels of its labelled samples, in the pool's order.

    Args:
        samples: a `LabelledPool`, or whatever `as_pool` takes.
        labels: id -> label, a sequence in the order of the samples, or None where the pool has
            them. A sample without a label is left out.

    Raises:
        InvalidInputError: for no labels, as many as don't fit, or one of an unknown id.
    """
    pool = samples.pool if isinstance(samples, LabelledPool) else as_pool(samples)
    if labels is None:
        known: Mapping[str, Any] = pool.labels
    else:
        by_id = ids_by_index(labels, "labels", positional=True)
        labels = labels if by_id is None else by_id
        if isinstance(labels, Mapping):
            known = labels
            strangers = [name for name in known if name not in pool]
            if strangers:
                raise invalid("labels", "ids of the samples", repr(strangers[0]))
        else:
            given = list(labels)
            if len(given) != len(pool):
                raise invalid("labels", f"{len(pool)}, one a sample", f"{len(given)}")
            known = dict(zip(pool.ids, given, strict=True))
    found = {name: known[name] for name in pool.ids if known.get(name) is not None}
    if len(found) < 4:
        raise invalid(
            "labels", "at least 4 labelled samples, to ask from and to measure on", f"{len(found)}"
        )
    return pool.subset(list(found)) if len(found) < len(pool) else pool, found


def _rows(labels: Sequence[Any], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return rows to keep and to hold out: by class where labels are classes, else at random."""
    classes = all(isinstance(label, str | int) for label in labels)
    if classes and 2 * len(set(labels)) <= len(labels):
        kept, held = stratified_split(labels, share, seed=seed)
        if held:
            return kept, held
    order = derive_rng(seed, "held out").permutation(len(labels)).tolist()
    count = min(max(1, round(share * len(labels))), len(labels) - 1)
    return sorted(order[count:]), sorted(order[:count])


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # one that is written in C
        return False


def _source_of(function: Callable[..., Any]) -> list[str]:
    """Return the name of a function and a digest of its source; what it calls is not in it."""
    named: Any = getattr(function, "func", function)  # of a functools.partial
    name = getattr(named, "__qualname__", type(named).__qualname__)
    try:
        source = inspect.getsource(named)
    except (TypeError, OSError):  # made at a prompt, or an object
        return [name]
    return [name, hashlib.blake2b(source.encode(), digest_size=6).hexdigest()]


def _as_json(label: Any) -> Any:
    try:
        return to_json(label, "labels")
    except InvalidInputError:  # the oracle says what is wrong with it
        return repr(label)
