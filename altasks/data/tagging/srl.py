"""Sentences with semantic roles in PropBank's style, one JSON object a line."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from altasks.data.tagging.tagged import check_words
from altasks.data.tagging.tags import find_tag_problem, spans_of
from altasks.data.text_files import fault, read_json_lines
from altasks.errors import InvalidInputError, describe_fault, invalid


class Frame(TypedDict):
    """A predicate and its roles.

    Keys:
        verb: the index of the predicate's word.
        roleset: which sense of the predicate it is, such as `sell.01`; empty if not known.
        tags: IOB2 tags of the roles, one for each word of the sentence (`B-V` at the verb).
    """

    verb: int
    roleset: str
    tags: list[str]


class SRLSentence(TypedDict):
    """A sentence with all its frames.

    Keys:
        tokens: its words.
        frames: its predicates, in the order of the file; there may be none.
        id: what the file calls it.
    """

    tokens: list[str]
    frames: list[Frame]
    id: NotRequired[str]


def read_srl(path: str | PathLike[str]) -> list[SRLSentence]:
    """Read sentences with semantic roles.

    Each line is an object with `tokens` and `frames`, a list of `{"verb", "roleset", "tags"}`;
    the roleset may be missing. The id of a sentence is its `id`, or `doc/sent` where it has those.
    Other fields are passed over. Two frames may have the same verb: PropBank has a few.

    Args:
        path: a `.jsonl` or `.jsonl.gz` file.

    Raises:
        InvalidInputError: naming the file, the line and the frame, for what `check_srl` refuses,
            an id that occurs twice, or a line that is no such object.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> line = '{"tokens": ["It", "rains"], "frames": [{"verb": 1, "tags": ["O", "B-V"]}]}'
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "one.jsonl").write_text(line)
        ...     read_srl(Path(folder) / "one.jsonl")
        [{'tokens': ['It', 'rains'], 'frames': [{'verb': 1, 'roleset': '', 'tags': ['O', 'B-V']}]}]
    """
    path = Path(path)
    sentences: list[SRLSentence] = []
    first: dict[str, int] = {}
    for number, record in read_json_lines(path):
        try:
            sentence = _sentence(record)
            check_srl(sentence)
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}, line {number}: {error}") from error
        name = sentence.get("id")
        if name is not None and first.setdefault(name, number) != number:
            raise fault(path, number, "distinct ids", f"{name!r}, as in line {first[name]}")
        sentences.append(sentence)
    if not sentences:
        raise fault(path, None, "a sentence on each line", "none")
    return sentences


def check_srl(sentence: SRLSentence) -> None:
    """Refuse a sentence whose frames don't fit its words.

    Raises:
        InvalidInputError: for a sentence without words, a verb that is no index of a word, tags
            of another number than the words, ill-formed tags, or a span `V` that doesn't begin
            at the verb; it names the frame and the word.

    Example:
        >>> check_srl({"tokens": ["It", "rains"], "frames": []})
    """
    tokens = sentence["tokens"]
    check_words(tokens, ["O"] * len(tokens), lambda *fault: invalid("tokens", *fault))
    for i, frame in enumerate(sentence["frames"]):
        verb, tags = frame["verb"], frame["tags"]
        where = f"frame {i}"
        if isinstance(verb, bool) or not isinstance(verb, int) or not 0 <= verb < len(tokens):
            raise invalid(
                "verb", f"the index of one of {len(tokens)} words", repr(verb), where=where
            )
        if len(tags) != len(tokens):
            raise invalid(
                "tags", f"a tag for each of {len(tokens)} words", f"{len(tags)}", where=where
            )
        broken = find_tag_problem(tags)
        if broken is not None:
            raise InvalidInputError(broken.describe("tags", f"{where}, word {broken.word}"))
        starts = [span.start for span in spans_of(tags) if span.label == "V"]
        if starts and starts != [verb]:
            raise InvalidInputError(
                describe_fault(
                    "tags", f"one span V, at the verb (word {verb})",
                    f"V at {', '.join(f'word {start}' for start in starts)}", where=where,
                )
            )  # fmt: skip


def _sentence(record: dict[str, Any]) -> SRLSentence:
    tokens, frames = record.get("tokens"), record.get("frames")
    if not isinstance(tokens, list) or not isinstance(frames, list):
        raise invalid("fields", "lists tokens and frames", ", ".join(map(repr, record)) or "none")
    read: list[Frame] = []
    for i, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("tags"), list):
            raise invalid("frames", "objects with verb and tags", repr(frame)[:200], where=f"{i}")
        roleset = frame.get("roleset") or ""
        if not isinstance(roleset, str):
            raise invalid("roleset", "a string", repr(roleset), where=f"frame {i}")
        read.append({"verb": frame.get("verb", -1), "roleset": roleset, "tags": frame["tags"]})
    sentence: SRLSentence = {"tokens": tokens, "frames": read}
    if record.get("id") is not None:
        sentence["id"] = str(record["id"])
    elif "doc" in record and "sent" in record:
        sentence["id"] = f"{record['doc']}/{record['sent']}"
    return sentence
