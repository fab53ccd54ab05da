import pytest
from hypothesis import given
from hypothesis import strategies as st

from altasks.data.tagging.words import word_offsets


def words(text, cuts=()):
    return [text[start:end] for start, end in word_offsets(text, cuts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n\u00a0", []),
        ("one two", ["one", "two"]),
        ("one\u00a0two\u3000three", ["one", "two", "three"]),
        ("Don't stop, U.S. people!!", ["Don't", "stop", ",", "U.S", ".", "people", "!!"]),
        ("#tag @name", ["#", "tag", "@", "name"]),
        ("...", ["..."]),
        ("?!?", ["?", "!", "?"]),
        ("cafe\u0301, 👩‍👩‍👧 ok", ["cafe\u0301", ",", "👩‍👩‍👧", "ok"]),
        ("שלום, עולם", ["שלום", ",", "עולם"]),
        ("$5.50 + 3%", ["$5.50", "+", "3", "%"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_cuts_divide_words():
    assert words("one pmnear Rome", [6]) == ["one", "pm", "near", "Rome"]
    assert words("one pmnear Rome", [0, 3, 4, 10, 15]) == ["one", "pmnear", "Rome"]
    assert words("abc", [1, 2, 2, -5, 99]) == ["a", "b", "c"]


@given(text=st.text(max_size=30), cuts=st.lists(st.integers(-2, 32), max_size=5))
def test_every_character_but_whitespace_is_in_one_word(text, cuts):
    offsets = word_offsets(text, cuts)
    inside = [i for start, end in offsets for i in range(start, end)]
    assert inside == [i for i, character in enumerate(text) if not character.isspace()]
    assert all(start < end for start, end in offsets)
    assert not any(start < cut < end for start, end in offsets for cut in cuts)
