"""Made-up sentences with semantic roles; import them from `altasks.data.samples.sentences`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from altasks._internal.random import derive_rng
from altasks.data.samples.names import WORDS, Names, pick, put_articles, require_part
from altasks.data.tagging.srl import Frame, SRLSentence
from altasks.data.tagging.tags import Span, tags_of
from altasks.errors import invalid


class _Verb(NamedTuple):
    """A verb and whom it needs besides who does it and what is done to."""

    past: str
    participle: str
    roleset: str
    to: str = ""  # the preposition of ARG2, where it takes one


_VERBS = [
    _Verb("sold", "sold", "sell.01", "to"),
    _Verb("gave", "given", "give.01", "to"),
    _Verb("sent", "sent", "send.01", "to"),
    _Verb("showed", "shown", "show.01", "to"),
    _Verb("bought", "bought", "buy.01", "from"),
    _Verb("borrowed", "borrowed", "borrow.01", "from"),
    _Verb("stole", "stolen", "steal.01", "from"),
    _Verb("repaired", "repaired", "repair.01"),
    _Verb("washed", "washed", "wash.01"),
    _Verb("found", "found", "find.01"),
    _Verb("broke", "broken", "break.01"),
    _Verb("hid", "hidden", "hide.01"),
    _Verb("cleaned", "cleaned", "clean.01"),
    _Verb("photographed", "photographed", "photograph.01"),
]

# Kinds of sentences and their shares in percent: most are simple.
_KINDS = {"active": 46, "passive": 18, "and": 16, "after": 10, "reduced": 6, "three": 4}

_Stretch = tuple[int, int]


class _Draft:
    """A sentence that is being put together, word by word."""

    def __init__(self, names: Names, rng: np.random.Generator) -> None:
        self.names, self.rng = names, rng
        self.words: list[str] = []
        self.frames: list[tuple[_Verb, list[Span]]] = []

    def add(self, text: str) -> _Stretch:
        """Append words and return where they stand."""
        start = len(self.words)
        self.words.extend(text.split())
        return start, len(self.words)

    def chance(self, share: float) -> bool:
        """Return True in a share of the cases."""
        return bool(self.rng.random() < share)

    def someone(self) -> str:
        """Return a person: a name, or a noun phrase."""
        if self.chance(0.4):
            return self.names.draw("PER")
        adjective = f"{pick(self.rng, WORDS['adjective'])} " if self.chance(0.3) else ""
        return f"the {adjective}{pick(self.rng, WORDS['person'])}"

    def something(self) -> str:
        """Return a thing: a noun phrase, sometimes a longer one."""
        adjective = f"{pick(self.rng, WORDS['adjective'])} " if self.chance(0.4) else ""
        of = f" of {self.someone()}" if self.chance(0.15) else ""
        return f"{pick(self.rng, ['the', 'a'])} {adjective}{pick(self.rng, WORDS['thing'])}{of}"

    def begin(self, *roles: tuple[_Stretch, str]) -> list[Span]:
        """Add a verb's frame with the roles that stand before it."""
        spans = [Span(start, end, role) for (start, end), role in roles]
        self.frames.append((_VERBS[int(self.rng.integers(len(_VERBS)))], spans))
        return spans

    def role(self, spans: list[Span], text: str, role: str) -> None:
        """Append words that play a role."""
        spans.append(Span(*self.add(text), role))

    def verb(self, spans: list[Span], *, passive: bool) -> _Verb:
        """Append the verb of the frame that was begun last."""
        verb = self.frames[-1][0]
        self.role(spans, verb.participle if passive else verb.past, "V")
        return verb

    def active(self, subject: _Stretch, *roles: tuple[_Stretch, str]) -> None:
        """Append the verb and what follows it: she SOLD IT TO HIM IN THE MARKET."""
        spans = self.begin((subject, "ARG0"), *roles)
        verb = self.verb(spans, passive=False)
        self.role(spans, self.something(), "ARG1")
        self.second(spans, verb)

    def passive(self, subject: _Stretch, by: float, *roles: tuple[_Stretch, str]) -> None:
        """Append a participle and what follows it: it was SOLD TO HIM BY HER."""
        spans = self.begin((subject, "ARG1"), *roles)
        verb = self.verb(spans, passive=True)
        self.second(spans, verb)
        if self.chance(by):
            self.role(spans, f"by {self.someone()}", "ARG0")

    def second(self, spans: list[Span], verb: _Verb) -> None:
        """Append ARG2 in half of the cases where the verb takes one."""
        if verb.to and self.chance(0.5):
            self.role(spans, f"{verb.to} {self.someone()}", "ARG2")

    def settings(self) -> None:
        """Append where and when, each in some sentences, to the frame that was begun last."""
        spans = self.frames[-1][1]
        if self.chance(0.35):
            self.role(spans, f"in the {pick(self.rng, WORDS['place'])}", "ARGM-LOC")
        if self.chance(0.35) and not any(span.label == "ARGM-TMP" for span in spans):
            self.role(spans, pick(self.rng, WORDS["when"]), "ARGM-TMP")

    def finished(self, name: str) -> SRLSentence:
        """Return the sentence."""
        self.add(".")
        put_articles(self.words)
        self.words[0] = self.words[0][0].upper() + self.words[0][1:]
        frames: list[Frame] = []
        for verb, spans in self.frames:
            at = next(span.start for span in spans if span.label == "V")
            tags = tags_of(spans, len(self.words))
            frames.append({"verb": at, "roleset": verb.roleset, "tags": tags})
        frames.sort(key=lambda frame: frame["verb"])
        return {"tokens": self.words, "frames": frames, "id": name}


