"""The built-in readers: each of altasks' `read_*` functions under the name of its format."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from altasks._internal.natural_order import in_natural_order
from altasks.data.boxes.coco import read_coco
from altasks.data.boxes.voc import read_voc
from altasks.data.boxes.yolo import read_yolo
from altasks.data.label_studio.reading import (
    read_label_studio_choices,
    read_label_studio_lines,
    read_label_studio_numbers,
)
from altasks.data.label_studio.reading_boxes import read_label_studio_boxes
from altasks.data.label_studio.reading_masks import read_label_studio_masks
from altasks.data.labelled_images import read_class_folders, read_image_table
from altasks.data.lines import read_line_folder, read_line_table
from altasks.data.masks.files import read_coco_masks, read_masks
from altasks.data.page_lines.alto import read_alto_lines
from altasks.data.page_lines.page import read_page_lines
from altasks.data.pool import Pool, as_pool
from altasks.data.reading import LabelledPool
from altasks.data.shapes.cvat import read_cvat, read_cvat_masks, read_cvat_tags
from altasks.data.shapes.labelme import read_labelme, read_labelme_masks
from altasks.data.shapes.via import read_via, read_via_files, read_via_masks
from altasks.data.tagging.conll import read_conll, read_conllu
from altasks.data.tagging.label_studio import read_label_studio
from altasks.data.tagging.records import read_tagged_jsonl
from altasks.data.tagging.snips import read_snips
from altasks.data.tagging.srl import SRLSentence, read_srl
from altasks.data.text_tools.argilla import read_argilla, read_argilla_spans
from altasks.data.text_tools.doccano import read_doccano
from altasks.data.text_tools.prodigy import read_prodigy
from altasks.errors import invalid


@dataclass(frozen=True)
class FunctionReader:
    """A function that reads a format, and how its result becomes a `LabelledPool`.

    Args:
        function: takes the path first; its other parameters are the options.
        reads: what it reads, in a phrase.
        tasks: the names of the tasks whose samples and labels these are.
        shape: takes what the function returns.
    """

    function: Callable[..., Any]
    reads: str
    tasks: tuple[str, ...]
    shape: Callable[[Any], LabelledPool]

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options `read` takes."""
        return tuple(inspect.signature(self.function).parameters)[1:]

    def read(self, path: str | PathLike[str], **options: Any) -> LabelledPool:
        """Return what the file or folder holds.

        Raises:
            InvalidInputError: for an option there isn't or that is missing, a path that leads
                nowhere, and as the function.
        """
        for name in options:
            if name not in self.options:
                listed = ", ".join(self.options)
                raise invalid("options", f"among {listed}", repr(name), where=self.reads)
        for parameter in list(inspect.signature(self.function).parameters.values())[1:]:
            if parameter.default is parameter.empty and parameter.name not in options:
                raise invalid(
                    "options", f"also {parameter.name}=", _listed(options), where=self.reads
                )
        if not Path(path).exists():
            raise invalid("path", "an existing file or folder", repr(str(path)), where=self.reads)
        return self.shape(self.function(path, **options))


def _listed(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}=" for name in options) or "none"


def _of_boxes(data: Any) -> LabelledPool:
    return LabelledPool(data.pool(), data.names, data)


def _of_masks(data: Any) -> LabelledPool:
    return LabelledPool(data.pool(), data.classes, data)


def _of_tags(data: Any) -> LabelledPool:
    return LabelledPool(data.pool(), data.labels, data)


def _of_pool(pool: Pool) -> LabelledPool:
    """Return a pool whose labels, where they are strings, are classes."""
    return LabelledPool(pool, _strings(list(pool.labels.values())), pool)


def _of_lines(pool: Pool) -> LabelledPool:
    return LabelledPool(pool, (), pool)


def _of_choices(pool: Pool) -> LabelledPool:
    """Return a pool whose labels are classes, or lists of them."""
    labels = pool.labels.values()
    names = {name for one in labels for name in (one if isinstance(one, list) else [one])}
    whole = all(isinstance(name, str) for name in names)  # else ratings
    return LabelledPool(pool, in_natural_order(names) if whole else (), pool)


def _strings(labels: Sequence[Any]) -> list[str]:
    return in_natural_order(set(labels)) if all(isinstance(label, str) for label in labels) else []


def _of_frames(sentences: list[SRLSentence]) -> LabelledPool:
    """Return sentences with their predicates; the labels are the frames with the roles."""
    named = all("id" in one for one in sentences)
    ids = [one["id"] if named else str(row) for row, one in enumerate(sentences)]
    samples = [
        {"tokens": one["tokens"], "verbs": sorted({frame["verb"] for frame in one["frames"]})}
        for one in sentences
    ]
    labels = {name: one["frames"] for name, one in zip(ids, sentences, strict=True)}
    tags = {tag for one in sentences for frame in one["frames"] for tag in frame["tags"]}
    roles = in_natural_order({tag[2:] for tag in tags} - {"", "V"})
    pool = Pool(ids, samples.__getitem__, positional=not named, labels=labels)
    return LabelledPool(pool, roles, sentences)


