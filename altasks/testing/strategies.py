"""The conformance suite of strategies: inherit it, supply one fixture, and know yours behaves.

Example:
    A test module of a third party::

        class TestMyStrategy(StrategySuite):
            @pytest.fixture
            def strategy(self) -> Strategy:
                return MyStrategy()

Every check builds candidates with exactly the fields that the strategy's `needs` declares, so a
strategy that reads a field it does not declare fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies.base import NEEDS, Candidates, Strategy

#: The shapes of pool every strategy has to survive, by name; see `make_candidates`.
POOLS = ("random", "ties", "duplicates", "all_equal", "one_cluster", "zeros")

#: Fields whose type is fixed.
_NO_FLOATS = ("costs", "held_out_labels")


def make_candidates(
    needs: frozenset[str],
    n: int,
    *,
    kind: str = "random",
    seed: int = 0,
    labelled: int = 6,
    pending: int = 3,
    dim: int = 5,
    classes: int = 4,
    members: int = 6,
) -> Candidates:
    """Return `n` candidates that carry the fields in `needs` and nothing else.

    Args:
        needs: which optional fields to fill.
        n: how many candidates; 0 is fine.
        kind: `"random"`; `"ties"`: scores of three values only; `"duplicates"`: every row of
            every field occurs about four times; `"all_equal"`: one score, one embedding, one
            prediction; `"one_cluster"`: embeddings within 1e-3 of each other; `"zeros"`: all
            scores and embeddings are 0.
        seed: of the pool; equal seeds give equal pools.
        labelled: L, rows of `labelled_embeddings`, `labelled_probs` and what is held out.
        pending: P, rows of `pending_embeddings` and `pending_probs`.
        dim: d.
        classes: C.
        members: K.

    Example:
        >>> make_candidates(frozenset({"embeddings"}), 3).embeddings.shape
        (3, 5)
    """
    rng = np.random.default_rng(seed)
    total = n + labelled + pending
    values = rng.random(n)
    vectors = rng.standard_normal((total, dim)).astype(np.float32)
    draws = rng.dirichlet(np.ones(classes), (n, members))  # N x K x C
    costs = rng.uniform(0.5, 2.0, n)
    if kind == "ties":
        values = rng.integers(0, 3, n) / 2
    elif kind == "duplicates":
        copies, sources = rng.integers(0, max(n // 4, 1), n), rng.integers(0, max(n // 4, 1), total)
        values, draws, costs = values[copies], draws[copies], costs[copies]
        vectors = vectors[np.concatenate([copies, sources[n:]])] if n else vectors
    elif kind == "all_equal":
        values, draws, costs = np.full(n, 0.5), draws[[0] * n], np.ones(n)
        vectors = np.repeat(vectors[:1], total, 0) if total else vectors
    elif kind == "one_cluster":
        vectors = np.float32(1) + np.float32(1e-3) * vectors
    elif kind == "zeros":
        values, vectors = np.zeros(n), np.zeros_like(vectors)
    elif kind != "random":
        raise InvalidInputError(f"kind: expected one of {', '.join(POOLS)}, found {kind!r}.")
    fields: dict[str, Any] = {
        "embeddings": vectors[:n],
        "mean_probs": draws.mean(1),
        "draws": draws,
        "costs": costs,
        "labelled_embeddings": vectors[n : n + labelled],
        "pending_embeddings": vectors[n + labelled :],
        "labelled_probs": rng.dirichlet(np.ones(classes), labelled),
        "pending_probs": rng.dirichlet(np.ones(classes), pending),
        "held_out_probs": rng.dirichlet(np.ones(classes), labelled),
        "held_out_labels": rng.integers(0, classes, labelled),
    }
    found = _make_objects(rng, kind, total, classes, dim)
    if kind == "duplicates" and n:
        found = found[np.concatenate([copies, sources[n:]])]
    fields |= {
        "objects": found[:n],
        "labelled_objects": found[n : n + labelled],
        "pending_objects": found[n + labelled :],
    }
    ids = [f"{kind}-{row}" for row in range(n)]
    return Candidates(ids, values, **{name: fields[name] for name in sorted(needs)})


def _make_objects(
    rng: np.random.Generator, kind: str, total: int, classes: int, dim: int
) -> np.ndarray:
    """Return `[total, 4, 2 + dim]` float32: up to four objects a sample, some without any."""
    found = np.zeros((total, 4, 2 + dim), np.float32)
    found[:, :, 0] = rng.integers(0, classes, (total, 4))
    found[:, :, 1] = rng.uniform(0.1, 1, (total, 4)) * (
        np.arange(4) < rng.integers(0, 5, (total, 1))
    )
    found[:, :, 2:] = rng.standard_normal((total, 4, dim))
    if kind == "all_equal":
        found = np.repeat(found[:1], total, 0)
    elif kind == "one_cluster":
        found[:, :, 2:] = 1 + np.float32(1e-3) * found[:, :, 2:]
    elif kind == "zeros":
        found[:] = 0
    return found


def replace(candidates: Candidates, **fields: Any) -> Candidates:
    """Return a copy of `candidates` with some fields changed."""
    kept = {name: getattr(candidates, name) for name in ("ids", "values", *NEEDS)}
    return Candidates(**{**kept, **fields})


class StrategySuite:
    """Tests for every strategy. Subclass it as `Test...` with a fixture called `strategy`.

    Attributes:
        pool_size: how many candidates most checks use; raise it for a strategy that does
            something special with larger pools.
        large_pool_size: how many candidates the checks of large pools use: more than the built-in
            strategies read, sample or keep sorted at once. Lower it for a strategy that needs
            seconds for them.
    """

    pool_size: int = 37
    large_pool_size: int = 2_500

    def pick(self, strategy: Strategy, candidates: Candidates, n: int, seed: int = 0) -> list[str]:
        """Select, and check what holds for every selection: type, count, distinct, known ids."""
        picks = strategy.select(candidates, n, rng=np.random.default_rng(seed))
        assert isinstance(picks, list), f"expected a list of ids, found {type(picks).__name__}"
        assert all(isinstance(name, str) for name in picks), "an id is not a string"
        assert len(picks) == min(n, len(candidates)), (
            f"asked for {n} of {len(candidates)}, got {len(picks)}"
        )
        assert len(set(picks)) == len(picks), "an id was picked twice"
        assert set(picks) <= set(candidates.ids), "an id was picked that is no candidate"
        return picks

    @pytest.fixture
    def make(self, strategy: Strategy) -> Callable[..., Candidates]:
        """Return `make_candidates` with the strategy's own needs."""

        def make(n: int, **options: Any) -> Candidates:
            return make_candidates(strategy.needs, n, **options)

        return make

    def test_is_a_strategy(self, strategy: Strategy) -> None:
        """It has `needs`, a frozenset of known fields, and `select`."""
        assert isinstance(strategy, Strategy)
        assert isinstance(strategy.needs, frozenset)
        assert strategy.needs <= set(NEEDS), f"unknown fields in needs: {strategy.needs}"

    @pytest.mark.parametrize("kind", POOLS)
    @pytest.mark.parametrize("n", [1, 2, 9, 37])
    def test_exact_count(
        self, strategy: Strategy, make: Callable[..., Candidates], kind: str, n: int
    ) -> None:
        """It returns exactly as many as asked, whatever the pool looks like."""
        for seed in range(3):
            candidates = make(self.pool_size, kind=kind, seed=seed)
            self.pick(strategy, candidates, n, seed)

    @pytest.mark.parametrize("kind", POOLS)
    def test_batch_is_pool(
        self, strategy: Strategy, make: Callable[..., Candidates], kind: str
    ) -> None:
        """Asked for all, it returns all."""
        candidates = make(self.pool_size, kind=kind)
        assert set(self.pick(strategy, candidates, len(candidates))) == set(candidates.ids)

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_small_pools(
        self, strategy: Strategy, make: Callable[..., Candidates], size: int
    ) -> None:
        """Pools of one to three candidates work."""
        for n in range(5):
            self.pick(strategy, make(size), n)

    def test_more_than_there_are(self, strategy: Strategy, make: Callable[..., Candidates]) -> None:
        """Asked for more than there are, it returns what there is."""
        self.pick(strategy, make(5), 50)

    def test_nothing_asked(self, strategy: Strategy, make: Callable[..., Candidates]) -> None:
        """Asked for none, it returns none."""
        assert self.pick(strategy, make(5), 0) == []

    def test_empty_pool(self, strategy: Strategy, make: Callable[..., Candidates]) -> None:
        """An empty pool gives an empty list."""
        assert self.pick(strategy, make(0), 0) == []
        assert self.pick(strategy, make(0), 4) == []

    @pytest.mark.parametrize(("labelled", "pending"), [(0, 0), (0, 3), (6, 0), (60, 20)])
    def test_any_number_labelled_or_pending(
        self,
        strategy: Strategy,
        make: Callable[..., Candidates],
        labelled: int,
        pending: int,
    ) -> None:
        """Nothing labelled, or more labelled than candidates: both work."""
        candidates = make(self.pool_size, labelled=labelled, pending=pending)
        self.pick(strategy, candidates, 5)
        self.pick(strategy, make(0, labelled=labelled, pending=pending), 5)

    @pytest.mark.parametrize("kind", POOLS)
    def test_order_of_the_pool_does_not_matter(
        self, strategy: Strategy, make: Callable[..., Candidates], kind: str
    ) -> None:
        """A shuffled pool gives the same picks in the same order."""
        for seed in range(5):
            candidates = make(self.pool_size, kind=kind, seed=seed)
            order = np.random.default_rng(seed + 100).permutation(len(candidates))
            picks = self.pick(strategy, candidates, 9, seed)
            assert self.pick(strategy, candidates.take(order), 9, seed) == picks

    @pytest.mark.parametrize("kind", POOLS)
    def test_same_seed_same_picks(
        self, strategy: Strategy, make: Callable[..., Candidates], kind: str
    ) -> None:
        """The generator alone decides; the strategy remembers nothing."""
        first = self.pick(strategy, make(self.pool_size, kind=kind), 9, 5)
        self.pick(strategy, make(self.pool_size, kind=kind, seed=1), 4, 6)
        assert self.pick(strategy, make(self.pool_size, kind=kind), 9, 5) == first

    def test_ties_are_not_neighbours(
        self, strategy: Strategy, make: Callable[..., Candidates]
    ) -> None:
        """Where nothing tells candidates apart, the seed decides, not the row."""
        candidates = make(self.pool_size, kind="all_equal")
        firsts = {self.pick(strategy, candidates, 1, seed)[0] for seed in range(30)}
        assert len(firsts) > 5, f"30 seeds gave only {sorted(firsts)}"

    def test_missing_need(self, strategy: Strategy, make: Callable[..., Candidates]) -> None:
        """A needed field that is None is named in an `InvalidInputError`."""
        candidates = make(5)
        for name in sorted(strategy.needs):
            lacking = replace(candidates, **{name: None})
            with pytest.raises(InvalidInputError, match=name):
                strategy.select(lacking, 2, rng=np.random.default_rng(0))

    @pytest.mark.parametrize("n", [-1, 1.5, True, "3", None])
    def test_bad_count(self, strategy: Strategy, make: Callable[..., Candidates], n: Any) -> None:
        """A count that is no whole number of at least 0 is refused."""
        with pytest.raises(InvalidInputError, match="whole number"):
            strategy.select(make(5), n, rng=np.random.default_rng(0))

    @pytest.fixture
    def global_state(self) -> Iterator[None]:
        """Fail if a global generator moves while the test runs."""
        python, torch_state = random.getstate(), torch.get_rng_state()
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - read only
        yield
        after_kind, after_keys, *after_rest = np.random.get_state()  # noqa: NPY002 - read only
        assert random.getstate() == python, "Python's global generator was used"
        assert torch.equal(torch.get_rng_state(), torch_state), "torch's generator was used"
        assert (after_kind, after_rest) == (kind, rest), "NumPy's global generator was used"
        assert np.array_equal(np.asarray(after_keys), np.asarray(keys)), "NumPy's was used"

    @pytest.mark.usefixtures("global_state")
    @pytest.mark.parametrize("kind", POOLS)
    def test_leaves_global_generators_alone(
        self, strategy: Strategy, make: Callable[..., Candidates], kind: str
    ) -> None:
        """No global random generator is used or moved."""
        self.pick(strategy, make(self.pool_size, kind=kind), 9)

    def test_leaves_candidates_alone(
        self, strategy: Strategy, make: Callable[..., Candidates]
    ) -> None:
        """The arrays it is given are read, never written."""
        candidates, twin = make(self.pool_size), make(self.pool_size)
        for name in ("values", *sorted(strategy.needs)):
            # A write to a read-only array raises; one through a torch view shows below.
            getattr(candidates, name).flags.writeable = False
        self.pick(strategy, candidates, 9)
        assert candidates.ids == twin.ids
        for name in ("values", *sorted(strategy.needs)):
            assert np.array_equal(getattr(candidates, name), getattr(twin, name)), name

    @pytest.mark.parametrize(
        "convert",
        [
            torch.from_numpy,
            lambda array: array.astype(np.float16),
            lambda array: torch.from_numpy(array).half(),
            lambda array: torch.from_numpy(array).bfloat16(),
            lambda array: array.astype(np.float64),
            np.asfortranarray,
        ],
        ids=["torch", "numpy-float16", "float16", "bfloat16", "float64", "fortran"],
    )
    def test_kinds_of_array(
        self,
        strategy: Strategy,
        make: Callable[..., Candidates],
        convert: Callable[[np.ndarray], Any],
    ) -> None:
        """Every kind of array does, and it picks the same whatever container holds the numbers."""
        names = [name for name in NEEDS if name in strategy.needs and name not in _NO_FLOATS]
        plain = make(self.pool_size)
        # Rounded first, so that the plain arrays hold the very same numbers.
        given = {name: convert(getattr(plain, name)) for name in names}
        rounded = {
            name: torch.as_tensor(array).to(torch.float64).numpy().astype(np.float32)
            for name, array in given.items()
        }
        picks = self.pick(strategy, replace(plain, **given), 9)
        order = np.random.default_rng(3).permutation(len(plain))
        assert self.pick(strategy, replace(plain, **given).take(order), 9) == picks
        if all(torch.as_tensor(array).dtype != torch.float64 for array in given.values()):
            assert self.pick(strategy, replace(plain, **rounded), 9) == picks

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
    def test_number_types_of_large_pools(
        self, strategy: Strategy, make: Callable[..., Candidates], dtype: torch.dtype
    ) -> None:
        """Beyond one block, numbers that a type and float32 share give the same picks in both."""
        names = [name for name in NEEDS if name in strategy.needs and name not in _NO_FLOATS]
        plain = make(self.large_pool_size)
        narrow = torch.float32 if dtype == torch.float64 else dtype
        rounded = {name: torch.as_tensor(getattr(plain, name)).to(narrow) for name in names}
        given = {name: array.to(dtype) for name, array in rounded.items()}
        floats = {name: array.to(torch.float32).numpy() for name, array in rounded.items()}
        picks = self.pick(strategy, replace(plain, **floats), 9)
        assert self.pick(strategy, replace(plain, **given), 9) == picks

    @pytest.mark.parametrize("kind", ["random", "duplicates"])
    def test_order_of_a_large_pool_does_not_matter(
        self, strategy: Strategy, make: Callable[..., Candidates], kind: str
    ) -> None:
        """Beyond one block as well, a shuffled pool gives the same picks in the same order."""
        candidates = make(self.large_pool_size, kind=kind)
        order = np.random.default_rng(3).permutation(len(candidates))
        picks = self.pick(strategy, candidates, 9)
        assert self.pick(strategy, candidates.take(order), 9) == picks

    def test_memory_mapped(
        self, strategy: Strategy, make: Callable[..., Candidates], tmp_path: Path
    ) -> None:
        """Arrays mapped from a file give the picks of arrays in memory."""
        plain = make(self.pool_size)
        mapped = {}
        for name in sorted(strategy.needs):
            np.save(tmp_path / f"{name}.npy", getattr(plain, name))
            mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        assert self.pick(strategy, replace(plain, **mapped), 9) == self.pick(strategy, plain, 9)
