"""Pascal VOC: an XML file an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Literal
from xml.etree import ElementTree

from altasks.data.boxes.boxed import BoxedImages, BoxLabel, labelled_sizes
from altasks.data.boxes.classes import check_class_list, number_in, require_class
from altasks.data.boxes.frames import (
    BadBoxes,
    Frame,
    ReadingNotes,
    check_bad_boxes,
    check_turned,
    frame_of,
    stated_size,
)
from altasks.data.boxes.named_images import image_of_label, images_by_stem, without_suffix
from altasks.data.boxes.paths import (
    copy_image,
    label_files,
    output_path,
    path_inside,
    path_relative_to,
    require_folder,
)
from altasks.data.boxes.xml_files import parse_xml, require_annotation, text_of
from altasks.data.folders import list_folder, list_images
from altasks.data.text_files import file_error, read_lines
from altasks.errors import invalid

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    annotations: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    listed: str | PathLike[str] | None = None,
    skip_difficult: bool = False,
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> BoxedImages:
    """Return the images that a folder of VOC's XML files labels.

    Ids are paths relative to the folder of images, with `/`. Corners are taken as they are
    written. An XML file is the label of its image, also where it has no object.

    An image that was resized after labelling has its boxes scaled, with a warning; where its
    proportions differ from those of the file's `size`, that is an error. A `size` of 0 is none.

    Args:
        annotations: the folder of XML files, with folders inside, perhaps.
        images: the folder of images; each XML names its file, or has its name. An image of a
            folder inside is there, or in the folder of that name here.
        names: the classes; by default those that occur, sorted.
        listed: a text file with a name a line (`ImageSets/Main/train.txt`): which to read.
        skip_difficult: whether objects marked `difficult` are left out; by default they are boxes
            like the others.
        bad_boxes: `"error"` refuses a box without an area or outside its image; `"clip"` cuts what
            is outside; `"skip"` leaves the box out. Less than a pixel outside is always cut.
        turned: for photographs that EXIF turns, where the file states the size before that:
            `"stored"`, their boxes are of the stored image, and are turned with it; `"upright"`,
            they are of the upright one; `"error"` refuses them.

    An image of which every object was left out stays unlabelled, with a warning: it isn't one with
    nothing on it.

    Raises:
        InvalidInputError: naming file and line: XML that is broken, declares entities or isn't
            VOC's, a missing image, one that is named although another has the file's own name, an
            unknown class, a box outside its image, a path that leads out of the folder.
    """
    place = require_folder(Path(annotations), "annotations")
    pictures = require_folder(Path(images), "images")
    known = None if names is None else check_class_list(names)
    bad_boxes, turned = check_bad_boxes(bad_boxes), check_turned(turned)
    listing = list_folder(place, (".xml",), argument="annotations")
    notes = ReadingNotes(place)
    pictured = list_images(pictures)
    by_stem = images_by_stem(pictured.files)
    found: dict[str, Path] = {}
    labels: dict[str, list[BoxLabel]] = {}
    for path in _chosen(listing.files, place, listed):
        root, lines = parse_xml(path)
        require_annotation(root, lines, path)
        _refuse_second(root, "filename", lines, path)
        inside = path_relative_to(path, place).parent
        named = text_of(root, "filename")
        name = image_of_label(named, pictures, by_stem, path, inside, field="<filename>")
        if name in found:
            raise file_error(path, None, "an image of its own", f"{name!r}, which another has")
        found[name] = pictures / name
        size, line = None, None
        if (stated := root.find("size")) is not None:
            line = lines[stated]
            sides = text_of(stated, "width"), text_of(stated, "height")
            size = stated_size(*sides, path, line, "in size, ")
        frame = frame_of(found[name], size, path, line, name=name, turned=turned, notes=notes)
        kept, left_out = [], 0
        for label, box, difficult in _objects(root, lines, frame, known, path, bad_boxes):
            if box is None or (difficult and skip_difficult):
                left_out += 1
            else:
                kept.append({"label": label, "box": box})
        if kept or not left_out:
            labels[name] = kept
        else:
            notes.unlabelled(name, f"its objects were left out ({left_out})")
    notes.warn()
    seen = sorted({entry["label"] for label in labels.values() for entry in label})
    passed_over = {**listing.passed_over, **pictured.passed_over, **notes.passed_over}
    return BoxedImages(known or seen, found, labels, passed_over)


def count_voc(folder: str | PathLike[str], names: Sequence[str]) -> list[int]:
    """Return how many boxes of each class a folder of VOC's XML files has; needs no images.

    Args:
        folder: searched with the folders in it.
        names: the classes.

    Raises:
        InvalidInputError: for a folder without XML files, a file that isn't VOC's, or another
            class, naming file and line.
    """
    known = check_class_list(names)
    place = require_folder(Path(folder), "folder")
    files = list_folder(place, (".xml",), argument="folder").files.values()
    if not files:
        raise invalid("folder", "a folder with XML files", f"none in {place}")
    counts = dict.fromkeys(known, 0)
    for path in files:
        root, lines = parse_xml(path)
        require_annotation(root, lines, path)
        for item in root.iter("object"):
            counts[require_class(text_of(item, "name"), known, path, lines[item])] += 1
    return list(counts.values())


def write_voc(boxed: BoxedImages, folder: str | PathLike[str], *, copy_images: bool = True) -> Path:
    """Write `Annotations/NAME.xml`, and `JPEGImages/` if wanted; return the folder.

    Raises:
        InvalidInputError: for an id that would be written outside the folder, or two that would
            share an XML file.
    """
    root = Path(folder)
    sizes = labelled_sizes(boxed)
    files = label_files(boxed.labels, ".xml")
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
        path = output_path(root / "Annotations", files[name])
        path.write_bytes(ElementTree.tostring(tree, encoding="utf-8", xml_declaration=True))
    if copy_images:
        for name, image in boxed.images.items():
            copy_image(image, output_path(root / "JPEGImages", name))
    return root


def _chosen(
    files: Mapping[str, Path], place: Path, listed: str | PathLike[str] | None
) -> Iterator[Path]:
    """Yield the XML files to read: those of a list, or all."""
    if listed is None:
        if not files:
            raise invalid("annotations", "a folder with XML files", f"none in {place}")
        yield from files.values()
        return
    by_name = {without_suffix(name): path for name, path in files.items()}
    for line, content in read_lines(listed):
        if not content.strip():
            continue
        # The lists of one class state after the name whether the image shows it.
        for name in (content.strip(), content.split()[0]):
            path = path_inside(place, f"{name}.xml", Path(listed), line)
            key = PurePosixPath(name.replace("\\", "/")).as_posix()
            if key in by_name:
                yield by_name[key]
                break
        else:
            raise file_error(Path(listed), line, "an XML file", f"{path}, which isn't there")


def _refuse_second(
    item: ElementTree.Element, tag: str, lines: Mapping[ElementTree.Element, int], path: Path
) -> None:
    """Refuse two elements of a kind where one is read: the other would be lost."""
    for other in item.findall(tag)[1:]:
        raise file_error(path, lines[other], f"one <{tag}> in <{item.tag}>", "another")


def _put(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _objects(
    root: ElementTree.Element,
    lines: Mapping[ElementTree.Element, int],
    frame: Frame,
    names: Sequence[str] | None,
    path: Path,
    bad_boxes: BadBoxes,
) -> Iterator[tuple[str, list[float] | None, bool]]:
    """Yield (class, box or None where it is left out, difficult) of each object."""
    for item in root.iter("object"):
        line = lines[item]
        for tag in ("name", "bndbox"):
            _refuse_second(item, tag, lines, path)
        name = require_class(text_of(item, "name"), names, path, line)
        box = item.find("bndbox")
        if box is None:
            raise file_error(path, line, "a bndbox in each object", "none")
        corners = [number_in(text_of(box, tag)) for tag in _CORNERS]
        numbers = [value for value in corners if value is not None]
        if len(numbers) < len(corners):
            shown = ", ".join(f"{tag} {text_of(box, tag)!r}"[:60] for tag in _CORNERS)
            raise file_error(path, lines[box], "four numbers", shown)
        kept = frame.fit(numbers, bad_boxes, path, lines[box])
        if text_of(item, "deleted") == "1":  # LabelMe keeps what was taken back
            kept = None
        yield name, kept, text_of(item, "difficult").lower() in ("1", "true")
