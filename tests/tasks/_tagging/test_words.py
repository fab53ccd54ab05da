"""Which token each word is read at: for every family of tokenizers, every window, every word."""

from __future__ import annotations

from itertools import pairwise

import pytest
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altasks.errors import InvalidInputError
from altasks.tasks._tagging.training_rows import IGNORED, WordCollator, label_tokens
from altasks.tasks._tagging.windows import cut
from altasks.tasks._tagging.words import Marked, WordEncoder, as_words

FAMILIES = ["wordpiece", "bytes", "bytes+space", "unigram", "llama"]
ODD = [
    "Ada",
    "",
    " ",
    "\u00a0",
    "\u200b",
    "\ufe0f",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",  # a family of three, joined
    "\U0001f600",
    "e\u0301te\u0301",
    "\u0301",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627",
    "\ufdfa",  # 18 characters in NFKC
    "\u6771\u4eac",
    "New York",
    " Ada ",
    "don't",
    "[SEP]",
    "[CLS] [MASK]",
    "</s>",
    "<s>",
    "<pad>",
    "<unk>",
    "\x00",
    "...",
    "London",
]


def alone(tokenizer, encoder, word):
    """The tokens of one word by the backend itself, which knows of no sentences."""
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    found = backend.encode(encoder._prefix + word, add_special_tokens=False)
    return found.ids


def body(window, tokenizer):
    """The tokens of a window without the special ones around them."""
    ids = window.inputs["input_ids"]
    assert ids[0] == tokenizer.cls_token_id
    assert ids[-1] == tokenizer.sep_token_id
    return ids[1:-1]


@pytest.fixture(params=FAMILIES)
def tokenizer(request, make_tokenizer):
    return make_tokenizer(request.param)


def test_every_word_stands_where_it_is_said_to(tokenizer):
    """The window is the words' own tokens one after the other, and a place is where one begins."""
    encoder = WordEncoder(tokenizer, 2000)
    (window,) = encoder.encode([[Marked(tuple(ODD))]]).windows
    ids = window.inputs["input_ids"]
    special = {*tokenizer.all_special_ids} - {tokenizer.unk_token_id}
    ends = [*window.places[1:], len(ids) - 1]
    for word, start, end in zip(ODD, window.places, ends, strict=True):
        expected = [
            tokenizer.unk_token_id if number in special else number
            for number in alone(tokenizer, encoder, word)
        ]
        assert ids[start:end] == (expected or [tokenizer.unk_token_id]), word
    assert window.places[0] == 1
    assert window.inputs["attention_mask"] == [1] * len(ids)


def test_a_sentence_of_usual_words_is_tokenised_as_its_text(tokenizer, sentences):
    """Split or not, the model sees the same: so it is fed what it was trained on."""
    encoder = WordEncoder(tokenizer, 200)
    for words in sentences:
        (window,) = encoder.encode([[Marked(tuple(words))]]).windows
        text = " ".join(words)
        if encoder._prefix:
            text = " " + text  # without add_prefix_space only the first word lacks its space
        assert window.inputs["input_ids"] == tokenizer(text)["input_ids"]


def test_tokenizer_classes_of_byte_level_models_take_words(make_tokenizer):
    backend = make_tokenizer("bytes").backend_tokenizer
    for kind in (transformers.RobertaTokenizer, transformers.GPT2Tokenizer):
        encoder = WordEncoder(kind(tokenizer_object=backend), 64)
        (window,) = encoder.encode([[Marked(("Ada", "King"))]]).windows
        assert len(window.places) == 2


def test_special_tokens_in_a_text_are_text(tokenizer):
    encoder = WordEncoder(tokenizer, 200)
    looks = ("[SEP]", "</s>", "<s>", "[PAD]", "<pad>", "x</s>y", "[MASK]", "<mask>")
    (window,) = encoder.encode([[Marked(looks)]]).windows
    special = {*tokenizer.all_special_ids} - {tokenizer.unk_token_id}
    assert not special & set(body(window, tokenizer))
    # The tokenizer is the user's: it still reads its special tokens when asked the usual way.
    assert tokenizer(tokenizer.sep_token, add_special_tokens=False)["input_ids"] == [
        tokenizer.sep_token_id
    ]


