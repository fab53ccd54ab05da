"""Semantic roles: labelled spans there, tied to their predicate by relations; frames here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.label_studio.config import view_of, written
from altasks.data.label_studio.spans import SpanConverter
from altasks.data.shown import in_words, text_of, words_of
from altasks.data.tagging.tags import spans_of, tags_of
from altasks.errors import invalid

#: The predicate's own label.
VERB = "V"


class RoleConverter(SpanConverter):
    """Frames: `[{"verb": 1, "tags": ["B-ARG0", "B-V", "B-ARG1"]}, ...]`, one for each predicate.

    Each predicate is a span `V`, each argument a span with its role, and a relation leads from
    predicate to argument. In a sentence with one predicate relations may be left out.

    Args:
        labels: the roles; `V` is added.

    Example:
        >>> sample = {"tokens": ["Ada", "sold", "it"], "verbs": [1]}
        >>> converter = RoleConverter(["ARG0", "ARG1"])
        >>> frames = [{"verb": 1, "tags": ["B-ARG0", "B-V", "B-ARG1"]}]
        >>> result = converter.result(frames, sample)
        >>> [one["value"]["text"] for one in result if one["type"] == "labels"]
        ['sold', 'Ada', 'it']
        >>> converter.label(result, sample) == frames
        True
    """

    def __init__(self, labels: Sequence[Any]) -> None:
        super().__init__([VERB, *(name for name in labels if name != VERB)])

    def config(self) -> str:
        """Return the labelling interface, XML. A region's menu makes relations."""
        return view_of(self.control, written(self.control), attributes='granularity="word"')

    def label(self, result: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return a frame for each predicate of the sample."""
        words = words_of(sample)
        if words is None:
            raise invalid("sample", "a mapping with 'tokens' and 'verbs'", type(sample).__name__)
        verbs = _verbs(sample)
        regions = self.regions(result)
        # One by one: overlapping spans, of two frames, are no fault here.
        places = [self.spans([one], sample)[0] for one in regions]
        spans = [
            in_words({"start": start, "end": end, "label": name}, words)
            for start, end, name in places
        ]
        frame_of = {
            str(one.get("id")): verbs.index(span["start"])
            for one, span in zip(regions, spans, strict=True)
            if span["label"] == VERB and span["start"] in verbs
        }
        ties = _relations(result)
        arguments: list[list[tuple[int, int, str]]] = [[] for _ in verbs]
        for one, span in zip(regions, spans, strict=True):
            if str(one.get("id")) in frame_of:
                continue
            mine = [
                frame_of[other] for other in ties.get(str(one.get("id")), ()) if other in frame_of
            ]
            if not mine and len(verbs) == 1:
                mine = [0]
            if not mine:
                raise invalid(
                    "result", "a relation from a predicate to each argument",
                    f"none for {span['label']} {one['value'].get('text')!r}",
                )  # fmt: skip
            for frame in dict.fromkeys(mine):
                arguments[frame].append((span["start"], span["end"], span["label"]))
        frames = []
        for verb, spans_here in zip(verbs, arguments, strict=True):
            tags = tags_of(spans_here, len(words))
            if tags[verb] == "O":
                tags[verb] = f"B-{VERB}"
            frames.append({"verb": verb, "tags": tags})
        return frames

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return spans of predicates and arguments, and the relations between them."""
        text, words = text_of(sample), words_of(sample)
        if words is None:
            raise invalid("sample", "a mapping with 'tokens' and 'verbs'", type(sample).__name__)
        found: list[dict[str, Any]] = []

        def add(start: int, end: int, name: str) -> str:
            place = words[start][0], words[end - 1][1]
            value = {"start": place[0], "end": place[1], "text": text[slice(*place)]}
            value |= {self.control.kind: [self.text_in_config(name)]}
            found.append(self.region(value, len(found) + 1))
            return str(found[-1]["id"])

        for frame in label:
            verb = int(frame["verb"])
            head = add(verb, verb + 1, VERB)
            for start, end, name in _arguments(frame):
                if (start, end, name) == (verb, verb + 1, VERB):
                    continue
                other = add(start, end, name)
                found.append(
                    {"type": "relation", "from_id": head, "to_id": other, "direction": "right"}
                )
        return found

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted frames."""
        del sample
        frames = description.get("frames")
        if frames is None:
            return None
        return [
            {
                "verb": frame["verb"],
                "spans": [
                    {name: one[name] for name in ("start", "end", "label")}
                    for one in frame["spans"]
                ],
            }
            for frame in frames
        ]


def _verbs(sample: Any) -> list[int]:
    given = sample.get("verbs")
    if given is None:
        given = [frame["verb"] for frame in sample.get("frames", [])]
    return [int(verb) for verb in given]


def _arguments(frame: Mapping[str, Any]) -> list[tuple[int, int, str]]:
    if "tags" in frame:
        return [(one.start, one.end, one.label) for one in spans_of(frame["tags"])]
    return [(one["start"], one["end"], one["label"]) for one in frame["spans"]]


def _relations(result: Any) -> dict[str, list[str]]:
    """Return region -> regions it is tied to, in whichever direction the relation was drawn."""
    found: dict[str, list[str]] = {}
    for one in result:
        if one.get("type") == "relation":
            ends = str(one.get("from_id")), str(one.get("to_id"))
            for here, there in (ends, ends[::-1]):
                found.setdefault(here, []).append(there)
    return found
