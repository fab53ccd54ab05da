"""Texts labelled in Label Studio, from its exports `JSON` and `JSON_MIN`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.tagging.annotated_texts import TaggedText, read_annotated_text
from altasks.data.tagging.tagged import TaggedSentences, check_words
from altasks.data.text_files import file_error, parse_json, read_text
from altasks.errors import DataWarning, InvalidInputError, invalid


def read_label_studio(
    path: str | PathLike[str], *, text_key: str | None = None, cut: bool = False
) -> TaggedSentences:
    """Read the named entities of a Label Studio project.

    Tasks without a finished annotation (never labelled, or skipped, which Label Studio exports
    as cancelled) are left out, and a warning counts and names them. Of several annotations the one
    marked as ground truth counts; without one they must agree. Regions of other kinds (choices,
    relations) are passed over.

    Offsets count code points with an exclusive end; ones that count as browsers do are known by
    the region's `text`, see `altasks.data.tagging.annotated_texts`.

    Args:
        path: the `.json` file.
        text_key: which field of a task's `data` holds the text; by default `text`, or the only
            field with a text.
        cut: divide words inside which a span begins or ends, see `tag_text`.

    Returns:
        Sentences whose ids are those of the tasks; `extra` has their `text` and the `offsets` of
        the words.

    Raises:
        InvalidInputError: naming the file, the task and what is wrong there.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> value = '{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}'
        >>> result = f'[{{"type": "labels", "value": {value}}}]'
        >>> task = '{"id": 7, "data": {"text": "Ada!"}, "annotations": [{"result": %s}]}' % result
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "export.json"
        ...     _ = file.write_text(f"[{task}]")
        ...     sentences = read_label_studio(file)
        >>> sentences.ids, sentences.tokens, sentences.tags
        (['7'], [['Ada', '!']], [['B-PER', 'O']])
    """
    path = Path(path)
    try:
        tasks = parse_json(read_text(path))
    except ValueError as error:
        if isinstance(error, InvalidInputError):
            raise
        raise file_error(path, None, "JSON", str(error)) from error
    if not isinstance(tasks, list):
        raise file_error(path, None, "a list of tasks", type(tasks).__name__)
    found: dict[str, TaggedText] = {}
    left_out: list[str] = []
    for place, task in enumerate(tasks):
        name = _name(task, place)
        try:
            text, spans = _labelled(task, text_key)
            if spans is None:
                left_out.append(name)
                continue
            read = read_annotated_text({"text": text, "spans": spans}, cut=cut)
            check_words(_words(read), read.tags, lambda *fault: invalid("text", *fault))
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}, task {name}: {error}") from error
        if name in found:
            raise file_error(path, None, "distinct ids of tasks", f"{name!r} twice")
        found[name] = read
    if left_out:
        named = ", ".join(left_out[:10]) + (", ..." if len(left_out) > 10 else "")
        message = f"{path}: left out {len(left_out)} tasks without an annotation ({named})."
        warnings.warn(message, DataWarning, stacklevel=2)
    if not found:
        raise file_error(path, None, "a labelled task", f"{len(tasks)} tasks without an annotation")
    texts = list(found.values())
    return TaggedSentences(
        [_words(read) for read in texts],
        [read.tags for read in texts],
        list(found),
        {"text": [read.text for read in texts], "offsets": [read.offsets for read in texts]},
        positional=False,
    )


def _words(read: TaggedText) -> list[str]:
    return [read.text[start:end] for start, end in read.offsets]


def _name(task: Any, place: int) -> str:
    name = task.get("id") if isinstance(task, Mapping) else None
    return str(name) if isinstance(name, int | str) and str(name) else f"#{place}"


def _labelled(task: Any, text_key: str | None) -> tuple[str, list[Any] | None]:
    """Return the text of a task and its spans, None where nobody has labelled it."""
    if not isinstance(task, Mapping):
        raise invalid("task", "an object", type(task).__name__)
    data = task.get("data")
    if data is None:  # JSON_MIN: the data and the regions stand side by side
        return _text(task, text_key), _regions_of_min(task)
    if not isinstance(data, Mapping):
        raise invalid("data", "an object", type(data).__name__)
    text = _text(data, text_key)
    annotations = task.get("annotations")
    if not isinstance(annotations, list) or not all(isinstance(a, Mapping) for a in annotations):
        raise invalid("annotations", "a list of objects", repr(annotations)[:80])
    done = [one for one in annotations if not one.get("was_cancelled")]
    done = [one for one in done if one.get("ground_truth")] or done
    spans = [_spans(one.get("result")) for one in done]
    for other in spans[1:]:
        if _plain(other) != _plain(spans[0]):
            raise invalid(
                "annotations", "annotators that agree, or one ground truth",
                f"{len(spans)} that differ", hint="Mark one as ground truth in Label Studio.",
            )  # fmt: skip
    return text, spans[0] if spans else None


def _text(data: Mapping[str, Any], text_key: str | None) -> str:
    texts = [name for name, value in data.items() if isinstance(value, str)]
    if text_key is None:
        text_key = "text" if "text" in texts else texts[0] if len(texts) == 1 else None
    if text_key is None or text_key not in texts:
        listed = ", ".join(map(repr, texts)) or "none"
        raise invalid("text_key", f"a field with a text, such as {listed}", repr(text_key))
    text: str = data[text_key]
    return text


def _spans(result: Any) -> list[Any]:
    if not isinstance(result, list):
        raise invalid("result", "a list of regions", repr(result)[:80])
    found = []
    for region in result:
        if not isinstance(region, Mapping):
            raise invalid("result", "a list of regions", repr(region)[:80])
        if region.get("type") == "hypertextlabels":
            raise invalid("type", "labels of plain text", "'hypertextlabels'")
        if region.get("type") == "labels":
            value = region.get("value")
            if not isinstance(value, Mapping):
                raise invalid("value", "an object", repr(value)[:80])
            found.append(value)
    return found


def _regions_of_min(task: Mapping[str, Any]) -> list[Any] | None:
    """Return the regions of a task of JSON_MIN, under the name that the project gave them."""
    fields = [
        value for value in task.values()
        if isinstance(value, list)
        and value and all(isinstance(x, Mapping) and "start" in x and "end" in x for x in value)
    ]  # fmt: skip
    if len(fields) > 1:
        raise invalid("fields", "regions in one field", f"{len(fields)} fields")
    # A task that was submitted without a region has no such field, but who annotated it.
    return fields[0] if fields else [] if task.get("annotation_id") is not None else None


def _plain(spans: Sequence[Any]) -> list[tuple[Any, ...]]:
    return sorted((repr(s.get("start")), repr(s.get("end")), repr(s.get("labels"))) for s in spans)
