import pytest

from altasks.acquisition import edit_disagreement
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Ragged, Transcripts
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
