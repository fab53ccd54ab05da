"""The members of an ensemble: made when they are needed, one in memory at a time if asked."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

from torch import nn

from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_seed, isolated
from altasks.abilities import KeepsFeatures, NamesClasses, Predictor, StartsRounds, provides
from altasks.errors import InvalidInputError, invalid


class Members:
    """Hands out the task of each member.

    Args:
        sources: what each is made from: a task, a model, a checkpoint, or None for the model of
            the task that the ensemble is given to.
        one_at_a_time: whether one is in memory at a time.
        directory: where trained members are kept then; None: a temporary folder.

    Attributes:
        seeds: of each member's fits, and of what a factory makes.
        factory: makes the source of a member from its seed, or None.
        make: makes the task of member k, for an ensemble that was given to a task, or None.
        swap: whether `make` returns one and the same task each time, whose weights are replaced.
        tasks: those in memory, else None.
        round: which the members' own draws are for.
        features: where members keep what a frozen part makes; None leaves it to them.
    """

    def __init__(
        self, sources: Sequence[Any], *, one_at_a_time: bool, directory: Path | None
    ) -> None:
        self.sources = list(sources)
        self.one_at_a_time = one_at_a_time
        self.directory = directory
        self.seeds = list(range(len(self.sources)))
        self.factory: Callable[[int], Any] | None = None
        self.make: Callable[[int], Any] | None = None
        self.swap = False
        self.round = 0
        self.features: Path | None = None
        self.tasks: list[Any] = [None] * len(self.sources)
        self._trained: list[Path | None] = [None] * len(self.sources)
        self._live: int | None = None
        self._classes: tuple[int, list[Any]] | None = None
        if all(provides(source, Predictor) for source in self.sources):
            for k, task in enumerate(self.sources):
                self._require_same_classes(k, task)
            self.tasks = list(self.sources)

    def __len__(self) -> int:
        """Return K."""
        return len(self.sources)

    @property
    def are_tasks(self) -> bool:
        """Whether members are tasks, as far as is known without making one."""
        return self.factory is not None or any(task is not None for task in self.tasks)

    def source(self, k: int) -> Any:
        """Return what member k is made from; what a factory makes is made anew."""
        if self.factory is None:
            return self.sources[k]
        with isolated(derive_seed(self.seeds[k], "factory")):
            return self.factory(self.seeds[k])

    def on(self, k: int, action: Callable[[Any], Any], *, untrained: bool = False) -> Any:
        """Return what `action` makes of member k's task, and keep no other reference to it.

        Args:
            k: which member.
            action: takes the task.
            untrained: whether the task is about to be trained, so earlier weights don't matter.
        """
        if self.tasks[k] is None or (self.swap and untrained):
            self._bring(k, untrained)
        return action(self.tasks[k])

    def any(self) -> Any:
        """Return the task of some member, one in memory if there is one."""
        for task in self.tasks:
            if task is not None:
                return task
        return self.on(0, lambda task: task)

    def order(self) -> list[int]:
        """Return all members, the one in memory first: it need not be read again."""
        return sorted(range(len(self)), key=lambda k: k != self._live)

    def keep(self, k: int, task: Any) -> None:
        """Save a trained member where it is read from again, if one is in memory at a time."""
        if self.one_at_a_time:
            task.save(self._folder(k))
            self._trained[k] = self._folder(k)

    def read_from(self, folders: Sequence[Path]) -> None:
        """Give every member the weights in its folder."""
        for k, folder in enumerate(folders):
            if self.one_at_a_time:
                # A copy: the folder it came from is the caller's, who may remove it.
                _copy(folder, self._folder(k))
                self._trained[k] = self._folder(k)
            else:
                self.on(k, partial(_load, folder))
        if self.one_at_a_time:  # the one in memory has the weights of before
            self.tasks = [None] * len(self)
        self._live = None

    def forget_training(self) -> None:
        """Let go of trained weights; one at a time, members are made again when needed."""
        self._trained = [None] * len(self)
        if self.one_at_a_time:
            self.tasks, self._live = [None] * len(self), None

    def _bring(self, k: int, untrained: bool) -> None:
        kept = None if untrained else self._trained[k]
        task = None
        if self.one_at_a_time:
            if self.swap and kept is not None and self._live is not None:
                task = self.tasks[self._live]
            # The last one leaves the memory before the next is made.
            self.tasks = [None] * len(self)
            self._live = None
            gc.collect()
        if task is None:
            task = self._made(k)
        if kept is not None:
            task.load(kept)
        if provides(task, StartsRounds):
            task.start_round(self.round)
        if self.features is not None and provides(task, KeepsFeatures):
            task.keep_features_in(self.features)
        self._require_same_classes(k, task)
        self.tasks[k], self._live = task, k

    def _made(self, k: int) -> Any:
        task = self.source(k) if self.make is None else self.make(k)
        if not provides(task, Predictor):
            raise InvalidInputError(
                "members: expected tasks (things with predict), found "
                f"{'the number of them' if task is None else type(task).__name__}. An ensemble "
                "of models, checkpoints or seeds is given to a task: "
                "TextClassification(committee=Ensemble(...))."
            )
        return task

    def _require_same_classes(self, k: int, task: Any) -> None:
        """Refuse a member whose column c means another class than in the others."""
        if not provides(task, NamesClasses):
            return
        names = list(task.labels)
        first, known = self._classes = self._classes or (k, names)
        if names != known:
            raise invalid(
                "members",
                f"members of the same classes in the same order, {known!r} as member {first}",
                f"{names!r}",
                where=f"member {k}",
            )

    def _folder(self, k: int) -> Path:
        if self.directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix="altasks-ensemble-"))
            weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        return self.directory / f"member-{k}"


def _load(folder: Path, task: Any) -> None:
    task.load(folder)


def _copy(folder: Path, to: Path) -> None:
    """Copy a folder, unless it is there: an ensemble may be saved where it keeps its members."""
    if folder.resolve() != to.resolve():
        shutil.copytree(folder, to, dirs_exist_ok=True)


def read_sources(members: Any, *, one_at_a_time: bool) -> list[Any]:
    """Return what each member is made from; None for each where only their number is given.

    Raises:
        InvalidInputError: for fewer than two members, the same one twice, tasks beside what a
            task is made from, something that is neither, or members in memory with
            `one_at_a_time`.
    """
    if isinstance(members, Integral):
        require_whole("members", members, 2)
        return [None] * int(members)
    if isinstance(members, str | os.PathLike | Mapping | nn.Module) or not hasattr(
        members, "__iter__"
    ):
        raise invalid("members", "a list of members, or how many", repr(members))
    sources = list(members)
    if len(sources) < 2:
        raise invalid("members", "at least two members", f"{len(sources)}")
    _require_different(sources)
    _require_one_kind(sources)
    held = [source for source in sources if not isinstance(source, str | os.PathLike)]
    if one_at_a_time and held:
        raise invalid(
            "members",
            "members that can be read again (checkpoints, or Ensemble.from_factory) with "
            "one_at_a_time",
            f"a {type(held[0]).__name__}, which is in memory already",
        )
    return sources


def read_seeds(seeds: Any) -> list[int]:
    """Return the seeds of a factory's members: those given, or 0, 1, ... of so many.

    Raises:
        InvalidInputError: for what is no whole number, or a seed twice.
    """
    if isinstance(seeds, Integral):
        require_whole("seeds", seeds, 2)
        return list(range(int(seeds)))
    if isinstance(seeds, str) or not hasattr(seeds, "__iter__"):
        raise invalid("seeds", "whole numbers, or how many", repr(seeds))
    chosen = list(seeds)
    for place, seed in enumerate(chosen):
        if isinstance(seed, bool) or not isinstance(seed, Integral):
            raise invalid("seeds", "whole numbers", repr(seed), where=f"place {place}")
    numbers = [int(seed) for seed in chosen]
    if len(set(numbers)) != len(numbers):
        raise invalid("seeds", "distinct seeds", f"{numbers}")
    return numbers


def _require_different(sources: Sequence[Any]) -> None:
    seen: dict[Any, int] = {}
    for k, source in enumerate(sources):
        key = os.fspath(source) if isinstance(source, str | os.PathLike) else id(source)
        if key in seen and source is not None:
            raise invalid(
                "members",
                "different members",
                "the same one twice",
                where=f"members {seen[key]} and {k}",
                hint="Equal opinions can't disagree.",
            )
        seen[key] = k


def _require_one_kind(sources: Sequence[Any]) -> None:
    """Refuse tasks beside what a task is made from, and what is neither.

    A torch module with `predict` may be either: models of segmentation-models-pytorch have one.
    """
    first: dict[bool, int] = {}  # whether it is a task -> the first member that is one, or isn't
    for k, source in enumerate(sources):
        predicts, module = provides(source, Predictor), isinstance(source, nn.Module)
        if not (predicts or module or isinstance(source, str | os.PathLike | Mapping)):
            raise invalid(
                "members",
                "tasks, models (torch modules), checkpoints (names or folders), or a number",
                f"{source!r}",
                where=f"member {k}",
                hint="A task has predict(samples).",
            )
        if not (predicts and module):
            first.setdefault(predicts, k)
        if len(first) > 1:
            task, other = first[True], first[False]
            raise invalid(
                "members",
                "tasks (things with predict) alone, or alone what a task is made from",
                f"the task {type(sources[task]).__name__} and {_kind_of(sources[other])}",
                where=f"members {task} and {other}",
                hint="Make a task of each, such as TextClassification('checkpoint').",
            )


def _kind_of(source: Any) -> str:
    return f"{source!r}" if isinstance(source, str | os.PathLike) else type(source).__name__
