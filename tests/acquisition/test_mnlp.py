import math

import numpy as np
import pytest
import torch

from altasks.acquisition import mnlp
from altasks.errors import InvalidInputError
from altasks.predictions import Bernoulli, Categorical, Ragged, Transcripts
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestMnlp(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return mnlp

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


def test_mean_log_probability_of_the_best_tags():
    words = Categorical([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]])
    scores = mnlp(Ragged(words, [2, 1]))
    first = -(math.log(0.5) + math.log(0.75)) / 2
    assert scores.tolist() == pytest.approx([first, -math.log(0.75)])


@pytest.mark.parametrize("reduce", ["sum", "max", "top_k", "median"])
def test_other_reductions_are_refused(reduce):
    words = Ragged(Categorical([[0.5, 0.5]]), [1])
    with pytest.raises(InvalidInputError, match="normalised by length"):
        mnlp(words, reduce=reduce)


def test_word_scores_for_streams():
    words = Categorical([[0.5, 0.5], [1.0, 0.0]])
    scores = mnlp(Ragged(words, [2]), reduce="none")
    assert scores.tolist() == pytest.approx([math.log(2), 0.0])
    assert str(scores[1].item()) == "0.0"


def test_twice_the_sentence_has_the_same_score():
    words = torch.softmax(torch.randn(9, 4, generator=torch.Generator().manual_seed(0)), -1)
    twice = Ragged(Categorical(torch.cat([words, words, words])), [9, 18])
    scores = mnlp(twice)
    assert scores[0].item() == pytest.approx(scores[1].item(), rel=1e-6)


def test_reads_labels():
    assert mnlp(Bernoulli([[0.25]])).item() == pytest.approx(-math.log(0.75))


class TestMnlpOfReadings(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return mnlp

    @pytest.fixture
    def predictions(self):
        rng = np.random.default_rng(0)
        return [
            Transcripts(made.texts, -rng.gamma(2.0, size=(len(made), made.members)))
            for made in make_predictions(Transcripts)
        ]


def test_a_reading_is_scored_per_character():
    readings = Transcripts([["abcd", "ab"], ["", "a"]], [[-2.0, -3.0], [-0.5, 0.0]])
    assert mnlp(readings).tolist() == [1.0, 0.25]
    lines = Ragged(readings, [2, 0])
    assert mnlp(lines).tolist() == [0.625, 0.0]


def test_what_readings_lack():
    with pytest.raises(InvalidInputError, match="edit_disagreement"):
        mnlp(Transcripts([["a", "b"]]))
    with pytest.raises(InvalidInputError, match="class_weights"):
        mnlp(Transcripts([["a"]], [[-1.0]]), class_weights=[1.0])
