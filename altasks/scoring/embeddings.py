"""Embeddings of some samples by id, for strategies that look at what is labelled or pending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from altasks.data import Pool
from altasks.errors import UnreadableSampleError

__all__ = ["embed_samples"]


def embed_samples(
    task: Any, pool: Pool, ids: Sequence[str], *, batch_size: int, width_of: str
) -> np.ndarray:
    """Return the task's embeddings of some samples, `[len(ids), d]`.

    Args:
        task: with `embed`.
        pool: where the samples are.
        ids: which; of none, d still has to be known.
        batch_size: samples per call of the task.
        width_of: a sample that can be read, which is embedded and left out if `ids` is empty.

    Raises:
        UnreadableSampleError: for samples that can't be read; its `skipped` names their ids.

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
    blocks = []
    for start in range(0, max(len(ids), 1), batch_size):
        batch = list(ids[start : start + batch_size]) or [width_of]
        try:
            block = task.embed([pool[name] for name in batch])
        except UnreadableSampleError as error:
            named = {batch[row]: why for row, why in error.rows.items() if 0 <= row < len(batch)}
            raise UnreadableSampleError(str(error), error.rows, skipped=named) from error
        if isinstance(block, Tensor):  # NumPy has no bfloat16
            block = block.detach().cpu()
            block = (block.float() if block.dtype.itemsize < 4 else block).numpy()
        blocks.append(block)
    return np.concatenate(blocks)[: len(ids)]
