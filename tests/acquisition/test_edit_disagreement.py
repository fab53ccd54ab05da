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


@settings(max_examples=50, derandomize=True)
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


READINGS = st.text(
    st.sampled_from(["a", "b", "ſ", "é", "e", "\u0301", "\U0001f600", "\U0001f1e9", " ", "ẽ"]),
    max_size=12,
)


def twin(row):
    pairs = [
        levenshtein(a, b) / max(len(a), len(b)) if a or b else 0.0
        for a, b in itertools.combinations(row, 2)
    ]
    return sum(pairs) / len(pairs)


def test_ten_thousand_random_pairs_equal_their_twin():
    rng = np.random.default_rng(0)
    letters = np.array([*"abcdeſ é", "\u0301", "\U0001f600", "\U0001f468", "\u200d"])
    rows = []
    for n in range(10_000):
        one = "".join(rng.choice(letters, rng.integers(0, 9)))
        other = list(one)
        for _ in range(rng.integers(0, 4)):
            other.insert(rng.integers(0, len(other) + 1), str(rng.choice(letters)))
        rows.append([one, "".join(other) if n % 2 else "".join(rng.permutation(other))])
    scores = edit_disagreement(Transcripts(rows))
    assert scores.tolist() == pytest.approx([twin(row) for row in rows], abs=1e-6)
    # 0 exactly where both are the same text.
    assert [score == 0 for score in scores.tolist()] == [one == other for one, other in rows]


def test_long_lines_equal_their_twin():
    rng = np.random.default_rng(1)
    one = "".join(rng.choice([*"abcd\u0301"], 5000))
    other = one[:1000] + "x" + one[1200:3000] + "\U0001f600" * 7 + one[3000:]
    # A whole 5,000 x 5,000 table in Python takes long: the ends that both have cancel out.
    edits = levenshtein(one[1000:1200], "x") + 7
    score = edit_disagreement(Transcripts([[one, other]])).item()
    assert score == pytest.approx(edits / max(len(one), len(other)), abs=1e-6)


@settings(max_examples=100, derandomize=True)
@given(st.lists(READINGS, min_size=2, max_size=5), st.randoms())
def test_readings_equal_their_twin_in_any_order(row, random):
    score = edit_disagreement(Transcripts([row])).item()
    assert score == pytest.approx(twin(row), abs=1e-6)
    assert (score == 0) == (len(set(row)) == 1)
    shuffled = random.sample(row, len(row))
    assert edit_disagreement(Transcripts([shuffled])).item() == pytest.approx(score, abs=1e-6)


@settings(max_examples=100, derandomize=True)
@given(st.lists(st.tuples(READINGS, st.floats(-90, 0)), min_size=2, max_size=4))
def test_sure_members_count_for_more(row):
    texts, logs = zip(*row, strict=True)
    score = edit_disagreement(Transcripts([texts], [logs]), weighted=True).item()
    sure = [np.exp(log / max(1, len(text))) for text, log in row]
    pairs = list(itertools.combinations(range(len(row)), 2))
    weights = np.array([max(sure[i] * sure[j], 1e-300) for i, j in pairs])
    weights = np.maximum(weights, weights.max() * np.exp(-60))
    distances = [twin([texts[i], texts[j]]) for i, j in pairs]
    assert score == pytest.approx(float((weights * distances).sum() / weights.sum()), abs=1e-5)
    assert 0 <= score <= 1


def test_a_disagreement_is_never_weighted_away():
    readings = Transcripts([["a", "a", "b"]], [[0.0, 0.0, -1e6]])
    assert 0 < edit_disagreement(readings, weighted=True).item() < 1e-6
    with pytest.raises(InvalidInputError, match="weighted: expected readings with log_probs"):
        edit_disagreement(Transcripts([["a", "b"]]), weighted=True)


def test_many_weighted_lines():
    rng = np.random.default_rng(0)
    texts = [["ab", "ab"] if n % 3 else ["ab", "cd"] for n in range(5000)]
    scores = edit_disagreement(Transcripts(texts, -rng.random((5000, 2))), weighted=True)
    # With a single pair there is nothing to weigh.
    assert scores.tolist() == [0.0 if n % 3 else 1.0 for n in range(5000)]


def test_by_words():
    readings = Transcripts([["the cat  sat", "the cot sat"], ["", " "]])
    assert edit_disagreement(readings, by="words").tolist() == pytest.approx([1 / 3, 0.0])
    with pytest.raises(InvalidInputError, match="'characters' or 'words'"):
        edit_disagreement(readings, by="lines")
    with pytest.raises(InvalidInputError, match="row 0"):
        edit_disagreement(Transcripts([[("a",), ("b",)]]), by="words")
    with pytest.raises(InvalidInputError, match="defaults for classes"):
        edit_disagreement(Ragged(Categorical([[[1.0, 0.0]] * 2]), [1]), by="words")
