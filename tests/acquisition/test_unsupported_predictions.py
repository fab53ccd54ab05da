import inspect

import numpy as np
import pytest
import torch

import altasks as al
from altasks.acquisition import _declare, acquisition, reduce_units, units_of
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged, Transcripts
from altasks.registry import ACQUISITIONS
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


@acquisition(reads=(Categorical,), min_members=2)
def _spread(prediction, *, reduce="mean", k=10, empty=0.0):
    """Score by the largest spread of a class over the members."""
    probs = units_of(prediction).probs.to(torch.float64)
    scores = (probs.amax(1) - probs.amin(1)).amax(1).to(units_of(prediction).mean_probs.dtype)
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)


class TestThirdParty(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return _spread

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical)


def test_keeps_name_docstring_and_signature():
    assert _spread.__name__ == "_spread"
    assert _spread.__doc__.startswith("Score by")
    assert list(inspect.signature(_spread).parameters) == ["prediction", "reduce", "k", "empty"]
    assert _spread.reads == (Categorical,)
    assert _spread.min_members == 2


def test_prediction_may_be_named():
    prediction = make_predictions(Categorical)[0]
    assert torch.equal(al.bald(prediction=prediction), al.bald(prediction))


@pytest.mark.parametrize("reads", [(), (Ragged,), (int,)])
def test_reads_must_be_kinds_of_prediction(reads):
    with pytest.raises(InvalidInputError, match="reads: expected a tuple of Categorical"):
        acquisition(reads=reads)


def test_min_members_must_be_positive():
    with pytest.raises(InvalidInputError, match="min_members"):
        acquisition(reads=(Categorical,), min_members=0)


@pytest.mark.parametrize("name", ACQUISITIONS.names())
def test_every_registered_function_is_declared(name):
    function = al.get_acquisition(name)
    assert function.__name__ == name
    assert getattr(al, name) is function
    assert function.reads
    parameters = inspect.signature(function).parameters
    assert {"reduce", "empty"} <= set(parameters)
    kinds = {p.kind for p in list(parameters.values())[1:]}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    for part in ("Args:", "Returns:", "Raises:", "Source:", "Example:"):
        assert part in function.__doc__


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (np.ones((3, 2)), r"a ndarray of shape \[3, 2\]"),
        (torch.ones(3, 2), r"a Tensor of shape \[3, 2\]"),
        ([[0.5, 0.5]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_prediction_is_to_be_wrapped(given, found):
    with pytest.raises(UnsupportedPredictionError, match=found) as caught:
        al.bald(given)
    assert "Categorical.from_logits(logits)" in str(caught.value)
    assert "Normal(mean, variance)" in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_another_kind_is_told_what_suits_it():
    with pytest.raises(UnsupportedPredictionError) as caught:
        al.edit_disagreement(Bernoulli(torch.full((2, 3, 4), 0.5)))
    message = str(caught.value)
    assert "reads Transcripts and Categorical (or a Ragged of these)" in message
    assert "found Bernoulli(N=2, K=3, C=4, float32, cpu)" in message
    for name in ("bald", "consensus_kl", "entropy", "variation_ratio"):
        assert name in message
    assert "variance," not in message


def test_another_kind_of_one_member_is_told_what_suits_one():
    with pytest.raises(UnsupportedPredictionError) as caught:
        al.variance(Categorical([[0.5, 0.5]]))
    assert "entropy, expected_gradient_length, least_confidence, margin or mnlp" in str(
        caught.value
    )
    assert "bald" not in str(caught.value)


def test_a_single_reading_has_its_probability():
    with pytest.raises(UnsupportedPredictionError, match="For a Transcripts use mnlp"):
        al.entropy(Transcripts([["a"]]))


def test_where_nothing_suits(monkeypatch):
    monkeypatch.delitem(_declare._DECLARED, "mnlp")
    with pytest.raises(UnsupportedPredictionError, match="Nothing known reads a Transcripts of 1"):
        al.entropy(Transcripts([["a"]]))


def test_one_member_of_a_regression():
    with pytest.raises(UnsupportedPredictionError, match="With one member use variance"):
        al.bald(Ragged(Normal([1.0], [1.0]), [1]))
