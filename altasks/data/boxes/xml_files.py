"""XML files of labels, parsed without entities, each element with its line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from altasks.data.text_files import file_error, read_whole
from altasks.errors import InvalidInputError

#: Elements of VOC's that have elements in them, beside `object`.
_STRUCTURED = ("source", "owner", "size", "flags")
#: Other formats' tags for an object or its box, and VOC's own in other letters.
_BOX_LIKE = ("object", "bndbox", "box", "polygon", "robndbox", "bbox", "item")


def parse_xml(path: Path) -> tuple[ElementTree.Element, dict[ElementTree.Element, int]]:
    """Return the tree of an XML file, and the line of each element.

    A document type is refused: entities declared there can expand without end, or read other
    files.

    Raises:
        InvalidInputError: for what isn't XML, or has a document type, and for a zip archive.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    lines: dict[ElementTree.Element, int] = {}

    def refuse(*_: object) -> None:
        raise file_error(path, parser.CurrentLineNumber, "XML without a document type", "a DOCTYPE")

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(read_whole(path, "XML"), True)
        return builder.close(), lines
    except expat.ExpatError as error:
        raise file_error(path, error.lineno, "XML", str(error)) from error
    except (AssertionError, LookupError, OSError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise file_error(path, None, "XML", str(error)) from error


def text_of(parent: ElementTree.Element, tag: str) -> str:
    """Return the text in an element's child, stripped; empty where there is none."""
    found = parent.find(tag)
    return "" if found is None or found.text is None else found.text.strip()


def require_annotation(
    root: ElementTree.Element, lines: Mapping[ElementTree.Element, int], path: Path
) -> None:
    """Refuse XML that isn't VOC's, which would pass for an image with nothing on it.

    Raises:
        InvalidInputError: for another root, and for a file without an `object` that has one under
            another name, naming its line.
    """
    if root.tag != "annotation":
        hint = "Tags are in small letters." if root.tag.lower() == "annotation" else ""
        if root.tag == "annotations":
            hint = "This looks like CVAT's own XML: read_cvat reads it."
        raise file_error(path, lines[root], "VOC's root <annotation>", f"<{root.tag[:80]}>", hint)
    if root.find(".//object") is not None:
        return
    structured = [item for item in root if len(item) and item.tag not in _STRUCTURED]
    for item in (*structured, *root.iter()):
        if (structured and item is structured[0]) or (
            item is not root and item.tag.lower() in _BOX_LIKE
        ):
            raise file_error(
                path,
                lines[item],
                "VOC's <object> elements, or none at all",
                f"no <object>, but <{item.tag[:80]}>",
                "An XML file without objects means that nothing is on its image.",
            )
