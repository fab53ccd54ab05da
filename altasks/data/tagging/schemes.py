"""Which schemes of tags there are, and which one a file's tags are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from altasks.errors import invalid

# scheme -> its letters, in the order: begin, inside, end, single
LETTERS = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU"}
_ALIASES = {"BIO": "IOB2", "IOBES": "BIOES", "BILUO": "BILOU"}
# BILOU's letters, read as those of BIOES.
READ_AS = {"L": "E", "U": "S"}
_ONLY_IN = {"E": "BIOES", "S": "BIOES", "L": "BILOU", "U": "BILOU"}

SCHEMES = tuple(LETTERS)
"""The schemes that are read and written."""


def find_scheme(sequences: Iterable[Sequence[str]], *, repair: bool = False) -> str:
    """Return the scheme that the tags of many sentences are written in.

    `E-` and `S-` are only in BIOES, `L-` and `U-` only in BILOU; an `I-` that begins a span is
    only in IOB1, a `B-` that doesn't follow a span of its label only in IOB2. One span is
    therefore enough to know. Sentences without any span read the same in every scheme: IOB2.

    Args:
        sequences: one sequence of tags for each sentence; all that there are, since the scheme
            is decided by all of them.
        repair: read a mixture of IOB1 and IOB2 as IOB2 with slips, which `spans_of` with
            `repair=True` then puts right.

    Raises:
        InvalidInputError: for what is no tag, or if the tags contradict each other (both places
            are named).

    Example:
        >>> find_scheme([["O", "I-PER"], ["I-LOC", "B-LOC"]])
        'IOB1'
    """
    return scheme_found(sequences, lambda s, w: f"sentence {s}, word {w}", repair=repair)


def scheme_found(
    sequences: Iterable[Sequence[str]], place: Callable[[int, int], str], *, repair: bool = False
) -> str:
    """Return what `find_scheme` does; errors say `place(sentence, word)`.

    Example:
        >>> scheme_found([["O", "S-PER"]], lambda sentence, word: f"line {word + 1}")
        'BIOES'
    """
    first: dict[str, tuple[str, str]] = {}  # scheme -> (tag that only it has, where)
    for s, tags in enumerate(sequences):
        letter, label = "O", ""
        for w, tag in enumerate(tags):
            parts = parts_of(tag, "BIESLU")
            if parts is None:
                raise invalid("tags", described("BIESLU", ""), repr(tag), where=place(s, w))
            now, label_now = parts
            if now in "BI":
                begins = letter not in "BI" or label != label_now
                only = ("IOB1" if now == "I" else "IOB2") if begins else ""
            else:
                only = _ONLY_IN.get(now, "")
            if only and only not in first:
                first[only] = (tag, place(s, w))
            letter, label = now, label_now
    # In BIOES and BILOU, B- proves nothing, and an I- that begins a span is a slip, which reading
    # the tags will name.
    if "BIOES" in first:
        _agree(first, "BIOES", "BILOU")
        return "BIOES"
    if "BILOU" in first:
        return "BILOU"
    if not repair:
        _agree(first, "IOB1", "IOB2")
    return "IOB1" if "IOB1" in first and "IOB2" not in first else "IOB2"


def known_scheme(name: str) -> str:
    """Return the scheme of that name, or other name."""
    known = _ALIASES.get(name, name)
    if known not in LETTERS:
        raise invalid("scheme", f"one of {', '.join((*SCHEMES, *_ALIASES))}", repr(name))
    return known


def parts_of(tag: Any, allowed: str) -> tuple[str, str] | None:
    """Return the letter and the label of a tag, or None if it has none of these letters."""
    if tag == "O":
        return "O", ""
    if not isinstance(tag, str) or len(tag) < 3 or tag[1] != "-" or tag[0] not in allowed:
        return None
    return tag[0], tag[2:]


def described(allowed: str, of: str) -> str:
    """Return how a tag should look, for errors."""
    return f"O or {', '.join(f'{letter}-' for letter in allowed)} and a label{of}"


def _agree(first: dict[str, tuple[str, str]], one: str, other: str) -> None:
    if one in first and other in first:
        (tag, where), (tag_too, where_too) = first[one], first[other]
        raise invalid(
            "tags",
            "tags of one scheme",
            f"{tag!r} as only {one} has it ({where}) and {tag_too!r} as only {other} has it "
            f"({where_too})",
            hint="Name the scheme to see what breaks it; repair=True reads a mixture of IOB1 and "
            "IOB2 as conlleval does.",
        )
