"""The settings a loop was made with, so that reopening it with others is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altasks.abilities import (
    DefaultAcquisition,
    DefaultColdStart,
    DefaultStrategy,
    provides,
)
from altasks.errors import StoreError
from altasks.loop.base import Store
from altasks.loop.candidates import SCORED
from altasks.loop.recipes import describe, is_recipe, remake_strategy, same
from altasks.registry import ACQUISITIONS
from altasks.strategies.base import Strategy
from altasks.strategies.wrapping import as_strategy

_WHY = {
    "seed": "every random choice is drawn from it",
    "strategy": "it decides the asks",
    "cold_start": "it decides the first asks",
    "acquisition": "its scores decide the asks",
    "calibration": "scores are made of calibrated predictions",
    "random_share": "it decides how many are drawn at random",
    "committee": "its opinions decide the scores",
    "batch_size": "this committee draws anew for each batch",
    "costs": "they decide what a budget buys",
}


def resolve_strategy(strategy: Any, argument: str) -> Strategy:
    """Return a strategy from its name, its class or itself.

    Raises:
        InvalidInputError: if it is none, or one that can't be made without options.
        UnknownNameError: for a name that isn't registered.
    """
    return as_strategy(strategy, argument, from_class=True)


def kept_or_default(store: Store, name: str, default: str) -> Strategy:
    """Return the strategy for a setting that the caller doesn't name.

    It is what the store was made with, so that a run goes on as it began when a newer version has
    another default; a new store, or one whose strategy can't be made again, gets the default.

    Args:
        store: which may hold the setting.
        name: `"strategy"` or `"cold_start"`.
        default: a registered name.
    """
    return remake_strategy(store.get(name)) or resolve_strategy(default, name)


def kept_or_default_acquisition(
    store: Store, task: Any, options: Mapping[str, Any] | None
) -> str | None:
    """Return the acquisition function for a loop that names none: the store's, or the task's.

    One that is recorded with options is not taken from the store: they may have been shortened.
    """
    kept = store.get("acquisition")
    if is_recipe(kept) and kept.get("name") in ACQUISITIONS and not (kept["options"] or options):
        return str(kept["name"])
    return task.default_acquisition if provides(task, DefaultAcquisition) else None


def default_strategy(task: Any, acquisition: Any = None) -> str:
    """Return the name of the strategy of a task that is given none.

    Whoever names an acquisition function means its highest scores: the task's own strategy may
    look at other things.
    """
    if acquisition is not None:
        return "top_k"
    named = task.default_strategy if provides(task, DefaultStrategy) else None
    return named or "top_k"


def default_cold_start(task: Any) -> str:
    """Return the name of the strategy before the first fit of a task that is given none."""
    named = task.default_cold_start if provides(task, DefaultColdStart) else None
    return named or "random"


def for_bare_scores(strategy: Strategy) -> Strategy:
    """Return what picks by scores made elsewhere, where `strategy` is not the caller's choice.

    Such scores come without embeddings and probabilities, so it is the highest where those are
    needed.
    """
    return resolve_strategy("top_k", "strategy") if strategy.needs & SCORED else strategy


def check_settings(store: Store, settings: Mapping[str, Any], accept_changes: bool) -> None:
    """Record the settings of a new store; compare those of an old one. None is not compared.

    Args:
        store: where they are recorded.
        settings: name -> JSON value or recipe (`altasks.loop.recipes`).
        accept_changes: record other settings instead of refusing them.

    Raises:
        StoreError: naming the setting, both values and what to do.
    """
    for name, value in settings.items():
        if value is None:
            continue
        kept = store.claim(name, value)
        if kept == value:
            continue
        if same(kept, value):
            if isinstance(kept, Mapping) and kept.get("migrated"):
                store.put(name, value)  # now that all of it is known
            continue
        if not accept_changes:
            raise StoreError(
                f"{name}: the store {store.name} was made with {describe(kept)}, and this loop has "
                f"{describe(value)}; {_WHY[name]}, so the resumed run would not ask what the "
                f"uninterrupted one would have. Give {name} as it was, use another store, or say "
                "accept_changes=True."
            )
        store.put(name, value)
