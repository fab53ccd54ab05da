"""Transcriptions: the text of a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.config import Control, view_of, written
from altasks.errors import invalid


class TranscriptionConverter(Converter):
    """What people read in an image of one line.

    Submitted with nothing typed, the line is empty: `""`.

    Example:
        >>> converter = TranscriptionConverter()
        >>> result = converter.result("No. 5")
        >>> result[0]["value"], converter.label(result)
        ({'text': ['No. 5']}, 'No. 5')
    """

    tags = ("TextArea",)

    def __init__(self) -> None:
        super().__init__(Control("TextArea", "label", "sample", "Image", "image"))

    def config(self) -> str:
        """Return the labelling interface, XML."""
        more = 'rows="1" maxSubmissions="1" editable="true" placeholder="What is written here?"'
        return view_of(self.control, written(self.control, more))

    def label(self, result: Any, sample: Any = None) -> str:
        """Return the text."""
        del sample
        texts: list[Any] = []
        for one in self.regions(result):
            text = one["value"].get("text")
            texts += text if isinstance(text, list) else [text]
        if not all(isinstance(text, str) for text in texts):
            raise invalid("text", "texts", repr(texts)[:80])
        if len(texts) > 1:
            raise invalid("text", "the text of one line", f"{len(texts)}: {texts!r}"[:120])
        return texts[0] if texts else ""

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return one region, or none for an empty line."""
        del sample
        if not isinstance(label, str):
            raise invalid("label", "a text", type(label).__name__)
        return [self.region({"text": [label]}, 1)] if label else []

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return what is predicted."""
        del sample
        return description.get("predicted")
