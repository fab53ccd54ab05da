"""Tesseract as a member of a committee, by its command line program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from PIL.Image import Image

#: The column of tesseract's table that says how sure it is of a word, and the one with the word.
_SURENESS, _TEXT, _COLUMNS = 10, 11, 12


class Tesseract:
    """Reads lines with the program `tesseract` (Apache-2.0), for `OCR(members=[...])`.

    Each image is handed over through a pipe, one process an image; nothing is written to the
    disk. The confidence is the mean over words, weighted by their length: tesseract's own scale
    divided by 100, no probability.

    Args:
        language: the name of its model, such as `"eng"`, `"deu"` or `"Fraktur"`; several joined
            by `+`.
        page: how it parts the page; 7 and 13 read the image as one line.
        program: the name or path of the program.
        seconds: how long one image may take.

    Raises:
        InvalidInputError: if the program is missing, or has no such language.

    Example:
        >>> Tesseract("../deu")
        Traceback (most recent call last):
        ...
        altasks.errors.InvalidInputError: language: expected names of tesseract's languages,
        joined by '+', found '../deu'.
    """

    def __init__(
        self,
        language: str = "eng",
        *,
        page: int = 7,
        program: str = "tesseract",
        seconds: float = 60,
    ) -> None:
        if not re.fullmatch(r"\w+([-/]\w+)*(\+\w+([-/]\w+)*)*", language):
            raise invalid("language", "names of tesseract's languages, joined by '+'",
                          repr(language))  # fmt: skip
        if page not in range(14):
            raise invalid("page", "a mode from 0 to 13", repr(page))
        found = shutil.which(program)
        if found is None:
            raise invalid(
                "program", "the program tesseract", f"none called {program!r}",
                hint="Debian's package is tesseract-ocr.",
            )  # fmt: skip
        self.language, self.page, self.program, self.seconds = language, page, found, seconds
        known = self._run(["--list-langs"], b"").splitlines()[1:]
        missing = sorted({*language.split("+")} - {*known})
        if missing:
            raise invalid(
                "language", f"one of {', '.join(known) or 'none'}", repr(missing[0]),
                hint="Debian's packages are called tesseract-ocr-deu, tesseract-ocr-script-frak, "
                "...",
            )  # fmt: skip

    def __call__(self, images: Sequence[Image]) -> list[tuple[str, float]]:
        """Return (text, confidence from 0 to 1) of each image."""
        return [self._line(image) for image in images]

    def _line(self, image: Image) -> tuple[str, float]:
        png = BytesIO()
        image.save(png, "PNG")
        options = ["stdin", "stdout", "-l", self.language, "--psm", str(self.page), "tsv"]
        words, sureness = [], []
        for row in self._run(options, png.getvalue()).splitlines()[1:]:
            cells = row.split("\t")
            if len(cells) == _COLUMNS and cells[_TEXT].strip():
                words.append(cells[_TEXT].strip())
                sureness.append(max(0.0, float(cells[_SURENESS])) / 100)
        total = sum(map(len, words))
        if not total:
            return "", 0.0
        mean = sum(len(word) * sure for word, sure in zip(words, sureness, strict=True)) / total
        return " ".join(words), min(1.0, mean)

    def _run(self, options: Sequence[str], given: bytes) -> str:
        # Its threads wait for each other by spinning: where cores are busy, a line takes many
        # seconds instead of a part of one. OMP_NUM_THREADS it overrules.
        environment = {"OMP_THREAD_LIMIT": "1", **os.environ}
        try:
            done = subprocess.run(
                [self.program, *options],
                input=given,
                capture_output=True,
                check=True,
                timeout=self.seconds,
                env=environment,
            )
        except subprocess.CalledProcessError as error:
            lines = error.stderr.decode("utf-8", errors="replace").strip().splitlines()
            raise InvalidInputError(f"tesseract failed: {lines[-1] if lines else error}") from error
        return done.stdout.decode("utf-8", errors="replace")
