import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from altasks.acquisition import edit_disagreement
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Categorical, Ragged, Transcripts
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestEditDisagreement(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return edit_disagreement

    @pytest.fixture
    def predictions(self):
        return make_predictions(Transcripts)


def test_distance_over_the_longer_length():
    # Three substitutions and an insertion... 3 edits over 7 characters.
    scores = edit_disagreement(Transcripts([["kitten", "sitting"]]))
    assert scores.item() == pytest.approx(3 / 7)


def test_empty_readings():
    rows = [["", ""], ["", "abc"], ["abc", "abc"]]
    assert edit_disagreement(Transcripts(rows)).tolist() == [0.0, 1.0, 0.0]


def test_mean_over_pairs():
    scores = edit_disagreement(Transcripts([["ab", "ab", "cd"]]))
    assert scores.item() == pytest.approx(2 / 3)


def test_symbols_are_compared_by_equality_not_by_hash():
    # hash(-1) == hash(-2), and a library that works on code points takes "a" for 97.
    assert edit_disagreement(Transcripts([[(-1,), (-2,)]])).item() == 1.0
    assert edit_disagreement(Transcripts([[("a",), (97,)]])).item() == 1.0
    assert edit_disagreement(Transcripts([[("B-PER", "O"), ["B-PER", "O"]]])).item() == 0.0
    assert edit_disagreement(Transcripts([["ab", ("a", "b")]])).item() == 0.0


def test_nothing_is_normalised_unless_asked():
    readings = Transcripts([["caf\u00e9", "cafe\u0301"]])
    assert edit_disagreement(readings).item() == pytest.approx(2 / 5)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert edit_disagreement(readings, normalize=form).item() == 0.0
    with pytest.raises(InvalidInputError, match="normalize: expected None, 'NFC'"):
        edit_disagreement(readings, normalize="nfc")
    with pytest.raises(InvalidInputError, match="row 0, member 1"):
        edit_disagreement(Transcripts([["ab", ("a", "b")]]), normalize="NFC")


def test_characters_beyond_the_first_plane_count_once():
    assert edit_disagreement(Transcripts([["\U0001d11e", "x"]])).item() == 1.0
    assert edit_disagreement(Transcripts([["\U0001d11ex", "x"]])).item() == 0.5


def test_lines_of_a_page():
    lines = Ragged(Transcripts([["ab", "ab"], ["ab", "cd"], ["a", "b"]]), [2, 1, 0])
    assert edit_disagreement(lines).tolist() == [0.5, 1.0, 0.0]
    assert edit_disagreement(lines, reduce="max").tolist() == [1.0, 1.0, 0.0]
    assert edit_disagreement(lines, reduce="none").tolist() == [0.0, 1.0, 1.0]


def test_no_reading_at_all():
    assert edit_disagreement(Transcripts([])).shape == (0,)


def test_one_reader_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="found K = 1"):
        edit_disagreement(Transcripts([["a"]]))


def test_more_lines_than_are_compared_at_once():
    rows = [["a" * (n % 7 + 1), "a" * (n % 5 + 1), "a"] for n in range(5000)]
    scores = edit_disagreement(Transcripts(rows))
    for n in (0, 1, 2047, 2048, 2049, 4999):
        assert scores[n] == edit_disagreement(Transcripts(rows[n : n + 1]))[0]


class TestEditDisagreementOfTags(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return edit_disagreement

    @pytest.fixture
    def predictions(self):
        made = make_predictions(Categorical)
        # The fourth has tied classes, of which the first is taken: their order does matter there.
        return [*made[:3], *made[4:]]


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above = row
        row = [i]
        for j, right in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (left != right)))
    return row[-1]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.data())
def test_tags_equal_their_twin(data):
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    shape = (sum(lengths), data.draw(st.integers(2, 4)))
    tags = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 3)))
    scores = edit_disagreement(Ragged(Categorical(np.eye(4)[tags]), lengths))
    assert scores.dtype == torch.float64
    expected, start = [], 0
    for length in lengths:
        said = [tags[start : start + length, k].tolist() for k in range(shape[1])]
        pairs = [levenshtein(a, b) / max(length, 1) for a, b in itertools.combinations(said, 2)]
        expected.append(sum(pairs) / len(pairs))
        start += length
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_name_seen_a_word_further_on():
    # O B I O O and O O B I O: two edits, not the three places where they differ.
    tags = np.array([[0, 0], [1, 0], [2, 1], [0, 2], [0, 0]])
    score = edit_disagreement(Ragged(Categorical(np.eye(3)[tags]), [5]))
    assert score.item() == pytest.approx(2 / 5)


def test_many_classes_and_the_code_points_that_are_no_characters():
    # 0xD800 is a surrogate: no character of its own.
    probs = torch.zeros(2, 2, 0xD802)
    for (unit, member), tag in {(0, 0): 0xD800, (0, 1): 0xD801, (1, 0): 5, (1, 1): 5}.items():
        probs[unit, member, tag] = 1
    assert edit_disagreement(Ragged(Categorical(probs), [2])).item() == 0.5


def test_tags_have_no_unit_scores():
    words = Ragged(Categorical([[[1.0, 0.0], [0.0, 1.0]]] * 3), [2, 0, 1])
    assert edit_disagreement(words).tolist() == [1.0, 0.0, 1.0]
    assert edit_disagreement(words, empty=0.5).tolist() == [1.0, 0.5, 1.0]
    for reduce in ("none", "sum", "max", "top_k"):
        with pytest.raises(InvalidInputError, match="variation_ratio or vote_entropy"):
            edit_disagreement(words, reduce=reduce)
    with pytest.raises(InvalidInputError, match="None for classes"):
        edit_disagreement(words, normalize="NFC")
