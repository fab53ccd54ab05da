"""Texts with labelled spans, as Prodigy, doccano and others write them, as words and tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any, NamedTuple

from altasks.data.tagging.tags import tags_of
from altasks.data.tagging.words import tag_text
from altasks.errors import invalid

#: Fields that hold the spans: Prodigy's (and the plain form's), doccano's.
SPAN_FIELDS = ("spans", "entities", "labels", "label")
#: The answers of a Prodigy annotator to a row; only the first makes it gold.
ANSWERS = ("accept", "reject", "ignore")


class TaggedText(NamedTuple):
    """A text as words.

    Attributes:
        text: the whole text.
        offsets: (start, end) of each word in it, in characters (code points).
        tags: an IOB2 tag for each word.
    """

    text: str
    offsets: list[tuple[int, int]]
    tags: list[str]


class _Mark(NamedTuple):
    """A span as a tool wrote it: offsets of characters or of tokens, and perhaps its text."""

    start: int | None
    end: int | None
    label: str
    surface: str | None
    tokens: tuple[int, int] | None  # the first and the last, as Prodigy counts them


def is_annotated_text(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a text, and spans or tokens that point into it.

    doccano calls the text `data` in some versions.
    """
    if not isinstance(record.get("text", record.get("data")), str):
        return False
    if "tokens" in record:
        return _are_offsets(record["tokens"]) and _has_answer_or_spans(record)
    return _has_answer_or_spans(record)


def _has_answer_or_spans(record: Mapping[str, Any]) -> bool:
    return any(name in record for name in SPAN_FIELDS) or record.get("answer") in ANSWERS


def _are_offsets(tokens: Any) -> bool:
    return isinstance(tokens, list) and all(isinstance(token, Mapping) for token in tokens)


def read_annotated_text(record: Mapping[str, Any], *, cut: bool = False) -> TaggedText:
    """Return a record's text as tagged words.

    Spans are mappings (`start`, `end`, `label`; doccano's `start_offset`, `end_offset`; Label
    Studio's `labels` with one label), or lists `[start, end, label]`; ends are exclusive. Where
    the record has tokens of its own (Prodigy's mappings), these are the words, less those that
    are nothing but white space, and `token_end`, which is inclusive, must agree.

    Offsets count code points, as Python does. Where spans or tokens carry their `text`, it must
    stand there; if it does only when characters beyond the Basic Multilingual Plane (emoji) count
    twice, as in browsers, all offsets of the record are read so.

    Args:
        record: an object for which `is_annotated_text` holds.
        cut: divide words inside which a span begins or ends, see `tag_text`.

    Raises:
        InvalidInputError: for spans of another form, that overlap, or whose text stands elsewhere.

    Example:
        >>> read_annotated_text({"text": "😀 Ada wrote", "label": [[2, 5, "PER"]]}).tags
        ['O', 'B-PER', 'O']
        >>> span = {"start": 3, "end": 6, "label": "PER", "text": "Ada"}
        >>> read_annotated_text({"text": "😀 Ada wrote", "spans": [span]}).tags
        ['O', 'B-PER', 'O']
    """
    text: str = record.get("text", record.get("data"))
    marks = [_mark(span) for span in _spans_of(record)]
    tokens = [_token(token) for token in record["tokens"]] if "tokens" in record else None
    point = _code_points(text, [*marks, *(tokens or ())])
    if tokens is None:
        triples = [(point(mark.start), point(mark.end), mark.label) for mark in marks]
        offsets, tags = tag_text(text, triples, cut=cut)
        return TaggedText(text, offsets, tags)
    edges = _edges(text, tokens, point)
    spans = [_over_tokens(text, mark, edges, point) for mark in marks]
    tags_of(spans, len(edges))  # refuses spans that overlap, naming the tokens
    words = [i for i, (start, end) in enumerate(edges) if text[start:end].strip()]
    place = {token: i for i, token in enumerate(words)}
    whole = []
    for start, end, label in spans:
        inside = [place[token] for token in range(start, end) if token in place]
        if not inside:
            raise invalid("spans", "spans with a word in them", f"{(start, end, label)!r}")
        whole.append((inside[0], inside[-1] + 1, label))
    return TaggedText(text, [edges[token] for token in words], tags_of(whole, len(words)))


def code_point_spans(text: str, marks: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, str]]:
    """Return (start, end, label) of spans in code points, in the order given.

    Args:
        text: what they point into.
        marks: `{start, end, label}` or `labels` with one; with their `text`, offsets that count as
            browsers do are known, as `read_annotated_text` says.

    Raises:
        InvalidInputError: for spans of another form, outside the text, or whose text stands
            elsewhere.

    Example:
        >>> code_point_spans("😀 Ada", [{"start": 3, "end": 6, "label": "PER", "text": "Ada"}])
        [(2, 5, 'PER')]
    """
    read = [_mark(dict(mark)) for mark in marks]
    point = _code_points(text, read)
    spans = [(point(mark.start), point(mark.end), mark.label) for mark in read]
    for start, end, label in spans:
        if not 0 <= start < end <= len(text):
            raise invalid(
                "spans", f"spans of at least one of the text's {len(text)} characters",
                f"({start}, {end}, {label!r})",
            )  # fmt: skip
    return spans


