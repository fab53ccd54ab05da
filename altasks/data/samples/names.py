"""Word lists of the made-up sentences, and names put together from syllables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from altasks._internal.random import derive_seed
from altasks.errors import invalid

PARTS = ("pool", "test")


def _listed(words: str) -> list[str]:
    return words.split()


_STEMS = _listed(
    "Al Bel Bran Cal Cor Dal Del Er Fal Fen Gar Hal Hol Jor Kel Lan Lor Mar Mel Nor Ol Pel Quin "
    "Ral Ros Sel Tal Tor Ul Val Ver Wil Yar Zan"
)
_ENDINGS = {
    "given": _listed("an ena ric ia o wen ius ette ani ora"),
    "family": _listed("sen ley ner vik ström ander oski etti mann berg"),
    "place": _listed("by ton mouth haven wick field burgh una stead ville"),
    "firm": _listed("dyne tron gen lux nix mark plex soft tec via"),
    "product": _listed("o ix ify pad zo lit oid eo pro meo"),
}
# Nouns that are names as well: only the words around them tell which.
_NOUN_NAMES = {
    "given": _listed("Rose Olive Pearl Iris Violet Amber Hazel Ivy Lily Daisy Robin Jay"),
    "place": _listed("Bath Cork Sandwich Orange Bend Hull Battle Wells Ash Ferry Crook Dale"),
    "firm": _listed("Beacon Anchor Compass Lantern Acorn Saddle Kettle Pillar Maple Bridge"),
    "product": _listed("Spark Swift Echo Comet Pebble Arrow Feather Ember Ribbon Marble"),
}

# label -> (share, form): kinds of words from above, or words that stand as they are.
_FORMS = {
    "PER": [(0.55, "given family"), (0.2, "given"), (0.1, "Dr. family"), (0.15, "family")],
    "LOC": [(0.7, "place"), (0.2, "Lake|Port|Mount|North|New place"), (0.1, "family")],
    "ORG": [
        (0.4, "firm"),
        (0.2, "firm|family Bank|Foods|Airlines|Labs|Group"),
        (0.15, "family & family"),
        (0.15, "University of place"),
        (0.1, "place United"),
    ],
    "PRODUCT": [(0.5, "product"), (0.25, "product 2|7|300|Mini|Plus|XL"), (0.25, "firm product")],
}

WORDS = {
    "person": _listed(
        "neighbour teacher driver baker doctor farmer painter student waiter lawyer nurse pilot "
        "sailor gardener builder clerk"
    ),
    "thing": _listed(
        "book table ladder letter bicycle lamp camera ticket bottle coat guitar map parcel chair "
        "picture blanket hammer basket clock mirror"
    ),
    "adjective": _listed(
        "old new small heavy green broken cheap quiet long strange blue careful late early warm"
    ),
    "place": _listed(
        "kitchen garden office station market library harbour school garage museum park cellar"
    ),
    "topic": _listed(
        "weather rent train traffic budget dinner concert meeting exam plan holiday price"
    ),
    "day": _listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "when": [
        "yesterday", "last week", "this morning", "in the evening", "two years ago", "at noon",
        "after lunch", "in March", "before the holidays", "on Friday", "last summer", "today",
    ],
    "number": _listed("two three five seven nine twelve twenty forty"),
}  # fmt: skip


def require_part(part: str) -> None:
    """Refuse what is neither `pool` nor `test`."""
    if part not in PARTS:
        raise invalid("part", " or ".join(PARTS), repr(part))


def pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """Return one of the choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


class Names:
    """The names of one part; the other part has none of their words.

    Each word is of the part that a hash of its spelling says, so it is in one of them whatever
    the seed. A few words of each kind are far more frequent than the rest.

    Args:
        part: `pool` or `test`.
        rng: what draws the names.
    """

    def __init__(self, part: str, rng: np.random.Generator) -> None:
        require_part(part)
        self._rng = rng
        self._words = {
            kind: _of_part([stem + ending for stem in _STEMS for ending in endings], part)
            for kind, endings in _ENDINGS.items()
        }
        self.nouns = {
            kind: nouns[PARTS.index(part) :: len(PARTS)] for kind, nouns in _NOUN_NAMES.items()
        }

    def noun(self) -> str:
        """Return a noun that is a name elsewhere, as the noun that it is here."""
        return pick(self._rng, [noun for nouns in self.nouns.values() for noun in nouns]).lower()

    def draw(self, label: str) -> str:
        """Return a name of a label: PER, ORG, LOC or PRODUCT."""
        forms = _FORMS[label]
        form = forms[int(self._rng.choice(len(forms), p=[share for share, _ in forms]))][1]
        return " ".join(self._piece(piece) for piece in form.split())

    def _piece(self, piece: str) -> str:
        kinds = piece.split("|")
        if kinds[0] in self._words:
            return self._word(pick(self._rng, kinds))
        return pick(self._rng, kinds)

    def _word(self, kind: str) -> str:
        if kind in self.nouns and self._rng.random() < 0.25:
            return pick(self._rng, self.nouns[kind])
        words = self._words[kind]
        # The third power: an eighth of the words make up half of the draws.
        return words[int(len(words) * float(self._rng.random()) ** 3)]


def put_articles(words: list[str]) -> None:
    """Turn `a` into `an` before a vowel, in place."""
    for i, (word, following) in enumerate(pairwise(words)):
        if word == "a" and following[0] in "aeiouAEIOU":
            words[i] = "an"


def _of_part(words: Sequence[str], part: str) -> list[str]:
    """Return the words of a part, in an order that has nothing to do with their spelling."""
    keyed = sorted((derive_seed("made-up name", word), word) for word in words)
    return [word for key, word in keyed if key % len(PARTS) == PARTS.index(part)]
