"""Images and masks as people have them: two folders, or COCO's polygons."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from altasks._internal.extras import require
from altasks.data.boxes.classes import check_class_list
from altasks.data.boxes.coco_entries import (
    categories_of,
    content_of,
    field_of,
    identity_of,
    is_number,
    known_kind,
)
from altasks.data.boxes.frames import (
    Frame,
    ReadingNotes,
    check_turned,
    frame_of,
    stated_size,
)
from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.masks.masks import encode_mask
from altasks.data.pool import Pool, as_pool
from altasks.data.text_files import fault, read_lines
from altasks.errors import invalid

_MASK_SUFFIXES = (".bmp", ".gif", ".png", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Images, and the masks of those that have one.

    Attributes:
        images: id -> path; an id is the file's name in its folder, without suffix.
        masks: id -> mask, as a label: a path, or run lengths.
        classes: the names of the classes, in the order of their numbers.
        void: the number of unlabelled pixels.
    """

    images: dict[str, Path]
    masks: dict[str, Any] = field(repr=False)
    classes: list[str]
    void: int

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.images)

    def pool(self) -> Pool:
        """Return all images as a pool, with the masks as its labels."""
        return Pool(list(self.images), list(self.images.values()).__getitem__, labels=self.masks)

    def pairs(self) -> tuple[list[Path], list[Any]]:
        """Return the images that have a mask, and the masks, for `fit` and `evaluate`."""
        known = [name for name in self.images if name in self.masks]
        return [self.images[name] for name in known], [self.masks[name] for name in known]


def read_masks(
    images: Path | str,
    masks: Path | str,
    *,
    classes: Sequence[str] | Mapping[str, Sequence[int]] | Path | str,
    void: int = 255,
) -> MaskedImages:
    """Return the images of one folder with the masks of another, which have the same names.

    Args:
        images: a folder. Images without a mask are there to be asked for.
        masks: a folder of images of class numbers; or of colours, where `classes` says which.
        classes: the names by number; or name -> (red, green, blue), numbered in that order, where
            masks are painted (black may be left out: it is void then); or the path of a text
            file with one name a line.
        void: the number of unlabelled pixels.

    Raises:
        InvalidInputError: for a folder without images, a mask without an image, two files of one
            name, a colour that no class has, or a link that leads out of its folder; it names
            the file.
    """
    names, palette = _classes(classes)
    found = _by_stem(Path(images), IMAGE_SUFFIXES)
    drawn = _by_stem(Path(masks), _MASK_SUFFIXES)
    strangers = [name for name in drawn if name not in found]
    if strangers:
        raise invalid(
            "masks",
            f"masks of the images in {images}",
            f"one without an image: {drawn[strangers[0]]}",
        )
    labels = {
        name: os.fspath(path) if palette is None else _painted(path, palette, void)
        for name, path in drawn.items()
    }
    return MaskedImages(found, labels, names, void)


def _classes(classes: Any) -> tuple[list[str], dict[tuple[int, ...], int] | None]:
    if isinstance(classes, str | os.PathLike):
        lines = [line.strip() for _, line in read_lines(classes)]
        return check_class_list([line for line in lines if line], f"classes ({classes})"), None
    if not isinstance(classes, Mapping):
        return check_class_list([str(name) for name in classes], "classes"), None
    palette: dict[tuple[int, ...], int] = {}
    for number, (name, colour) in enumerate(classes.items()):
        key = tuple(int(value) for value in colour)
        if len(key) != 3 or min(key) < 0 or max(key) > 255 or key in palette:
            raise invalid("classes", "a colour of its own for each class", f"{name!r}: {colour}")
        palette[key] = number
    return [str(name) for name in classes], palette


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise invalid("folder", "an existing folder", f"{folder}")
    pool = as_pool(folder, suffixes=suffixes)
    found: dict[str, Path] = {}
    for name in pool.ids:
        stem = name.rpartition(".")[0]
        if stem in found:
            raise invalid("folder", "one file of each name", f"{found[stem]} and {pool[name]}")
        found[stem] = pool[name]
    return found


