"""The schemes of tags, and how to find the one that a file's tags are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from altasks.errors import invalid

# scheme -> its letters, in the order: begin, inside, end, single
LETTERS = {
    "IOB1": "BI",
    "IOB2": "BI",
    "BIOES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMES",
    "BMEWO": "BMEW",
    "IO": "I",
    "PLAIN": "",
}
_ALIASES = {"BIO": "IOB2", "IOBES": "BIOES", "BILUO": "BILOU", "BMESO": "BMES", "BMEOW": "BMEWO"}
# The letters of the other schemes, read as those of BIOES.
READ_AS = {"L": "E", "U": "S", "M": "I", "W": "S"}
#: Every letter that a tag of some scheme begins with.
ALL_LETTERS = "BIESLUMW"
# Those whose spans have a last word of their own, the most common first.
_FOUR_LETTERS = ("BIOES", "BILOU", "BMES", "BMEWO")

SCHEMES = ("IOB1", "IOB2", "BIOES", "BILOU")
"""The schemes that are read and written, and that any span distinguishes."""
OTHER_SCHEMES = ("BMES", "BMEWO", "IO", "PLAIN")
"""Further ones. IO and PLAIN can't write neighbours of one label."""


def find_scheme(sequences: Iterable[Sequence[str]], *, repair: bool = False) -> str:
    """Return the scheme that the tags of many sentences are written in.

    The letters tell those apart whose spans have a last word of their own: `L-` and `U-` are only
    in BILOU, `M-` in BMES and BMEWO, `W-` in BMEWO; `E-` and `S-` without one of these are BIOES,
    which reads the same. An `I-` that begins a span is only in IOB1 (which reads IO as well), a
    `B-` that doesn't follow a span of its label only in IOB2. Sentences without any span read the
    same in every scheme: IOB2.

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
    first: dict[str, tuple[str, str]] = {}  # letter or scheme -> (tag that shows it, where)
    for s, tags in enumerate(sequences):
        letter, label = "O", ""
        for w, tag in enumerate(tags):
            parts = parts_of(tag, ALL_LETTERS)
            if parts is None:
                raise invalid("tags", expected_form(ALL_LETTERS, ""), repr(tag), where=place(s, w))
            now, label_now = parts
            if now in "BI" and (letter not in "BI" or label != label_now):
                first.setdefault("IOB1" if now == "I" else "IOB2", (tag, place(s, w)))
            elif now not in "BIO" and now not in first:
                first[now] = (tag, place(s, w))
            letter, label = now, label_now
    # In the schemes of four letters B- proves nothing, and an I- that begins a span is a slip,
    # which reading the tags will name.
    shown = [letter for letter in first if len(letter) == 1]
    if shown:
        return _four_lettered(shown, first)
    if not repair:
        _agree(first, "IOB1", "IOB2")
    return "IOB1" if "IOB1" in first and "IOB2" not in first else "IOB2"


def _four_lettered(shown: Sequence[str], first: dict[str, tuple[str, str]]) -> str:
    """Return the first scheme that has all the letters."""
    for scheme in _FOUR_LETTERS:
        if set(shown) <= set(LETTERS[scheme]):
            return scheme
    homes = {c: next(name for name in _FOUR_LETTERS if c in LETTERS[name]) for c in shown}
    other = next((c for c in shown if homes[c] != homes[shown[0]]), shown[-1])
    _agree({homes[c]: first[c] for c in (shown[0], other)}, homes[shown[0]], homes[other])
    raise invalid("tags", "tags of one scheme", ", ".join(first[c][0] for c in shown))


def known_scheme(name: str) -> str:
    """Return the scheme of that name, or other name."""
    known = _ALIASES.get(name, name)
    if known not in LETTERS:
        raise invalid(
            "scheme", f"one of {', '.join((*SCHEMES, *_ALIASES, *OTHER_SCHEMES))}", repr(name)
        )
    return known


def parts_of(tag: Any, allowed: str) -> tuple[str, str] | None:
    """Return the letter and the label of a tag, or None if it has none of these letters.

    Without letters (PLAIN) a tag is a label, read like `I-` and the label.
    """
    if tag == "O":
        return "O", ""
    if not allowed:
        return ("I", tag) if isinstance(tag, str) and tag.strip() else None
    if not isinstance(tag, str) or len(tag) < 3 or tag[1] != "-" or tag[0] not in allowed:
        return None
    return tag[0], tag[2:]


def expected_form(allowed: str, of: str) -> str:
    """Return how a tag should look, for errors."""
    if not allowed:
        return f"O or a label{of}"
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
