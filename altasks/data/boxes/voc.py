"""Pascal VOC: an XML file an image."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.parsers import expat

from altasks.data.boxes.boxed import (
    BoxedImages,
    BoxLabel,
    box_inside,
    check_class_list,
    class_named,
    copy_image,
    existing_image,
    labelled_sizes,
    relative,
    require_folder,
    size_of,
    skips,
    target,
    with_suffix,
    within,
)
from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.text_files import fault, read_lines
from altasks.errors import InvalidInputError, invalid

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    annotations: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    listed: str | PathLike[str] | None = None,
    bad_boxes: Literal["error", "skip"] = "error",
) -> BoxedImages:
    """Return the images that a folder of VOC's XML files labels.

    Ids are paths relative to the folder of images, with `/`. Corners are taken as they are
    written. An XML file is the label of its image, also where it has no object.

    Args:
        annotations: the folder of XML files, with folders inside, perhaps.
        images: the folder of images; each XML names its file, or has its name. An image of a
            folder inside is there, or in the folder of that name here.
        names: the classes; by default those that occur, sorted.
        listed: a text file with a name a line (`ImageSets/Main/train.txt`): which to read.
        bad_boxes: `"error"` refuses a box without an area or outside its image; `"skip"` leaves
            it out.

    Raises:
        InvalidInputError: naming file and line: XML that is broken or declares entities, a missing
            image, an unknown class, a box outside its image, a path that leads out of the folder.
    """
    place = require_folder(Path(annotations), "annotations")
    pictures = require_folder(Path(images), "images")
    known = None if names is None else check_class_list(names)
    skip = skips(bad_boxes)
    if listed is None:
        files = sorted(place.rglob("*.xml"))
        if not files:
            raise invalid("annotations", "a folder with XML files", f"none in {place}")
    else:
        files = []
        for line, content in read_lines(listed):
            if content.strip():
                # The lists of one class say after the name whether the image shows it.
                for name in (content.strip(), content.split()[0]):
                    path = within(place, f"{name}.xml", Path(listed), line)
                    if path.is_file():
                        break
                else:
                    raise fault(Path(listed), line, "an XML file", f"{path}, which isn't there")
                files.append(path)
    found: dict[str, Path] = {}
    labels: dict[str, list[BoxLabel]] = {}
    for path in files:
        root, lines = parse_xml(path)
        image = _image_of(root, pictures, path, relative(path, place).parent)
        name = relative(image, pictures).as_posix()
        if name in found:
            raise fault(path, None, "an image of its own", f"{name!r}, which another has")
        found[name] = image
        labels[name] = _objects(root, lines, size_of(image, path), known, path, skip)
    seen = sorted({entry["label"] for label in labels.values() for entry in label})
    return BoxedImages(known or seen, found, labels)


def write_voc(boxed: BoxedImages, folder: str | PathLike[str], *, copy_images: bool = True) -> Path:
    """Write `Annotations/NAME.xml`, and `JPEGImages/` if wanted; return the folder.

    Raises:
        InvalidInputError: for an id that would be written outside the folder, or two that would
            share an XML file.
    """
    root = Path(folder)
    sizes = labelled_sizes(boxed)
    files = with_suffix(boxed.labels, ".xml")
    for name, label in boxed.labels.items():
        tree = ElementTree.Element("annotation")
        _put(tree, "filename", name)
        size = ElementTree.SubElement(tree, "size")
        for tag, value in zip(("width", "height", "depth"), (*sizes[name], 3), strict=True):
            _put(size, tag, str(value))
        for entry in label:
            item = ElementTree.SubElement(tree, "object")
            _put(item, "name", entry["label"])
            box = ElementTree.SubElement(item, "bndbox")
            for tag, value in zip(_CORNERS, entry["box"], strict=True):
                _put(box, tag, f"{value:.9g}")
        ElementTree.indent(tree)
        path = target(root / "Annotations", files[name])
        path.write_bytes(ElementTree.tostring(tree, encoding="utf-8", xml_declaration=True))
    if copy_images:
        for name, image in boxed.images.items():
            copy_image(image, target(root / "JPEGImages", name))
    return root


def parse_xml(path: Path) -> tuple[ElementTree.Element, dict[ElementTree.Element, int]]:
    """Return the tree of an XML file, and the line of each element.

    A document type is refused: entities declared there can expand without end, or read other
    files.

    Raises:
        InvalidInputError: for what isn't XML, or has a document type.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    lines: dict[ElementTree.Element, int] = {}

    def refuse(*_: object) -> None:
        raise fault(path, parser.CurrentLineNumber, "XML without a document type", "a DOCTYPE")

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(path.read_bytes(), True)
        return builder.close(), lines
    except expat.ExpatError as error:
        raise fault(path, error.lineno, "XML", str(error)) from error
    except (AssertionError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise fault(path, None, "XML", str(error)) from error


def _put(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _text(parent: ElementTree.Element, tag: str) -> str:
    found = parent.find(tag)
    return "" if found is None or found.text is None else found.text.strip()


def _image_of(root: ElementTree.Element, folder: Path, path: Path, inside: Path) -> Path:
    """Return the image of an XML file, which lies in the folder `inside` of the annotations."""
    named = _text(root, "filename").replace("\\", "/")
    names = [named] if named else []
    names += [f"{path.stem}{suffix}" for suffix in IMAGE_SUFFIXES]
    for name in names:
        # A bare name is of the folder beside first: `b/1.xml` says `1.png`, and so does `1.xml`.
        places = [name, (inside / name).as_posix()]
        for place in places if "/" in name else places[::-1]:
            image = within(folder, place, path)
            if image.is_file():
                return image
    return existing_image(folder / (named or f"{path.stem}.jpg"), path)


def _objects(
    root: ElementTree.Element,
    lines: dict[ElementTree.Element, int],
    size: tuple[int, int],
    names: Sequence[str] | None,
    path: Path,
    skip: bool,
) -> list[BoxLabel]:
    found = []
    for item in root.iter("object"):
        line = lines[item]
        name = class_named(_text(item, "name"), names, path, line)
        box = item.find("bndbox")
        if box is None:
            raise fault(path, line, "a bndbox in each object", "none")
        try:
            corners = [float(_text(box, tag)) for tag in _CORNERS]
        except ValueError:
            shown = ", ".join(f"{tag} {_text(box, tag)!r}" for tag in _CORNERS)
            raise fault(path, lines[box], "four numbers", shown) from None
        kept = box_inside(corners, size, 0.0, path, lines[box], skip=skip)
        if kept is not None:
            found.append({"label": name, "box": kept})
    return found