def _painted(path: Path, palette: Mapping[tuple[int, ...], int], void: int) -> dict[str, Any]:
    pil = require("PIL.Image", "vision", "Reading masks")
    try:
        with pil.open(path) as image:
            array = np.asarray(image.convert("RGB")).astype(np.int64)
    except Exception as error:  # a damaged file makes PIL's decoders raise anything
        raise invalid(
            "masks", "an image", f"{type(error).__name__}: {error}", where=str(path)
        ) from error
    keys = (array[:, :, 0] << 16) + (array[:, :, 1] << 8) + array[:, :, 2]
    numbers = {0: void, **{(r << 16) + (g << 8) + b: n for (r, g, b), n in palette.items()}}
    colours, inverse = np.unique(keys, return_inverse=True)
    for key in colours.tolist():
        if key not in numbers:
            row, column = (int(i[0]) for i in np.nonzero(keys == key))
            colour = (key >> 16, key >> 8 & 255, key & 255)
            raise invalid(
                "masks",
                "the colours of the classes",
                f"{colour}",
                where=f"{path}, row {row}, column {column}",
                hint="Masks saved as JPEG have colours that nobody painted.",
            )
    mapped = np.array([numbers[key] for key in colours.tolist()])
    return encode_mask(mapped[inverse.reshape(keys.shape)])


def read_coco_masks(
    annotations: Path | str,
    images: Path | str,
    *,
    background: str | None = "background",
    void: int = 255,
    turned: Literal["error", "stored", "upright"] = "error",
) -> MaskedImages:
    """Return the images of a COCO file of instances, its polygons drawn as masks of classes.

    A polygon covers the pixels whose centres lie in it. Larger objects are drawn first, so that a
    small one in front of them stays visible; where no `area` is given, or 0, it is that of the
    polygons themselves. Polygons of an image that was resized after labelling are scaled, with a
    warning. A crowd (`iscrowd`) is void. An image without an
    object is background; without `background=` it has no mask.

    Args:
        annotations: the JSON file.
        images: the folder that its file names are relative to.
        background: the name of class 0, of all that no polygon covers; None leaves that void, and
            the categories are numbered from 0.
        void: the number of unlabelled pixels.
        turned: of photographs that EXIF turns, as of `read_coco`.

    Raises:
        InvalidInputError: for a file that is none of COCO's, an image whose name leads out of the
            folder, two images of one name, an unknown category, or an object without polygons; it
            names the object.
    """
    path, folder = Path(annotations), Path(images).resolve()
    told = content_of(path)
    classes = categories_of(told, path)
    first = 0 if background is None else 1
    names = [] if background is None else [background]
    names += classes.values()
    numbers = {number: place for place, number in enumerate(classes, start=first)}
    files: dict[str, Path] = {}
    keys: dict[Any, str] = {}
    frames: dict[str, Frame] = {}
    notes, turned = ReadingNotes(path), check_turned(turned)
    for place, one in enumerate(told["images"]):
        what = f"images[{place}]"
        name, number = field_of(one, "file_name", str, what, path), identity_of(one, what, path)
        file = (folder / name).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            raise invalid("annotations", f"names of files in {folder}", repr(name), where=str(path))
        key = Path(name).with_suffix("").as_posix()
        if key in files or number in keys:
            raise invalid("annotations", "images with an id and a name of their own",
                          repr(name), where=str(path))  # fmt: skip
        keys[number], files[key] = key, file
        size = stated_size(one.get("width"), one.get("height"), path, None, f"for {name!r} ")
        frames[key] = frame_of(file, size, path, name=name, turned=turned, notes=notes)
    drawn: dict[str, list[Any]] = {} if background is None else {name: [] for name in files}
    for place, one in enumerate(told["annotations"]):
        if not isinstance(one, Mapping):
            raise fault(path, None, f"annotations[{place}] to be an object", type(one).__name__)
        where = f"{path}, annotation {one.get('id')}"
        category, image = known_kind(one.get("category_id")), known_kind(one.get("image_id"))
        if category not in numbers or image not in keys:
            raise invalid("annotations", "a known category and image", f"{one}"[:80], where=where)
        area = one.get("area") or 0
        if not is_number(area):
            raise invalid("annotations", "an area that is a number", repr(area), where=where)
        drawn.setdefault(keys[image], []).append(one)
    masks = {name: _drawn(drawn[name], frames[name], numbers, path, first, void) for name in drawn}
    notes.warn()
    return MaskedImages(files, masks, names, void)