def _write(draft: _Draft, kind: str) -> None:
    """Put a sentence of a kind together."""
    fronted: list[tuple[_Stretch, str]] = []
    if kind in ("active", "passive") and draft.chance(0.2):
        fronted = [(draft.add(pick(draft.rng, WORDS["when"])), "ARGM-TMP")]
        draft.add(",")
    if kind == "active":
        draft.active(draft.add(draft.someone()), *fronted)
    elif kind == "passive":
        subject = draft.add(draft.something())
        draft.add("was")
        draft.passive(subject, 0.6, *fronted)
    elif kind == "and":
        subject = draft.add(draft.someone())
        draft.active(subject)
        draft.add("and")
        draft.active(subject)
    elif kind == "reduced":  # the letter sent by her was hidden
        start, _ = draft.add(draft.something())
        draft.passive((start, len(draft.words)), 1.0)
        whole = (start, len(draft.words))
        draft.add("was")
        draft.passive(whole, 0.5)
    else:
        start, _ = draft.add(pick(draft.rng, ["after", "before", "when"]))
        draft.active(draft.add(draft.someone()))
        clause = ((start, len(draft.words)), "ARGM-TMP")
        draft.add(",")
        subject = draft.add(draft.someone())
        draft.active(subject, clause)
        if kind == "three":
            draft.add("and")
            draft.active(subject, clause)
    draft.settings()


def made_up_frames(n: int, *, seed: int, part: str = "pool") -> list[SRLSentence]:
    """Return made-up sentences with one to three predicates and their roles.

    The roles are ARG0, ARG1, ARG2, ARGM-TMP and ARGM-LOC, beside V; rolesets are written as
    PropBank writes them. Most sentences are plain ones in the active voice; passives, shared
    subjects, subordinate clauses and participles (`the letter sent by her was hidden`) are rarer.
    Names of people are different in the two parts, as in `made_up_entities`.

    Args:
        n: how many sentences, all different.
        seed: which ones; the first n of a longer list are the same.
        part: `pool` or `test`.

    Raises:
        InvalidInputError: if `n` is not positive, or for another part.

    Example:
        >>> sentence = made_up_frames(1, seed=0)[0]
        >>> sentence["id"], 1 <= len(sentence["frames"]) <= 3
        ('pool/0', True)
    """
    if n < 1:
        raise invalid("n", "at least 1", str(n))
    require_part(part)
    rng = derive_rng(seed, "made_up_frames", part)
    names = Names(part, rng)
    kinds, shares = list(_KINDS), np.array(list(_KINDS.values()))
    found: dict[tuple[str, ...], SRLSentence] = {}
    while len(found) < n:
        draft = _Draft(names, rng)
        _write(draft, kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))])
        sentence = draft.finished(f"{part}/{len(found)}")
        found.setdefault(tuple(sentence["tokens"]), sentence)
    return list(found.values())
