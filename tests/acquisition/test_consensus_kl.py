import math

import pytest
import torch

from altasks.acquisition import consensus_kl
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestConsensusKl(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return consensus_kl

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


def test_divergence_from_the_mean_by_hand():
    prediction = Categorical([[[0.9, 0.1], [0.5, 0.5]]])
    mean = [0.7, 0.3]
    first = 0.9 * math.log(0.9 / mean[0]) + 0.1 * math.log(0.1 / mean[1])
    second = 0.5 * math.log(0.5 / mean[0]) + 0.5 * math.log(0.5 / mean[1])
    assert consensus_kl(prediction).item() == pytest.approx((first + second) / 2)


def test_a_mean_that_underflows_is_no_infinity():
    # 5e-324 / 20 is 0, and p log(p / 0) would be infinite.
    tiny = torch.zeros(1, 20, 3, dtype=torch.float64)
    tiny[..., 0] = 1
    tiny[0, 3, 1] = 5e-324
    assert consensus_kl(Categorical(tiny)).item() == 0.0
    single = tiny.float()
    single[0, 3, 1] = 1e-45
    assert consensus_kl(Categorical(single)).item() == 0.0


def test_disjoint_certainties_reach_log_k():
    scores = consensus_kl(Categorical(torch.eye(4)[None]))
    assert scores.item() == pytest.approx(math.log(4))
    assert scores.item() <= math.log(4)


def test_labels_are_pairs():
    prediction = Bernoulli([[[1.0, 0.5], [0.0, 0.5]]])
    assert consensus_kl(prediction, labels="max").item() == pytest.approx(math.log(2))
    assert consensus_kl(prediction).item() == pytest.approx(math.log(2) / 2)


def test_one_member_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="MCDropout or Ensemble"):
        consensus_kl(Ragged(Categorical([[0.5, 0.5]]), [1]))
    with pytest.raises(InvalidInputError, match="class_weights"):
        consensus_kl(Categorical([[[0.5, 0.5], [0.5, 0.5]]]), class_weights=[1, 1, 1])
