"""Everything that is still unanswered, in the order in which people should get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from altasks.abilities import Predictor, Trainable, provides
from altasks.loop.base import State
from altasks.loop.query import Query
from altasks.loop.query_maker import QueryMaker

#: Where the order by the last fit is kept, so that it is made once.
_KEY = "queue"


def open_queue(maker: QueryMaker, *, rerank: bool) -> Query:
    """Return what was asked and not answered as one query.

    What the last fit asked for stands first, in the order asked. What is left of earlier queries
    follows, the highest score by the last fit first, with what that predicts of it.

    Args:
        maker: of the loop.
        rerank: False: in the order asked, the oldest query first.

    Raises:
        UnreadableSampleError: naming the samples that can't be read.
    """
    queries = maker.pending()
    order = [name for query in queries for name in query.ids]
    state = maker.store.state()
    if not rerank or state.last_fit is None or not provides(maker.task, Predictor):
        return _merged(queries, order, {})
    fit = state.last_fit.fit
    by_last = {n for n, how in maker.store.asks().items() if how.get("fit") == fit}
    first = [name for query in queries if query.round in by_last for name in query.ids]
    rest = [name for query in queries if query.round not in by_last for name in query.ids]
    if not rest:
        return _merged(queries, first, {})
    kept = maker.store.get(_KEY) or {}
    if kept.get("fit") != fit or not set(rest) <= set(kept["order"]):
        kept = _ranked(maker, rest, state)
        maker.store.put(_KEY, kept)
    wanted = set(rest)
    order = first + [name for name in kept["order"] if name in wanted]
    return _merged(queries, order, kept["descriptions"])


def _ranked(maker: QueryMaker, ids: Sequence[str], state: State) -> dict[str, Any]:
    """Return ids by their scores after the last fit, and what it says of them, as JSON."""
    assert state.last_fit is not None
    if provides(maker.task, Trainable):
        maker.fit_log.catch_up_with_store()
    selector = maker.selector.with_labels(lambda: maker.store.labels().values)
    draws = state.last_fit.round + 1  # as the first ask after it: draws belong to the fit
    scores = selector.score(ids, draws)
    value = dict(zip(scores.ids, scores.values.tolist(), strict=True))
    order = sorted(ids, key=lambda name: -value[name])  # stable: as asked, where equal
    described = selector.describe(order, draws)
    return {"fit": state.last_fit.fit, "order": order, "descriptions": described}


def _merged(queries: Sequence[Query], order: Sequence[str], described: Mapping[str, Any]) -> Query:
    """Return queries of several rounds as one, in an order of their ids.

    Args:
        queries: each id is in one of them.
        order: their ids.
        described: id -> description, in place of theirs.
    """
    if not queries:
        return Query([], [], [], 0)
    sample: dict[str, Any] = {}
    score: dict[str, float | None] = {}
    descriptions: dict[str, Any] = {}
    for query in queries:
        sample |= dict(query)
        score |= dict(zip(query.ids, query.scores, strict=True))
        descriptions |= query.descriptions
    descriptions |= described
    return replace(
        queries[-1],
        ids=list(order),
        samples=[sample[name] for name in order],
        scores=[score[name] for name in order],
        descriptions={name: descriptions[name] for name in order if name in descriptions},
        cost=None,
        over_budget=[],
    )
