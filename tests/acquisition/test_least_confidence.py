import pytest
import torch

from altasks.acquisition import least_confidence
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged, Transcripts
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestLeastConfidence(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return least_confidence

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


def test_one_minus_the_best_class():
    scores = least_confidence(Categorical([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(scores, torch.tensor([0.3, 0.0], dtype=torch.float64))


def test_a_committee_is_averaged_first():
    scores = least_confidence(Categorical([[[1.0, 0.0], [0.0, 1.0]]]))
    assert scores.tolist() == [0.5]


def test_each_label_is_a_pair():
    prediction = Bernoulli(torch.tensor([[0.75, 0.5, 0.0]]))
    assert least_confidence(prediction).tolist() == [0.25]
    assert least_confidence(prediction, labels="sum").tolist() == [0.75]
    assert least_confidence(prediction, labels="max").tolist() == [0.5]
    with pytest.raises(InvalidInputError, match="labels: expected 'mean', 'sum' or 'max'"):
        least_confidence(prediction, labels="min")


def test_a_row_that_sums_to_slightly_more_than_one_is_not_below_zero():
    assert least_confidence(Categorical([[1.0005, 0.0]])).tolist() == [0.0]


def test_raw_probabilities_are_to_be_wrapped():
    for raw in (torch.ones(2, 2) / 2, [[0.5, 0.5]], torch.ones(2, 2).numpy()):
        with pytest.raises(UnsupportedPredictionError, match=r"Wrap it: Categorical\(probs\)"):
            least_confidence(raw)


def test_the_functions_that_fit_are_named():
    with pytest.raises(UnsupportedPredictionError, match="For a Normal use variance"):
        least_confidence(Normal([0.0], [1.0]))
    with pytest.raises(UnsupportedPredictionError, match="For a Transcripts use edit_disagreement"):
        least_confidence(Ragged(Transcripts([["a", "b"]]), [1]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0, 3.0], "each of the 2 classes"),
        ([], "each of the 2 classes"),
        ([[1.0, 2.0]], "each of the 2 classes"),
        ([1.0, -1.0], "class 1"),
        ([float("nan"), 1.0], "class 0"),
    ],
)
def test_class_weights_that_make_no_sense(weights, message):
    with pytest.raises(InvalidInputError, match=message):
        least_confidence(Categorical([[0.5, 0.5]]), class_weights=weights)


def test_class_weights_apply_to_plain_predictions_too():
    prediction = Categorical([[0.75, 0.25], [0.25, 0.75]])
    assert least_confidence(prediction, class_weights=[1.0, 10.0]).tolist() == [0.25, 2.5]


def test_a_background_class_is_left_out_of_the_predicted_class():
    # The last class wins, yet the weight is that of the best of the first two.
    prediction = Categorical([[0.125, 0.25, 0.625]])
    assert least_confidence(prediction, class_weights=[1.0, 2.0]).tolist() == [0.75]
    assert least_confidence(prediction, class_weights=[1.0, 2.0, 8.0]).tolist() == [3.0]


def test_a_huge_weight_gives_a_finite_score():
    prediction = Categorical(torch.tensor([[0.5, 0.5]]))
    scores = least_confidence(Ragged(prediction, [1]), class_weights=[3e38, 1.0], reduce="sum")
    assert torch.isfinite(scores).all()
    assert torch.isfinite(
        least_confidence(Categorical([[0.5, 0.5]]), class_weights=[1e308, 1])
    ).all()
