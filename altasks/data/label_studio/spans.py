"""Spans of text: characters there; characters or words here, as the sample is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.config import Control, texts_of, view_of, written
from altasks.data.shown import in_characters, in_words, predicted_spans, text_of, words_of
from altasks.data.tagging.annotated_texts import code_point_spans


class SpanConverter(Converter):
    """Named entities: `[{"start": 0, "end": 3, "label": "PER"}, ...]`, ends exclusive.

    Of a raw text they are characters (code points, as Label Studio's editor counts them); of a
    list of words, words. Offsets that count as browsers do (UTF-16) are known by the region's
    `text`.

    Args:
        labels: the types of entities.

    Example:
        >>> converter, text = SpanConverter(["PER"]), "😀 Ada wrote"
        >>> result = converter.result([{"start": 2, "end": 5, "label": "PER"}], text)
        >>> result[0]["value"]
        {'start': 2, 'end': 5, 'text': 'Ada', 'labels': ['PER']}
        >>> converter.label(result, text)
        [{'start': 2, 'end': 5, 'label': 'PER'}]
        >>> converter.label(result, ["😀", "Ada", "wrote"])
        [{'start': 1, 'end': 2, 'label': 'PER'}]
    """

    tags = ("Labels",)

    def __init__(self, labels: Sequence[Any]) -> None:
        texts = texts_of(labels)
        control = Control("Labels", "label", "sample", "Text", "text", tuple(texts))
        super().__init__(control, texts)

    def config(self) -> str:
        """Return the labelling interface, XML. White space is shown as it is."""
        return view_of(self.control, written(self.control), attributes='granularity="symbol"')

    def label(self, result: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return the spans, in the order of the text."""
        found = [
            {"start": start, "end": end, "label": label}
            for start, end, label in sorted(self.spans(self.regions(result), sample))
        ]
        words = words_of(sample)
        return found if words is None else [in_words(one, words) for one in found]

    def spans(
        self, regions: Sequence[Mapping[str, Any]], sample: Any
    ) -> list[tuple[int, int, str]]:
        """Return (start, end, label) of regions, in code points of the text that was shown."""
        marks = [{**one["value"], "labels": [str(self.one_class(one))]} for one in regions]
        return code_point_spans(text_of(sample), marks)

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return a region for each span; of tags, for each entity."""
        text = text_of(sample)
        return [
            self.region(
                {"start": start, "end": end, "text": text[start:end]}
                | {self.control.kind: [self.text_in_config(name)]},
                number,
            )
            for number, (start, end, name) in enumerate(in_characters(label, sample, text), 1)
        ]

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted spans."""
        del sample
        return predicted_spans(description)
