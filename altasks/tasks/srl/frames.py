"""Sentences with predicates, and their labels, as SRL reads them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altasks._internal.arrays import as_list
from altasks._internal.numbers import is_whole
from altasks.data.tagging.tags import tags_of
from altasks.errors import invalid
from altasks.tasks._tagging.words import Marked, as_words

# The predicate itself and a part of it that stands apart: given, so neither asked nor scored.
VERBAL = ("V", "C-V")


@dataclass(frozen=True)
class PredicateSentence:
    """A sentence as words, and which of them are its predicates."""

    words: tuple[str, ...]
    verbs: tuple[int, ...]

    @property
    def frames(self) -> list[Marked]:
        """The sentence once for each predicate."""
        return [Marked(self.words, verb) for verb in self.verbs]


def spelled(frame: Mapping[str, Any], length: int | None) -> list[str]:
    """Return the tags of a frame, as given or from its spans."""
    given = as_list(frame["tags"] if "tags" in frame else frame["spans"])
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise invalid("labels", "a list of tags or of spans", f"{given!r}")
    if "tags" in frame:
        return list(given)
    if length is None:
        raise invalid("label", "tags, one a word", "spans", hint="Give sample= too.")
    for place, span in enumerate(given):
        if not isinstance(span, Mapping) or not {"start", "end", "label"} <= set(span):
            raise invalid(
                "labels",
                "spans with 'start', 'end' and 'label'",
                f"{span!r}",
                where=f"span {place}",
            )
    return tags_of([(span["start"], span["end"], span["label"]) for span in given], length)


def arranged(
    frames: Sequence[dict[str, Any]], sentence: PredicateSentence, where: str
) -> list[dict[str, Any]]:
    """Return the frames in the order of the sentence's predicates, one for each."""
    by_verb: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for frame in frames:
        by_verb[frame["verb"]].append(frame)
    wanted = Counter(sentence.verbs)
    given = Counter({verb: len(mine) for verb, mine in by_verb.items()})
    for verb in sorted({*wanted, *given}):
        if wanted[verb] != given[verb]:
            raise invalid(
                "labels",
                f"one frame for each predicate of the sample "
                f"({_listed(sentence, sentence.verbs) or 'it has none'})",
                f"{given[verb] or 'none'} for {_listed(sentence, [verb])}",
                where=where,
            )
    # Two frames of one verb stay in the order given.
    return [by_verb[verb].pop(0) for verb in sentence.verbs]


def _listed(sentence: PredicateSentence, verbs: Sequence[int]) -> str:
    return ", ".join(f"word {verb} {sentence.words[verb]!r}" for verb in verbs)


def without(tags: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return IOB2 tags with those of some labels as O."""
    return ["O" if tag.partition("-")[2] in labels else tag for tag in tags]


def as_place(value: Any, length: int, argument: str, where: str) -> int:
    """Return the index of a word, checked."""
    if not is_whole(value, 0, length - 1):
        raise invalid(
            argument,
            f"a verb that is the index of one of {length} words",
            f"{value!r}",
            where=where,
        )
    return int(value)


def as_predicates(sample: Any, where: str) -> PredicateSentence:
    """Return a sample as a sentence with its predicates, checked."""
    keys = set(sample) if isinstance(sample, Mapping) else set()
    if "tokens" not in keys or not keys & {"verbs", "frames"}:
        raise invalid(
            "samples",
            "a mapping with 'tokens' and 'verbs' (or 'frames')",
            f"the keys {sorted(map(str, keys))}" if keys else f"{sample!r}",
            where=where,
            hint="The predicates are given, not found; [] for a sentence without any.",
        )
    words = as_words(sample["tokens"], where)
    given = []
    for key in ("verbs", "frames"):
        if key in keys:
            places = as_list(sample[key])
            if isinstance(places, str | Mapping) or not isinstance(places, Sequence):
                raise invalid("samples", f"a list of {key}", f"{places!r}", where=where)
            given.append(
                tuple(
                    as_place(
                        place.get("verb") if isinstance(place, Mapping) else place,
                        len(words),
                        "samples",
                        f"{where}, {key} {number}" if where else f"{key} {number}",
                    )
                    for number, place in enumerate(places)
                )
            )
    if given[0] != given[-1]:
        raise invalid(
            "samples", "the same predicates in 'verbs' and 'frames'", f"{given}", where=where
        )
    return PredicateSentence(words, given[0])
