"""What holds for every strategy that draws without replacement in proportion to weights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, Power, Softmax, SoftRank, TopK
from altasks.testing.strategies import make_candidates

KINDS = pytest.mark.parametrize("kind", [Power, Softmax, SoftRank])


def of_ranks(scores: np.ndarray, beta: float) -> np.ndarray:
    ranks = 1 + np.argsort(np.argsort(-scores))
    return ranks.astype(float) ** -beta


@pytest.mark.parametrize(
    ("kind", "weights_of"),
    [
        (Power, lambda scores, beta: scores**beta),
        (Softmax, lambda scores, beta: np.exp(beta * scores)),
        (SoftRank, of_ranks),
    ],
)
def test_draws_in_proportion(kind: Any, weights_of: Callable[..., np.ndarray]) -> None:
    scores = np.array([1.0, 2.0, 3.0, 0.5] if kind is Power else [-1.0, 0.5, 1.0, 0.0])
    beta, trials = 1.3, 6000
    candidates = Candidates(list("abcd"), scores)
    seen: dict[tuple[str, ...], int] = {}
    for seed in range(trials):
        picks = tuple(kind(beta).select(candidates, 2, rng=np.random.default_rng(seed)))
        seen[picks] = seen.get(picks, 0) + 1
    weights = dict(zip("abcd", weights_of(scores, beta).tolist(), strict=True))
    whole = sum(weights.values())
    for first, second in permutations("abcd", 2):
        # Without replacement: the second is drawn from what is left.
        share = weights[first] / whole * weights[second] / (whole - weights[first])
        spread = np.sqrt(trials * share * (1 - share))
        assert abs(seen.get((first, second), 0) - trials * share) < 5 * spread + 1


@KINDS
def test_a_high_beta_is_the_top(kind: Any) -> None:
    candidates = make_candidates(frozenset(), 30)
    top = TopK().select(candidates, 5, rng=np.random.default_rng(0))
    assert kind(1e6).select(candidates, 5, rng=np.random.default_rng(0)) == top


@KINDS
@pytest.mark.parametrize("beta", [0, -1, np.inf, np.nan])
def test_bad_beta(kind: Any, beta: float) -> None:
    with pytest.raises(InvalidInputError, match="beta"):
        kind(beta)
