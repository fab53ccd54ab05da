"""Splitting texts into words, and finding the words that a span of characters covers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import index
from typing import Any

from altasks.data.tagging.tags import Span, tags_of
from altasks.errors import InvalidInputError, invalid


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


def tag_text(
    text: str, spans: Iterable[Sequence[Any]], *, cut: bool = False
) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the offsets of a text's words and their IOB2 tags.

    Args:
        text: any text.
        spans: (start, end, label) in characters, end exclusive, in any order.
        cut: divide words inside which a span begins or ends. A model that is given other texts
            without spans won't see such words divided, so check that there are few.

    Raises:
        InvalidInputError: for spans that overlap, are empty, reach outside the text, begin or
            end with whitespace, have no label, or (unless `cut`) begin or end inside a word; it
            names the span and its text.

    Example:
        >>> tag_text("Ada Lovelace wrote.", [(0, 12, "PER")])
        ([(0, 3), (4, 12), (13, 18), (18, 19)], ['B-PER', 'I-PER', 'O', 'O'])
    """
    ordered = sorted(_checked(text, span) for span in spans)
    for before, span in pairwise(ordered):
        if span.start < before.end:
            raise _bad_span(text, before, "spans that don't overlap", f" and {_show(text, span)}")
    cuts = [edge for span in ordered for edge in span[:2]] if cut else []
    offsets = word_offsets(text, cuts)
    first = {start: i for i, (start, _) in enumerate(offsets)}
    last = {end: i + 1 for i, (_, end) in enumerate(offsets)}
    for span in ordered:
        if span.start not in first or span.end not in last:
            raise _bad_span(
                text, span, "spans of whole words",
                hint="Correct its edges, or divide words there with cut=True.",
            )  # fmt: skip
    whole = [(first[span.start], last[span.end], span.label) for span in ordered]
    return offsets, tags_of(whole, len(offsets))


def _checked(text: str, span: Sequence[Any]) -> Span:
    try:
        start, end, label = span
        found = Span(index(start), index(end), label)
    except (TypeError, ValueError):
        raise invalid("spans", "(start, end, label) with whole numbers", repr(span)) from None
    if not isinstance(label, str) or not label:
        raise invalid("spans", "a label in every span", repr(span))
    if not 0 <= found.start < found.end <= len(text):
        raise _bad_span(text, found, f"spans of at least one of the text's {len(text)} characters")
    if text[found.start].isspace() or text[found.end - 1].isspace():
        raise _bad_span(text, found, "spans without whitespace at their ends")
    return found


def _show(text: str, span: Span) -> str:
    return f"({span.start}, {span.end}, {span.label!r}) {text[span.start : span.end]!r}"


def _bad_span(
    text: str, span: Span, expected: str, more: str = "", hint: str = ""
) -> InvalidInputError:
    return invalid("spans", expected, f"{_show(text, span)}{more}", hint=hint)
