"""Named entities: characters there; characters or words here, as the sample is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.kili.base import Converter
from altasks.data.shown import in_characters, in_words, predicted_spans, text_of, words_of
from altasks.data.tagging.annotated_texts import code_point_spans
from altasks.errors import InvalidInputError, invalid


class EntityConverter(Converter):
    """NAMED_ENTITIES_RECOGNITION: `[{"start": 0, "end": 3, "label": "PER"}, ...]`, ends exclusive.

    Of a raw text they are characters (code points); of a list of words, words. An entity ends
    where its `content` does. Offsets that count as browsers do (UTF-16) are known by it too.

    Args:
        labels: the types of entities.
        job: the name of the job.

    Example:
        >>> converter, text = EntityConverter(["PER"]), "😀 Ada wrote"
        >>> response = converter.response([{"start": 2, "end": 5, "label": "PER"}], text)
        >>> one = response["JOB_0"]["annotations"][0]
        >>> one["beginOffset"], one["content"], one["categories"]
        (2, 'Ada', [{'name': 'PER'}])
        >>> converter.label(response, text)
        [{'start': 2, 'end': 5, 'label': 'PER'}]
        >>> converter.label(response, ["😀", "Ada", "wrote"])
        [{'start': 1, 'end': 2, 'label': 'PER'}]
    """

    ml_task = "NAMED_ENTITIES_RECOGNITION"

    def __init__(self, labels: Sequence[Any], *, job: str = "JOB_0") -> None:
        super().__init__(labels, job=job)

    def label(self, response: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return the spans, in the order of the text."""
        text = text_of(sample)
        given = self.annotations(response)
        if any("annotations" in one for one in given):
            raise invalid("annotations", "entities of a text", "entities of a PDF")
        names = [self.one_class(one) for one in given]
        try:
            triples = code_point_spans(text, [_mark(one, units=False) for one in given])
        except InvalidInputError:
            if all(ord(character) <= 0xFFFF for character in text):
                raise
            triples = code_point_spans(text, [_mark(one, units=True) for one in given])
        spans = [(start, end, name) for (start, end, _), name in zip(triples, names, strict=True)]
        spans.sort(key=lambda one: (one[0], one[1], str(one[2])))
        found = [{"start": start, "end": end, "label": name} for start, end, name in spans]
        words = words_of(sample)
        return found if words is None else [in_words(one, words) for one in found]

    def value(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return an annotation for each span; of tags, for each entity."""
        text = text_of(sample)
        return {
            "annotations": [
                {
                    "beginOffset": start,
                    "endOffset": end,
                    "content": text[start:end],
                    "categories": self.categories([name]),
                    "mid": f"altasks-{number}",
                }
                for number, (start, end, name) in enumerate(in_characters(label, sample, text), 1)
            ]
        }

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted spans."""
        del sample
        return predicted_spans(description)


def _mark(one: Mapping[str, Any], *, units: bool) -> dict[str, Any]:
    """Return an annotation as a span with its text.

    Args:
        one: the annotation.
        units: whether characters beyond the Basic Multilingual Plane count twice.
    """
    start, content, end = one.get("beginOffset"), one.get("content"), one.get("endOffset")
    if isinstance(start, bool) or not isinstance(start, int) or not 0 <= start < 2**53:
        raise invalid("beginOffset", "a whole number", repr(start)[:80])
    if content is None and isinstance(end, int):
        return {"start": start, "end": end, "label": "entity"}
    if not isinstance(content, str) or not content:
        raise invalid("content", "the text of the entity", repr(content)[:80])
    length = len(content.encode("utf-16-le", "surrogatepass")) // 2 if units else len(content)
    return {"start": start, "end": start + length, "label": "entity", "text": content}
