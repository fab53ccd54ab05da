"""Images in one folder, their masks in another."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from altasks.data.folders import IMAGE_SUFFIXES, few, list_folder, list_images
from altasks.data.images import upright_size
from altasks.data.masks.coco_masks import read_coco_masks
from altasks.data.masks.mask_images import mask_size
from altasks.data.masks.mask_values import class_values, settle_white
from altasks.data.masks.masked_images import MaskedImages
from altasks.data.near_names import look_alike
from altasks.errors import DataWarning, invalid

__all__ = ["MaskedImages", "read_coco_masks", "read_masks"]

#: Files of arrays that may well hold masks and aren't read.
_OTHER_ARRAYS = (".npz", ".mat", ".h5", ".hdf5", ".pt", ".pth", ".nii", ".nrrd", ".pkl")


def read_masks(
    images: Path | str,
    masks: Path | str,
    *,
    classes: Sequence[str] | Mapping[str, Sequence[int] | int] | Path | str,
    void: int | None = None,
    mask_suffix: str = "",
) -> MaskedImages:
    """Return the images of one folder with the masks of another, which have the same names.

    Masks are images of one channel, of 1 to 16 bits or with a palette, whose numbers are the
    classes; or `.npy` files. Where no mask has a class above 0 beside a 255, the 255 of masks of
    two classes is class 1, as in the usual masks of 0 and 255; where that is in doubt, the masks
    are refused until `void` or `classes` decides.

    Args:
        images: a folder. Images without a mask are there to be asked for.
        masks: a folder of images of class numbers; or of the colours in `classes`. It
            may be the folder of the images, with a `mask_suffix`.
        classes: the names by number; or name -> grey level, or name -> (red, green, blue), numbered
            in that order (black may be left out of colours: it is void then, and so are pixels
            that nothing is painted on); or the path of a text file with one name a line.
        void: the number of unlabelled pixels; by default 255, unless that is a class. Giving it
            saves reading all masks at once.
        mask_suffix: what the names of masks have behind those of their images: `"_mask"` for
            `a_mask.png` and `a.jpg`.

    Raises:
        InvalidInputError: for a folder without images, a mask without an image or of another size,
            two files of one name, a number or colour that no class has, a JPEG, several pages, or a
            link that leads out of its folder; it names the file.
    """
    names, table = class_values(classes)
    if void is None and len(names) > 255:
        raise invalid("void", f"a number beyond the {len(names)} classes", "255, which is one")
    image_folder, mask_folder = _folder(images, "images"), _folder(masks, "masks")
    drawn, passed_over = _mask_files(mask_folder, mask_suffix)
    taken = set(drawn.values())
    found = _by_stem([path for path in _files(image_folder) if path not in taken], image_folder)
    if not found:
        raise invalid("images", "a folder with images", f"none in {image_folder}")
    _require_images(drawn, found, mask_suffix)
    for name, path in drawn.items():
        _require_size(found[name], path)
    labels: dict[str, Any] = {}
    if table is not None:
        labels = {name: table.read(path, void) for name, path in drawn.items()}
    elif void is None:
        labels = settle_white(drawn, len(names))
    else:
        labels = {name: str(path) for name, path in drawn.items()}
    return MaskedImages(found, labels, names, 255 if void is None else void, passed_over)


def _folder(path: Path | str, argument: str) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise invalid(argument, "an existing folder", f"{folder}")
    return folder


def _files(folder: Path) -> list[Path]:
    return list(list_images(folder).files.values())


def _mask_files(folder: Path, mask_suffix: str) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the masks of a folder by the names of their images, and what else lies there."""
    if "/" in mask_suffix or not isinstance(mask_suffix, str):
        raise invalid("mask_suffix", "the end of a name, such as '_mask'", repr(mask_suffix))
    listing = list_folder(folder, argument="masks")
    masks = []
    passed_over: dict[str, str] = {}
    for name, path in listing.files.items():
        suffix = path.suffix.lower()
        if not path.stem.endswith(mask_suffix):
            passed_over[name] = f"a name without {mask_suffix!r}"
        elif suffix in IMAGE_SUFFIXES or suffix == ".npy":
            masks.append(path)
        elif suffix in _OTHER_ARRAYS:
            raise invalid(
                "masks", "images, or arrays in .npy files", f"{path}",
                hint="Save it as PNG or .npy, or move it out of the folder.",
            )  # fmt: skip
        else:
            passed_over[name] = "neither an image nor an array"
    others = [name for name, reason in passed_over.items() if reason.startswith("neither")]
    if others:
        warnings.warn(
            f"masks: {len(others):,} files of {folder} are neither images nor arrays, and are "
            f"passed over: {few(others)}.",
            DataWarning,
            stacklevel=3,
        )
    if not masks:
        ending = f" that end in {mask_suffix!r}" if mask_suffix else ""
        raise invalid("masks", f"a folder with masks{ending}", f"none in {folder}")
    return _by_stem(masks, folder, mask_suffix), passed_over


def _by_stem(files: Sequence[Path], folder: Path, ending: str = "") -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files:
        stem = path.relative_to(folder).with_suffix("").as_posix()
        stem = stem.removesuffix(ending)
        if stem in found:
            raise invalid("folder", "one file of each name", f"{found[stem]} and {path}")
        found[stem] = path
    return found


def _require_images(
    masks: Mapping[str, Path], images: Mapping[str, Path], mask_suffix: str
) -> None:
    strangers = [name for name in masks if name not in images]
    if not strangers:
        return
    # The ending that all of them have behind the name of an image marks masks here.
    first = strangers[0]
    ends = {first[len(name) :] for name in images if first.startswith(name)}
    ends = {end for end in ends if all(name.removesuffix(end) in images for name in strangers)}
    hint = f"Say mask_suffix={mask_suffix + min(ends)!r}." if ends and not mask_suffix else ""
    hint = hint or look_alike(first, images)
    raise invalid(
        "masks", "masks of the images", f"one without an image: {masks[first]}",
        where=f"{len(strangers)} of {len(masks)}" if len(strangers) > 1 else "", hint=hint,
    )  # fmt: skip


def _require_size(image: Path, mask: Path) -> None:
    """Refuse a mask of another size than its upright image; masks are never resized."""
    (width, height), orientation = upright_size(image)
    found = mask_size(mask, str(mask))
    if found == (height, width):
        return
    hint = "Masks are not resized: make the mask again from the image as it is."
    if orientation != 1 and found == (width, height):
        hint = (
            f"The photograph is stored lying on its side (EXIF orientation {orientation}), and so "
            "is the mask: turn the mask as the photograph is turned when it is shown."
        )
    raise invalid(
        "masks", f"a mask as large as {image}, {height} x {width} (height x width)",
        f"{found[0]} x {found[1]}", where=str(mask), hint=hint,
    )  # fmt: skip