def _drawn(
    objects: Sequence[Mapping[str, Any]],
    frame: Frame,
    numbers: Mapping[Any, int],
    path: Path,
    first: int,
    void: int,
) -> dict[str, Any]:
    width, height = frame.size
    canvas = np.full((height, width), 0 if first else void, np.int32)
    shapes = [(one, _shape(one, frame, f"{path}, annotation {one.get('id')}")) for one in objects]
    for one, shape in sorted(shapes, key=lambda pair: -_area(*pair)):
        value = void if one.get("iscrowd") else numbers[known_kind(one["category_id"])]
        if isinstance(shape, np.ndarray):
            canvas[shape] = value
            continue
        for points in shape:
            _fill(canvas, frame.place_points(points), value)
    return encode_mask(canvas)


def _shape(one: Mapping[str, Any], frame: Frame, where: str) -> np.ndarray | list[np.ndarray]:
    """Return what an object covers: a mask `[H, W]`, or polygons `[n, 2]` of the frame."""
    polygons = one.get("segmentation")
    if isinstance(polygons, Mapping):
        return _runs(polygons, frame.size, where)
    try:
        corners = [np.asarray(points, dtype=float).reshape(-1, 2) for points in polygons or ()]
    except (TypeError, ValueError) as error:
        raise invalid("annotations", "polygons [x, y, ...]", f"{error}", where=where) from error
    if not corners or min(map(len, corners)) < 3:
        raise invalid("annotations", "polygons of 3 corners or more", "none", where=where)
    for points in corners:
        if not np.isfinite(points).all():
            raise invalid("annotations", "finite corners", "others", where=where)
    return corners


def _area(one: Mapping[str, Any], shape: np.ndarray | list[np.ndarray]) -> float:
    """Return the area that is stated, or that of the shape itself, in pixels of the frame."""
    if one.get("area"):
        return float(one["area"])
    if isinstance(shape, np.ndarray):
        return float(shape.sum())
    total = 0.0
    for points in shape:  # by the shoelace formula
        x, y = points[:, 0], points[:, 1]
        total += abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    return total


def _fill(canvas: np.ndarray, corners: np.ndarray, value: int) -> None:
    """Write `value` into the pixels of `[H, W]` whose centres lie in a polygon `[n, 2]` of (x, y).

    Pixel i reaches from i to i + 1, as in COCO's own tools; PIL would draw the outline as well,
    and an object of 4 x 4 pixels as one of 5 x 5.
    """
    height, width = canvas.shape
    one, other = corners, np.roll(corners, -1, 0)
    rows = np.clip(np.ceil(np.stack([one[:, 1], other[:, 1]]) - 0.5), 0, height).astype(np.int64)
    first, count = rows.min(0), np.abs(rows[0] - rows[1])  # of the rows whose centres an edge cuts
    edge = np.repeat(np.arange(len(one)), count)
    if not len(edge):
        return
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    start, step = one[edge], other[edge] - one[edge]
    x = start[:, 0] + (row + 0.5 - start[:, 1]) * step[:, 0] / step[:, 1]
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    top, bottom = int(row.min()), int(row.max()) + 1
    cuts = np.bincount((row - top) * (width + 1) + column, minlength=(bottom - top) * (width + 1))
    # To the right of an odd number of edges is inside.
    inside = np.cumsum(cuts.reshape(-1, width + 1), 1)[:, :width] % 2 == 1
    canvas[top:bottom][inside] = value


def _runs(label: Mapping[str, Any], size: tuple[int, int], where: str) -> np.ndarray:
    """Return what COCO's uncompressed run lengths cover: column by column, from uncovered."""
    counts = label.get("counts")
    if not isinstance(counts, list):
        raise invalid(
            "annotations",
            "polygons, or run lengths that aren't compressed",
            "compressed ones",
            where=where,
            hint="pycocotools.mask.decode reads them.",
        )
    fine = all(isinstance(count, int) and count >= 0 for count in counts)
    if not fine or sum(counts) != size[0] * size[1]:
        raise invalid("annotations", f"counts that sum to {size[0]} x {size[1]}", "others",
                      where=where)  # fmt: skip
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    cover: np.ndarray = flat.reshape(size).T
    return cover
