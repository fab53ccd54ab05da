"""VGG Image Annotator's JSON, of its versions 1 to 3: one file for all images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.classes import check_class_list, require_class
from altasks.data.boxes.paths import require_folder
from altasks.data.label_studio.addresses import image_at, name_in
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.pool import Pool
from altasks.data.shapes.drawn import Empty, Others, Outlines, boxes_of, masks_of
from altasks.data.shapes.shape import DrawnImage
from altasks.data.shapes.via_files import ViaFile, attribute_of, shape_of, values_of, via_files
from altasks.data.text_files import file_error
from altasks.errors import InvalidInputError


def read_via(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    attribute: str | None = None,
    names: Sequence[str] | None = None,
    outlines: Outlines = "error",
    others: Others = "error",
    empty: Empty = "error",
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> BoxedImages:
    """Return the images of a project of VGG Image Annotator, and the boxes on them.

    Read are projects of versions 1 to 3 and their JSON exports. Ids are paths below the folder of
    images. The file states no sizes of images, and lists all of them, whether anybody looked at
    them or not: images without a region are refused until `empty` decides.

    Args:
        path: the JSON file.
        images: the folder of images.
        attribute: the attribute of regions that holds the class; by default the only one.
        names: the classes; by default those that occur, sorted.
        outlines: polygons, circles and ellipses: `"error"` refuses them, `"frame"` takes the
            box around, `"skip"` leaves them out.
        others: points and lines: `"error"` or `"skip"`.
        empty: what an image without a region is: `"nothing"`, `"unlabelled"` or `"error"`.
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`; a file states no sizes, so `"stored"` takes boxes to be of the
            stored image, and everything else to be of the upright one.

    Raises:
        InvalidInputError: naming file, image and region: JSON that is broken or isn't VIA's, a
            region without the attribute, several attributes and no `attribute=`, a missing image.
    """
    source = Path(path)
    drawn = _drawn(source, images, attribute)
    return boxes_of(
        drawn, source, names=names, bad_boxes=bad_boxes, turned=turned, outlines=outlines,
        others=others, empty=empty,
    )  # fmt: skip


def read_via_masks(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    attribute: str | None = None,
    names: Sequence[str] | None = None,
    background: str | None = "background",
    void: int = 255,
    others: Others = "error",
    empty: Empty = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> MaskedImages:
    """Return the images of a project of VGG Image Annotator, its regions as masks of classes.

    Later regions lie in front. A region covers the pixels whose centres lie in it.

    Args:
        path: the JSON file.
        images: the folder of images.
        attribute: as of `read_via`.
        names: the classes without the background; by default those that occur, sorted. One called
            as the background is class 0.
        background: the name of class 0, of what nothing covers; None leaves that void.
        void: the number of unlabelled pixels.
        others: as of `read_via`.
        empty: as of `read_via`; `"nothing"` is all background.
        turned: as of `read_via`.

    Raises:
        InvalidInputError: as `read_via`.
    """
    source = Path(path)
    drawn = _drawn(source, images, attribute)
    return masks_of(
        drawn, source, names=names, background=background, void=void, turned=turned,
        others=others, empty=empty,
    )  # fmt: skip


def read_via_files(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    attribute: str | None = None,
    names: Sequence[str] | None = None,
    multiple: bool = False,
) -> Pool:
    """Return the images of a project of VGG Image Annotator, and a file attribute as classes.

    An image without a value is there to be labelled.

    Args:
        path: the JSON file.
        images: the folder of images.
        attribute: the attribute of files that holds the class; by default the only one.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes, as of checkboxes.

    Raises:
        InvalidInputError: naming file and image: two values where one is wanted, and as `read_via`.
    """
    source = Path(path)
    known = None if names is None else check_class_list(names)
    files = via_files(source)
    key = attribute_of(attribute, [one.attributes for one in files], source, "of files")
    found: dict[str, Path] = {}
    labels: dict[str, Any] = {}
    for name, image, one in _located(files, require_folder(Path(images), "images"), source):
        found[name] = image
        values = values_of(one.attributes.get(key), source, f"{one.name}: ")
        for value in values:
            require_class(value, known, source, None)
        if len(values) > 1 and not multiple:
            raise file_error(
                source, None, f"one {key!r} for {one.name}", ", ".join(map(repr, values)),
                "Say multiple=True for lists of them.",
            )  # fmt: skip
        if values:
            labels[name] = values if multiple else values[0]
    ids = list(found)
    return Pool(ids, lambda i: found[ids[i]], labels=labels, in_memory=True)


def _drawn(
    source: Path, images: str | PathLike[str], attribute: str | None
) -> dict[str, DrawnImage]:
    files = via_files(source)
    every = [attributes for one in files for _, _, attributes in one.regions]
    key = attribute_of(attribute, every, source, "of regions") if every else ""
    drawn = {}
    for name, image, one in _located(files, require_folder(Path(images), "images"), source):
        shapes = []
        for place, (kind, numbers, attributes) in enumerate(one.regions):
            what = f"{one.name}, regions[{place}] "
            values = values_of(attributes.get(key), source, what)
            if len(values) != 1:
                raise file_error(
                    source, None, f"{what}with one {key!r}", ", ".join(map(repr, values)) or "none"
                )
            shapes.append(shape_of(kind, numbers, values[0], what, source))
        drawn[name] = DrawnImage(image, None, shapes, source)
    return drawn


def _located(
    files: Sequence[ViaFile], folder: Path, source: Path
) -> Iterator[tuple[str, Path, ViaFile]]:
    """Yield (id, image, file) of each file."""
    known: set[str] = set()
    for one in files:
        try:
            image = image_at(one.name, folder)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from error
        name = name_in(image, folder)
        if name in known:
            raise file_error(source, None, "an image of its own", f"{name!r} a second time")
        known.add(name)
        yield name, image, one
