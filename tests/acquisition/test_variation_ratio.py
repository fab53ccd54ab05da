import pytest
import torch

from altasks.acquisition import variation_ratio
from altasks.predictions import Bernoulli, Categorical
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestVariationRatio(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return variation_ratio

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


def test_share_against_the_majority():
    votes = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]]
    assert variation_ratio(Categorical([votes])).tolist() == [0.25]


def test_ties_are_split_equally():
    # Member 0 votes a, member 1 splits between a and b: 0.75 and 0.25.
    prediction = Categorical([[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]])
    assert variation_ratio(prediction).item() == pytest.approx(0.25)
    three_ways = Categorical(torch.full((1, 2, 3), 1 / 3))
    assert variation_ratio(three_ways).item() == pytest.approx(2 / 3)
