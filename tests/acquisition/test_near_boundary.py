"""Weights by place, against the same made by hand."""

import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError, UnsupportedPredictionError


def image(near, dtype=torch.float64):
    probs = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25]], dtype=dtype)
    return al.Ragged(al.Categorical(probs), [3], {"boundary": near})


def test_by_hand():
    near = [True, False, True]  # scores 0, 0.5, 0.25
    found = al.near_boundary(image(near), acquisition="least_confidence", weight=2, elsewhere=0.1)
    assert found.item() == pytest.approx((0 + 0.05 + 0.5) / 3, rel=1e-15)
    units = al.near_boundary(image(near), acquisition="least_confidence", reduce="none", weight=0)
    assert units.tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_are_finite_whatever_the_weight(dtype):
    found = al.near_boundary(
        image([True, True, True], dtype), acquisition="entropy", weight=1e300, reduce="none"
    )
    assert found.dtype == dtype
    assert torch.isfinite(found).all()
    assert found[0] == 0
    assert found[1] > 1e37


def test_what_has_no_boundary_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="'boundary'"):
        al.near_boundary(al.Ragged(al.Categorical([[0.5, 0.5]]), [1]))
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidInputError, match="weight: expected a finite number"):
            al.near_boundary(image([True, True, True]), weight=weight)
