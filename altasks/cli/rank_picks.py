"""From scores to the samples that a strategy picks, in one ranking without a loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from altasks.abilities import Costs, provides
from altasks.cli.rankers.base import RankRequest
from altasks.cli.target import TargetFile, takes_target
from altasks.errors import InvalidInputError, invalid
from altasks.registry import get_strategy
from altasks.strategies.fitting import OBJECTS, PROBS, never_there, strategies_line

if TYPE_CHECKING:
    from altasks.cli.labelled import LabelledData
    from altasks.scoring import Scores


def named_strategy(name: str | None, target: TargetFile | None = None) -> Any:
    """Return a strategy by its name, or by that of a wrapper and what is inside: `outer:inner`.

    Args:
        name: None for none.
        target: for a strategy that can't be made without one.

    Raises:
        UnknownNameError: if no strategy has that name.
        InvalidInputError: for one that can't be made without further settings, or without a target.
    """
    if name is None:
        return None
    outer, colon, inner = name.partition(":")
    made_by = get_strategy(outer)
    if not colon and takes_target(made_by):
        if target is None:
            raise invalid(
                "--strategy",
                "--target beside a strategy that picks for one",
                repr(name),
                hint="Give --target FILE: samples such as the model will meet, with or without "
                "labels.",
            )
        target.used = True
        return made_by(target)
    try:
        return made_by(named_strategy(inner, target)) if colon else made_by()
    except TypeError as error:
        raise invalid(
            "--strategy",
            "a strategy that needs no settings, or a wrapper with one, such as 'balanced:top_k'",
            repr(name),
            where=str(error),
            hint="With its settings, use it from Python.",
        ) from error


def fitting_strategy(
    request: RankRequest, task: Any, strategy: Any, show: Callable[[str], None]
) -> Any:
    """Return the strategy to pick by: the one that is named, or the task's own if that can work.

    Args:
        request: its `strategy` is the name, if one was given.
        task: with its default.
        strategy: the one that is named; None for the task's own.
        show: prints one line.

    Raises:
        InvalidInputError: for a named one that needs embeddings, of a task without.
    """
    from altasks.loop.settings import default_strategy

    usual = default_strategy(task, request.acquisition)
    chosen = named_strategy(usual) if strategy is None else strategy
    lacking = chosen.needs & never_there(task)
    if not lacking:
        return chosen
    if strategy is None:
        show(
            f"Note: {usual}, the strategy of {request.task}, needs {_listed(lacking)}, which this "
            "task doesn't have; the samples with the highest scores are picked instead (top_k)."
        )
        return named_strategy("top_k")
    if lacking <= PROBS:
        return chosen  # scoring refuses it, and says why
    raise invalid(
        "--strategy",
        "one that does without embeddings",
        f"{request.strategy!r}, and {request.task} has none",
        hint=strategies_line(never_there(task) | {"embeddings"}),
    )


@contextmanager
def strategies_that_can(task: Any) -> Iterator[None]:
    """Name the strategies that can work where scoring finds that it can't keep what one needs."""
    try:
        yield
    except InvalidInputError as error:
        said = str(error)
        if said.startswith("keep:"):
            lacking = {"draws"} if "joint" in said else PROBS
            lacking = {"embeddings"} if "`embed`" in said else lacking
            lacking = OBJECTS if "`objects`" in said else lacking
            error.add_note(strategies_line(never_there(task) | lacking))
        raise


def _listed(names: Collection[str]) -> str:
    return " and ".join(name.replace("_", " ") for name in sorted(names))


def pick(
    request: RankRequest, task: Any, labelled: LabelledData, strategy: Any, scores: Scores
) -> list[str]:
    """Return the ids that the strategy picks, checked before they are written.

    Raises:
        InvalidInputError: for a strategy that returns something else than distinct ids of the pool.
    """
    from altasks._internal.random import derive_rng
    from altasks.loop.candidates import CandidateMaker
    from altasks.strategies.wrapping import select_inside

    pool = labelled.pool
    costs = None
    if "costs" in strategy.needs:
        costs = {
            name: float(task.cost(pool[name])) if provides(task, Costs) else 1.0
            for name in scores.ids
        }
    maker = CandidateMaker(task, pool, strategy, request.seed, request.samples_at_once)
    candidates = maker.make(
        scores.ids,
        scores,
        labelled=set(labelled.ids),
        costs=costs,
        labels=lambda: labelled.labels,
    )
    count = min(request.number, len(scores))
    return select_inside(strategy, candidates, count, derive_rng(request.seed, "rank"))
