import math

import pytest
import torch

from altasks.acquisition import entropy
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestEntropy(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return entropy

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


def test_nats():
    scores = entropy(Categorical([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]))
    expected = [math.log(2), 0.25 * math.log(4) - 0.75 * math.log(0.75), 0.0]
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3, 7, 10, 100, 1000])
def test_never_above_log_c(dtype, classes):
    scores = entropy(Categorical(torch.full((5, classes), 1 / classes, dtype=dtype)))
    assert float(scores.max()) <= math.log(classes)
    assert float(scores.min()) == pytest.approx(math.log(classes), rel=1e-6)


def test_certainty_is_zero_without_a_sign():
    scores = entropy(Categorical([[1.0, 0.0]]))
    assert str(scores.item()) == "0.0"


def test_labels():
    prediction = Bernoulli([[0.5, 1.0]])
    assert entropy(prediction).item() == pytest.approx(math.log(2) / 2)
    assert entropy(prediction, labels="sum").item() == pytest.approx(math.log(2))


def test_ragged():
    ragged = Ragged(Categorical([[0.5, 0.5], [1.0, 0.0]]), [2, 0])
    assert entropy(ragged, empty=0.25).tolist() == pytest.approx([math.log(2) / 2, 0.25])
    with pytest.raises(InvalidInputError, match="empty: expected a finite number"):
        entropy(ragged, empty=math.nan)


def test_no_attribute_of_another_kind():
    with pytest.raises(UnsupportedPredictionError, match="found a str"):
        entropy("probabilities")
