"""A committee of several trained models."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor

from altasks._internal.labels import check_label
from altasks._internal.random import derive_seed, isolated
from altasks._internal.settings import read_settings, write_settings
from altasks.abilities import (
    ChecksLabels,
    ChecksSamples,
    Costs,
    DefaultStrategy,
    Describes,
    Grouped,
    JoinsMembers,
    JointDraws,
    Measures,
    NamesClasses,
    Predictor,
    Sized,
    StartsOver,
    StartsRounds,
    Trainable,
    UniformSize,
    WarmStarts,
    provides,
)
from altasks.committees._join import join_members
from altasks.errors import CommitteeError, InvalidInputError, invalid
from altasks.predictions import Prediction

_SETTINGS = "ensemble.json"


class Ensemble:
    """K models trained apart are K opinions.

    Lakshminarayanan, Pritzel and Blundell (2017), "Simple and Scalable Predictive Uncertainty
    Estimation using Deep Ensembles"; as a committee for active learning: Beluch, Genewein,
    Nürnberger and Köhler (2018), "The Power of Ensembles for Active Learning in Image
    Classification".

    An ensemble of tasks is a task itself: `Ensemble([task_a, task_b])` can be scored, fitted,
    saved and looped like each of them. An ensemble of models, checkpoints or seeds is given to a
    task, which knows what to do with a model: `TextClassification(committee=Ensemble([...]))`.

    Args:
        members: tasks; or models; or checkpoints (hub names or folders); or a number K: K
            copies of the task's own model, which differ once `fit` has trained each with a seed
            of its own.
        one_at_a_time: keep one member's weights in memory. The others lie on the disk, and each
            call of `predict` reads every member once (but the one still there from the last
            call). That costs K reads a call, however many samples the call has: score with a
            large `batch_size` (thousands), and the reads are lost in the passes. Needs members
            that can be read again: checkpoints, a factory or a number.
        directory: where trained members are kept with `one_at_a_time`; by default a temporary
            folder that goes with the ensemble.

    Raises:
        InvalidInputError: for fewer than two members, the same one twice, or members in memory
            with `one_at_a_time`.

    Example:
        >>> Ensemble(5).members
        5
    """

    def __init__(
        self,
        members: Sequence[Any] | int,
        *,
        one_at_a_time: bool = False,
        directory: Path | str | None = None,
    ) -> None:
        if isinstance(members, int):
            sources: list[Any] = [None] * members
        elif isinstance(members, str | os.PathLike):
            raise invalid("members", "a list of members, or how many", repr(members))
        else:
            sources = list(members)
        _check_sources(sources)
        held = [source for source in sources if not isinstance(source, str | os.PathLike | None)]
        if one_at_a_time and held:
            raise invalid(
                "members",
                "members that can be read again (checkpoints, or Ensemble.from_factory) with "
                "one_at_a_time",
                f"a {type(held[0]).__name__}, which is in memory already",
            )
        self._seeds = list(range(len(sources)))
        self._factory: Callable[[int], Any] | None = None
        self._sources = sources
        self.one_at_a_time = one_at_a_time
        self._directory = None if directory is None else Path(directory)
        self._trained: list[Path | None] = [None] * len(sources)
        self._tasks: list[Any] = [None] * len(sources)
        self._live: int | None = None
        self._classes: tuple[int, list[Any]] | None = None
        self._round = 0
        self._make: Callable[[int], Any] | None = None
        self._swap = False
        self._copies = False  # of one model: the same until they are trained
        self._untrained_copies = False
        if held and all(provides(source, Predictor) for source in held):
            self._tasks = list(sources)
            for k, task in enumerate(sources):
                self._require_same_classes(k, task)

    @classmethod
    def from_factory(
        cls,
        factory: Callable[[int], Any],
        seeds: int | Sequence[int] = 5,
        *,
        one_at_a_time: bool = False,
        directory: Path | str | None = None,
    ) -> Self:
        """Return an ensemble whose member k is `factory(seeds[k])`: a task, or a model for one.

        The factory runs with every global generator seeded by the member's seed (and given back
        afterwards), so that layers it makes start differently in each.

        Args:
            factory: takes a seed.
            seeds: distinct whole numbers, or how many: 0, 1, ...
            one_at_a_time: as in the constructor; members are made again when they are used.
            directory: as in the constructor.
        """
        chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
        if len(set(chosen)) != len(chosen):
            raise invalid("seeds", "distinct seeds", f"{chosen}")
        self = cls(len(chosen), one_at_a_time=one_at_a_time, directory=directory)
        self._seeds, self._factory = chosen, factory
        return self

    # As a committee.

    @property
    def members(self) -> int:
        """How many models there are."""
        return len(self._sources)

    @property
    def joint(self) -> bool:
        """Whether member k is one function over all samples: not if it draws at random itself."""
        known = [task for task in self._tasks if task is not None]
        return all(task.joint_draws for task in known if provides(task, JointDraws))

    def start_round(self, round: int) -> None:
        """Tell members that draw at random themselves which round it is."""
        self._round = round
        for task in self._tasks:
            if provides(task, StartsRounds):
                task.start_round(round)

    def source(self, k: int) -> Any:
        """Return what member k is made from: a model, a checkpoint, or None (the task's own)."""
        if self._factory is None:
            return self._sources[k]
        with isolated(derive_seed(self._seeds[k], "factory")):
            return self._factory(self._seeds[k])

    def bind(self, make: Callable[[int], Any], *, swap: bool) -> Ensemble:
        """Return this ensemble with a task around each member; for tasks that take a committee.

        Args:
            make: takes k and returns the task of member k, freshly made from `source(k)`.
            swap: whether `make` returns one and the same task each time, whose weights `load`
                replaces.
        """
        bound = Ensemble(self.members, one_at_a_time=self.one_at_a_time, directory=self._directory)
        bound._seeds, bound._make, bound._swap = self._seeds, make, swap
        bound._copies = self._factory is None and self._sources[0] is None
        bound._untrained_copies = bound._copies
        return bound

    # As a task.

    @property
    def default_acquisition(self) -> str:
        """`"bald"`: members are there to be disagreed with."""
        return "bald"

    @property
    def default_strategy(self) -> str:
        """What the members prefer."""
        one = self._any()
        return str(one.default_strategy) if provides(one, DefaultStrategy) else "top_k"

    @property
    def joint_draws(self) -> bool:
        """Whether member k is one function over all samples."""
        self._any()  # what a factory makes may draw at random, which shows once one is made
        return self.joint

    @property
    def warm_start(self) -> bool:
        """Whether the members go on from their last fit."""
        one = self._any()
        return provides(one, WarmStarts) and bool(one.warm_start)

    def start_over(self) -> None:
        """Let every member forget its training: the next `fit` starts from the beginning."""
        self._trained = [None] * self.members
        if self.one_at_a_time:  # made again when they are needed
            self._tasks, self._live = [None] * self.members, None
            self._untrained_copies = self._copies
        for task in self._tasks:
            if provides(task, StartsOver):
                task.start_over()

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the members' predictions of one batch, side by side.

        Raises:
            CommitteeError: if the members are copies of one model and were never trained.
        """
        if self._untrained_copies:
            raise CommitteeError(
                f"Ensemble({self.members}): its members are copies of one model until fit() has "
                "trained each with a seed of its own, so they can't disagree yet. Fit first, or "
                "give trained models or checkpoints."
            )
        # The one still in memory goes first: it need not be read again.
        order = sorted(range(self.members), key=lambda k: k != self._live)
        parts: dict[int, Prediction] = {}
        for k in order:
            parts[k] = self._ask(k, lambda task: task.predict(samples))
        # Detectors see units of their own, and match them.
        one = self._any()
        join = one.join if provides(one, JoinsMembers) else join_members
        joined: Prediction = join([parts[k] for k in range(self.members)])
        return joined

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the embedding of member 0: those of different members share no space."""
        embedded: Tensor = self._ask(0, lambda task: task.embed(samples))
        return embedded

    def size(self, sample: Any) -> int:
        """Return the members' `size`; 0 for tasks without one, which take what comes."""
        one = self._any()
        return int(one.size(sample)) if provides(one, Sized) else 0

    @property
    def uniform_size(self) -> bool:
        """Whether all samples are of one size, so that nobody need look: as the members say."""
        one = self._any()
        return provides(one, UniformSize) and bool(one.uniform_size)

    def group_key(self, sample: Any) -> Any:
        """Return the members' `group_key`; None for tasks without one."""
        one = self._any()
        return one.group_key(sample) if provides(one, Grouped) else None

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return the members' `cost`; 1 for tasks without one."""
        one = self._any()
        return float(one.cost(sample, prediction)) if provides(one, Costs) else 1.0

    def check_label(self, label: Any, sample: Any = None) -> Any:
        """Return the label as the members keep it, checked with its sample if they can."""
        if not provides(self._any(), ChecksLabels):
            return label
        if sample is None:
            return self._any().check_label(label)
        return check_label(self._any(), label, lambda: sample)

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Let the members refuse samples they can't read."""
        one = self._any()
        if provides(one, ChecksSamples):
            one.check_samples(samples)

    def describe(self, sample: Any, prediction: Prediction) -> Mapping[str, Any]:
        """Return the members' description of the joint prediction; nothing if they have none."""
        one = self._any()
        described: Mapping[str, Any] = {}
        if provides(one, Describes):
            described = one.describe(sample, prediction)
        return described

    @property
    def fit(self) -> Callable[..., None]:
        """Train every member on the same labels, each with a seed of its own.

        `fit(samples, labels, *, seed, weights=None, valid=None, unlabelled=None)`. An ensemble of
        tasks that were trained elsewhere, and have no `fit`, has none either: a loop tells by that
        whether it has to wait for a fit or may score at once.
        """
        tasks = self._factory is not None or any(task is not None for task in self._tasks)
        if self._make is None and tasks and not provides(self._any(), Trainable):
            raise AttributeError(f"{type(self._any()).__name__}, a member, has no fit()")
        return self._fit

    def _fit(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        seed: int,
        weights: Sequence[float] | None = None,
        valid: tuple[Sequence[Any], Sequence[Any]] | None = None,
        unlabelled: Sequence[Any] | None = None,
    ) -> None:
        def train(k: int, task: Any) -> None:
            task.fit(
                samples,
                labels,
                seed=derive_seed(seed, "ensemble", self._seeds[k]),
                weights=weights,
                valid=valid,
                unlabelled=unlabelled,
            )
            if self.one_at_a_time:
                task.save(self._folder(k))
                self._trained[k] = self._folder(k)

        untrained = not self.warm_start
        for k in range(self.members):
            self._ask(k, partial(train, k), untrained=untrained)
        self._untrained_copies = False

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of the members' averaged prediction.

        Members without a `measure(prediction, labels)` are measured one by one, and their
        metrics averaged.
        """
        if provides(self._any(), Measures):
            measured: dict[str, float] = self._any().measure(self.predict(samples), labels)
            return measured
        each = [
            self._ask(k, lambda task: task.evaluate(samples, labels)) for k in range(self.members)
        ]
        return {name: float(np.mean([one[name] for one in each])) for name in each[0]}

    def save(self, directory: Path | str) -> None:
        """Write each member into a folder of its own."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(self.members):
            self._ask(k, partial(_save, folder / f"member-{k}"))
        settings = {"members": self.members, "seeds": self._seeds}
        write_settings(folder / _SETTINGS, settings)

    def load(self, directory: Path | str) -> None:
        """Read back, in place, what `save` wrote.

        Raises:
            InvalidInputError: if it was written by an ensemble of another size.
        """
        folder = Path(directory)
        if not (folder / _SETTINGS).is_file():
            raise invalid("directory", "a folder written by Ensemble.save", f"no {_SETTINGS} in it")
        found = read_settings(folder / _SETTINGS).get("members")
        if found != self.members:
            raise invalid("directory", f"{self.members} members", f"{found}", where=str(folder))
        for k in range(self.members):
            if self.one_at_a_time:
                # A copy: the folder it came from is the caller's, who may remove it.
                _copy(folder / f"member-{k}", self._folder(k))
                self._trained[k] = self._folder(k)
            else:
                self._ask(k, partial(_load, folder / f"member-{k}"))
        if self.one_at_a_time:  # the one in memory has the weights of before
            self._tasks = [None] * self.members
        self._live = None
        self._untrained_copies = False

    # Inside.

    def _ask(self, k: int, action: Callable[[Any], Any], *, untrained: bool = False) -> Any:
        """Return what `action` says of member k's task, and keep no other reference to it.

        Args:
            k: which member.
            action: takes the task.
            untrained: whether the task is about to be trained, so earlier weights don't matter.
        """
        if self._tasks[k] is None or (self._swap and untrained):
            self._bring(k, untrained)
        return action(self._tasks[k])

    def _bring(self, k: int, untrained: bool) -> None:
        kept = None if untrained else self._trained[k]
        task = None
        if self.one_at_a_time:
            if self._swap and kept is not None and self._live is not None:
                task = self._tasks[self._live]
            # The last one leaves the memory before the next is made.
            self._tasks = [None] * self.members
            self._live = None
            gc.collect()
        if task is None:
            task = self._made(k)
        if kept is not None:
            task.load(kept)
        if provides(task, StartsRounds):
            task.start_round(self._round)
        self._require_same_classes(k, task)
        self._tasks[k], self._live = task, k

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

    def _made(self, k: int) -> Any:
        task = self.source(k) if self._make is None else self._make(k)
        if not provides(task, Predictor):
            raise InvalidInputError(
                "members: expected tasks (things with predict), found "
                f"{'the number of them' if task is None else type(task).__name__}. An ensemble "
                "of models, checkpoints or seeds is given to a task: "
                "TextClassification(committee=Ensemble(...))."
            )
        return task

    def _any(self) -> Any:
        for task in self._tasks:
            if task is not None:
                return task
        return self._ask(0, lambda task: task)

    def _folder(self, k: int) -> Path:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="altasks-ensemble-"))
            weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        return self._directory / f"member-{k}"


def _save(folder: Path, task: Any) -> None:
    task.save(folder)


def _load(folder: Path, task: Any) -> None:
    task.load(folder)


def _copy(folder: Path, to: Path) -> None:
    """Copy a folder, unless it is there: an ensemble may be saved where it keeps its members."""
    if folder.resolve() != to.resolve():
        shutil.copytree(folder, to, dirs_exist_ok=True)


def _check_sources(sources: Sequence[Any]) -> None:
    if len(sources) < 2:
        raise invalid("members", "at least two members", f"{len(sources)}")
    seen: dict[Any, int] = {}
    for k, source in enumerate(sources):
        if source is None:
            continue
        key = os.fspath(source) if isinstance(source, str | os.PathLike) else id(source)
        if key in seen:
            raise invalid(
                "members",
                "different members",
                "the same one twice",
                where=f"members {seen[key]} and {k}",
                hint="Equal opinions can't disagree.",
            )
        seen[key] = k
