"""An ensemble's members as copies of the task they were given to."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from altasks.committees.ensemble import Ensemble
from altasks.errors import CommitteeError, invalid


def first_source(committee: Any) -> Any:
    """Return what the ensemble's first member is made from, where no model was given.

    Raises:
        InvalidInputError: if the committee brings no model either.
    """
    source = committee.source(0) if isinstance(committee, Ensemble) else None
    if source is None:
        raise invalid(
            "model",
            "a hub name, a folder or a model object",
            "None",
            hint="It may only be left out with an Ensemble of models or checkpoints.",
        )
    return source


class EnsembleMembers:
    """Makes the task of member k.

    With all members in memory each has a model of its own; with one at a time, all share the
    model of the task, whose weights are replaced.

    Args:
        task: the task the ensemble was given to.
        ensemble: as the user made it.
        borrowed: whether the task's model is the ensemble's first.
    """

    def __init__(self, task: Any, ensemble: Ensemble, *, borrowed: bool) -> None:
        self._task = task
        self._ensemble = ensemble
        self._borrowed = borrowed
        self._shared: Any = None

    def __call__(self, k: int) -> Any:
        """Return the task of member k, before any training."""
        if self._ensemble.one_at_a_time:
            return self._with_weights_of(k)
        task = self._task
        if self._borrowed and k == 0:
            replica = task.replica(task.model)
            replica.begin_with(None, task.new_parameters)
            return replica
        source = self._ensemble.source(k)
        if source is not None:
            return task.replica(source)
        # Copies of the task's own model: they share the weights that each fit starts from. Those
        # are taken down before the first copy is trained, since that is the task's own model.
        start = task.starting_point()
        replica = task.replica(task.model if k == 0 else copy.deepcopy(task.model))
        replica.begin_with(start, task.new_parameters)
        return replica

    def _with_weights_of(self, k: int) -> Any:
        task = self._task
        if self._shared is None:
            self._shared = task.replica(task.model)
        source = self._ensemble.source(k)
        if source is None:
            self._shared.begin_with(task.starting_point(), task.new_parameters)
            return self._shared
        loaded = task.load_source(source)
        _copy_weights(loaded.model, self._shared.model, k)
        # Its own weights are what its fits start from, not those of the member before.
        self._shared.begin_with(None, loaded.new)
        return self._shared


def _copy_weights(source: nn.Module, target: nn.Module, k: int) -> None:
    found, expected = source.state_dict(), target.state_dict()
    different = sorted(
        name
        for name in {*found, *expected}
        if name not in found or name not in expected or found[name].shape != expected[name].shape
    )
    if different:
        raise CommitteeError(
            f"Member {k} is built differently from the others (first in {different[0]!r}). One "
            "at a time, members given to a task share one model and only its weights are read; "
            "for different models use Ensemble.from_factory with a factory that returns tasks."
        )
    target.load_state_dict(found)
