"""Where the words of a raw text begin and end."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import pairwise


def word_offsets(text: str, cuts: Iterable[int] = ()) -> list[tuple[int, int]]:
    """Return (start, end) of each word of `text`, in characters.

    Words are what whitespace separates, less the punctuation at their beginning and end, which
    forms words of its own (a run of one character, such as `...`, is one). Punctuation inside a
    word stays in it: `don't`, `U.S`, `well-known`, `example.org/a?b`. Only punctuation is split
    off, so emoji sequences and letters with combining accents stay whole.

    Args:
        text: any text; nothing in it is changed.
        cuts: offsets where a word is divided in any case, such as the edges of labelled spans.

    Example:
        >>> text = 'Ask (politely) for "No. 5"...'
        >>> [text[start:end] for start, end in word_offsets(text)]
        ['Ask', '(', 'politely', ')', 'for', '"', 'No', '.', '5', '"', '...']
    """
    wanted = sorted({cut for cut in cuts if 0 < cut < len(text)})
    words: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        end = start
        while end < len(text) and not text[end].isspace():
            end += 1
        edges = [start, *(cut for cut in wanted if start < cut < end), end]
        for left, right in pairwise(edges):
            words.extend(_peeled(text, left, right))
        start = end
    return words


def _peeled(text: str, start: int, end: int) -> list[tuple[int, int]]:
    first, last = start, end
    while first < end and _is_punctuation(text[first]):
        first += 1
    while last > first and _is_punctuation(text[last - 1]):
        last -= 1
    middle = [(first, last)] if first < last else []
    return [*_runs(text, start, first), *middle, *_runs(text, last, end)]


def _runs(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the runs of one character that make up text[start:end]."""
    runs = []
    while start < end:
        stop = start
        while stop < end and text[stop] == text[start]:
            stop += 1
        runs.append((start, stop))
        start = stop
    return runs


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")
