"""What a loop asks by: what its maker names, or its store was made with, or its task prefers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altasks.abilities import DefaultAcquisition, JointDraws, provides
from altasks.loop.base import Store
from altasks.loop.candidates import SCORED
from altasks.loop.recipes import (
    calibration_recipe,
    committee_recipe,
    function_recipe,
    is_recipe,
    remake_strategy,
    strategy_recipe,
)
from altasks.loop.settings import default_cold_start, default_strategy, resolve_strategy
from altasks.registry import ACQUISITIONS, get_acquisition
from altasks.strategies.base import Strategy


@dataclass(frozen=True)
class NamedChoices:
    """What the caller of `ActiveLoop` names, checked; None is left to the store and the task.

    Args:
        acquisition: a function or its name.
        strategy: picks.
        cold_start: picks before the first fit.
    """

    acquisition: str | Callable[..., Tensor] | None
    strategy: Strategy | None
    cold_start: Strategy | None

    @classmethod
    def of(cls, acquisition: Any, strategy: Any, cold_start: Any) -> NamedChoices:
        """Return the arguments of `ActiveLoop`, strategies made of their names.

        Raises:
            InvalidInputError: for what is no strategy.
            UnknownNameError: for a name that isn't registered.
        """
        if isinstance(acquisition, str):
            get_acquisition(acquisition)
        return cls(
            acquisition,
            None if strategy is None else resolve_strategy(strategy, "strategy"),
            None if cold_start is None else resolve_strategy(cold_start, "cold_start"),
        )

    def completed(self, store: Store, task: Any, options: Mapping[str, Any] | None) -> Choices:
        """Return what the loop asks by.

        Args:
            store: whose settings come before the task's defaults.
            task: of the loop, or None.
            options: of the acquisition function.
        """
        usual = default_strategy(task, self.acquisition)
        strategy = self.strategy
        if strategy is None:
            strategy = _kept_or(usual, store, "strategy")
        cold_start = self.cold_start
        if cold_start is None:
            cold_start = _kept_or(default_cold_start(task), store, "cold_start")
        acquisition = self.acquisition
        if acquisition is None:
            acquisition = _kept_or_default_acquisition(store, task, options)
        return Choices(acquisition, strategy, cold_start, self.strategy is not None, options)


@dataclass(frozen=True)
class Choices:
    """What a loop asks by.

    Args:
        acquisition: scores; a function or its name, or None.
        strategy: picks.
        cold_start: picks before the first fit.
        is_named: whether the caller chose the strategy.
        options: keyword arguments of the acquisition function.
    """

    acquisition: str | Callable[..., Tensor] | None
    strategy: Strategy
    cold_start: Strategy
    is_named: bool
    options: Mapping[str, Any] | None

    @property
    def for_given_scores(self) -> Strategy:
        """What picks by scores made elsewhere.

        Such scores come without embeddings and probabilities: where the strategy needs those, and
        is not the caller's choice, it is the highest.
        """
        if self.is_named or not self.strategy.needs & SCORED:
            return self.strategy
        return resolve_strategy("top_k", "strategy")

    def settings(
        self, task: Any, seed: int, batch_size: int, calibration: Any, random_share: float
    ) -> dict[str, Any]:
        """Return what a store records of a loop; the arguments are the loop's, checked."""
        # A queue may only collect answers, by no strategy; a task asks by the default.
        is_queue = task is None and not self.is_named
        settings = {
            "seed": seed,
            "cold_start": strategy_recipe(self.cold_start),
            "strategy": None if is_queue else strategy_recipe(self.strategy),
            "acquisition": None
            if self.acquisition is None
            else function_recipe(self.acquisition, self.options),
            "committee": committee_recipe(task.committee) if hasattr(task, "committee") else None,
            # Where draws belong to a batch, other batches are other draws.
            "batch_size": batch_size if _draws_by_batch(task) else None,
        }
        if task is not None:
            settings["calibration"] = calibration_recipe(calibration)
        if task is not None or random_share:
            settings["random_share"] = random_share
        return settings


def _kept_or(default: str, store: Store, name: str) -> Strategy:
    """Return the strategy for a setting that the caller doesn't name.

    It is what the store was made with, so that a run goes on as it began when a newer version has
    another default; a new store, or one whose strategy can't be made again, gets the default.
    """
    return remake_strategy(store.get(name)) or resolve_strategy(default, name)


def _kept_or_default_acquisition(
    store: Store, task: Any, options: Mapping[str, Any] | None
) -> str | None:
    """Return the acquisition function for a loop that names none: the store's, or the task's.

    One that is recorded with options is not taken from the store: they may have been shortened.
    """
    kept = store.get("acquisition")
    if is_recipe(kept) and kept.get("name") in ACQUISITIONS and not (kept["options"] or options):
        return str(kept["name"])
    return task.default_acquisition if provides(task, DefaultAcquisition) else None


def _draws_by_batch(task: Any) -> bool:
    return provides(task, JointDraws) and not task.joint_draws
