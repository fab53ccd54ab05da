"""Embeddings of some samples by id, for strategies that look at what is labelled or pending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from torch import Tensor

from altasks.data import Pool
from altasks.errors import UnreadableSampleError
from altasks.scoring.reader import Reader

__all__ = ["embed_samples"]


def embed_samples(
    task: Any,
    pool: Pool,
    ids: Sequence[str],
    *,
    batch_size: int,
    width_of: str,
    advance: Callable[[int], Any] = int,
) -> np.ndarray:
    """Return the task's embeddings of some samples, `[len(ids), d]`; the next are read ahead.

    Args:
        task: with `embed`.
        pool: where the samples are.
        ids: which; of none, d still has to be known.
        batch_size: samples per call of the task.
        width_of: a sample that can be read, which is embedded and left out if `ids` is empty.
        advance: called with the number of samples of each batch that was embedded.

    Raises:
        UnreadableSampleError: at the end, for all samples that can't be read; its `skipped` names
            their ids.

    Example:
        >>> import altasks as al
        >>> class Line:
        ...     def embed(self, samples):
        ...         return np.array([[x, 1.0] for x in samples])
        >>> pool = al.as_pool({"a": 0.25, "b": 0.5})
        >>> embed_samples(Line(), pool, ["b"], batch_size=8, width_of="a").tolist()
        [[0.5, 1.0]]
        >>> embed_samples(Line(), pool, [], batch_size=8, width_of="a").shape
        (0, 2)
    """
    names = list(ids) or [width_of]
    reader = Reader(pool.subset(names), task)
    blocks: list[np.ndarray] = []

    def work(batch: Sequence[Any], rows: np.ndarray) -> None:
        del rows
        block = task.embed(batch)
        if isinstance(block, Tensor):  # NumPy has no bfloat16
            block = block.detach().cpu()
            block = (block.float() if block.dtype.itemsize < 4 else block).numpy()
        blocks.append(block)

    rows = np.arange(len(names))
    batches = (rows[start : start + batch_size] for start in range(0, len(names), batch_size))
    with closing(reader.ahead(batches)) as read:
        for items in read:
            places = np.array([item.row for item in items], np.int64)
            reader.attempt(places, [item.sample for item in items], work)
            advance(len(items))
            items.clear()
    if reader.unreadable:
        skipped = reader.skipped()
        named = "; ".join(f"{name!r}: {found}" for name, found in list(skipped.items())[:5])
        raise UnreadableSampleError(
            f"{len(skipped)} of {len(names)} samples can't be read: {named}",
            dict(reader.unreadable),
            skipped=skipped,
        )
    return np.concatenate(blocks)[: len(ids)]
