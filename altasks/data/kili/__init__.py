"""Kili's `jsonResponse` and altasks' labels, both ways, by type of job; no server is needed.

A converter knows the classes of a task, and does four things: it writes the interface of a job
(`interface`), takes on that of a project that exists (`attached`), makes a label of a
`jsonResponse`, and a `jsonResponse` of a label. What is exact and what is lost on the way stands in
`docs/concepts/kili.md`.
"""

from altasks.data.kili.base import Converter
from altasks.data.kili.boxes import BoxConverter
from altasks.data.kili.categories import CategoryConverter
from altasks.data.kili.counting import counted_labels
from altasks.data.kili.entities import EntityConverter
from altasks.data.kili.masks import MaskConverter
from altasks.data.kili.transcriptions import TranscriptionConverter

__all__ = [
    "BoxConverter",
    "CategoryConverter",
    "Converter",
    "EntityConverter",
    "MaskConverter",
    "TranscriptionConverter",
    "counted_labels",
]
