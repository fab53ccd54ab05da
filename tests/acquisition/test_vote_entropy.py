import math

import pytest
import torch

from altasks.acquisition import vote_entropy
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged
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


def test_unanimous_is_exactly_zero():
    for members in (2, 3, 7, 11):
        votes = torch.tensor([[0.6, 0.4]]).expand(members, 2)[None]
        assert str(vote_entropy(Categorical(votes)).item()) == "0.0"


def test_how_sure_a_vote_is_does_not_matter():
    one = Categorical([[[0.51, 0.49], [0.1, 0.9]]])
    other = Categorical([[[0.99, 0.01], [0.45, 0.55]]])
    assert vote_entropy(one).tolist() == vote_entropy(other).tolist()


def test_one_member_has_nobody_to_disagree_with():
    with pytest.raises(UnsupportedPredictionError) as caught:
        vote_entropy(Categorical([[0.5, 0.5]]))
    message = str(caught.value)
    assert "K >= 2" in message
    assert "found K = 1" in message
    assert "expected_gradient_length, least_confidence, margin or mnlp" in message


def test_options_are_checked():
    prediction = Ragged(Bernoulli([[[0.5], [0.75]]]), [1])
    with pytest.raises(InvalidInputError, match="reduce: expected one of 'mean', 'sum'"):
        vote_entropy(prediction, reduce="median")
    with pytest.raises(InvalidInputError, match="k: expected a whole number"):
        vote_entropy(prediction, reduce="top_k", k=0)
