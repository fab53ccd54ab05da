from __future__ import annotations

import pytest
import torch
import transformers

from altasks.errors import InvalidInputError
from altasks.tasks._shared.texts import TextEncoder, as_text, characters, longest_input


@pytest.fixture
def tokenizer(tiny_bert):
    return transformers.AutoTokenizer.from_pretrained(tiny_bert)


@pytest.fixture
def encoder(tokenizer):
    return TextEncoder(tokenizer, 64, "error")


def test_texts_pairs_and_mappings():
    assert as_text("a b", "") == "a b"
    assert as_text(["a", "b"], "") == ("a", "b")
    assert as_text({"text": "a"}, "") == "a"
    assert as_text({"text": "a", "text_pair": "b"}, "") == ("a", "b")
    assert characters(("abc", "de")) == 5


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ("", "the empty text ''"),
        (" \n\t", "the empty text"),
        (("a", " "), "the empty text"),
        (3, r"3 \(int\)"),
        (None, r"None \(NoneType\)"),
        (("a", "b", "c"), "3 parts"),
        ({"sentence": "a"}, r"\['sentence'\]"),
        (b"a", "bytes"),
    ],
)
def test_what_is_no_text_is_refused_by_row(encoder, sample, message):
    for method in (encoder.check, encoder.encode):
        with pytest.raises(InvalidInputError, match=message) as caught:
            method(["fine", sample])
        assert "row 1" in str(caught.value)


def test_a_ten_thousand_word_text_is_refused_before_any_work(encoder):
    texts = ["the soup was hot", "rain " * 10_000]
    for method in (encoder.check, encoder.encode):
        with pytest.raises(InvalidInputError, match=r"at most 64 tokens.*1000\d tokens \(row 1\)"):
            method(texts)


def test_truncation_is_only_on_request(tokenizer):
    encoded = TextEncoder(tokenizer, 16, "truncate").encode(["rain " * 100, "rain"])
    assert [len(tokens["input_ids"]) for tokens in encoded] == [16, 3]
    TextEncoder(tokenizer, 16, "truncate").check(["rain " * 100])


def test_the_longest_text_that_fits_is_taken(encoder):
    fits = "rain " * 62
    assert len(encoder.encode([fits])[0]["input_ids"]) == 64
    encoder.check([fits])
    for method in (encoder.check, encoder.encode):
        with pytest.raises(InvalidInputError, match="65 tokens"):
            method([fits + "rain"])


def test_short_characters_can_be_long_texts(encoder):
    """Every character one token of its own: the cheap check must not wave it through."""
    with pytest.raises(InvalidInputError, match="tokens"):
        encoder.check([". " * 63])


def test_a_character_that_a_tokenizer_spells_out_can_be_a_long_text(make_tokenizer):
    """NFKC writes U+FDFA in 18 characters, of which this vocabulary has not one."""
    encoder = TextEncoder(make_tokenizer("unigram"), 16, "error")
    text = "\ufdfa" * 3
    assert len(encoder._tokenise([text], truncate=False)[0]["input_ids"]) > 16
    with pytest.raises(InvalidInputError, match="at most 16 tokens"):
        encoder.check([text])


def test_special_tokens_count(make_tokenizer):
    """Sixteen characters of four bytes, each a token, and two more around them."""
    encoder = TextEncoder(make_tokenizer("bytes"), 64, "error")
    text = "\U0001f600" * 16
    assert len(encoder._tokenise([text], truncate=False)[0]["input_ids"]) == 66
    with pytest.raises(InvalidInputError, match="at most 64 tokens"):
        encoder.check([text])


def test_padding_equals_the_tokenizers(encoder, tokenizer, topic_texts):
    for side in ("right", "left"):
        tokenizer.padding_side = side
        batch = encoder.batches(encoder.encode(topic_texts), 100)[0]
        expected = tokenizer(
            [topic_texts[row] for row in batch.rows], padding=True, return_tensors="pt"
        )
        assert set(batch.inputs) == set(expected)
        for name, values in expected.items():
            assert torch.equal(batch.inputs[name], values)


def test_batches_hold_texts_of_like_length_longest_first(encoder, topic_texts):
    encoded = encoder.encode(topic_texts)
    batches = encoder.batches(encoded, 5)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(24))
    lengths = [[len(encoded[row]["input_ids"]) for row in batch.rows] for batch in batches]
    flat = [length for part in lengths for length in part]
    assert flat == sorted(flat, reverse=True)
    assert [batch.inputs["input_ids"].shape[1] for batch in batches] == [max(n) for n in lengths]


def test_texts_and_pairs_do_not_mix(encoder):
    for call in (encoder.check, encoder.encode):
        with pytest.raises(InvalidInputError, match=r"only texts or only pairs.*row 1"):
            call(["a", ("a", "b"), "c"])
    pairs = encoder.encode([("soup", "rice"), ("rain", "fog")])
    assert all(1 in tokens["token_type_ids"] for tokens in pairs)


def test_no_texts_are_no_batches(encoder):
    assert encoder.batches(encoder.encode([]), 4) == []


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "modernbert", "gpt2"])
def test_the_model_says_how_much_it_reads(tiny_models, name):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_models[name])
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_models[name])
    assert longest_input(model, tokenizer) == 64
    tokenizer.model_max_length = 10**30
    # 66 positions, counted from the one after the padding's.
    assert longest_input(model, tokenizer) == (65 if name == "roberta" else 64)


def test_one_text_is_not_taken_for_its_letters(encoder):
    for call in (encoder.check, encoder.encode):
        with pytest.raises(InvalidInputError, match="a list of texts, found the text 'hello'"):
            call("hello")


def test_half_a_surrogate_pair_is_named(encoder):
    with pytest.raises(InvalidInputError, match=r"surrogate.*character 1 \(row 1\)"):
        encoder.check(["fine \U0001f600", "a\ud83d"])
