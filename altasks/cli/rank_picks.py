"""From scores to the samples that a strategy picks, in one ranking without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from altasks.abilities import Costs, Embeds, provides
from altasks.cli.rankers.base import RankRequest
from altasks.errors import invalid
from altasks.registry import get_strategy

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores


def named_strategy(name: str | None) -> Any:
    """Return a strategy by its name, or by that of a wrapper and what is inside: `outer:inner`.

    Raises:
        UnknownNameError: if no strategy has that name.
        InvalidInputError: for one that can't be made without further settings.
    """
    if name is None:
        return None
    outer, colon, inner = name.partition(":")
    made_by = get_strategy(outer)
    try:
        return made_by(named_strategy(inner)) if colon else made_by()
    except TypeError as error:
        raise invalid(
            "--strategy",
            "a strategy that needs no settings, or a wrapper with one, such as 'balanced:top_k'",
            repr(name),
            where=str(error),
            hint="With its settings, use it from Python.",
        ) from error


def pick(
    request: RankRequest,
    task: Any,
    pool: Pool,
    labelled: Sequence[str],
    strategy: Any,
    scores: Scores,
) -> list[str]:
    """Return the ids that the strategy picks, checked before they are written.

    Raises:
        InvalidInputError: for a strategy that needs what the task doesn't have, or that returns
            something else than distinct ids of the pool.
    """
    from altasks._internal.random import derive_rng
    from altasks.scoring.embeddings import embed_samples
    from altasks.strategies import Candidates
    from altasks.strategies.wrapping import select_inside

    beside: dict[str, Any] = {}
    for name, ids in (("labelled_embeddings", labelled), ("pending_embeddings", ())):
        if name in strategy.needs:
            if not provides(task, Embeds):
                raise invalid(
                    "--strategy",
                    "one that does without embeddings",
                    f"{request.strategy!r}, and {request.task} has none",
                )
            beside[name] = embed_samples(
                task, pool, ids, batch_size=request.samples_at_once, width_of=scores.ids[0]
            )
    if "costs" in strategy.needs:
        beside["costs"] = [
            float(task.cost(pool[name])) if provides(task, Costs) else 1.0 for name in scores.ids
        ]
    candidates = Candidates(
        scores.ids,
        scores.values,
        embeddings=scores.embeddings,
        mean_probs=scores.mean_probs,
        draws=scores.draws,
        **beside,
    )
    count = min(request.number, len(scores))
    return select_inside(strategy, candidates, count, derive_rng(request.seed, "rank"))
