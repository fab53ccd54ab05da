"""Pages with the places and texts of their lines, and the pool of lines cut out of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from altasks.data.boxes.classes import number_in
from altasks.data.boxes.frames import ReadingNotes, check_bad_boxes, check_turned, frame_of
from altasks.data.boxes.named_images import image_of_label, images_by_stem
from altasks.data.boxes.paths import path_relative_to, require_folder
from altasks.data.boxes.xml_files import parse_xml
from altasks.data.folders import list_folder, list_images
from altasks.data.images import open_image
from altasks.data.pool import Pool
from altasks.data.text_files import file_error
from altasks.errors import invalid

if TYPE_CHECKING:
    from PIL.Image import Image

Lines = Mapping[ElementTree.Element, int]
_MOST = 1e7


@dataclass(frozen=True)
class PageLine:
    """A line of a page.

    Attributes:
        name: its id in the file.
        box: the frame around it, `[x1, y1, x2, y2]` in pixels of the page.
        text: what is written there; empty where nobody says so.
        line: where it stands in the file.
    """

    name: str
    box: Sequence[float]
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """What an XML file says of a page.

    Attributes:
        image: the name of its image.
        stated: (width, height) of the page, if stated.
        lines: in reading order.
        line: where the page stands in the file.
        field: where the image is named, for errors.
    """

    image: str
    stated: tuple[float, float] | None
    lines: Sequence[PageLine]
    line: int
    field: str


def pool_of_pages(
    path: str | PathLike[str],
    images: str | PathLike[str] | None,
    read: Callable[[ElementTree.Element, Lines, Path], Page],
    *,
    bad_boxes: str,
    turned: str,
) -> Pool:
    """Return the lines of pages as a pool; samples are images that are cut out when asked for.

    Args:
        path: an XML file, or a folder of them.
        images: the folder of images; None for that of the XML.
        read: makes a page of a tree.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: naming file and line.
    """
    clip, turn = check_bad_boxes(bad_boxes), check_turned(turned)
    place = Path(path)
    folder = place if place.is_dir() else place.parent
    found = list_folder(folder, (".xml",), argument="path")
    files = list(found.files.values()) if place.is_dir() else [place]
    if not files:
        raise invalid("path", "an XML file, or a folder of them", f"none in {place}")
    pictures = folder if images is None else require_folder(Path(images), "images")
    pictured = list_images(pictures)
    by_stem = images_by_stem(pictured.files)
    notes = ReadingNotes(place)
    names: list[str] = []
    cuts: list[tuple[Path, tuple[int, int, int, int]]] = []
    labels: dict[str, str] = {}
    pages: set[str] = set()
    for file in files:
        root, lines = parse_xml(file)
        page = read(root, lines, file)
        inside = path_relative_to(file, folder).parent
        image = image_of_label(page.image, pictures, by_stem, file, inside, field=page.field)
        if image in pages:
            raise file_error(
                file, page.line, "an image of its own", f"{image!r}, which another has"
            )
        pages.add(image)
        frame = frame_of(
            pictures / image, page.stated, file, page.line, name=image, turned=turn, notes=notes
        )
        known: set[str] = set()
        for one in page.lines:
            if one.name in known:
                raise file_error(file, one.line, "distinct ids of lines", f"{one.name!r} twice")
            known.add(one.name)
            box = frame.fit(one.box, clip, file, one.line)
            name = f"{image}#{one.name}"
            if box is None:
                notes.passed_over[name] = "it has no area, or lies outside the page"
                continue
            names.append(name)
            x1, y1, x2, y2 = box
            cuts.append(
                (pictures / image, (math.floor(x1), math.floor(y1), math.ceil(x2), math.ceil(y2)))
            )
            if one.text:
                labels[name] = one.text
        if not page.lines:
            notes.passed_over[image] = "no line on it"
    notes.warn()
    if not names:
        raise file_error(place, None, "at least one line", "none")
    others = {name: "no file with its lines" for name in pictured.files if name not in pages}
    cut = _Cut(cuts)
    return Pool(names, cut.at, labels=labels, passed_over={**notes.passed_over, **others})


class _Cut:
    """Cuts lines out of pages; the page that was opened last is kept."""

    def __init__(self, cuts: Sequence[tuple[Path, tuple[int, int, int, int]]]) -> None:
        self._cuts = cuts
        self._last: tuple[Path, Image] | None = None

    def at(self, place: int) -> Any:
        """Return the image of a line."""
        path, box = self._cuts[place]
        last = self._last  # another thread may open another page meanwhile
        if last is None or last[0] != path:
            last = path, open_image(path)
            self._last = last
        return last[1].crop(box)


def local_name(element: ElementTree.Element) -> str:
    """Return an element's name without the prefix of its namespace."""
    return element.tag.rpartition(":")[2]


def children(element: ElementTree.Element, *names: str) -> list[ElementTree.Element]:
    """Return the children that have one of some names."""
    return [child for child in element if local_name(child) in names]


def descendants(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Return all elements inside that have a name, in the order of the file."""
    return [one for one in element.iter() if local_name(one) == name and one is not element]


def box_around(written: str, path: Path, line: int) -> list[float]:
    """Return the frame around points `x,y x,y ...`.

    Raises:
        InvalidInputError: for fewer than two points, or what is none.
    """
    numbers = [number_in(number) for number in re.split(r"[\s,;]+", written.strip())]
    found = [number for number in numbers if number is not None and abs(number) <= _MOST]
    if len(found) != len(numbers) or len(found) < 4 or len(found) % 2:
        raise file_error(path, line, "points 'x,y x,y ...'", repr(written[:80]))
    xs, ys = found[::2], found[1::2]
    return [min(xs), min(ys), max(xs), max(ys)]


def one_line(text: str, path: Path, line: int) -> str:
    """Return the text of a line without blanks around it.

    Raises:
        InvalidInputError: for a text of several lines.
    """
    text = text.strip()
    if "\n" in text or "\r" in text:
        raise file_error(path, line, "one line of text", repr(text[:80]))
    return text


def require_root(
    root: ElementTree.Element, name: str, lines: Lines, path: Path, *, format: str
) -> ElementTree.Element:
    """Return the one page of a file of a format.

    Raises:
        InvalidInputError: for another root, or none or several pages.
    """
    if local_name(root) != name:
        hint = {"alto": "Read it as 'alto'.", "PcGts": "Read it as 'page'."}.get(
            local_name(root), ""
        )
        raise file_error(path, lines[root], f"{format}'s root <{name}>", f"<{root.tag[:80]}>", hint)
    pages = descendants(root, "Page")
    if len(pages) != 1:
        raise file_error(path, lines[root], "one <Page>", f"{len(pages)}")
    return pages[0]
