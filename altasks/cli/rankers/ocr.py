"""Ranking images of lines for OCR: readers and images in, readings out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.image_folder import image_fields
from altasks.cli.rankers.labelled_files import read_format
from altasks.cli.rankers.options import SHEET
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool

_TABLES = (".csv", ".tsv")

MEMBER: RankOption[Sequence[str]] = RankOption(
    "--member",
    list[str],
    "Once for each reader: tesseract:LANGUAGE, a folder or a file.",
    (),
)
IMAGE_COLUMN: RankOption[str | None] = RankOption(
    "--text-column", str, "The column of a table with the images' paths; 'image' by default.", None
)


class OCRRanker(Ranker):
    """Ranks images of lines by how much several readers disagree."""

    options: tuple[RankOption[Any], ...] = (MEMBER, IMAGE_COLUMN, SHEET)
    compare_options = (MEMBER, IMAGE_COLUMN)
    label_keys = ("label", "text")
    sheet: Mapping[str, int] = {"columns": 2, "tile": 600}  # lines are wide and flat
    predicts = ("Transcripts",)

    def check(self, request: RankRequest) -> None:
        """Refuse a committee of nobody."""
        if request.model is None and not request.value(MEMBER):
            raise invalid(
                "--member",
                "a reader, such as tesseract:deu or the folder of a saved committee",
                "none",
            )

    def read(self, request: RankRequest) -> Pool:
        """Return the images of a folder, or of a table with a column of paths."""
        from altasks.data import as_pool, read_line_table
        from altasks.data.images import IMAGE_SUFFIXES

        if request.pool.suffix.lower() in _TABLES:
            return read_line_table(
                request.pool,
                image_column=request.value(IMAGE_COLUMN) or "image",
                id_column=request.id_column,
            )
        return as_pool(request.pool, suffixes=IMAGE_SUFFIXES)

    def build(self, request: RankRequest) -> Any:
        """Return the task with its committee of readers.

        Raises:
            InvalidInputError: for a member that can't be read.
        """
        from altasks.tasks.ocr.task import OCR

        members = request.value(MEMBER)
        named = [*([] if request.model is None else [request.model]), *members]
        return OCR(
            members=[_member(name) for name in named],
            device=request.device,
            batch_size=request.samples_at_once,
        )

    def check_compare(self, request: CompareRequest) -> None:
        """Refuse a committee of nobody."""
        self.check(request)

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return lines and transcripts, of a table or of a folder with texts beside the images."""
        table = path.suffix.lower() in _TABLES
        columns = {"image_column": request.value(IMAGE_COLUMN), "text_column": request.label_column}
        return read_format(
            path,
            request.task,
            format=request.format,
            usual="line_table" if table else "line_folder",
            options=request.reader_options,
            columns={**columns, "id_column": request.id_column},
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return the task with its readers; networks learn letters that are new to them."""
        del data
        from altasks.tasks.ocr.task import OCR

        if committee is not None:
            raise invalid("--arm", "no committee: the readers are it", "one")
        members = request.value(MEMBER)
        named = [*([] if request.model is None else [request.model]), *members]
        return OCR(
            members=[_member(name) for name in named],
            device=request.device,
            batch_size=request.samples_at_once,
            extend_alphabet=True,
            training_args=request.training_args or None,
        )

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the path."""
        return image_fields(sample)

    def labelled_fields(self, sample: Any, label: Any) -> dict[str, Any]:
        """Return path and transcript, as the reader `line_table` has them."""
        return {"image": str(sample), "text": label}

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the different readings, with how many members have each."""
        counts = Counter(description["readings"])
        return "; ".join(f"{count} x {text!r}" for text, count in counts.most_common(3))


def _member(name: str) -> Any:
    engine, colon, language = name.partition(":")
    if engine == "tesseract" and colon and not Path(name).exists():
        from altasks.tasks.ocr.tesseract import Tesseract

        return Tesseract(language)
    if not Path(name).exists() and (name.startswith((".", "~", os.sep)) or colon):
        raise invalid(
            "--member",
            "tesseract:LANGUAGE, a folder that OCR.save or CRNN.save wrote, EasyOCR's "
            "english_g2.pth, or a Hugging Face checkpoint",
            repr(name),
        )
    return name
