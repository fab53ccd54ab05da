import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from altasks import Transcripts, consensus
from altasks.errors import InvalidInputError

ROWS = st.lists(st.text("abc ", max_size=7), min_size=1, max_size=5)


def vote(*row, **options):
    return consensus(Transcripts([row]), **options)[0]


def test_the_majority_wins_in_each_place():
    assert vote("kat", "cat", "caf").text == "cat"
    assert vote("ct", "cat", "cat").text == "cat"
    assert vote("caat", "cat", "cat").text == "cat"
    assert vote("cat", "cat!", "cat!").text == "cat!"
    assert vote("xcat", "xcat", "cat").text == "xcat"


def test_errors_in_different_places_are_all_mended():
    truth = "eynen alden ind nuwen"
    readings = ["cynen alden ind nuwen", "eynen alden inb nuwen", "eynen adden ind nuwem"]
    assert vote(*readings).text == truth
    assert truth not in readings


def test_one_sure_voter_outvotes_two_unsure_ones():
    row = Transcripts([["cat", "cut", "cut"]], [[-0.03, -3.0, -3.0]])
    assert consensus(row)[0].text == "cat"
    assert consensus(Transcripts(row.texts))[0].text == "cut"
    sure = [[[1, 0.9, 1], [1, 0.3, 1], [1, 0.3, 1]]]
    assert consensus(Transcripts(row.texts), confidences=sure)[0].text == "cat"
    # Of a voter that does not say, the reading's own probability is taken.
    assert consensus(row, confidences=[[None, None, None]])[0].text == "cat"


def test_a_voter_that_reads_nothing_counts_as_much_as_it_is_sure():
    row = [["", "abc", "abc"]]
    unsure = Transcripts(row, [[-69.0, -3.0, -3.0]])
    assert consensus(unsure)[0].text == "abc"
    assert consensus(Transcripts(row, [[-0.01, -3.0, -3.0]]))[0].text == ""
    for said in ([0.0], []):  # an empty list doesn't say: then the reading's probability
        assert consensus(unsure, confidences=[[said, [0.4] * 3, [0.4] * 3]])[0].text == "abc"
    whole = [[[0.9], [0.4] * 3, [0.4] * 3]]
    assert consensus(Transcripts(row), confidences=whole)[0].text == ""
    with pytest.raises(InvalidInputError, match="1 numbers from 0 to 1"):
        consensus(Transcripts(row), confidences=[[[1, 1], [1] * 3, [1] * 3]])


def test_agreement_says_where_to_look():
    found = vote("the cat", "the cot", "he cat")
    assert found.text == "the cat"
    assert found.agreement == pytest.approx((2 / 3, 1, 1, 1, 1, 2 / 3, 1))
    assert vote("", "").agreement == ()


@settings(max_examples=150, derandomize=True)
@given(ROWS)
def test_it_does_not_depend_on_the_order_of_voters(row):
    expected = vote(*row)
    for other in itertools.islice(itertools.permutations(row), 6):
        assert vote(*other).text == expected.text
    assert len(expected.agreement) == len(expected.text)
    assert all(0 <= share <= 1 for share in expected.agreement)
    if len(set(row)) == 1:
        assert expected.text == row[0]
        assert set(expected.agreement) <= {1.0}


@settings(max_examples=100, derandomize=True)
@given(ROWS)
def test_an_absolute_majority_is_the_consensus(row):
    assert vote(*row, *["abba"] * (len(row) + 1)).text == "abba"


@settings(max_examples=60, derandomize=True)
@given(ROWS)
def test_medians_are_near(row):
    pytest.importorskip("Levenshtein", reason="needs the extra ocr")

    def total(text):
        return sum(Levenshtein.distance(text, other) for other in row)

    chosen = vote(*row, method="setmedian").text
    assert chosen in row
    assert total(chosen) == min(map(total, row))
    assert total(vote(*row, method="median").text) <= max(map(total, row))


def test_no_line_no_consensus():
    assert consensus(Transcripts([])) == []


def test_what_cannot_be_voted_on():
    with pytest.raises(InvalidInputError, match="'confidence', 'median' or 'setmedian'"):
        vote("a", method="mean")
    with pytest.raises(InvalidInputError, match="row 0, member 1"):
        consensus(Transcripts([["a", ("b",)]]))
    with pytest.raises(InvalidInputError, match="1 lists, one a line"):
        consensus(Transcripts([["a"]]), confidences=[])
    with pytest.raises(InvalidInputError, match="2 numbers from 0 to 1"):
        consensus(Transcripts([["ab"]]), confidences=[[[0.5]]])
    with pytest.raises(InvalidInputError, match=r"2 entries, one a reading, found 1 \(row 0\)"):
        consensus(Transcripts([["ab", "b"]]), confidences=[[[0.5, 0.5]]])
