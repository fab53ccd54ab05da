"""CVAT's XML for images 1.1: boxes, outlines, masks and tags."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.classes import check_class_list, require_class
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.pool import Pool
from altasks.data.shapes.cvat_images import Pictures, drawn_images, image_of, parse_cvat
from altasks.data.shapes.drawn import Empty, Others, Outlines, boxes_of, masks_of
from altasks.data.text_files import file_error
from altasks.errors import invalid


def read_cvat(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    outlines: Outlines = "error",
    others: Others = "error",
    empty: Empty = "error",
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
    numbered: bool = False,
) -> BoxedImages:
    """Return the images of CVAT's XML ("CVAT for images 1.1") and the boxes on them.

    Ids are the images' names, paths below the folder. Of a rotated box the upright frame around it
    is taken, cut at the border; shapes that are `outside` their image are none. CVAT lists all
    images of a task, whether anybody looked at them or not, so images without a shape are refused
    until `empty` decides. Sizes that the file states are held against the images as `read_voc`
    does.

    Args:
        path: the XML file, unpacked.
        images: the folder of images; CVAT's own exports have it beside the file.
        names: the classes; by default those of the task, in its order.
        outlines: polygons, ellipses and masks: `"error"` refuses them, `"frame"` takes the box
            around, `"skip"` leaves them out.
        others: points, lines, skeletons and cuboids: `"error"` or `"skip"`.
        empty: what an image without a shape is: `"nothing"` (people found nothing on it),
            `"unlabelled"`, or `"error"`.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`.
        numbered: whether the images' names begin with their place, as `write_cvat` puts it there.

    Raises:
        InvalidInputError: naming file and line: XML that is broken, declares entities or isn't
            CVAT's, tracks, a missing image, another class, a box outside its image.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> box = '<box label="cat" xtl="1" ytl="2" xbr="5.5" ybr="6" rotation="0"/>'
        >>> image = f'<image id="0" name="a.png" width="20" height="10">{box}</image>'
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (20, 10)).save(Path(folder, "a.png"))
        ...     file = Path(folder, "annotations.xml")
        ...     _ = file.write_text(f"<annotations>{image}</annotations>")
        ...     read_cvat(file, folder).labels
        {'a.png': [{'label': 'cat', 'box': [1.0, 2.0, 5.5, 6.0]}]}
    """
    source = Path(path)
    drawn, listed = drawn_images(source, images, numbered)
    return boxes_of(
        drawn, source, names=names, listed=listed, bad_boxes=bad_boxes, turned=turned,
        outlines=outlines, others=others, empty=empty,
    )  # fmt: skip


def read_cvat_masks(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    background: str | None = "background",
    void: int = 255,
    others: Others = "error",
    empty: Empty = "error",
    turned: Literal["error", "stored", "upright"] = "error",
    numbered: bool = False,
) -> MaskedImages:
    """Return the images of CVAT's XML with masks, made of all its shapes that have an area.

    Shapes of a higher `z_order` lie in front, of the same order the later ones. A shape covers the
    pixels whose centres lie in it. Ids are the images' names without suffix.

    Args:
        path: the XML file, unpacked.
        images: the folder of images.
        names: the classes without the background; by default those of the task, in its order. One
            called as the background is class 0.
        background: the name of class 0, of what nothing covers; None leaves that void.
        void: the number of unlabelled pixels.
        others: as of `read_cvat`.
        empty: as of `read_cvat`; `"nothing"` is all background.
        turned: as of `read_voc`.
        numbered: as of `read_cvat`.

    Raises:
        InvalidInputError: as `read_cvat`, and for damaged run lengths.
    """
    source = Path(path)
    drawn, listed = drawn_images(source, images, numbered)
    return masks_of(
        drawn, source, names=names, listed=listed, background=background, void=void,
        turned=turned, others=others, empty=empty,
    )  # fmt: skip


def read_cvat_tags(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    multiple: bool = False,
    empty: Empty = "unlabelled",
    numbered: bool = False,
) -> Pool:
    """Return the images of CVAT's XML, and their tags as classes.

    Args:
        path: the XML file, unpacked.
        images: the folder of images.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes, in the order of the file.
        empty: what an image without a tag is: `"unlabelled"`, `"nothing"` (the label `[]`, with
            `multiple`), or `"error"`.
        numbered: as of `read_cvat`.

    Raises:
        InvalidInputError: naming file and line: two tags where one is wanted, and as `read_cvat`.
    """
    source = Path(path)
    known = None if names is None else check_class_list(names)
    root, lines = parse_cvat(source)
    pictures = Pictures(images)
    if empty not in ("error", "nothing", "unlabelled") or (empty == "nothing" and not multiple):
        wanted = "'unlabelled' or 'error', or with multiple=True 'nothing'"
        raise invalid("empty", wanted, repr(empty))
    files: dict[str, Path] = {}
    labels: dict[str, object] = {}
    for item in root.findall("image"):
        name, image = image_of(item, pictures, lines, source, files, numbered)
        files[name] = image
        tags = list(item.findall("tag"))
        found = [require_class(tag.get("label", ""), known, source, lines[tag]) for tag in tags]
        if len(set(found)) != len(found) or (len(found) > 1 and not multiple):
            hint = "" if multiple else "Say multiple=True for lists of tags."
            wanted = "distinct tags" if multiple else "one tag for an image"
            raise file_error(source, lines[tags[1]], wanted, ", ".join(map(repr, found)), hint)
        if not found and empty == "error":
            raise file_error(source, lines[item], "a tag for every image", f"none for {name!r}")
        if multiple and (found or empty == "nothing"):
            labels[name] = found
        elif found:
            labels[name] = found[0]
    ids = list(files)
    return Pool(ids, lambda i: files[ids[i]], labels=labels, in_memory=True)
