"""How much a strategy works on at once changes its memory and speed, and nothing else."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError
from altasks.registry import STRATEGIES
from altasks.strategies.base import id_hashes
from altasks.testing.strategies import make_candidates, replace

#: Modules, and the constants that cut their work into pieces.
CONSTANTS = (
    ("_arrays", "BLOCK"),
    ("_cover", "_SIZE"),
    ("_coverage", "TILE"),
    ("_fisher", "_BLOCK"),
    ("_kmeans", "ASSIGN_TILE"),
    ("_last_layer_refit", "_BLOCK"),
    ("_lazy_greedy", "FRONT"),
    ("_lazy_greedy", "_PART"),
    ("_radius", "_STEP"),
    ("_sampling", "FRONT"),
    ("_temperature", "_BLOCK"),
    ("drop_query", "BLOCK"),
    ("k_center", "FRONT"),
    ("max_det", "MOST"),
)
#: Those that need arguments, and one with a second way of working.
MADE = {
    "balanced": lambda: al.Balanced(al.KCenter()),
    "epsilon_greedy": lambda: al.EpsilonGreedy(al.TypiClust(), 0.3),
    "hybrid": lambda: al.Hybrid(al.KCenter()),
    "variance_reduction": lambda: al.VarianceReduction(fisher="trace"),
}
NEED_MORE = {"fisher_matching", "subsampled"}


def pick(strategy: al.Strategy, n: int) -> list[str]:
    candidates = make_candidates(strategy.needs, n, dim=7)
    return strategy.select(candidates, 6, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", sorted(set(STRATEGIES.names()) - NEED_MORE))
def test_the_size_of_blocks_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = MADE.get(name, al.get_strategy(name))()
    expected = pick(strategy, 43)
    for size in (1, 7, 64):  # 43 = 6 * 7 + 1: the last block is a single row
        for module, constant in CONSTANTS:
            monkeypatch.setattr(
                importlib.import_module(f"altasks.strategies.{module}"), constant, size
            )
        assert pick(strategy, 43) == expected, f"blocks of {size}"


@pytest.mark.parametrize("size", [1, 30, 400])
@pytest.mark.parametrize("n", [25, 26])
def test_a_last_block_of_one_sample(size: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gains of several classes are found by an elimination in place, on a copy of each block."""
    strategy = al.VarianceReduction()
    expected = pick(strategy, n)
    # 4 classes: 400 numbers are blocks of 25 samples, so that the 26th has one to itself.
    monkeypatch.setattr("altasks.strategies._fisher._BLOCK", size)
    assert pick(strategy, n) == expected


@pytest.mark.parametrize(
    "strategy",
    [
        al.VarianceReduction(fisher="trace"),
        al.VarianceReduction(fisher="full"),
        al.VarianceReduction("regression"),
        al.ExpectedErrorReduction(sample=10),
        al.ExpectedErrorReduction(sample=10, batch="best"),
    ],
)
def test_of_many_candidates_drawn_ones_are_picked(
    strategy: al.Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that may be picked are the first of the hash; the pool counts as a whole."""
    candidates = make_candidates(strategy.needs, 60, dim=5)
    everywhere = set(strategy.select(candidates, 60, rng=np.random.default_rng(0)))
    assert len(everywhere) == 60
    few = id_hashes(candidates.ids, np.random.default_rng(0)).argsort()[:20]
    names = {candidates.ids[row] for row in few.tolist()}
    monkeypatch.setattr("altasks.strategies._last_layer.CONSIDERED", 20)
    picks = strategy.select(candidates, 6, rng=np.random.default_rng(0))
    assert set(picks) <= names
    assert len(set(strategy.select(candidates, 40, rng=np.random.default_rng(0)))) == 40
    order = np.random.default_rng(1).permutation(60)
    again = strategy.select(candidates.take(order), 6, rng=np.random.default_rng(0))
    assert again == picks
    broken = np.array(candidates.embeddings)
    left_out = next(row for row in range(60) if candidates.ids[row] not in names)
    broken[left_out] = np.nan
    with pytest.raises(InvalidInputError, match=candidates.ids[left_out]):
        strategy.select(replace(candidates, embeddings=broken), 6, rng=np.random.default_rng(0))


def test_the_information_of_the_whole_pool_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 drawn candidates the same is picked as of a pool in which the others can't be."""
    strategy = al.VarianceReduction("regression", oversample=1.0, bias=False)
    candidates = make_candidates(strategy.needs, 60, dim=4, labelled=3, pending=0)
    points = np.asarray(candidates.embeddings, dtype=np.float64)
    known = np.asarray(candidates.labelled_embeddings, dtype=np.float64)
    monkeypatch.setattr("altasks.strategies._last_layer.CONSIDERED", 20)
    picked = strategy.select(candidates, 1, rng=np.random.default_rng(0))[0]
    few = id_hashes(candidates.ids, np.random.default_rng(0)).argsort()[:20]
    target = points.T @ points + known.T @ known
    prior = known.T @ known + np.trace(target) / (63 * 4) * np.eye(4)
    ratios = [np.trace(np.linalg.solve(prior + np.outer(x, x), target)) for x in points[few]]
    assert picked == candidates.ids[int(few[int(np.argmin(ratios))])]
