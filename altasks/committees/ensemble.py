"""A committee of several trained models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor

from altasks._internal.labels import check_label
from altasks._internal.random import derive_seed
from altasks._internal.settings import read_settings, write_settings
from altasks.abilities import (
    ChecksLabels,
    ChecksSamples,
    Costs,
    DefaultColdStart,
    DefaultStrategy,
    Describes,
    DrawsPictures,
    Grouped,
    HasCommittee,
    JoinsMembers,
    JointDraws,
    KeepsFeatures,
    Measures,
    OrdersUnits,
    Sized,
    StartsOver,
    StartsRounds,
    StreamingPredictor,
    Trainable,
    UniformSize,
    WarmStarts,
    provides,
)
from altasks.committees._join import join_members
from altasks.committees._members import Members, read_seeds, read_sources
from altasks.committees._streams import join_streams
from altasks.errors import CommitteeError, invalid
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
        InvalidInputError: for fewer than two members, the same one twice, tasks beside models or
            checkpoints, what is none of those, or members in memory with `one_at_a_time`.

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
        sources = read_sources(members, one_at_a_time=one_at_a_time)
        self.one_at_a_time = one_at_a_time
        self._members = Members(
            sources,
            one_at_a_time=one_at_a_time,
            directory=None if directory is None else Path(directory),
        )
        self._copies = False  # of one model: the same until they are trained
        self._untrained_copies = False

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
        chosen = read_seeds(seeds)
        self = cls(len(chosen), one_at_a_time=one_at_a_time, directory=directory)
        self._members.seeds, self._members.factory = chosen, factory
        return self

    # As a committee.

    @property
    def members(self) -> int:
        """How many models there are."""
        return len(self._members)

    @property
    def joint(self) -> bool:
        """Whether member k is one function over all samples: not if it draws at random itself."""
        known = [task for task in self._members.tasks if task is not None]
        return all(task.joint_draws for task in known if provides(task, JointDraws))

    @property
    def draws_by_round(self) -> bool:
        """Whether a member draws at random itself, anew in each round."""
        known = [task for task in self._members.tasks if task is not None]
        return any(provides(task, HasCommittee) for task in known)

    def start_round(self, round: int) -> None:
        """Tell members that draw at random themselves which round it is."""
        self._members.round = round
        for task in self._members.tasks:
            if provides(task, StartsRounds):
                task.start_round(round)

    def source(self, k: int) -> Any:
        """Return what member k is made from: a model, a checkpoint, or None (the task's own)."""
        return self._members.source(k)

    def checkpoint(self, k: int) -> Any:
        """Return what member k is made from if it is known without making it; else None."""
        return self._members.sources[k]

    @property
    def brings_models(self) -> bool:
        """Whether its members are models that were given, and not copies of a task's own."""
        return self._members.factory is not None or self._members.sources[0] is not None

    def on_member(self, k: int, action: Callable[[Any], Any]) -> Any:
        """Return what `action` makes of member k's task, which is brought into memory for it."""
        return self._members.on(k, action)

    def bind(self, make: Callable[[int], Any], *, swap: bool) -> Ensemble:
        """Return this ensemble with a task around each member; for tasks that take a committee.

        Args:
            make: takes k and returns the task of member k, freshly made from `source(k)`.
            swap: whether `make` returns one and the same task each time, whose weights `load`
                replaces.
        """
        mine = self._members
        bound = Ensemble(self.members, one_at_a_time=self.one_at_a_time, directory=mine.directory)
        bound._members.seeds = mine.seeds
        bound._members.make, bound._members.swap = make, swap
        bound._copies = mine.factory is None and mine.sources[0] is None
        bound._untrained_copies = bound._copies
        return bound

    # As a task.

    @property
    def default_acquisition(self) -> str:
        """`"bald"`: members are there to be disagreed with."""
        return "bald"

    @property
    def default_strategy(self) -> str:
        """The members' own default strategy."""
        one = self._members.any()
        return str(one.default_strategy) if provides(one, DefaultStrategy) else "top_k"

    @property
    def default_cold_start(self) -> str:
        """The members' own strategy before the first fit."""
        one = self._members.any()
        return str(one.default_cold_start) if provides(one, DefaultColdStart) else "random"

    @property
    def joint_draws(self) -> bool:
        """Whether member k is one function over all samples."""
        self._members.any()  # what a factory makes may draw at random, which shows once one is made
        return self.joint

    @property
    def warm_start(self) -> bool:
        """Whether the members go on from their last fit."""
        one = self._members.any()
        return provides(one, WarmStarts) and bool(one.warm_start)

    def start_over(self) -> None:
        """Let every member forget its training: the next `fit` starts from the beginning."""
        self._members.forget_training()
        if self.one_at_a_time:
            self._untrained_copies = self._copies
        for task in self._members.tasks:
            if provides(task, StartsOver):
                task.start_over()

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the members' predictions of one batch, side by side.

        Raises:
            CommitteeError: if the members are copies of one model and were never trained.
        """
        self._require_trained()
        parts: dict[int, Prediction] = {}
        for k in self._members.order():
            parts[k] = self._members.on(k, lambda task: task.predict(samples))
        return self._join([parts[k] for k in range(self.members)])

    def _require_trained(self) -> None:
        if self._untrained_copies:
            raise CommitteeError(
                f"Ensemble({self.members}): its members are copies of one model until fit() has "
                "trained each with a seed of its own, so they can't disagree yet. Fit first, or "
                "give trained models or checkpoints."
            )

    def _join(self, parts: Sequence[Prediction]) -> Prediction:
        # Detectors see units of their own, and match them.
        one = self._members.any()
        return one.join(parts) if provides(one, JoinsMembers) else join_members(parts)

    @property
    def iter_predict(self) -> Callable[[Sequence[Any]], Iterator[tuple[int, Prediction]]]:
        """Yield the members' predictions side by side, piece by piece; if members stream.

        `iter_predict(samples)`: all members work in lockstep, so a piece of each is in memory.
        Members whose pieces come in another order (of another `tile`) are predicted a sample at a
        time. One at a time in memory there is no lockstep, and `predict` takes whole samples.
        """
        if not self._streams:
            raise AttributeError("the members of this ensemble don't stream")
        return self._iter_predict

    @property
    def _streams(self) -> bool:
        return not self.one_at_a_time and provides(self._members.any(), StreamingPredictor)

    def _iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        self._require_trained()
        tasks = [self._members.on(k, lambda task: task) for k in range(self.members)]
        orders = [task.unit_order if provides(task, OrdersUnits) else None for task in tasks]
        if any(order != orders[0] for order in orders) or provides(tasks[0], JoinsMembers):
            for index, sample in enumerate(samples):
                yield index, self.predict([sample])
            return
        streams = [task.iter_predict(samples) for task in tasks]
        yield from join_streams(streams, join_members, recut=orders[0] is not None)

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the embedding of member 0: those of different members share no space."""
        embedded: Tensor = self._members.on(0, lambda task: task.embed(samples))
        return embedded

    def keep_features_in(self, folder: Path) -> None:
        """Let members that keep what a frozen part makes do so in `folder`."""
        self._members.features = folder
        for task in self._members.tasks:
            if provides(task, KeepsFeatures):
                task.keep_features_in(folder)

    def size(self, sample: Any) -> int:
        """Return the members' `size`; 0 for tasks without one, which take what comes."""
        one = self._members.any()
        return int(one.size(sample)) if provides(one, Sized) else 0

    @property
    def uniform_size(self) -> bool:
        """Whether all samples are of one size, so that none need be measured."""
        one = self._members.any()
        return provides(one, UniformSize) and bool(one.uniform_size)

    def group_key(self, sample: Any) -> Any:
        """Return the members' `group_key`; None for tasks without one."""
        one = self._members.any()
        return one.group_key(sample) if provides(one, Grouped) else None

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return the members' `cost`; 1 for tasks without one."""
        one = self._members.any()
        return float(one.cost(sample, prediction)) if provides(one, Costs) else 1.0

    def check_label(self, label: Any, sample: Any = None) -> Any:
        """Return the label as the members keep it, checked with its sample if they can."""
        if not provides(self._members.any(), ChecksLabels):
            return label
        if sample is None:
            return self._members.any().check_label(label)
        return check_label(self._members.any(), label, lambda: sample)

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Let the members refuse samples they can't read."""
        one = self._members.any()
        if provides(one, ChecksSamples):
            one.check_samples(samples)

    def describe(self, sample: Any, prediction: Prediction) -> Mapping[str, Any]:
        """Return the members' description of the joint prediction; nothing if they have none."""
        one = self._members.any()
        described: Mapping[str, Any] = {}
        if provides(one, Describes):
            described = one.describe(sample, prediction)
        return described

    @property
    def describe_many(self) -> Callable[[Sequence[Any]], list[Mapping[str, Any]]]:
        """Describe samples one by one, for members that stream: a batch is too big for memory."""
        if not self._streams:
            raise AttributeError("the members of this ensemble don't stream")
        return lambda samples: [self.describe(one, self.predict([one])) for one in samples]

    @property
    def picture(self) -> Callable[[Any, Mapping[str, Any]], Any]:
        """Draw a description, as the members do; if they draw."""
        one = self._members.any()
        if not provides(one, DrawsPictures):
            raise AttributeError(f"{type(one).__name__}, a member, draws no pictures")
        return one.picture

    @property
    def fit(self) -> Callable[..., None]:
        """Train every member on the same labels, each with a seed of its own.

        `fit(samples, labels, *, seed, weights=None, valid=None, unlabelled=None)`. An ensemble of
        tasks that were trained elsewhere, and have no `fit`, has none either: a loop tells by that
        whether it has to wait for a fit or may score at once.
        """
        mine = self._members
        if mine.make is None and mine.are_tasks and not provides(mine.any(), Trainable):
            raise AttributeError(f"{type(self._members.any()).__name__}, a member, has no fit()")
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
        def train(k: int) -> Callable[[Any], None]:
            def action(task: Any) -> None:
                task.fit(
                    samples,
                    labels,
                    seed=derive_seed(seed, "ensemble", self._members.seeds[k]),
                    weights=weights,
                    valid=valid,
                    unlabelled=unlabelled,
                )
                self._members.keep(k, task)

            return action

        untrained = not self.warm_start
        for k in range(self.members):
            self._members.on(k, train(k), untrained=untrained)
        self._untrained_copies = False

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of the members' averaged prediction.

        Members without a `measure(prediction, labels)` are measured one by one, and their
        metrics averaged.
        """
        if provides(self._members.any(), Measures):
            measured: dict[str, float] = self._members.any().measure(self.predict(samples), labels)
            return measured
        each = [
            self._members.on(k, lambda task: task.evaluate(samples, labels))
            for k in range(self.members)
        ]
        return {name: float(np.mean([one[name] for one in each])) for name in each[0]}

    def save(self, directory: Path | str) -> None:
        """Write each member into a folder of its own."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(self.members):
            self._members.on(k, partial(_save, folder / f"member-{k}"))
        settings = {"members": self.members, "seeds": self._members.seeds}
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
        self._members.read_from([folder / f"member-{k}" for k in range(self.members)])
        self._untrained_copies = False


def _save(folder: Path, task: Any) -> None:
    task.save(folder)
