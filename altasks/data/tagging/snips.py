"""The SNIPS requests (Coucke et al. 2018): seven intents, with their slots as spans."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.words import tag_text
from altasks.data.text_files import fault
from altasks.errors import InvalidInputError, invalid

_FILES = {"train": "train_{}_full.json", "validate": "validate_{}.json"}


def read_snips(folder: str | PathLike[str], part: str = "train") -> TaggedSentences:
    """Read the folder of SNIPS's custom intents, as published (one folder an intent).

    A request is a list of chunks of text, some with an `entity`, the slot; the slots become
    spans over words. Words are split as in `altasks.data.tagging.words`, and at every edge of a
    slot (that divides words in 70 of the 13,784 training requests, mostly before `'s`).
    What is odd in the published files is read so: whitespace at the ends of a slot is not part of
    it; an emoji that was written as two UTF-16 halves is one character.

    Sentences stand in the order of the intents, then of the files: shuffle before you take a
    part of them. Nothing is left out; some requests occur twice.

    Args:
        folder: the one that holds `AddToPlaylist/`, `BookRestaurant/`, ...
        part: `train` (`train_X_full.json`) or `validate` (`validate_X.json`).

    Returns:
        Sentences whose ids are `part/intent/row`; `extra` has their `intent`, `text` and, for
        every word, the `offsets` in it.

    Raises:
        InvalidInputError: if the folder holds no intent, or a file is not of that form.
    """
    if part not in _FILES:
        raise invalid("part", "train or validate", repr(part))
    root = Path(folder)
    intents = sorted(one.name for one in root.iterdir() if one.is_dir()) if root.is_dir() else []
    files = {intent: root / intent / _FILES[part].format(intent) for intent in intents}
    files = {intent: path for intent, path in files.items() if path.is_file()}
    if not files:
        raise fault(root, None, f"a folder with INTENT/{_FILES[part].format('INTENT')}", "none")
    tokens, tags, ids = [], [], []
    extra: dict[str, list[Any]] = {"intent": [], "text": [], "offsets": []}
    for intent, path in files.items():
        for row, request in enumerate(_requests(path, intent)):
            try:
                text, spans = _joined(request)
                offsets, tagged = tag_text(text, spans, cut=True)
            except InvalidInputError as error:
                raise InvalidInputError(f"{path}, request {row}: {error}") from error
            tokens.append([text[start:end] for start, end in offsets])
            tags.append(tagged)
            ids.append(f"{part}/{intent}/{row}")
            for name, value in (("intent", intent), ("text", text), ("offsets", offsets)):
                extra[name].append(value)
    return TaggedSentences(tokens, tags, ids, extra)


def _requests(path: Path, intent: str) -> list[Any]:
    data = path.read_bytes()
    try:
        # One published file has an emoji as two UTF-16 halves, each encoded for itself (CESU-8).
        halves = data.decode("utf-8", "surrogatepass")
        text = halves.encode("utf-16", "surrogatepass").decode("utf-16")
        document = json.loads(text)
    except ValueError as error:  # also what can't be decoded
        raise fault(path, None, "JSON in UTF-8", str(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get(intent), list):
        raise fault(path, None, f"an object with a list {intent!r}", type(document).__name__)
    found: list[Any] = document[intent]
    return found


def _joined(request: Any) -> tuple[str, list[tuple[int, int, str]]]:
    """Return the text of a request and its slots in characters."""
    chunks = request.get("data") if isinstance(request, dict) else None
    if not isinstance(chunks, list) or not all(
        isinstance(chunk, dict) and isinstance(chunk.get("text"), str) for chunk in chunks
    ):
        raise invalid("data", "a list of chunks with a text", repr(request)[:200])
    text, spans = "", []
    for chunk in chunks:
        piece = chunk["text"]
        if "entity" in chunk:
            start = len(text) + len(piece) - len(piece.lstrip())
            spans.append((start, len(text) + len(piece.rstrip()), chunk["entity"]))
        text += piece
    return text, spans
