"""What annotation tools show of a sample, and what a prediction says as a label would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.data.tagging.tags import spans_of
from altasks.data.tagging.words import word_offsets
from altasks.errors import invalid


def text_of(sample: Any) -> str:
    """Return the text that shows a sample.

    Texts and pairs of texts are themselves; of a sentence in words the words with a blank between
    them; of a row of a table its cells, one a line.

    Example:
        >>> text_of({"tokens": ["Ada", "wrote", "."]})
        'Ada wrote .'
        >>> text_of({"rooms": 3, "garden": True}).splitlines()
        ['rooms: 3', 'garden: True']
    """
    if isinstance(sample, Mapping):
        if "tokens" in sample:
            sample = list(map(str, sample["tokens"]))
        elif isinstance(sample.get("text"), str):
            pair = sample.get("text_pair")
            sample = sample["text"] if pair is None else (sample["text"], str(pair))
        else:
            sample = "\n".join(f"{name}: {value}" for name, value in sample.items())
    if isinstance(sample, str):
        return sample
    cells = sample.tolist() if hasattr(sample, "tolist") else sample
    if isinstance(cells, list | tuple) and cells:
        if all(isinstance(cell, str) for cell in cells):
            return ("\n\n" if isinstance(cells, tuple) else " ").join(cells)
        if all(isinstance(cell, int | float) for cell in cells):
            return ", ".join(f"{cell:g}" for cell in cells)
    raise invalid(
        "samples", "a text, words, or a row of a table", type(sample).__name__,
        hint="Give data=, a function from a sample to the task's data.",
    )  # fmt: skip


def size_of_sample(sample: Any) -> tuple[int, int] | None:
    """Return (width, height) of an image, a path, or a mapping with one; None if it is none here.

    Example:
        >>> import numpy as np
        >>> size_of_sample({"image": np.zeros((2, 3, 3), np.uint8)})
        (3, 2)
        >>> size_of_sample("https://example.org/a.png")  # only the browser has seen it
    """
    if isinstance(sample, Mapping) and "image" in sample:
        sample = sample["image"]
    if sample is None or (isinstance(sample, str) and "://" in sample):
        return None  # an address: only the browser has seen the image
    from altasks.data.images import image_size

    if isinstance(sample, PurePath | str) or hasattr(sample, "size") or hasattr(sample, "shape"):
        return image_size(sample)
    return None


def words_of(sample: Any) -> list[tuple[int, int]] | None:
    """Return where the words of a sample stand in its text; None for a raw text."""
    tokens = sample.get("tokens") if isinstance(sample, Mapping) else sample
    if tokens is None or isinstance(tokens, str):
        return None
    offsets, start = [], 0
    for word in map(str, tokens):
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets


def in_words(span: Mapping[str, Any], words: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return a span of characters as one of words.

    Raises:
        InvalidInputError: for one that begins or ends inside a word.
    """
    first = next((i for i, word in enumerate(words) if word[0] == span["start"]), None)
    last = next((i for i, word in enumerate(words) if word[1] == span["end"]), None)
    if first is None or last is None or last < first:
        raise invalid("result", "spans of whole words", repr(dict(span)))
    return {**span, "start": first, "end": last + 1}


def in_characters(label: Any, sample: Any, text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, label) in characters of spans, or of tags, a tag for each word.

    Args:
        label: spans of characters or words, as the sample is; or IOB tags.
        sample: a text or words.
        text: that which is shown of it.
    """
    words = words_of(sample)
    label = list(label)
    if label and isinstance(label[0], str):
        words = word_offsets(text) if words is None else words
        if len(label) != len(words):
            raise invalid("label", f"{len(words)} tags, one for each word", f"{len(label)}")
        triples = [(one.start, one.end, one.label) for one in spans_of(label)]
    else:
        triples = [(one["start"], one["end"], one["label"]) for one in label]
        if words is None:
            return triples
    return [(words[start][0], words[end - 1][1], name) for start, end, name in triples]


def predicted_boxes(description: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the boxes in what `task.describe` says, as a label has them; None without any field.

    Example:
        >>> predicted_boxes({"boxes": [{"label": "cat", "conf": 0.5, "box": [0, 0, 2, 2]}]})
        [{'label': 'cat', 'box': [0, 0, 2, 2]}]
    """
    boxes = description.get("boxes")
    if boxes is None:
        return None
    return [{"label": one["label"], "box": one["box"]} for one in boxes]


def predicted_spans(description: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the spans in what `task.describe` says, as a label has them; None without any field.

    Example:
        >>> predicted_spans({"spans": [{"start": 0, "end": 3, "label": "PER", "probability": 0.9}]})
        [{'start': 0, 'end': 3, 'label': 'PER'}]
    """
    spans = description.get("spans")
    if spans is None:
        return None
    return [{name: one[name] for name in ("start", "end", "label")} for one in spans]


def predicted_mask(description: Mapping[str, Any], sample: Any = None) -> dict[str, Any] | None:
    """Return the mask in what `task.describe` says, at the size of the image; None if unknown.

    Descriptions hold every `step`-th pixel of masks with very many runs; each then stands for its
    neighbours.

    Example:
        >>> predicted_mask({"mask": {"size": [1, 2], "classes": [0, 1], "counts": [1, 1]}})
        {'size': [1, 2], 'classes': [0, 1], 'counts': [1, 1]}
    """
    mask = description.get("mask")
    if mask is None:
        return None
    step = int(mask.get("step", 1))
    small = decode_mask({name: mask[name] for name in ("size", "classes", "counts")})
    if step == 1:
        return encode_mask(small)
    size = size_of_sample(sample)
    if size is None:
        return None
    large = np.repeat(np.repeat(small, step, 0), step, 1)[: size[1], : size[0]]
    return encode_mask(large)
