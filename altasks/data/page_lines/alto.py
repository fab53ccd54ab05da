"""ALTO, versions 1 to 4."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from altasks.data.boxes.classes import number_in
from altasks.data.boxes.frames import stated_size
from altasks.data.page_lines.pages import (
    Lines,
    Page,
    PageLine,
    box_around,
    children,
    descendants,
    local_name,
    one_line,
    pool_of_pages,
    require_root,
)
from altasks.data.pool import Pool
from altasks.data.text_files import file_error

_SIDES = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
_MOST = 1e7


def read_alto_lines(
    path: str | PathLike[str],
    images: str | PathLike[str] | None = None,
    *,
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> Pool:
    """Return the text lines of ALTO files: images cut out of their pages, and transcripts.

    A line is the frame that its `HPOS`, `VPOS`, `WIDTH` and `HEIGHT` say, else the one around its
    `Polygon`. Its text is that of its `String`s, with blanks where `SP` stands, or between all
    where none does, and the hyphen of `HYP`. A line without a text is there to be transcribed.
    Lines come in the order of the file. Ids are `image#line`.

    Args:
        path: an XML file, or a folder of them, with folders inside, perhaps.
        images: the folder of images; by default that of the XML. Each file names its image in
            `fileName`, or has its name.
        bad_boxes: as of `read_voc`; a line that is left out is in `passed_over`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: naming file and line: as `read_page_lines`, and for places in
            millimetres or inches, which say nothing about pixels.
    """
    return pool_of_pages(path, images, _page, bad_boxes=bad_boxes, turned=turned)


def _page(root: ElementTree.Element, lines: Lines, path: Path) -> Page:
    page = require_root(root, "alto", lines, path, format="ALTO")
    units = descendants(root, "MeasurementUnit")
    unit = (units[0].text or "").strip() if units else ""
    if unit != "pixel":
        line = lines[units[0]] if units else lines[root]
        raise file_error(
            path, line, "the MeasurementUnit 'pixel'", repr(unit[:80]) if unit else "none",
            "Export it in pixels: other units need the resolution of the scan.",
        )  # fmt: skip
    files = [name for one in descendants(root, "sourceImageInformation")
             for name in children(one, "fileName")]  # fmt: skip
    image = (files[0].text or "").strip() if files else ""
    size = stated_size(page.get("WIDTH"), page.get("HEIGHT"), path, lines[page], "of the page, ")
    found = []
    for item in descendants(page, "TextLine"):
        line = lines[item]
        text = one_line(_text(item), path, line)
        name = item.get("ID") or f"line {line}"
        found.append(PageLine(name, _box(item, path, line), text, line))
    return Page(image, size, found, lines[page], "fileName")


def _box(item: ElementTree.Element, path: Path, line: int) -> list[float]:
    if all(item.get(side) is None for side in _SIDES):
        shapes = [shape for one in children(item, "Shape") for shape in children(one, "Polygon")]
        if len(shapes) != 1:
            wanted = "HPOS, VPOS, WIDTH and HEIGHT, or a Polygon, for each line"
            raise file_error(path, line, wanted, "none")
        return box_around(shapes[0].get("POINTS", ""), path, line)
    numbers = []
    for side in _SIDES:
        written = item.get(side, "")
        number = number_in(written)
        if number is None or abs(number) > _MOST:
            raise file_error(path, line, f"pixels as {side}", repr(written[:80]))
        numbers.append(number)
    x, y, width, height = numbers
    return [x, y, x + width, y + height]


def _text(item: ElementTree.Element) -> str:
    """Return the text of a line."""
    parts = [(local_name(one), one.get("CONTENT", "")) for one in item]
    spaced = any(kind == "SP" for kind, _ in parts)
    text = ""
    for kind, content in parts:
        if kind == "SP":
            text += " "
        elif kind == "String":
            text += content if spaced or not text else f" {content}"
        elif kind == "HYP":
            text += content or "-"
    return text
