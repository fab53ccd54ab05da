"""PAGE XML, of any of its versions."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from altasks.data.boxes.classes import whole_number
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

#: Groups inside each other that a page may have.
_MOST_GROUPS = 100
_REFERENCES = ("RegionRef", "RegionRefIndexed")


def read_page_lines(
    path: str | PathLike[str],
    images: str | PathLike[str] | None = None,
    *,
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> Pool:
    """Return the text lines of PAGE XML files: images cut out of their pages, and transcripts.

    A line is the upright frame around its `Coords`, in whole pixels; slanting ones aren't turned.
    Of several `TextEquiv` the one of the lowest `index` counts, as the format says, and before it
    one without. A line without a text is there to be transcribed. Lines come region by region in
    the page's `ReadingOrder`, regions that it doesn't name behind the others; within a region in
    the order of the file. Ids are `image#line`.

    Args:
        path: an XML file, or a folder of them, with folders inside, perhaps.
        images: the folder of images; by default that of the XML. Each file names its image in
            `imageFilename`, or has its name.
        bad_boxes: as of `read_voc`; a line that is left out is in `passed_over`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: naming file and line: XML that is broken, declares entities or isn't
            PAGE's, a line without points, outside its page or with a text of several lines, a
            missing image.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> text = '<TextEquiv index="0"><Unicode>Anno 1617</Unicode></TextEquiv>'
        >>> line = f'<TextLine id="l1"><Coords points="2,3 18,3 18,9 2,9"/>{text}</TextLine>'
        >>> region = f'<TextRegion id="r1">{line}</TextRegion>'
        >>> page = f'<Page imageFilename="a.png" imageWidth="20" imageHeight="12">{region}</Page>'
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("L", (20, 12)).save(Path(folder, "a.png"))
        ...     _ = Path(folder, "a.xml").write_text(f"<PcGts>{page}</PcGts>")
        ...     pool = read_page_lines(folder)
        ...     pool.labels, pool["a.png#l1"].size
        ({'a.png#l1': 'Anno 1617'}, (16, 6))
    """
    return pool_of_pages(path, images, _page, bad_boxes=bad_boxes, turned=turned)


def _page(root: ElementTree.Element, lines: Lines, path: Path) -> Page:
    page = require_root(root, "PcGts", lines, path, format="PAGE XML")
    sides = page.get("imageWidth"), page.get("imageHeight")
    size = stated_size(*sides, path, lines[page], "of the page, ")
    found = []
    for region in _regions(page, path):
        for item in children(region, "TextLine"):
            line = lines[item]
            name = item.get("id") or f"line {line}"
            box = box_around(_points(item, path, line), path, line)
            found.append(PageLine(name, box, _text(item, lines, path), line))
    return Page(page.get("imageFilename", ""), size, found, lines[page], "imageFilename")


def _regions(page: ElementTree.Element, path: Path) -> list[ElementTree.Element]:
    """Return the regions with text in reading order."""
    order = [ref for group in children(page, "ReadingOrder") for ref in _references(group, path)]
    place = {name: number for number, name in enumerate(dict.fromkeys(order))}
    regions = descendants(page, "TextRegion")
    return sorted(regions, key=lambda one: place.get(one.get("id", ""), len(place)))


def _references(group: ElementTree.Element, path: Path, depth: int = 0) -> list[str]:
    """Return the ids of regions in a group, by their index where they have one."""
    if depth > _MOST_GROUPS:
        raise file_error(path, None, "a ReadingOrder of groups", f"{depth} inside each other")
    members = [one for one in group if local_name(one) not in ("UserDefined", "Labels")]
    if "Unordered" not in local_name(group):
        members.sort(key=_index)
    found = []
    for one in members:
        named = one.get("regionRef")
        if named is not None:
            found.append(named)
        if local_name(one) not in _REFERENCES:
            found += _references(one, path, depth + 1)
    return found


def _index(element: ElementTree.Element) -> int:
    number = whole_number(element.get("index", ""))
    return -1 if number is None else number


def _points(item: ElementTree.Element, path: Path, line: int) -> str:
    """Return the points of a line, which versions before 2013 have as elements."""
    coords = children(item, "Coords")
    if len(coords) != 1:
        raise file_error(path, line, "one <Coords> in each <TextLine>", f"{len(coords)}")
    if (written := coords[0].get("points")) is not None:
        return written
    return " ".join(f"{one.get('x')},{one.get('y')}" for one in children(coords[0], "Point"))


def _text(item: ElementTree.Element, lines: Lines, path: Path) -> str:
    """Return the text of a line: the one with the lowest index."""
    texts = children(item, "TextEquiv")
    for one in texts:
        written = one.get("index")
        if written is not None and whole_number(written) is None:
            raise file_error(path, lines[one], "a whole number as index", repr(written[:80]))
    if not texts:
        return ""
    main = min(texts, key=_index)
    plain = children(main, "Unicode") or children(main, "PlainText")
    return one_line("".join(plain[0].itertext()), path, lines[main]) if plain else ""
