"""A look at some samples with the model of the last fit, which leaves no trace in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from altasks.registry import get_strategy

if TYPE_CHECKING:
    from altasks.loop.active_loop import ActiveLoop


def glance(loop: ActiveLoop, ids: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the scores of some samples, and what the task says of them, both by id.

    The model is that of the last fit, whichever process made it; without one, the task as it is.

    Args:
        loop: with a task.
        ids: of its pool.

    Raises:
        UnreadableSampleError: naming the samples that can't be read.
        StoreError: if the store can't be read.

    Example:
        >>> import altasks as al
        >>> class Coin:
        ...     default_acquisition = "least_confidence"
        ...     def predict(self, samples):
        ...         return al.Categorical([[x, 1 - x] for x in samples])
        ...     def describe(self, sample, prediction):
        ...         return {"heads": sample}
        >>> glance(al.ActiveLoop(Coin(), {"a": 0.25, "b": 0.5}), ["a"])
        ({'a': 0.25}, {'a': {'heads': 0.25}})
    """
    last = loop.restore()
    round = 0 if last is None else last.round + 1  # draws belong to the fit, as in an ask
    selector = loop._query_maker.selector.with_strategy(get_strategy("top_k")())
    selector = selector.with_labels(lambda: loop.store.labels().values)
    scores = selector.score(list(ids), round)
    described = selector.describe(list(ids), round)
    return dict(zip(scores.ids, scores.values.tolist(), strict=True)), described
