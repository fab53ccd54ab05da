"""The settings a loop was made with, so that reopening it with others is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altasks.abilities import DefaultColdStart, DefaultStrategy, provides
from altasks.errors import StoreError
from altasks.loop.base import Store
from altasks.loop.recipes import describe, same
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
