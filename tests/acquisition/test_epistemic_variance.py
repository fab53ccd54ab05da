import pytest
import torch

from altasks.acquisition import epistemic_variance, variance
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Normal, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestEpistemicVariance(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return epistemic_variance

    @pytest.fixture
    def predictions(self):
        return make_predictions(Normal)


def test_population_variance_of_the_means():
    prediction = Normal([[[0.0], [2.0]]], [[[1.0], [3.0]]])
    assert epistemic_variance(prediction).tolist() == [1.0]


def test_members_variances_are_not_read():
    prediction = Normal([[[0.0], [2.0]]], torch.zeros(1, 2, 1))
    assert epistemic_variance(prediction).tolist() == [1.0]


def test_scale():
    prediction = Normal([[[0.0, 0.0], [2.0, 20.0]]], torch.zeros(1, 2, 2), scale=[1.0, 10.0])
    assert epistemic_variance(prediction).tolist() == [1.0]


def test_with_the_noise_it_makes_the_total():
    (prediction, *_) = make_predictions(Normal)
    noise = prediction.variance.mean((1, 2))
    torch.testing.assert_close(epistemic_variance(prediction) + noise, variance(prediction))


def test_one_member_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="With one member use variance"):
        epistemic_variance(Ragged(Normal([0.0], [1.0]), [1]))
    with pytest.raises(InvalidInputError, match="reduce"):
        epistemic_variance(Normal([[[0.0], [2.0]]], torch.zeros(1, 2, 1)), reduce="all")
