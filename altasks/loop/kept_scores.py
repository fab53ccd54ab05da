"""Scores of a fit, kept until the next: an ask that lost a race costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks.abilities import DrawsByRound, StartsRounds, Trainable, provides
from altasks.loop.base import State
from altasks.loop.selection import Selector
from altasks.strategies.wrapping import wants


@dataclass(frozen=True)
class _Made:
    """Scores, and what they hold for.

    Args:
        key: what they depend on beside the samples: the fit, and what is kept beside the scores.
        round: what their draws were made for.
        table: the `Scores`.
    """

    key: tuple[Any, ...]
    round: int
    table: Any


class KeptScores:
    """Scores the open samples once for each fit, however often and by whomever they are asked.

    Draws belong to the fit: they are those of the first ask after it, whichever process makes it
    and however many asks there were since. So what is kept is what anybody else would make of the
    same fit, also after a restart.

    Args:
        task: of the loop.
    """

    def __init__(self, task: Any) -> None:
        self._task = task
        self._made: _Made | None = None

    def forget(self) -> None:
        """Let go of what is kept, which may be large."""
        self._made = None

    def end_of_ask(self) -> None:
        """Let go of scores that may not hold for a later ask.

        Those of a fit do, until the next one. Of a model that is trained elsewhere, or was before
        the first fit, nobody can say whether it has been since.
        """
        if self._made is not None and not (provides(self._task, Trainable) and self._made.key[0]):
            self._made = None

    def scores_of(
        self, selector: Selector, ids: list[str], state: State, *, labels_count: bool
    ) -> tuple[Any, int]:
        """Return `Scores` of `ids`, and the round that their draws were made for.

        Args:
            selector: scores.
            ids: of what may be asked.
            state: of the store.
            labels_count: whether the function's options were made of the labels there are.
        """
        last, number = state.last_fit, state.round + 1
        if last is not None and provides(self._task, Trainable):
            number = last.round + 1
        strategy = selector.strategy
        key = (
            0 if last is None else last.fit,
            state.last_label if labels_count else 0,
            frozenset(strategy.needs | wants(strategy)),
            selector.untrained,
        )
        if self._made is not None and self._made.key == key:
            table = rows_of(self._made.table, ids)
            if len(table.ids) == len(ids):  # an ask by cost may have left some out
                return table, self._made.round
        self._made = None  # before others are made
        self._made = _Made(key, number, selector.score(ids, number))
        return self._made.table, number


def draws_by_round(task: Any) -> bool:
    """Return whether scores of the same model differ from round to round.

    A task that is given the round draws by it, unless it, or its committee, has
    `draws_by_round = False`, or it has no committee.
    """
    if not provides(task, StartsRounds):
        return False
    if provides(task, DrawsByRound):
        return bool(task.draws_by_round)
    if not hasattr(task, "committee"):
        return True
    committee = task.committee
    says = committee.draws_by_round if provides(committee, DrawsByRound) else True
    return committee is not None and bool(says)


def rows_of(table: Any, ids: Sequence[str]) -> Any:
    """Return the rows of `Scores` that are of some ids."""
    if table.ids == ids:
        return table
    allowed = set(ids)
    found = np.fromiter(map(allowed.__contains__, table.ids), bool, len(table.ids))
    return table if found.all() else table.take(np.flatnonzero(found))
