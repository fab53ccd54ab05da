"""Spans over words and the tag schemes that write them: IOB1, IOB2 (BIO), BIOES, BILOU and others.

A tag is `O` or a letter, a hyphen and a label (`B-PER`, `I-ARGM-TMP`). What the letters say:

| scheme | a span of one word | a longer span | directly after a span of its label |
|---|---|---|---|
| IOB1 (Ramshaw and Marcus 1995) | I | I I I | B, then I |
| IOB2 (Tjong Kim Sang and Veenstra 1999) | B | B I I | B, then I |
| BIOES | S | B I E | the same |
| BILOU (Ratinov and Roth 2009) | U | B I L | the same |
| BMES (Xue 2003, of characters) | S | B M E | the same |
| BMEWO | W | B M E | the same |
| IO | I | I I I | cannot be written |
| PLAIN: tags are labels, without a letter | PER | PER PER PER | cannot be written |

`BIO` is read as another name of IOB2, `IOBES` of BIOES, `BILUO` of BILOU, `BMESO` of BMES, `BMEOW`
of BMEWO.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, NamedTuple

from altasks.data.tagging.schemes import (
    LETTERS,
    OTHER_SCHEMES,
    READ_AS,
    SCHEMES,
    expected_form,
    find_scheme,
    known_scheme,
    parts_of,
    scheme_found,
)
from altasks.errors import InvalidInputError, describe_fault, invalid

__all__ = [
    "OTHER_SCHEMES",
    "SCHEMES",
    "Fault",
    "Span",
    "TagProblem",
    "convert",
    "find_fault",
    "find_scheme",
    "find_tag_problem",
    "scheme_found",
    "spans_of",
    "tags_of",
]


class Span(NamedTuple):
    """A labelled stretch of words.

    Attributes:
        start: the index of its first word.
        end: the index after its last word.
        label: what it is, such as `PER`.
    """

    start: int
    end: int
    label: str


def spans_of(tags: Sequence[str], scheme: str = "IOB2", *, repair: bool = False) -> list[Span]:
    """Return the spans that a sentence's tags say, in the order of the words.

    Args:
        tags: one tag a word.
        scheme: how they are written, see the module.
        repair: read ill-formed sequences as `conlleval` (Tjong Kim Sang and Buchholz 2000) and
            seqeval's default do: an `I-` after `O` or after another label begins a span, and a
            span that nothing ends is ended by what follows. Tags that are no tags of the scheme
            (`X-PER`, `B-`) are errors all the same.

    Raises:
        InvalidInputError: for a tag that is not of the scheme, or, unless `repair`, a sequence
            that the scheme forbids; it names the word's index and its tag.

    Example:
        >>> spans_of(["B-PER", "I-PER", "O", "B-LOC"])
        [Span(start=0, end=2, label='PER'), Span(start=3, end=4, label='LOC')]
        >>> spans_of(["O", "I-PER"], repair=True)
        [Span(start=1, end=2, label='PER')]
    """
    problem = find_tag_problem(tags, scheme, repair=repair)
    if problem is not None:
        raise InvalidInputError(problem.describe("tags", f"word {problem.word}"))
    spans: list[Span] = []
    letter, label, start = "O", "", 0  # of the word before
    for i, (now, label_now) in enumerate(_read(tags, scheme)):
        if letter != "O" and (
            letter in "ES" or now in "OBS" or label_now != label
        ):  # the span before ends here
            spans.append(Span(start, i, label))
            start = i
        elif letter == "O":
            start = i
        letter, label = now, label_now
    if letter != "O":
        spans.append(Span(start, len(tags), label))
    return spans


def tags_of(spans: Iterable[Sequence[Any]], length: int, scheme: str = "IOB2") -> list[str]:
    """Return the tags, one a word, of a sentence of `length` words with these spans.

    Args:
        spans: `Span`s, or anything of the form (start, end, label), in any order.
        length: how many words the sentence has.
        scheme: how to write them, see the module.

    Raises:
        InvalidInputError: for spans that overlap (both are named), that are empty or reach
            outside the sentence, or whose label is no string or empty.

    Example:
        >>> tags_of([(0, 2, "PER"), (2, 3, "PER")], 4)
        ['B-PER', 'I-PER', 'B-PER', 'O']
        >>> tags_of([(0, 2, "PER"), (2, 3, "PER")], 4, scheme="BIOES")
        ['B-PER', 'E-PER', 'S-PER', 'O']
    """
    scheme = known_scheme(scheme)
    ordered = sorted(_span(span, i, length) for i, span in enumerate(spans))
    tags = ["O"] * length
    before: Span | None = None
    for span in ordered:
        if before is not None and span.start < before.end:
            raise invalid(
                "spans",
                "spans that don't overlap",
                f"{_show(before)} and {_show(span)}",
                hint="A word has one tag: keep one of the two.",
            )
        touching = before is not None and before[1:] == (span.start, span.label)
        if len(LETTERS[scheme]) < 2 and (touching or span.label == "O"):
            found = _show(span) if before is None else f"{_show(before)} and {_show(span)}"
            raise invalid("spans", f"spans that {scheme} can write", found, hint="Use IOB2.")
        first, inside, last, single = _prefixes(scheme, touching=touching)
        tags[span.start : span.end] = [inside + span.label] * (span.end - span.start)
        tags[span.end - 1] = last + span.label
        tags[span.start] = (first if span.end - span.start > 1 else single) + span.label
        before = span
    return tags


def convert(tags: Sequence[str], source: str, target: str, *, repair: bool = False) -> list[str]:
    """Return the same spans written in another scheme.

    Args:
        tags: one tag a word, in the scheme `source`.
        source: the scheme of `tags`.
        target: the scheme to write; the same as `source` checks the tags, or repairs them.
        repair: see `spans_of`.

    Raises:
        InvalidInputError: as `spans_of`.

    Example:
        >>> convert(["I-PER", "I-PER", "B-PER"], "IOB1", "IOB2")
        ['B-PER', 'I-PER', 'B-PER']
    """
    return tags_of(spans_of(tags, source, repair=repair), len(tags), target)


class TagProblem(NamedTuple):
    """The first tag of a sentence that its scheme forbids, found by `find_tag_problem`.

    Attributes:
        word: the index of the word.
        expected: what should stand there.
        found: what stands there.
        hint: what to do.
    """

    word: int
    expected: str
    found: str
    hint: str

    def describe(self, argument: str, where: str) -> str:
        """Return the message of an error about it."""
        return describe_fault(argument, self.expected, self.found, where=where, hint=self.hint)


def find_tag_problem(
    tags: Sequence[str], scheme: str = "IOB2", *, repair: bool = False
) -> TagProblem | None:
    """Return why `spans_of` would refuse the tags, or None if it reads them.

    For whoever can say more about the place than the word's index, such as a file's line.

    Args:
        tags: one tag a word.
        scheme: how they are written, see the module.
        repair: pass over what `spans_of` with `repair=True` can read.

    Raises:
        InvalidInputError: for an unknown scheme, or a string in place of the tags.

    Example:
        >>> find_tag_problem(["O", "I-PER"]).found
        "'I-PER' after 'O'"
        >>> find_tag_problem(["O", "I-PER"], "IOB1") is None
        True
    """
    scheme = known_scheme(scheme)
    if isinstance(tags, str):  # its letters would pass for tags, if they were O
        raise invalid("tags", "a sequence of tags, one a word", f"the string {tags!r}")
    for i, tag in enumerate(tags):
        if parts_of(tag, LETTERS[scheme]) is None:
            return TagProblem(i, expected_form(LETTERS[scheme], f" of {scheme}"), repr(tag), "")
    return None if repair else _ill_formed(tags, scheme)


#: Their names until version 0.2.
Fault = TagProblem
find_fault = find_tag_problem


def _ill_formed(tags: Sequence[str], scheme: str) -> TagProblem | None:
    """Return the first place where tags of a scheme follow each other as it forbids."""
    hint = f"With repair=True it is read as conlleval does; are these tags {scheme}?"
    letter, label = "O", ""  # of the word before
    for i, (now, label_now) in enumerate(_read(tags, scheme)):
        after = f"{tags[i]!r} after {tags[i - 1]!r}" if i else f"{tags[i]!r} at the start"
        # Whether the word before is of a span that may go on here.
        open_before = letter in "BI" and label == label_now
        if scheme == "IOB1":
            if now == "B" and not open_before:
                return TagProblem(
                    i, f"B- only directly after a span of its label ({scheme})", after, hint
                )
        elif now in "IE" and not open_before and len(LETTERS[scheme]) > 1:
            return TagProblem(
                i, f"{tags[i][0]}- only inside a span of its label ({scheme})", after, hint
            )
        if len(LETTERS[scheme]) == 4 and letter in "BI" and not (open_before and now in "IE"):
            return TagProblem(i - 1, _ended(scheme), f"{tags[i - 1]!r} before {tags[i]!r}", hint)
        letter, label = now, label_now
    if len(LETTERS[scheme]) == 4 and letter in "BI":
        return TagProblem(len(tags) - 1, _ended(scheme), f"{tags[-1]!r} at the end", hint)
    return None


def _read(tags: Sequence[str], scheme: str) -> list[tuple[str, str]]:
    """Return (letter of O, B, I, E, S; label) for each tag; they are known to be tags."""
    allowed = LETTERS[known_scheme(scheme)]
    parts = [parts_of(tag, allowed) or ("O", "") for tag in tags]
    return [(READ_AS.get(letter, letter), label) for letter, label in parts]


def _ended(scheme: str) -> str:
    end = LETTERS[scheme][2]
    return f"a span of several words to end in {end}- ({scheme})"


def _prefixes(scheme: str, *, touching: bool) -> tuple[str, str, str, str]:
    """Return what stands before the label of a span's first, inner, last and only word."""
    if scheme == "PLAIN":
        return "", "", "", ""
    if scheme in ("IOB1", "IO"):
        first = "B-" if touching else "I-"
        return first, "I-", "I-", first
    if scheme == "IOB2":
        return "B-", "I-", "I-", "B-"
    begin, inside, end, single = (f"{letter}-" for letter in LETTERS[scheme])
    return begin, inside, end, single


def _span(span: Sequence[Any], i: int, length: int) -> Span:
    try:
        start, end, label = span
        start, end = index(start), index(end)
    except (TypeError, ValueError):
        raise invalid(
            "spans", "(start, end, label) with whole numbers", repr(span), where=f"span {i}"
        ) from None
    where = f"span {i}"
    if not isinstance(label, str) or not label:
        raise invalid("spans", "a label in every span", repr(label), where=f"{where}: {span!r}")
    found = Span(start, end, label)
    if start >= end:
        raise invalid("spans", "at least one word in every span", _show(found), where=where)
    if start < 0 or end > length:
        raise invalid(
            "spans", f"spans within the sentence's {length} words", _show(found), where=where
        )
    return found


def _show(span: Span) -> str:
    return f"({span.start}, {span.end}, {span.label!r})"
