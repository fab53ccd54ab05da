"""What wrappers share: the strategy inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from altasks.abilities import provides
from altasks.errors import invalid
from altasks.registry import get_strategy
from altasks.strategies.base import Candidates, ReadsScores, Strategy


def as_strategy(strategy: Strategy | str) -> Strategy:
    """Return a strategy given as such, or by its registered name with its default options.

    Raises:
        InvalidInputError: if it is neither; a class is named as the likely slip.
        UnknownNameError: for a name that isn't registered.
    """
    if isinstance(strategy, str):
        made: Strategy = get_strategy(strategy)()
        return made
    if isinstance(strategy, type) or not isinstance(strategy, Strategy):
        found = f"the class {strategy.__name__}" if isinstance(strategy, type) else repr(strategy)
        raise invalid(
            "strategy",
            "a strategy or the name of one",
            found,
            hint="Make an instance: TopK(), not TopK." if isinstance(strategy, type) else "",
        )
    return strategy


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