def check_windows(encoded, encoder, tokenizer, sequences):
    """Every word once, in order, at its own first token; windows fit and overlap."""
    tokens = encoder._tokenise(sequences)
    for row, sequence in enumerate(sequences):
        windows = [window for window in encoded.windows if window.row == row]
        answered = [window.start + i for window in windows for i in range(len(window.places))]
        assert answered == list(range(len(sequence.words)))
        flat = [number for part in tokens[row] for number in part]
        begins = [0]
        for part in tokens[row]:
            begins.append(begins[-1] + len(part))
        reach = []
        for window in windows:
            assert len(window.inputs["input_ids"]) <= encoder.max_length
            if not window.places:
                continue
            # Where the window begins in the sentence, by its first answer; all else must agree.
            first = begins[window.start] - (window.places[0] - 1)
            inside = body(window, tokenizer)
            assert flat[first : first + len(inside)] == inside
            assert first in begins
            assert first + len(inside) in begins
            for word, place in enumerate(window.places, window.start):
                assert first + place - 1 == begins[word]
                size = len(tokens[row][word])
                if first > 0:
                    assert begins[word] - first >= (encoder.overlap - size) / 2
                if first + len(inside) < len(flat):
                    after = first + len(inside) - begins[word + 1]
                    assert after >= (encoder.overlap - size) / 2
            reach.append((first, first + len(inside)))
        if len(reach) == len(windows):
            for (_, end), (start, _) in pairwise(reach):
                assert end - start >= encoder.overlap
        assert reach[0][0] == 0
        assert reach[-1][1] == len(flat)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
