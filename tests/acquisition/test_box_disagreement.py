"""Disagreement in place, against loops over pairs of boxes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.errors import UnsupportedPredictionError


def prediction(overlap, lengths):
    overlap = np.asarray(overlap, dtype=np.float32)
    probs = np.full((*overlap.shape, 2), 0.5)
    return al.Ragged(al.Categorical(probs), lengths, {"overlap": torch.from_numpy(overlap)})


def test_by_hand():
    boxes = prediction([[1, 0.5, 0.0], [1, 1, 1], [0, 1, 0]], [2, 1, 0])
    assert al.box_disagreement(boxes, reduce="none").tolist() == [0.75, 0.0, 1.0]
    assert al.box_disagreement(boxes).tolist() == [0.375, 1.0, 0.0]
    assert al.box_disagreement(boxes, reduce="max", empty=0.5).tolist() == [0.75, 1.0, 0.5]


@settings(max_examples=30, derandomize=True)
@given(st.integers(2, 5), st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 999))
def test_loops_and_the_order_of_members(members, lengths, seed):
    rng = np.random.default_rng(seed)
    overlap = rng.uniform(0, 1, (sum(lengths), members)).astype(np.float32)
    own = rng.integers(0, members, len(overlap))
    overlap[np.arange(len(overlap)), own] = 1
    found = al.box_disagreement(prediction(overlap, lengths), reduce="none")
    for row, seed_member, score in zip(overlap, own, found.tolist(), strict=True):
        others = [row[k] for k in range(members) if k != seed_member]
        assert score == pytest.approx(1 - sum(others) / len(others), abs=1e-6)
        assert 0 <= score <= 1
    turned = prediction(overlap[:, rng.permutation(members)], lengths)
    assert torch.allclose(al.box_disagreement(turned, reduce="none"), found, atol=1e-6)


def test_what_has_no_boxes_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="BoxViews"):
        al.box_disagreement(al.Categorical([[[0.5, 0.5], [0.5, 0.5]]]))
    with pytest.raises(UnsupportedPredictionError, match="K >= 2"):
        al.box_disagreement(prediction([[1.0]], [1]))
