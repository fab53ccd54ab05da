"""Which strategies can work on a task, by what its candidates can never have."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from altasks.abilities import Embeds, JointDraws, StreamingPredictor, TellsObjects, provides
from altasks.errors import AltasksError
from altasks.registry import STRATEGIES, get_strategy

#: Fields of `Candidates` that are read from predictions.
PROBS = frozenset({"mean_probs", "draws"})
OBJECTS = frozenset({"objects", "labelled_objects", "pending_objects"})
#: What a strategy wants of its maker that picks for a target, and can't be made by name alone.
_SETTINGS = (AltasksError, TypeError)


def never_there(task: Any) -> frozenset[str]:
    """Return the fields of `Candidates` that a task can't have, before it predicts anything.

    Embeddings may still come with predictions where it has no `embed`.

    Args:
        task: a task; or its class, of which less is known.

    Example:
        >>> import altasks as al
        >>> sorted(never_there(al.NER))
        ['labelled_objects', 'objects', 'pending_objects']
    """
    found: set[str] = set()
    if not provides(task, Embeds):
        found |= {"labelled_embeddings", "pending_embeddings"}
    if provides(task, StreamingPredictor):
        found |= PROBS
    if not provides(task, TellsObjects):
        found |= OBJECTS
    if provides(task, JointDraws) and not task.joint_draws:
        found.add("draws")
    return frozenset(found)


def able_strategies(lacking: Collection[str], *, with_settings: bool = False) -> list[str]:
    """Return the registered strategies that need none of some fields.

    Args:
        lacking: fields of `Candidates`.
        with_settings: whether those count, too, that can't be made by name alone.
    """
    able = []
    for name in STRATEGIES:
        try:
            found = get_strategy(name)
        except AltasksError:  # a package that can't be loaded
            continue
        try:
            found = found()
        except _SETTINGS:
            if not with_settings:
                continue
        needs: Any = getattr(found, "needs", frozenset())
        if not (isinstance(needs, frozenset | set) and needs & {*lacking}):
            able.append(name)
    return able


def strategies_line(lacking: Collection[str]) -> str:
    """Return the sentence that names the strategies that can work without some fields."""
    return f"Strategies that can work here: {', '.join(able_strategies(lacking))}."
