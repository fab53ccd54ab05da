"""What holds for every function that counts votes, whatever it makes of them."""

import pytest
import torch

from altasks.acquisition import variation_ratio, vote_entropy
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged

pytestmark = pytest.mark.parametrize("score", [variation_ratio, vote_entropy])


def test_unanimous_is_exactly_zero(score):
    for members in (2, 3, 7, 11):
        votes = torch.tensor([[0.6, 0.4]]).expand(members, 2)[None]
        assert str(score(Categorical(votes)).item()) == "0.0"


def test_how_sure_a_vote_is_does_not_matter(score):
    one = Categorical([[[0.51, 0.49], [0.1, 0.9]]])
    other = Categorical([[[0.99, 0.01], [0.45, 0.55]]])
    assert score(one).tolist() == score(other).tolist()


def test_one_member_has_nobody_to_disagree_with(score):
    with pytest.raises(UnsupportedPredictionError) as caught:
        score(Categorical([[0.5, 0.5]]))
    message = str(caught.value)
    assert "K >= 2" in message
    assert "found K = 1" in message
    assert "expected_gradient_length, least_confidence, margin or mnlp" in message


def test_options_are_checked(score):
    prediction = Ragged(Bernoulli([[[0.5], [0.75]]]), [1])
    with pytest.raises(InvalidInputError, match="reduce: expected one of 'mean', 'sum'"):
        score(prediction, reduce="median")
    with pytest.raises(InvalidInputError, match="k: expected a whole number"):
        score(prediction, reduce="top_k", k=0)
