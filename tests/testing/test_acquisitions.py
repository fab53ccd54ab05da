"""The suite catches functions that misbehave."""

import pytest
import torch

import altasks as al
from altasks.predictions import Bernoulli, Categorical, Normal, Transcripts
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


def _per_batch(prediction, **options):
    scores = al.entropy(prediction, **options)
    return scores - scores.mean() if len(scores) else scores


def _by_row(prediction, **options):
    scores = al.entropy(prediction, **options)
    return scores + torch.arange(len(scores), dtype=scores.dtype)


def _first_member(prediction, **options):
    return prediction.probs[:, 0, 0].to(al.entropy(prediction, **options).dtype)


def _infinite(prediction, **options):
    return al.entropy(prediction, **options).log()


def _random(prediction, **options):
    return torch.rand(len(prediction))


def _writes(prediction, **options):
    scores = al.entropy(prediction, **options)
    prediction.probs.mul_(0.5)
    return scores


def _narrow(prediction, **options):
    return al.entropy(prediction, **options).half()


def _copies_layout(prediction, **options):
    probs = prediction.probs
    scores = torch.as_strided(probs, probs.shape, (probs[0].numel(), probs.shape[2], 1))
    return scores[:, 0, 0].to(torch.float64)


BROKEN = [
    (_per_batch, "test_batches_change_nothing"),
    (_by_row, "test_permuting_samples_permutes_scores"),
    (_first_member, "test_order_of_members_changes_nothing"),
    (_first_member, "test_order_of_classes_changes_nothing"),
    (_infinite, "test_one_finite_score_per_sample"),
    (_random, "test_same_prediction_gives_same_bits"),
    (_writes, "test_prediction_is_left_alone"),
    (_narrow, "test_one_finite_score_per_sample"),
    (_copies_layout, "test_strides_change_nothing"),
    (_by_row, "test_units_of_other_samples_do_not_matter"),
]


@pytest.mark.parametrize(
    ("function", "check"), BROKEN, ids=[f"{f.__name__}-{c}" for f, c in BROKEN]
)
def test_a_broken_function_is_caught(function, check):
    with pytest.raises(AssertionError):
        getattr(AcquisitionSuite(), check)(function, make_predictions(Categorical))


def test_options_that_swallow_everything_are_caught():
    with pytest.raises(AssertionError):
        AcquisitionSuite().test_options_are_named(_by_row, make_predictions(Categorical))


@pytest.mark.parametrize("kind", [Categorical, Bernoulli, Normal, Transcripts])
def test_predictions_are_of_the_size_asked_for(kind):
    made = make_predictions(kind, members=3, n=5, size=4)
    assert made
    for prediction in made:
        assert isinstance(prediction, kind)
        assert (len(prediction), prediction.members) == (5, 3)
    again = make_predictions(kind, members=3, n=5, size=4)
    assert repr(made) == repr(again)
