from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import altasks as al
from altasks.acquisition import sequence_variation_ratio
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged, Transcripts
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestSequenceVariationRatio(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return sequence_variation_ratio

    @pytest.fixture
    def predictions(self):
        made = make_predictions(Categorical, Transcripts)
        # The fourth has tied classes, of which the first is taken: their order does matter there.
        return [*made[:3], *made[4:]]


def tagger(tags, classes=4):
    """M x K tags as certain predictions."""
    return Categorical(np.eye(classes)[np.asarray(tags)])


def twin(tags, lengths):
    scores, start = [], 0
    for length in lengths:
        outputs = Counter()
        for k in range(tags.shape[1]):
            outputs[tuple(int(tags[m, k]) for m in range(start, start + length))] += 1
        scores.append(1 - outputs.most_common(1)[0][1] / tags.shape[1] if length else 0.0)
        start += length
    return scores


@settings(max_examples=60, derandomize=True)
@given(st.data())
def test_equals_counting_the_outputs(data):
    lengths = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    shape = (sum(lengths), data.draw(st.integers(2, 6)))
    # Few tags: whole outputs often meet.
    tags = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 1)))
    scores = sequence_variation_ratio(Ragged(tagger(tags), lengths))
    assert scores.tolist() == pytest.approx(twin(tags, lengths))
    readings, start = [], 0
    for length in lengths:
        readings.append([tuple(tags[start : start + length, k].tolist()) for k in range(shape[1])])
        start += length
    # A list of tags per member is the same as classes word by word.
    assert sequence_variation_ratio(Transcripts(readings)).tolist() == pytest.approx(
        twin(tags, lengths)
    )


def test_whole_outputs_are_compared_not_words():
    # Three members, each alone in doubting one word: no two outputs are equal.
    tags = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    sentence = Ragged(tagger(tags), [3])
    assert sequence_variation_ratio(sentence).item() == pytest.approx(2 / 3)
    assert al.variation_ratio(sentence).item() == pytest.approx(1 / 3)


def test_pairs_that_agree_word_by_word_in_turn_are_not_equal():
    # Members 0 and 1 agree on the first word, 0 and 2 on the second.
    assert sequence_variation_ratio(Ragged(tagger([[0, 0, 1], [0, 1, 0]]), [2])).item() == (
        pytest.approx(2 / 3)
    )


def test_tied_classes_are_read_as_the_first():
    tied = [0.5, 0.5]
    words = Categorical([[tied, [0.75, 0.25]], [tied, [0.25, 0.75]]])
    assert sequence_variation_ratio(words).tolist() == [0.0, 0.5]


def test_sizes_of_sentences_do_not_leak_into_each_other():
    tags = np.array([[0, 1], [0, 0], [2, 2], [1, 1], [3, 0]])
    scores = sequence_variation_ratio(Ragged(tagger(tags), [2, 0, 2, 1]), empty=0.25)
    assert scores.tolist() == [0.5, 0.25, 0.0, 0.5]


def test_lines_of_a_page_are_one_output():
    # Members agree on the page only if they agree on every line.
    pages = Ragged(Transcripts([["a", "a", "a"], ["b", "c", "c"], ["d", "e", "f"]]), [2, 1, 0])
    assert sequence_variation_ratio(pages).tolist() == pytest.approx([1 / 3, 2 / 3, 0.0])


def test_a_string_is_the_sequence_of_its_characters():
    assert sequence_variation_ratio(Transcripts([["ab", ("a", "b")]])).item() == 0.0
    assert sequence_variation_ratio(Transcripts([["ab", "abc"]])).item() == 0.5


def test_nothing_to_read():
    assert sequence_variation_ratio(Transcripts([])).shape == (0,)
    none = Ragged(Categorical(torch.zeros(0, 3, 2)), [0, 0])
    assert sequence_variation_ratio(none).tolist() == [0.0, 0.0]
    pages = Ragged(Transcripts([]), [0, 0])
    assert sequence_variation_ratio(pages, empty=1.0).tolist() == [1.0, 1.0]


def test_what_it_refuses():
    with pytest.raises(UnsupportedPredictionError, match="found K = 1"):
        sequence_variation_ratio(tagger([[0], [1]]))
    with pytest.raises(UnsupportedPredictionError, match="reads Categorical and Transcripts"):
        sequence_variation_ratio(Bernoulli(torch.full((1, 2, 3), 0.5)))
    with pytest.raises(InvalidInputError, match="By word it is variation_ratio"):
        sequence_variation_ratio(tagger([[0, 1]]), reduce="max")
    with pytest.raises(InvalidInputError, match="empty: expected a finite number"):
        sequence_variation_ratio(tagger([[0, 1]]), empty=float("nan"))


def test_more_words_than_a_piece_holds():
    rng = np.random.default_rng(0)
    probs = torch.from_numpy(rng.dirichlet(np.ones(9), (9000, 3))).float()
    lengths = [9] * 1000
    whole = sequence_variation_ratio(Ragged(Categorical(probs), lengths))
    tags = probs.argmax(-1).numpy()
    assert whole.tolist() == pytest.approx(twin(tags, lengths))
