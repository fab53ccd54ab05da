"""Images and boxes as CVAT imports them, in an order."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from xml.etree import ElementTree

from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.paths import copy_image, output_path
from altasks.data.images import image_size
from altasks.errors import invalid


def write_cvat(
    boxed: BoxedImages,
    folder: str | PathLike[str],
    *,
    copy_images: bool = True,
    numbered: bool = True,
) -> Path:
    """Write `annotations.xml` ("CVAT for images 1.1") and `images/`; return the folder.

    A batch for a new task: upload `images`, then the XML as annotations; labels of `boxed` are
    there for people to correct, such as what a model predicts. CVAT goes by the names of images,
    unless it is told otherwise, so names begin with their place in the order: `000001_cat.jpg`.
    `read_cvat(numbered=True)` takes that off again.

    Args:
        boxed: the images in the order in which they are to be labelled. Images without a label
            have no box, as those with nothing on them: what CVAT exports says no more.
        folder: where to; it is made.
        copy_images: whether the images are copied.
        numbered: whether names begin with their place. Without it, make the task with
            `sorting_method="predefined"` and the images in the order of the XML.

    Raises:
        InvalidInputError: for an id that would be written outside the folder, a label of no known
            class, or an image that can't be read.
    """
    root = Path(folder)
    tree = ElementTree.Element("annotations")
    _put(tree, "version", "1.1")
    task = ElementTree.SubElement(ElementTree.SubElement(tree, "meta"), "task")
    _put(task, "size", str(len(boxed)))
    _put(task, "mode", "annotation")
    labels = ElementTree.SubElement(task, "labels")
    for name in boxed.names:
        label = ElementTree.SubElement(labels, "label")
        _put(label, "name", name)
        ElementTree.SubElement(label, "attributes")
    for place, (name, path) in enumerate(boxed.images.items()):
        width, height = image_size(path)
        written = f"{place + 1:06d}_{name}" if numbered else name
        attributes = {"id": str(place), "name": written}
        attributes |= {"width": str(width), "height": str(height)}
        item = ElementTree.SubElement(tree, "image", attributes)
        for entry in boxed.labels.get(name, []):
            if entry["label"] not in boxed.names:
                raise invalid("labels", f"one of {boxed.names}", repr(entry["label"]), where=name)
            box = {"label": entry["label"], "source": "auto", "occluded": "0"}
            edges = zip(("xtl", "ytl", "xbr", "ybr"), entry["box"], strict=True)
            box |= {edge: f"{value:.9g}" for edge, value in edges}
            ElementTree.SubElement(item, "box", box | {"z_order": "0"})
        target = output_path(root / "images", written)
        if copy_images:
            copy_image(path, target)
    ElementTree.indent(tree)
    content = ElementTree.tostring(tree, encoding="utf-8", xml_declaration=True)
    output_path(root, "annotations.xml").write_bytes(content)
    return root


def _put(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
