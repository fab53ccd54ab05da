"""Label Studio's JSON and altasks' labels, both ways, by kind of label; no server is needed.

A converter knows the classes of a task, and does five things: it writes the labelling interface
(`config`), takes on that of a project that exists (`attached`), makes a task's `data` of a sample,
makes a label of an annotation's `result`, and a `result` of a label. What is exact and what is lost
on the way stands in `docs/concepts/label_studio.md`.
"""

from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.boxes import BoxConverter
from altasks.data.label_studio.brush import decode_brush, encode_brush
from altasks.data.label_studio.choices import ChoiceConverter
from altasks.data.label_studio.masks import MaskConverter
from altasks.data.label_studio.numbers import NumberConverter
from altasks.data.label_studio.roles import RoleConverter
from altasks.data.label_studio.spans import SpanConverter
from altasks.data.label_studio.transcriptions import TranscriptionConverter

__all__ = [
    "BoxConverter",
    "ChoiceConverter",
    "Converter",
    "MaskConverter",
    "NumberConverter",
    "RoleConverter",
    "SpanConverter",
    "TranscriptionConverter",
    "decode_brush",
    "encode_brush",
]