_BOXES = ("object-detection",)
_MASKS = ("segmentation",)
_TAGS = ("ner",)
_IMAGES = ("image-classification",)

coco = FunctionReader(read_coco, "a JSON file in COCO's form, with boxes", _BOXES, _of_boxes)
voc = FunctionReader(read_voc, "a folder of Pascal VOC's XML files", _BOXES, _of_boxes)
yolo = FunctionReader(read_yolo, "a data set in YOLO's form", _BOXES, _of_boxes)
masks = FunctionReader(read_masks, "a folder of images, with masks in another", _MASKS, _of_masks)
coco_masks = FunctionReader(
    read_coco_masks, "a JSON file in COCO's form, with outlines", _MASKS, _of_masks
)
conll = FunctionReader(read_conll, "a file with one word and its tag a line", _TAGS, _of_tags)
conllu = FunctionReader(read_conllu, "a CoNLL-U file with a tag for each word", _TAGS, _of_tags)
cvat = FunctionReader(read_cvat, "CVAT's XML for images, with boxes", _BOXES, _of_boxes)
cvat_masks = FunctionReader(
    read_cvat_masks, "CVAT's XML for images, with outlines and masks", _MASKS, _of_masks
)
cvat_tags = FunctionReader(read_cvat_tags, "CVAT's XML for images, with tags", _IMAGES, _of_choices)
labelme = FunctionReader(read_labelme, "a folder of labelme's JSON files", _BOXES, _of_boxes)
labelme_masks = FunctionReader(
    read_labelme_masks, "a folder of labelme's JSON files, with outlines", _MASKS, _of_masks
)
via = FunctionReader(read_via, "VGG Image Annotator's JSON, with boxes", _BOXES, _of_boxes)
via_files = FunctionReader(
    read_via_files, "VGG Image Annotator's JSON, with attributes of files", _IMAGES, _of_choices
)
via_masks = FunctionReader(
    read_via_masks, "VGG Image Annotator's JSON, with outlines", _MASKS, _of_masks
)
label_studio = FunctionReader(
    read_label_studio, "Label Studio's JSON export of named entities", _TAGS, _of_tags
)
label_studio_boxes = FunctionReader(
    read_label_studio_boxes, "Label Studio's JSON export of rectangles", _BOXES, _of_boxes
)
label_studio_choices = FunctionReader(
    read_label_studio_choices,
    "Label Studio's JSON export of choices for texts or images",
    ("text-classification", "image-classification"),
    _of_choices,
)
label_studio_lines = FunctionReader(
    read_label_studio_lines, "Label Studio's JSON export of texts of lines", ("ocr",), _of_lines
)
label_studio_masks = FunctionReader(
    read_label_studio_masks, "Label Studio's JSON export of strokes and outlines", _MASKS, _of_masks
)
label_studio_numbers = FunctionReader(
    read_label_studio_numbers,
    "Label Studio's JSON export of numbers for texts or images",
    ("regression",),
    _of_lines,
)
_TEXTS = ("text-classification",)
argilla = FunctionReader(
    read_argilla,
    "Argilla's records, with classes or ratings",
    ("text-classification", "regression"),
    _of_choices,
)
argilla_spans = FunctionReader(read_argilla_spans, "Argilla's records, with spans", _TAGS, _of_tags)
doccano = FunctionReader(read_doccano, "doccano's JSON lines, with classes", _TEXTS, _of_choices)
prodigy = FunctionReader(read_prodigy, "Prodigy's JSON lines, with classes", _TEXTS, _of_choices)
tagged_jsonl = FunctionReader(
    read_tagged_jsonl, "JSON lines of sentences with tags or spans", _TAGS, _of_tags
)
snips = FunctionReader(read_snips, "the SNIPS data set's folder", _TAGS, _of_tags)
srl = FunctionReader(read_srl, "JSON lines of sentences with semantic roles", ("srl",), _of_frames)
line_folder = FunctionReader(
    read_line_folder, "a folder of images of lines, with transcripts", ("ocr",), _of_lines
)
line_table = FunctionReader(
    read_line_table, "a table of images of lines and transcripts", ("ocr",), _of_lines
)
page = FunctionReader(
    read_page_lines, "PAGE XML of pages, with places and texts of lines", ("ocr",), _of_lines
)
alto = FunctionReader(
    read_alto_lines, "ALTO XML of pages, with places and texts of lines", ("ocr",), _of_lines
)
class_folders = FunctionReader(
    read_class_folders, "a folder of images for each class", _IMAGES, _of_pool
)
image_table = FunctionReader(
    read_image_table,
    "a table of images and labels",
    ("image-classification", "regression"),
    _of_pool,
)
table = FunctionReader(
    as_pool, "a CSV, TSV or JSONL file of texts", ("text-classification", "regression"), _of_pool
)
