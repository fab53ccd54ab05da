from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, TopK, check_request, id_hashes, id_uniforms, top_rows


def test_hashes_stick_to_ids_and_change_with_the_seed() -> None:
    ids = [f"sample {i}" for i in range(100)]
    first = id_hashes(ids, np.random.default_rng(0))
    assert first.dtype == np.uint64
    assert len(set(first.tolist())) == 100
    order = np.random.default_rng(1).permutation(100)
    again = id_hashes([ids[i] for i in order], np.random.default_rng(0))
    assert np.array_equal(again, first[order])
    assert not (id_hashes(ids, np.random.default_rng(2)) == first).any()


def test_hashes_are_the_same_on_every_machine() -> None:
    """A resumed loop breaks its ties as before, also after an upgrade: these are pinned."""
    hashes = id_hashes(["0", "1", "a/b.png"], np.random.default_rng(0)).tolist()
    assert hashes == [
        14017156344417144573,
        8316068089229809897,
        7076323452237476886,
    ]


def test_uniforms_are_uniform_and_inside() -> None:
    numbers = id_uniforms([str(i) for i in range(20_000)], np.random.default_rng(0))
    assert 0 < numbers.min() < numbers.max() < 1
    counts = np.histogram(numbers, 20, (0, 1))[0]
    # 1,000 expected in each bin; the standard deviation is 31.
    assert abs(counts - 1000).max() < 5 * 31


def test_top_rows_equals_a_full_sort() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(1, 30))
        values = rng.integers(0, 4, size).astype(float)
        ids = [f"{seed}-{i}" for i in range(size)]
        n = int(rng.integers(0, size + 3))
        salted = np.random.default_rng(np.random.default_rng(seed).integers(0, 2**63))
        hashes = id_hashes(ids, salted).tolist()
        slow = sorted(range(size), key=lambda i: (-values[i], hashes[i]))[:n]
        assert top_rows(values, ids, n, np.random.default_rng(seed)).tolist() == slow


def test_take_keeps_rows_together() -> None:
    candidates = Candidates(
        ["a", "b", "c"],
        [1.0, 2.0, 3.0],
        embeddings=torch.arange(6.0).reshape(3, 2),
        mean_probs=np.eye(3),
        draws=np.arange(12.0).reshape(3, 2, 2),
        costs=[1.0, 2.0, 3.0],
        labelled_embeddings=np.ones((4, 2)),
        pending_embeddings=np.ones((1, 2)),
    )
    part = candidates.take(np.array([2, 0]))
    assert part.ids == ["c", "a"]
    assert part.values.tolist() == [3.0, 1.0]
    assert isinstance(part.embeddings, torch.Tensor)
    assert part.embeddings.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert part.mean_probs is not None
    assert part.mean_probs.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert part.draws is not None
    assert part.draws[0].tolist() == [[8.0, 9.0], [10.0, 11.0]]
    assert part.costs.tolist() == [3.0, 1.0]
    assert part.labelled_embeddings is candidates.labelled_embeddings
    assert part.pending_embeddings is candidates.pending_embeddings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ids": ["a", "a"]}, "'a' twice.*row 1"),
        ({"ids": ["a", 3]}, "strings.*int.*row 1"),
        ({"values": [1.0]}, r"values.*\[2\].*\[1\]"),
        ({"values": [1.0, float("nan")]}, "values.*finite.*row 1"),
        ({"embeddings": np.zeros((3, 2))}, "embeddings.*2 rows.*3, 2"),
        ({"draws": np.zeros((2, 2))}, "draws.*3 dims"),
        ({"costs": [1.0, 0.0]}, "costs.*above 0.*'b'"),
        (
            {"embeddings": np.zeros((2, 3)), "labelled_embeddings": np.zeros((2, 2))},
            "labelled_embeddings",
        ),
        ({"pending_embeddings": np.zeros(2)}, "pending_embeddings"),
        ({"embeddings": [[1.0], [2.0]]}, "embeddings: expected a NumPy array"),
    ],
)
def test_bad_candidates(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Candidates(**{"ids": ["a", "b"], "values": [0.0, 1.0], **fields})


def test_check_request_gives_what_there_is() -> None:
    candidates = Candidates(["a", "b"], [0.0, 1.0])
    assert check_request(TopK(), candidates, np.int64(5)) == 2
    assert check_request(TopK(), candidates, 1) == 1


def test_scores_and_costs_may_be_of_half_precision() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        numbers = torch.tensor([0.5, 2.0], dtype=dtype)
        candidates = Candidates(["a", "b"], numbers, costs=numbers)
        assert candidates.values.dtype == np.float64
        assert candidates.values.tolist() == candidates.costs.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    "fields",
    [
        {"values": np.ma.masked_array([1.0, 9.0, 2.0], [False, True, False])},
        {"costs": np.ma.masked_array([1, 9, 2], [0, 1, 0])},
        {"embeddings": np.ma.masked_array(np.ones((3, 2)), [[0, 0], [0, 1], [0, 0]])},
        {"mean_probs": np.ma.masked_array(np.full((3, 2), 0.5), [[0, 0], [1, 1], [0, 0]])},
        {"draws": np.ma.masked_where(np.arange(12).reshape(3, 2, 2) == 6, np.ones((3, 2, 2)))},
    ],
)
def test_masked_values_are_refused(fields: dict[str, Any]) -> None:
    given = {"values": np.ones(3), **fields}
    with pytest.raises(InvalidInputError, match=r"masked ones \(id 'b'\)"):
        Candidates(["a", "b", "c"], **given)
    known = np.ma.masked_array(np.ones((2, 2)), [[0, 0], [0, 1]])
    with pytest.raises(InvalidInputError, match=r"labelled_embeddings.*row 1"):
        Candidates(["a"], np.ones(1), embeddings=np.ones((1, 2)), labelled_embeddings=known)
    # A masked array that hides nothing is an array.
    whole = {name: np.ma.masked_array(np.ma.getdata(value)) for name, value in given.items()}
    assert (
        Candidates(["a", "b", "c"], **whole).values.tolist()
        == np.ma.getdata(given["values"]).tolist()
    )
