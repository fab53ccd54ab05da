from typing import ClassVar

import pytest
import torch

from altasks.acquisition import margin
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestMargin(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return margin

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


class TestSquaredMargin(TestMargin):
    options: ClassVar = {"power": 2}


def test_one_minus_the_gap_of_the_two_best():
    prediction = Categorical([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert margin(prediction).tolist() == [0.75, 0.0, 1.0]
    assert margin(prediction, power=2).tolist() == [0.5625, 0.0, 1.0]


@pytest.mark.parametrize("classes", [2, 3, 50])
def test_equals_the_two_largest_by_sorting(classes):
    logits = torch.randn(40, 3, classes, generator=torch.Generator().manual_seed(0))
    prediction = Categorical.from_logits(logits)
    best = prediction.mean_probs.sort(-1, descending=True).values
    torch.testing.assert_close(margin(prediction), 1 - (best[:, 0] - best[:, 1]))


@pytest.mark.parametrize("power", [0, 3, 1.5, True, "2"])
def test_other_powers_are_refused(power):
    with pytest.raises(InvalidInputError, match="power: expected 1 or 2"):
        margin(Categorical([[0.5, 0.5]]), power=power)


def test_labels_are_pairs():
    # |p - (1 - p)| is the gap: 0.5 and 1.
    assert margin(Bernoulli([[0.75, 1.0]]), labels="sum").tolist() == [0.5]


def test_reads_no_regression():
    with pytest.raises(UnsupportedPredictionError, match="margin: reads Categorical and Bernoulli"):
        margin(Normal([0.0], [1.0]))
    assert margin(Ragged(Categorical([[0.5, 0.5]]), [1, 0]), empty=-1.0).tolist() == [1.0, -1.0]


@pytest.mark.parametrize("weights", [[5, 1], [1], [1, 1, 1, 1, 1], [[1, 1, 1, 1]]])
def test_weights_of_other_than_the_classes_are_refused(weights):
    """But for a last class (background), which may go without."""
    prediction = Categorical(torch.full((2, 4), 0.25))
    with pytest.raises(InvalidInputError, match="each of the 4 classes, or for all but a last one"):
        margin(prediction, class_weights=weights)
    assert margin(prediction, class_weights=[1, 1, 1]).shape == (2,)
