"""Descriptions of picked samples as JSON, for queues, queries and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from altasks._internal.jsonable import to_json
from altasks.abilities import Describes, DescribesMany, Predictor, StartsRounds, provides
from altasks.data import Pool
from altasks.errors import UnreadableSampleError

__all__ = ["describe_samples"]


def describe_samples(
    task: Any, pool: Pool, ids: Sequence[str], *, batch_size: int, round: int = 0
) -> dict[str, Any]:
    """Return the task's description of some samples, by id.

    A task with `describe_many` describes a batch by itself, in pieces where its samples are too
    big for one prediction; of another, each batch is predicted once and `describe` reads it.

    Args:
        task: with `predict` and `describe`, or with `describe_many`; of any other the answer is
            empty.
        pool: where the samples are.
        ids: which.
        batch_size: samples per call of the task.
        round: the round the committee's random draws are for.

    Raises:
        UnreadableSampleError: for samples that can't be read; its `skipped` names their ids.
        InvalidInputError: for a description that is no JSON, naming the id.

    Example:
        >>> import altasks as al
        >>> class Coin:
        ...     def predict(self, samples):
        ...         return al.Categorical([[x, 1 - x] for x in samples])
        ...     def describe(self, sample, prediction):
        ...         return {"heads": sample}
        >>> describe_samples(Coin(), al.as_pool({"a": 0.25}), ["a"], batch_size=8)
        {'a': {'heads': 0.25}}
    """
    many = provides(task, DescribesMany)
    if not many and not (provides(task, Describes) and provides(task, Predictor)):
        return {}
    if provides(task, StartsRounds):
        task.start_round(round)
    described: dict[str, Any] = {}
    for start in range(0, len(ids), batch_size):
        batch = ids[start : start + batch_size]
        samples = [pool[name] for name in batch]
        try:
            found = task.describe_many(samples) if many else _described(task, samples)
        except UnreadableSampleError as error:
            named = {batch[row]: why for row, why in error.rows.items() if 0 <= row < len(batch)}
            raise UnreadableSampleError(str(error), error.rows, skipped=named) from error
        for name, one in zip(batch, found, strict=True):
            described[name] = to_json(one, "description", f"id {name!r}")
    return described


def _described(task: Any, samples: Sequence[Any]) -> list[Any]:
    predictions = task.predict(samples)
    return [task.describe(sample, predictions[row : row + 1]) for row, sample in enumerate(samples)]
