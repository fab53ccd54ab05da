"""Transcriptions: the text of a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altasks.data.kili.base import Converter
from altasks.errors import invalid


class TranscriptionConverter(Converter):
    """TRANSCRIPTION: what people read in an image of one line.

    Submitted with nothing typed, the line is empty: `""`.

    Args:
        job: the name of the job.

    Example:
        >>> converter = TranscriptionConverter()
        >>> response = converter.response("No. 5")
        >>> response, converter.label(response)
        ({'JOB_0': {'text': 'No. 5'}}, 'No. 5')
    """

    ml_task = "TRANSCRIPTION"
    input_kind = "textField"

    def __init__(self, *, job: str = "JOB_0") -> None:
        super().__init__(job=job)

    def label(self, response: Any, sample: Any = None) -> str:
        """Return the text."""
        del sample
        text = self.answer(response).get("text", "")
        if not isinstance(text, str):
            raise invalid("text", "a text", repr(text)[:80])
        return text

    def value(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return the text as an answer."""
        del sample
        if not isinstance(label, str):
            raise invalid("label", "a text", type(label).__name__)
        return {"text": label}

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return what is predicted."""
        del sample
        return description.get("predicted")

    def _check_job(self, job: Mapping[str, Any]) -> None:
        kind = (job.get("content") or {}).get("input")
        if kind not in (None, "textField"):
            raise invalid("interface", "a job in which people type text", f"input {kind!r}")
