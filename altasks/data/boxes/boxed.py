"""Images with boxes, whatever files they came from."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altasks.data.images import image_size
from altasks.data.pool import Pool
from altasks.data.text_files import fault
from altasks.errors import InvalidInputError, UnknownNameError, UnreadableSampleError, invalid

#: A box as it is told: {"label": name, "box": [x1, y1, x2, y2]} in pixels.
BoxLabel = dict[str, Any]


@dataclass(frozen=True)
class BoxedImages:
    """Image files by id, and the boxes of those that are labelled.

    Attributes:
        names: the classes.
        images: id -> file.
        labels: id -> list of `{"label": name, "box": [x1, y1, x2, y2]}`, pixels of the image. An
            image without an entry isn't labelled; an empty list says that nothing is on it.
    """

    names: list[str]
    images: dict[str, Path]
    labels: dict[str, list[BoxLabel]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def pool(self) -> Pool:
        """Return the images as a pool, with the labels there are."""
        ids = list(self.images)
        return Pool(ids, lambda i: self.images[ids[i]], labels=self.labels)

    def pairs(self) -> tuple[list[Path], list[list[BoxLabel]]]:
        """Return the labelled images and their labels, as `fit` and `evaluate` take them."""
        ids = [name for name in self.images if name in self.labels]
        return [self.images[name] for name in ids], [self.labels[name] for name in ids]

    def counts(self) -> list[int]:
        """Return how many boxes of each class there are, in the order of the classes."""
        found = Counter(entry["label"] for label in self.labels.values() for entry in label)
        return [found[name] for name in self.names]

    def subset(self, ids: Sequence[str]) -> BoxedImages:
        """Return some of the images, in the order given.

        Raises:
            UnknownNameError: for an id that there isn't.
        """
        for name in ids:
            if name not in self.images:
                raise UnknownNameError(f"ids: {name!r} is not among the {len(self)} images.")
        return BoxedImages(
            self.names,
            {name: self.images[name] for name in ids},
            {name: self.labels[name] for name in ids if name in self.labels},
        )


def within(folder: Path, name: str, source: Path, line: int | None = None) -> Path:
    """Return `folder / name`, which a file named, refusing one that leads out of the folder.

    Raises:
        InvalidInputError: naming the file that says so, and its line.
    """
    if not name or "\0" in name:
        raise fault(source, line, "the name of a file", repr(name))
    path = folder / name.replace("\\", "/")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise fault(source, line, f"a path inside {folder}", f"{name!r}, which leads out of it")
    return path


def relative(image: Path, folder: Path) -> Path:
    """Return where in `folder` an image is, one of which may be absolute and the other not."""
    if image.is_relative_to(folder):
        return image.relative_to(folder)
    return image.resolve().relative_to(folder.resolve())


def existing_image(path: Path, source: Path, line: int | None = None) -> Path:
    """Return the path of an image file that is there.

    Raises:
        InvalidInputError: naming the file that wants it.
    """
    if not path.is_file():
        raise fault(source, line, "an image that is there", f"{path}, which isn't")
    return path


def size_of(image: Path, source: Path) -> tuple[int, int]:
    """Return (width, height) of an image, upright.

    Raises:
        InvalidInputError: naming the file that labels it, if it can't be read.
    """
    try:
        return image_size(image)
    except UnreadableSampleError as error:
        found = next(iter(error.rows.values()))
        raise fault(source, None, f"an image in {image}", found) from error


def box_inside(
    box: Sequence[float],
    size: tuple[int, int],
    tolerance: float,
    source: Path,
    line: int | None,
    what: str = "",
    *,
    skip: bool = False,
) -> list[float] | None:
    """Return a box, brought inside its image where rounding put it out by less than `tolerance`.

    With `skip`, None for one that has no area or lies outside.

    Raises:
        InvalidInputError: naming file and line of such a box, without `skip`.
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    width, height = size
    shown = f"{what}[{x1:g}, {y1:g}, {x2:g}, {y2:g}]"
    proper = x1 < x2 and y1 < y2  # not where one isn't a number
    inside = max(-x1, -y1, x2 - width, y2 - height) <= tolerance
    if not (proper and inside):
        if skip:
            return None
        wanted = "inside its image of {} x {}".format(*size) if proper else "with x1 < x2, y1 < y2"
        hint = "bad_boxes='skip' leaves such boxes out."
        raise fault(source, line, f"a box {wanted}", shown, hint)
    return [max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)]


def skips(bad_boxes: str) -> bool:
    """Return whether boxes that can't be are left out.

    Raises:
        InvalidInputError: for another word than `"error"` or `"skip"`.
    """
    if bad_boxes not in ("error", "skip"):
        raise invalid("bad_boxes", "'error' or 'skip'", repr(bad_boxes))
    return bad_boxes == "skip"


def class_named(name: str, names: Sequence[str] | None, source: Path, line: int | None) -> str:
    """Return a class name, refusing one that isn't among those expected.

    Raises:
        InvalidInputError: naming file and line, and the closest name.
    """
    if not name.strip():
        raise fault(source, line, "a class name", "none")
    if names is not None and name not in names:
        import difflib

        close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
        shown = ", ".join(map(repr, list(names)[:20]))
        hint = f"Did you mean {close[0]!r}?" if close else ""
        raise fault(source, line, f"one of the classes {shown}", repr(name), hint)
    return name


def check_class_list(names: Any, source: str = "names") -> list[str]:
    """Return class names, refusing anything but distinct strings."""
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise invalid(source, "a list of class names", repr(names)[:80])
    found: list[str] = []
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise invalid(source, "names that are strings", repr(name), where=f"class {place}")
        if name in found:
            raise invalid(source, "distinct class names", f"{name!r} twice")
        found.append(name)
    return found


def target(folder: Path, name: str) -> Path:
    """Return where a writer puts the file called `name`, its folder made.

    Raises:
        InvalidInputError: for an id that would be written outside `folder`.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise invalid("ids", f"ids that stay inside {folder}", repr(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def copy_image(image: Path | str, path: Path) -> None:
    """Copy a file to where a writer puts it, unless that is where it lies."""
    if not (path.exists() and path.samefile(image)):
        shutil.copyfile(image, path)


def with_suffix(names: Iterable[str], suffix: str) -> dict[str, str]:
    """Return id -> the name of the file that its label is written into.

    Raises:
        InvalidInputError: for two ids that differ in the suffix alone: one label would be lost.
    """
    owners: dict[str, str] = {}
    for name in names:
        owner = owners.setdefault(str(Path(name).with_suffix(suffix)), name)
        if owner != name:
            raise invalid("ids", f"ids that differ without their suffix, for {suffix} files",
                          f"{owner!r} and {name!r}")  # fmt: skip
    return {name: file for file, name in owners.items()}


def require_folder(path: Path, argument: str) -> Path:
    """Return a path that is a folder."""
    if not path.is_dir():
        raise invalid(argument, "an existing folder", repr(str(path)))
    return path


def labelled_sizes(boxed: BoxedImages) -> Mapping[str, tuple[int, int]]:
    """Return (width, height) of every labelled image.

    Raises:
        InvalidInputError: for one that can't be read, naming it.
    """
    sizes = {}
    for name in boxed.labels:
        if name not in boxed.images:
            raise InvalidInputError(f"labels: {name!r} has no image.")
        sizes[name] = image_size(boxed.images[name])
    return sizes
