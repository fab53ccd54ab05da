"""What `altasks rank` must know of OCR: readers and images of lines in, readings out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.cli.rank_request import RankRequest
    from altasks.data import Pool

_TABLES = (".csv", ".tsv")


def build_ocr(request: RankRequest) -> Any:
    """Return the task for the options of the shell.

    Raises:
        InvalidInputError: for no member, or one that can't be read.
    """
    from altasks.tasks.ocr.task import OCR

    named = ([] if request.model is None else [request.model]) + list(request.members)
    if not named:
        raise invalid(
            "--member", "a reader, such as tesseract:deu or the folder of a saved committee", "none"
        )
    if request.truncate:
        raise invalid("--truncate", "not to be given: lines are read whole", "it")
    return OCR(
        members=[_member(name) for name in named],
        device=request.device,
        batch_size=request.batch_size,
    )


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


def read_images(request: RankRequest) -> Pool:
    """Return the images of a folder, or of a table with a column of paths."""
    from altasks.data import as_pool, read_line_table
    from altasks.data.images import IMAGE_SUFFIXES

    if request.pool.suffix.lower() in _TABLES:
        return read_line_table(
            request.pool,
            image_column=request.text_column or "image",
            id_column=request.id_column,
        )
    return as_pool(request.pool, suffixes=IMAGE_SUFFIXES)


def line_fields(sample: Any) -> dict[str, Any]:
    """Return what of a line goes into its row of the queue."""
    return {"path": str(sample)}


def split_readings(description: Mapping[str, Any]) -> str:
    """Return the different readings, with how many members have each."""
    counts = Counter(description["readings"])
    return "; ".join(f"{count} x {text!r}" for text, count in counts.most_common(3))