@pytest.mark.parametrize("family", FAMILIES)
def test_the_words_that_come_out_are_the_words_that_went_in(make_tokenizer, family, data):
    tokenizer = make_tokenizer(family)
    length = data.draw(st.integers(12, 40))
    overlap = data.draw(st.one_of(st.none(), st.integers(0, (length - 2) // 2)))
    encoder = WordEncoder(tokenizer, length, overlap)
    word = st.one_of(
        st.sampled_from([odd for odd in ODD if len(odd.encode()) < 12]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        st.sampled_from(["London", "rain", "in", "Spain"]),
    )
    sequences = [
        Marked(tuple(words))
        for words in data.draw(st.lists(st.lists(word, min_size=1, max_size=40), max_size=3))
    ]
    most = (length - 2 - encoder.overlap + 1) // 2
    sizes = [
        len(part)
        for tokens in (encoder._tokenise(sequences) if sequences else [])
        for part in tokens
    ]
    if max(sizes, default=0) > most:
        try:
            encoded = encoder.encode([sequences])
        except InvalidInputError:
            with pytest.raises(InvalidInputError):
                encoder.check([sequences])
            return
    else:
        encoded = encoder.encode([sequences])
    encoder.check([sequences])
    check_windows(encoded, encoder, tokenizer, sequences)
    seen = []
    for batch in encoder.batches(encoded, data.draw(st.integers(1, 5))):
        ids = batch.inputs["input_ids"][batch.windows, batch.places]
        seen += list(zip(batch.words.tolist(), ids.tolist(), strict=True))
    firsts = [part[0] for tokens in encoder._tokenise(sequences) for part in tokens] if seen else []
    assert sorted(seen) == list(enumerate(firsts))


@pytest.mark.parametrize("family", FAMILIES)
def test_two_thousand_words(make_tokenizer, family, sentences):
    tokenizer = make_tokenizer(family)
    words = [*[word for row in range(400) for word in sentences[row % 12]][:1999], "\u00a0"]
    encoder = WordEncoder(tokenizer, 64)
    encoded = encoder.encode([[Marked(tuple(words))]])
    assert len(encoded.windows) > 40
    check_windows(encoded, encoder, tokenizer, [Marked(tuple(words))])


@given(
    st.integers(4, 30).flatmap(
        lambda room: st.tuples(
            st.just(room),
            st.integers(0, room // 2),
            st.lists(st.integers(1, room), min_size=1, max_size=60),
        )
    )
)
@settings(max_examples=300)
def test_windows_of_any_sizes(given_sizes):
    room, overlap, sizes = given_sizes
    sizes = [min(size, (room - overlap + 1) // 2) for size in sizes]
    windows, answers = cut(sizes, room, overlap)
    assert [word for start, end in answers for word in range(start, end)] == list(range(len(sizes)))
    for (first, last), (start, end) in zip(windows, answers, strict=True):
        assert first <= start <= end <= last
        assert sum(sizes[first:last]) <= room
    for (_, last), (first, _) in pairwise(windows):
        assert sum(sizes[first:last]) >= overlap


def test_padding_stands_on_the_right_whatever_the_tokenizer_says(make_tokenizer):
    """On the left it would move the words along the model's positions."""
    left = make_tokenizer(side="left")
    encoder = WordEncoder(left, 64)
    encoded = encoder.encode([[Marked(("Ada",))], [Marked(("she", "lived", "in", "London"))]])
    (batch,) = encoder.batches(encoded, 8)
    assert batch.inputs["attention_mask"][:, 0].tolist() == [1, 1]
    assert batch.inputs["attention_mask"][1, -1] == 0
    rows = label_tokens(encoded.windows, [[1], [0, 0, 0, 3]])
    learned = WordCollator(left)(rows)
    assert learned["attention_mask"][0, -1] == 0
    assert (learned["labels"] != IGNORED).sum(1).tolist() == [1, 4]


def test_a_word_in_two_windows_is_learned_once(make_tokenizer):
    encoder = WordEncoder(make_tokenizer(), 16)
    words = ("she", "lived", "in", "London") * 20
    encoded = encoder.encode([[Marked(words)]])
    assert len(encoded.windows) > 4
    labels = [place % 5 for place in range(80)]
    rows = label_tokens(encoded.windows, [labels])
    assert [one for row in rows for one in row["labels"] if one != IGNORED] == labels
    for window, row in zip(encoded.windows, rows, strict=True):
        for word, place in enumerate(window.places, window.start):
            assert row["labels"][place] == labels[word]


def test_weights_reach_every_labelled_word(make_tokenizer):
    encoder = WordEncoder(make_tokenizer(), 64)
    encoded = encoder.encode([[Marked(("Ada",))], [Marked(("she", "lived"))]])
    rows = label_tokens(encoded.windows, [[1], [0, 2]])
    for row, weight in zip(rows, (0.5, 1.5), strict=True):
        row["labels"] = [
            (float(one), float(IGNORED) if one == IGNORED else weight) for one in row["labels"]
        ]
    labels = WordCollator(make_tokenizer())(rows)["labels"]
    classes, weights = labels[..., 0], labels[..., 1]
    kept = classes != IGNORED
    assert classes[kept].tolist() == [1, 0, 2]
    assert weights[kept].tolist() == [0.5, 1.5, 1.5]
    assert (weights[~kept] == IGNORED).all()


# What is refused.


def test_a_slow_tokenizer_is_refused(tmp_path):
    from transformers import PythonBackend

    class Slow(PythonBackend):
        def get_vocab(self):
            return {"a": 0}

        @property
        def vocab_size(self):
            return 1

    with pytest.raises(InvalidInputError, match=r"a fast tokenizer, .*Slow"):
        WordEncoder(Slow(), 64)


@pytest.mark.parametrize("overlap", [-1, 32, 2.5, True, "4"])
def test_a_bad_overlap_is_refused(make_tokenizer, overlap):
    with pytest.raises(InvalidInputError, match="overlap: expected"):
        WordEncoder(make_tokenizer(), 64, overlap)


def test_a_word_longer_than_a_window_is_named(make_tokenizer):
    encoder = WordEncoder(make_tokenizer("bytes"), 64)
    url = "https://example.org/" + "q" * 200
    for samples, where in (
        ([["Ada"], ["see", url]], "row 1, word 1"),
        ([["\ufdfa" * 40]], "row 0, word 0"),
        # Short enough alone, too long beside others: a window must hold its neighbours too.
        ([["Ada"] * 60 + ["z" * 30]], "row 0, word 60"),
    ):
        marked = [[Marked(tuple(words))] for words in samples]
        for call in (encoder.encode, encoder.check):
            with pytest.raises(InvalidInputError, match=rf"words of at most .*\({where}\)"):
                call(marked)
    encoder.check([[Marked(("z" * 60,))]])
    assert len(encoder.encode([[Marked(("z" * 60,))]]).windows) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "at least one word, found an empty sentence"),
        ("Ada King", "a list of words"),
        (None, "a list of words"),
        (["Ada", None], r"words \(str\), found None \(NoneType\) \(row 3, word 1\)"),
        (["Ada", 3], r"3 \(int\)"),
        (["Ada", "\ud83d"], "half of a surrogate pair"),
    ],
)
def test_what_are_no_words(value, message):
    with pytest.raises(InvalidInputError, match=message):
        as_words(value, "row 3")


def test_nothing_to_encode(make_tokenizer):
    encoder = WordEncoder(make_tokenizer(), 64)
    for nothing in ([], [[]]):
        encoded = encoder.encode(nothing)
        assert encoded.lengths == []
        assert encoder.batches(encoded, 4) == []
