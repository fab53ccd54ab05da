"""Which samples are in which shard: whole batches of the ones that one process would make."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from altasks._internal.numbers import require_whole
from altasks.data import Pool
from altasks.errors import invalid
from altasks.scoring.order import Survey
from altasks.scoring.reader import Reader

__all__ = ["Shard", "shard_ids"]


class Shard(NamedTuple):
    """One of the parts that a pool is scored in.

    Attributes:
        number: 1 to `of`.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        """Return it as it is typed.

        Example:
            >>> str(Shard(3, 16))
            '3/16'
        """
        return f"{self.number}/{self.of}"

    @classmethod
    def read(cls, value: Any, argument: str = "shard") -> Shard:
        """Return the shard that `"3/16"` or `(3, 16)` means.

        Raises:
            InvalidInputError: for anything else, such as a number beyond the last.

        Example:
            >>> Shard.read("3/16") == Shard.read((3, 16)) == Shard(3, 16)
            True
        """
        parts: Any = value
        if isinstance(value, str):
            found = re.fullmatch(r"(\d+)/(\d+)", value.strip(), flags=re.ASCII)
            parts = None if found is None else (int(found[1]), int(found[2]))
        if not isinstance(parts, tuple | list) or len(parts) != 2:
            raise invalid(argument, "which shard of how many, such as '3/16'", repr(value))
        number, of = (require_whole(argument, part, 0) for part in parts)
        if not 1 <= number <= of:
            raise invalid(
                argument,
                "a shard from '1/N' to 'N/N'",
                repr(value),
                hint="Shards are counted from 1: add 1 to the number of a job that counts from 0.",
            )
        return cls(number, of)


def shard_ids(task: Any, pool: Pool, shard: Shard, batch_size: int) -> list[str]:
    """Return the ids of a shard, in the pool's order.

    The batches that one process would make are dealt out in turn, whole: a sample is padded
    beside the same others, and dropped out like them, as if one process had scored all, and every
    shard gets big and small samples alike. For that, sizes and groups of all samples are looked at
    where the task has any (the length of each text, the head of each image's file); nothing is
    predicted.

    Of a pool that decodes its samples as they are fetched, nothing is read here: runs of samples
    that one process would sort together are dealt out.

    Args:
        task: with any of `size` and `group_key`.
        pool: the whole of it.
        shard: which part.
        batch_size: samples per call of the task, the same for all shards.

    Raises:
        InvalidInputError: for a sample that the task's `size` refuses, naming its id.

    Example:
        >>> import altasks as al
        >>> pool = al.as_pool([*"abcdef"])
        >>> shard_ids(None, pool, Shard(1, 2), 2), shard_ids(None, pool, Shard(2, 2), 2)
        (['0', '1', '4', '5'], ['2', '3'])
    """
    require_whole("batch_size", batch_size, 1)
    reader = Reader(pool, task, 0)
    survey = Survey(task, reader, int(batch_size), False, check=False)
    chosen = np.zeros(len(pool), dtype=bool)
    for place, rows in enumerate(survey.runs()):
        if place % shard.of == shard.number - 1:
            chosen[rows] = True
    # In no batch, but somebody has to say that they can't be read.
    for row in reader.unreadable:
        chosen[row] = row % shard.of == shard.number - 1
    return [pool.ids[row] for row in np.flatnonzero(chosen).tolist()]
