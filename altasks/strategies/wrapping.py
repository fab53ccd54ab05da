"""The inner strategy of strategies that wrap another: how it is made and called."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from altasks.abilities import provides
from altasks.errors import invalid
from altasks.registry import get_strategy
from altasks.strategies.base import Candidates, ReadsMore, ReadsScores, Strategy


def as_strategy(
    strategy: Strategy | str | type[Strategy],
    argument: str = "strategy",
    *,
    from_class: bool = False,
) -> Strategy:
    """Return a strategy given as such, or by its registered name with its default options.

    Args:
        strategy: an instance, or a registered name.
        argument: how messages call it.
        from_class: also take a class, and make it with its default options.

    Raises:
        InvalidInputError: if it is neither, or one that can't be made without options; a class is
            named as the likely slip.
        UnknownNameError: for a name that isn't registered.
    """
    named: Any = strategy
    if isinstance(strategy, str):
        named = get_strategy(strategy)
    if isinstance(named, type) and (from_class or isinstance(strategy, str)):
        return _with_defaults(named, strategy, argument)
    if isinstance(named, type) or not isinstance(named, Strategy):
        found = f"the class {named.__name__}" if isinstance(named, type) else repr(named)
        raise invalid(
            argument,
            "a strategy (with needs and select) or the name of one",
            found,
            hint="Make an instance: TopK(), not TopK." if isinstance(named, type) else "",
        )
    return named


def _with_defaults(kind: type, given: Any, argument: str) -> Strategy:
    """Return an instance of a class, or name the options that it can't do without."""
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except ValueError:  # written in C
        parameters = []
    missing = [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if missing:
        values = ", ".join(
            f"{name}='top_k'" if name == "strategy" else f"{name}=..." for name in missing
        )
        raise invalid(
            argument,
            "a strategy that needs no options, or an instance",
            f"{given!r}, which needs {' and '.join(missing)}"
            if isinstance(given, str)
            else f"the class {kind.__name__}, which needs {' and '.join(missing)}",
            hint=f"Make it yourself: {kind.__name__}({values}).",
        )
    made: Any = kind()
    if not isinstance(made, Strategy):
        raise invalid(
            argument, "a strategy (with needs and select) or the name of one", kind.__name__
        )
    return made


def wants(strategy: Strategy) -> frozenset[str]:
    """Return the fields of `Candidates` that a strategy reads where they are, beside `needs`."""
    return strategy.wants if provides(strategy, ReadsMore) else frozenset()


def reads_scores(strategy: Strategy) -> bool:
    """Return whether a strategy reads the scores at all; most do."""
    return not provides(strategy, ReadsScores) or bool(strategy.reads_scores)


def without(candidates: Candidates, picked: list[str]) -> Candidates:
    """Return the candidates whose ids are not in `picked`."""
    gone = set(picked)
    rows: list[int] = [row for row, name in enumerate(candidates.ids) if name not in gone]
    return candidates.take(np.array(rows, dtype=np.int64))


def select_inside(
    strategy: Strategy, candidates: Candidates, n: int, rng: np.random.Generator
) -> list[str]:
    """Select with the strategy inside, and hold a third party's to its promise.

    Raises:
        InvalidInputError: if it returns other than `n` distinct ids of candidates.
    """
    picks: Any = strategy.select(candidates, n, rng=rng)
    if len(picks) != n or len(set(picks)) != n:
        raise invalid(
            "strategy",
            f"{n} distinct ids from {type(strategy).__name__}",
            f"{len(picks)}, {len(set(picks))} of them distinct",
        )
    known = set(candidates.ids)
    for name in picks:
        if name not in known:
            raise invalid(
                "strategy", f"ids of candidates from {type(strategy).__name__}", f"{name!r}"
            )
    return list(picks)
