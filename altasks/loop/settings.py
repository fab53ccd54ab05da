"""What a loop was made with, so that reopening it with something else is noticed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from altasks._internal.jsonable import dumps, to_json
from altasks.errors import InvalidInputError, StoreError, invalid
from altasks.loop.base import Store
from altasks.registry import get_strategy
from altasks.strategies.base import Strategy

_WHY = {
    "seed": "every random choice is drawn from it",
    "strategy": "it decides the asks",
    "cold_start": "it decides the first asks",
    "acquisition": "its scores decide the asks",
}


def resolve_strategy(strategy: Any, argument: str) -> Strategy:
    """Return a strategy from its name, its class or itself."""
    made = get_strategy(strategy) if isinstance(strategy, str) else strategy
    if isinstance(made, type):
        made = made()
    if not isinstance(made, Strategy):
        raise invalid(
            argument, "a strategy (with needs and select) or its name", type(made).__name__
        )
    return made


def strategy_name(strategy: Strategy) -> str:
    """Return the class and options of a strategy, equal for equal ones.

    Example:
        >>> from altasks.strategies import Power
        >>> strategy_name(Power(beta=2))
        'altasks.strategies.power.Power(beta=2.0)'
    """
    kind = type(strategy)
    # One with __slots__ has no __dict__.
    names = getattr(strategy, "__dict__", getattr(kind, "__slots__", ()))
    options = {
        k: getattr(strategy, k) for k in names if not k.startswith("_") and hasattr(strategy, k)
    }
    told = ", ".join(f"{name}={_short(value)}" for name, value in sorted(options.items()))
    return f"{kind.__module__}.{kind.__qualname__}({told})"


def acquisition_name(
    acquisition: str | Callable[..., Any] | None, options: Mapping[str, Any] | None
) -> str | None:
    """Return the name and options of an acquisition function, equal for equal ones."""
    if acquisition is None:
        return None
    while isinstance(acquisition, functools.partial):  # any two would be called alike
        options = {**acquisition.keywords, **(options or {})}
        acquisition = acquisition.func
    if isinstance(acquisition, str):
        name = acquisition
    else:
        named = getattr(acquisition, "__qualname__", type(acquisition).__qualname__)
        home = str(getattr(acquisition, "__module__", ""))
        # The package's own functions are called alike by name and by reference.
        name = named if home.startswith("altasks.acquisition") else f"{home}.{named}"
    told = ", ".join(f"{key}={_short(value)}" for key, value in sorted((options or {}).items()))
    return f"{name}({told})"


def _short(value: Any) -> str:
    if isinstance(value, Strategy) and not isinstance(value, type):  # the one inside another
        return strategy_name(value)
    try:
        text = dumps(to_json(value, "option"))
    except InvalidInputError:  # an object: its class has to do, an address would never be equal
        return type(value).__qualname__
    return text if len(text) <= 100 else hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def check_settings(store: Store, settings: Mapping[str, Any], accept_changes: bool) -> None:
    """Remember the settings of a new store; compare those of an old one. None is not compared.

    Raises:
        StoreError: naming the setting, both values and what to do.
    """
    for name, value in settings.items():
        if value is None:
            continue
        kept = store.claim(name, value)
        if kept == value:
            continue
        if not accept_changes:
            raise StoreError(
                f"{name}: the store {store.name} was made with {kept}, and this loop has {value}; "
                f"{_WHY[name]}, so the resumed run would not ask what the uninterrupted one would "
                f"have. Give {name} as it was, use another store, or say accept_changes=True."
            )
        store.put(name, value)
