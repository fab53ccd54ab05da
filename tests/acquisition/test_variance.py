import pytest
import torch

from altasks.acquisition import variance
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Categorical, Normal, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestVariance(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return variance

    @pytest.fixture
    def predictions(self):
        return make_predictions(Normal)


def test_law_of_total_variance():
    prediction = Normal([[[0.0], [2.0]]], [[[1.0], [3.0]]])
    assert variance(prediction).tolist() == [3.0]


def test_one_member_has_its_own_variance():
    assert variance(Normal([5.0, 6.0], [0.5, 0.25])).tolist() == [0.5, 0.25]


def test_targets_are_standardised_then_averaged():
    prediction = Normal([[0.0, 0.0]], [[4.0, 100.0]], scale=[2.0, 10.0])
    assert variance(prediction).tolist() == [1.0]


def test_large_means_lose_no_precision():
    # In float32, the mean of the squares minus the square of the mean would be garbage.
    mean = torch.tensor([[[1e6], [1e6 + 1]]])
    assert variance(Normal(mean, torch.zeros(1, 2, 1))).tolist() == [0.25]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_squares_beyond_the_type_stay_finite_and_first(dtype):
    largest = torch.finfo(dtype).max
    mean = torch.tensor([[[-largest], [largest]], [[0.0], [1.0]]], dtype=dtype)
    scores = variance(Normal(mean, torch.ones(2, 2, 1, dtype=dtype), scale=[1e-3]))
    assert torch.isfinite(scores).all()
    assert scores[0] > scores[1]


def test_ragged_and_errors():
    ragged = Ragged(Normal([0.0, 0.0, 0.0], [1.0, 3.0, 5.0]), [2, 0, 1])
    assert variance(ragged).tolist() == [2.0, 0.0, 5.0]
    assert variance(ragged, reduce="none").tolist() == [1.0, 3.0, 5.0]
    with pytest.raises(UnsupportedPredictionError, match="entropy"):
        variance(Categorical([[0.5, 0.5]]))
    with pytest.raises(InvalidInputError, match="k: expected"):
        variance(ragged, k=2.5)
