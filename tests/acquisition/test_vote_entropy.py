import math

import pytest
import torch

from altasks.acquisition import vote_entropy
from altasks.predictions import Bernoulli, Categorical
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestVoteEntropy(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return vote_entropy

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


def test_entropy_of_the_votes():
    votes = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]]
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert vote_entropy(Categorical([votes])).item() == pytest.approx(expected)


def test_ties_are_split_equally():
    # Member 0 votes a, member 1 splits between a and b: 0.75 and 0.25.
    prediction = Categorical([[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]])
    assert vote_entropy(prediction).item() == pytest.approx(
        -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    )
    three_ways = Categorical(torch.full((1, 2, 3), 1 / 3))
    assert vote_entropy(three_ways).item() == pytest.approx(math.log(3))