def _spans_of(record: Mapping[str, Any]) -> Sequence[Any]:
    present = [name for name in SPAN_FIELDS if record.get(name) is not None]
    lists = {
        name: record[name]
        for name in present
        if isinstance(record[name], list)
        and all(isinstance(x, Mapping | list) for x in record[name])
    }
    filled = [name for name in lists if lists[name]]
    if len(filled) > 1:
        raise invalid("fields", "spans in one field", " and ".join(map(repr, filled)))
    if lists:
        return lists[filled[0]] if filled else []
    if present or record.get("answer") not in ANSWERS:
        name = present[0] if present else "spans"
        found = repr(record.get(name))[:200]
        raise invalid(name, "a list of {start, end, label} or of [start, end, label]", found)
    return []  # an annotator saw the text and marked nothing


def _are_spans(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(span, Mapping | list) for span in value)


def _mark(span: Any) -> _Mark:
    if isinstance(span, list):
        if len(span) != 3:
            raise invalid("spans", "[start, end, label]", repr(span)[:200])
        span = dict(zip(("start", "end", "label"), span, strict=True))
    start = span.get("start", span.get("start_offset"))
    end = span.get("end", span.get("end_offset"))
    first, last = span.get("token_start"), span.get("token_end")
    label = span.get("label")
    if label is None and isinstance(span.get("labels"), list):
        if len(span["labels"]) != 1:
            raise invalid("spans", "one label for each span", repr(span["labels"])[:200])
        label = span["labels"][0]
    tokens = None if first is None or last is None else (_whole(first, span), _whole(last, span))
    if label is None or ((start is None or end is None) and tokens is None):
        raise invalid("spans", "a list of {start, end, label}", repr(span)[:200])
    if not isinstance(label, str) or not label:
        raise invalid("spans", "a label in every span", repr(span)[:200])
    surface = span.get("text")
    return _Mark(
        None if start is None or end is None else _whole(start, span),
        None if start is None or end is None else _whole(end, span),
        label, surface if isinstance(surface, str) else None, tokens,
    )  # fmt: skip


def _token(token: Mapping[str, Any]) -> _Mark:
    start, end, surface = token.get("start"), token.get("end"), token.get("text")
    if start is None or end is None:
        raise invalid("tokens", "a list of {text, start, end}", repr(dict(token))[:200])
    surface = surface if isinstance(surface, str) else None
    return _Mark(_whole(start, token), _whole(end, token), "", surface, None)


def _whole(value: Any, where: Any) -> int:
    if isinstance(value, float) and value.is_integer():  # some tools write 8.0
        return int(value)
    try:
        if not isinstance(value, bool):
            return index(value)
    except TypeError:
        pass
    raise invalid("spans", "(start, end, label) with whole numbers", repr(where)[:200])


def _code_points(text: str, marks: Sequence[_Mark]) -> Callable[[Any], int]:
    """Return what makes code points of the offsets of a record; see `read_annotated_text`."""
    quoted = [mark for mark in marks if mark.surface is not None and mark.start is not None]
    wrong = [mark for mark in quoted if text[mark.start : mark.end] != mark.surface]
    if not wrong:
        return int
    units = [0]
    for character in text:
        units.append(units[-1] + (2 if ord(character) > 0xFFFF else 1))
    points = {unit: point for point, unit in enumerate(units)}

    def point(offset: int) -> int:
        if offset not in points:
            raise invalid("spans", "offsets between characters", f"{offset}")
        return points[offset]

    if all(_stands_at(text, mark, points) for mark in quoted):
        return point
    mark = wrong[0]
    raise invalid(
        "spans", f"{mark.surface!r} at ({mark.start}, {mark.end})",
        repr(text[mark.start : mark.end]),
        hint="Was the text changed after it was labelled?",
    )  # fmt: skip


def _stands_at(text: str, mark: _Mark, points: Mapping[Any, int]) -> bool:
    start, end = points.get(mark.start), points.get(mark.end)
    return start is not None and end is not None and text[start:end] == mark.surface


def _edges(
    text: str, tokens: Sequence[_Mark], point: Callable[[Any], int]
) -> list[tuple[int, int]]:
    edges: list[tuple[int, int]] = []
    for i, token in enumerate(tokens):
        start, end = point(token.start), point(token.end)
        if not (edges[-1][1] if edges else 0) <= start <= end <= len(text):
            raise invalid(
                "tokens", "tokens one behind the other in the text", f"({start}, {end})",
                where=f"token {i}",
            )  # fmt: skip
        edges.append((start, end))
    return edges


def _over_tokens(
    text: str, mark: _Mark, edges: Sequence[tuple[int, int]], point: Callable[[Any], int]
) -> tuple[int, int, str]:
    """Return (first token, last + 1, label) of a span."""
    if mark.start is None and mark.tokens is not None:
        return mark.tokens[0], mark.tokens[1] + 1, mark.label
    start, end = point(mark.start), point(mark.end)
    first = next((i for i, edge in enumerate(edges) if edge[0] == start < edge[1]), None)
    last = next((i for i, edge in enumerate(edges) if edge[0] < end == edge[1]), None)
    shown = f"({start}, {end}, {mark.label!r}) {text[max(start, 0) : max(end, 0)]!r}"
    if first is None or last is None:
        raise invalid("spans", "spans of whole tokens", shown, hint="Correct its edges.")
    if mark.tokens not in (None, (first, last)):
        raise invalid(
            "spans", f"token_start, token_end {(first, last)} for {shown}", f"{mark.tokens}",
            hint="token_end is the last token of the span.",
        )  # fmt: skip
    return first, last + 1, mark.label
