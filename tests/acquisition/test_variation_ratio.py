import pytest
import torch

from altasks.acquisition import variation_ratio
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged
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


def test_unanimous_is_exactly_zero():
    for members in (2, 3, 7, 11):
        votes = torch.tensor([[0.6, 0.4]]).expand(members, 2)[None]
        assert str(variation_ratio(Categorical(votes)).item()) == "0.0"


def test_how_sure_a_vote_is_does_not_matter():
    one = Categorical([[[0.51, 0.49], [0.1, 0.9]]])
    other = Categorical([[[0.99, 0.01], [0.45, 0.55]]])
    assert variation_ratio(one).tolist() == variation_ratio(other).tolist()


def test_one_member_has_nobody_to_disagree_with():
    with pytest.raises(UnsupportedPredictionError) as caught:
        variation_ratio(Categorical([[0.5, 0.5]]))
    message = str(caught.value)
    assert "K >= 2" in message
    assert "found K = 1" in message
    assert "expected_gradient_length, least_confidence, margin or mnlp" in message


def test_options_are_checked():
    prediction = Ragged(Bernoulli([[[0.5], [0.75]]]), [1])
    with pytest.raises(InvalidInputError, match="reduce: expected one of 'mean', 'sum'"):
        variation_ratio(prediction, reduce="median")
    with pytest.raises(InvalidInputError, match="k: expected a whole number"):
        variation_ratio(prediction, reduce="top_k", k=0)
