"""Which samples of a shard strategies may pick from that read more than scores."""

from __future__ import annotations

from typing import Literal

import numpy as np

from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_rng
from altasks.errors import invalid
from altasks.scoring.scores import Scores
from altasks.strategies.base import id_hashes, top_rows

__all__ = ["BY", "By", "candidate_rows", "check_candidates"]

#: How the candidates of a shard are chosen.
By = Literal["score", "drawn", "both"]
BY = ("score", "drawn", "both")


def candidate_rows(scores: Scores, count: int, by: str, seed: int) -> np.ndarray:
    """Return which samples of a shard are candidates, ascending.

    The best of each shard hold the best of all, and so do those drawn: draws go by a hash of the
    id, so that which samples would be drawn first does not depend on the shard they are in.

    Example:
        >>> scores = Scores(["a", "b", "c"], np.array([0.1, 0.9, 0.5]))
        >>> candidate_rows(scores, 2, "score", 0).tolist()
        [1, 2]
    """
    check_candidates(count, by)
    best = top_rows(scores.values, scores.ids, count, derive_rng(seed, "candidates"))
    hashes = id_hashes(scores.ids, derive_rng(seed, "drawn candidates"))
    drawn = np.argsort(hashes, kind="stable")[:count]
    if by == "both":
        best = best[: count - count // 2]
        taken = np.isin(drawn, best)
        drawn = drawn[~taken][: count // 2]
    parts = {"score": [best], "drawn": [drawn], "both": [best, drawn]}[by]
    return np.sort(np.concatenate(parts))


def check_candidates(count: int, by: str) -> None:
    """Refuse a number or a way that there isn't.

    Raises:
        InvalidInputError: naming the argument of `score_shard`.
    """
    require_whole("candidates", count, 0)
    if by not in BY:
        raise invalid("candidates_by", " or ".join(map(repr, BY)), repr(by))
