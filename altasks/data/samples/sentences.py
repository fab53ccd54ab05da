"""Made-up sentences, for examples and tests that have to run without any data.

They are put together from templates, word lists and syllables: no one wrote them, nothing in
them is real, and a model that does well on them has learnt these templates. Real text is harder
and of another kind; measure on that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from altasks._internal.random import derive_rng
from altasks.data.samples.frames import made_up_frames
from altasks.data.samples.names import WORDS, Names, pick, put_articles, require_part
from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.tags import Span, tags_of
from altasks.errors import invalid

__all__ = ["made_up_entities", "made_up_frames"]


class _Family(NamedTuple):
    """Templates that together make up a share of the sentences, in percent."""

    share: float
    templates: list[str]


# {PER} and its like are names, {noun} a noun that is a name elsewhere, the rest are word lists.
_FAMILIES = [
    # Nothing to find: what labelling at random spends most of its money on.
    _Family(34, [
        "the {adjective} {thing} is still in the {place} .",
        "I talked to the {person} about the {topic} {when} .",
        "we need {number} more weeks for the {topic} .",
        "nobody saw the {person} {when} .",
        "is the {adjective} {thing} yours or does it belong to the {person} ?",
        "the {topic} was {adjective} and the {topic} was worse .",
        "please bring the {thing} back before {day} .",
        "there were {number} {adjective} chairs in the {place} .",
        "my {person} says that the {topic} will change soon .",
        "what a {adjective} {topic} !",
    ]),
    # Names elsewhere, plain nouns here.
    _Family(10, [
        "the {adjective} {noun} on the {thing} was a present .",
        "she put the {noun} next to the {thing} {when} .",
        "he bought {number} things {when} : a {noun} and a {thing} among them .",
        "a {noun} is all I want for {day} .",
        "they painted a {noun} above the door of the {place} .",
        "a {noun} and a {adjective} {thing} were left in the {place} .",
    ]),
    _Family(24, [
        "{PER} was late for the {topic} {when} .",
        "the {person} asked {PER} about the {topic} .",
        "{PER} and {PER} met in the {place} {when} .",
        "{when} {PER} lost a {adjective} {thing} .",
        "I think {PER} knows more about the {topic} .",
    ]),
    _Family(12, [
        "the {topic} in {LOC} was {adjective} {when} .",
        "we flew to {LOC} {when} .",
        "{PER} moved from {LOC} to {LOC} {when} .",
        "it is raining in {LOC} , says the {person} .",
    ]),
    _Family(9, [
        "{ORG} will hire {number} people in {LOC} .",
        "shares of {ORG} fell {when} .",
        "{PER} works for {ORG} as a {person} .",
        "the {person} of {ORG} did not answer .",
    ]),
    _Family(5, [
        "my {PRODUCT} broke {when} .",
        "{ORG} presented the {adjective} {PRODUCT} {when} .",
        "is the {PRODUCT} better than the {PRODUCT} ?",
        "{PER} paid {number} hundred for a {PRODUCT} .",
    ]),
    # Rare forms, in which the order of the names is not the usual one, or no word gives a clue.
    _Family(6, [
        "{ORG} , {LOC} : {adjective} {topic} , says {PER} .",
        "{LOC} beat {LOC} {when} , and {PER} scored twice .",
        "{ORG} sued {ORG} over the {PRODUCT} in {LOC} {when} .",
        "{LOC} is no place for {PER} .",
        "{PER} ( {ORG} ) , {PER} ( {ORG} ) and the {person} agreed .",
        "not {PER} but {ORG} owns the {place} in {LOC} .",
        "{PRODUCT} or {PRODUCT} ? ask {PER} .",
    ]),
]  # fmt: skip


def made_up_entities(n: int, *, seed: int, part: str = "pool") -> TaggedSentences:
    """Return made-up sentences with the names of people, firms, places and products.

    The labels are PER, ORG, LOC and PRODUCT. There is something for active learning to find:
    over four in ten sentences have no name at all, some labels and forms are rare, a few names
    are frequent and most are not, and some words (`rose`, `bath`, `anchor`) are a name in one
    sentence and a noun in another. No word that makes a name, apart from forms such as `Dr.` or
    `Bank`, is in a name of both parts.

    Args:
        n: how many sentences, all different.
        seed: which ones; the first n of a longer list are the same.
        part: `pool` or `test`.

    Raises:
        InvalidInputError: if `n` is not positive, or for another part.

    Example:
        >>> sentences = made_up_entities(60, seed=0)
        >>> sentences.labels, sentences.ids[:2]
        (['LOC', 'ORG', 'PER', 'PRODUCT'], ['pool/0', 'pool/1'])
    """
    if n < 1:
        raise invalid("n", "at least 1", str(n))
    require_part(part)
    rng = derive_rng(seed, "made_up_entities", part)
    names = Names(part, rng)
    shares = np.array([family.share for family in _FAMILIES])
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    seen: set[tuple[str, ...]] = set()
    while len(tokens) < n:
        family = _FAMILIES[int(rng.choice(len(_FAMILIES), p=shares / shares.sum()))]
        words, spans = _filled(pick(rng, family.templates), names, rng)
        if tuple(words) not in seen:
            seen.add(tuple(words))
            tokens.append(words)
            tags.append(tags_of(spans, len(words)))
    return TaggedSentences(tokens, tags, [f"{part}/{i}" for i in range(n)])


def _filled(template: str, names: Names, rng: np.random.Generator) -> tuple[list[str], list[Span]]:
    words: list[str] = []
    spans: list[Span] = []
    for piece in template.split():
        slot = piece[1:-1] if piece.startswith("{") else ""
        if slot.isupper():
            name = names.draw(slot).split()
            spans.append(Span(len(words), len(words) + len(name), slot))
            words.extend(name)
        elif slot == "noun":
            words.append(names.noun())
        elif slot:
            words.extend(pick(rng, WORDS[slot]).split())
        else:
            words.append(piece)
    put_articles(words)
    words[0] = words[0][0].upper() + words[0][1:]
    return words, spans
