"""YOLO's text files: a line a box, `class x y width height`, centre and size as shares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from altasks.data.boxes.boxed import BoxedImages, BoxLabel, labelled_sizes
from altasks.data.boxes.classes import check_class_files, check_class_list
from altasks.data.boxes.frames import ReadingNotes, check_bad_boxes, frame_of
from altasks.data.boxes.paths import copy_image, label_files, output_path, require_folder
from altasks.data.boxes.yolo_rows import (
    LabelFiles,
    check_sixth_column,
    looks_like_boxes,
    read_rows,
    require_images,
    text_files,
    without_repeats,
)
from altasks.data.boxes.yolo_yaml import (
    classes_of,
    images_of_split,
    label_folder,
    label_path,
    read_data_yaml,
)
from altasks.data.folders import list_images
from altasks.data.text_files import file_error
from altasks.errors import invalid


def read_yolo(
    source: str | PathLike[str],
    *,
    split: str = "train",
    root: str | PathLike[str] | None = None,
    images: str | PathLike[str] | None = None,
    names: Sequence[str] | None = None,
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    sixth_column: Literal["error", "ignore"] = "error",
) -> BoxedImages:
    """Return the images of an Ultralytics data YAML, or of a folder of YOLO's text files.

    Ids are paths relative to the folder of images, with `/`. An image without a text file isn't
    labelled; an empty text file means that nothing is on it. Text files are looked for where
    Ultralytics looks: in `labels` instead of the last folder `images` of the path. Where they lie
    beside the images instead, that is an error. A row that is there twice is read once.

    Args:
        source: a data YAML, or a folder of text files, which then needs `images`.
        split: of a YAML: `"train"`, `"val"` or `"test"`.
        root: of a YAML: where its data is, instead of its own `path`, which may not lead out of
            the folder it is in.
        images: of a folder: where the images are, under the same names.
        names: the classes, in the order of their numbers; of a YAML or a folder with `classes.txt`,
            what its own must be. Without either they are needed.
        bad_boxes: `"error"` refuses a box without an area or outside its image; `"clip"` cuts what
            is outside; `"skip"` leaves the box out. Less than a pixel outside is always cut.
        sixth_column: whether a sixth number in a row, which is a confidence or a track's id, is an
            `"error"`, or passed over (`"ignore"`).

    An image of which every box was left out stays unlabelled, with a warning: it isn't one with
    nothing on it.

    Raises:
        InvalidInputError: naming file and line: a missing image, a class that there isn't, a box
            outside its image, a path that leads out of the folder, a file with other classes.
    """
    path, bad_boxes = Path(source), check_bad_boxes(bad_boxes)
    sixth_column = check_sixth_column(sixth_column)
    notes = ReadingNotes(path)
    if path.is_dir():
        known, files, texts = _find_in_folder(path, images, names, notes)
    elif images is not None:
        raise invalid("images", "None for a data YAML, which names its folders", repr(str(images)))
    else:
        known, files, texts = _find_by_yaml(path, split, root, names, notes)
    labels: dict[str, list[BoxLabel]] = {}
    for name, text in texts.items():
        frame = frame_of(files[name], None, text)
        rows = without_repeats(read_rows(text, len(known), sixth_column, bad_boxes))
        kept = []
        for row in rows:
            box = frame.fit(row.corners(frame.size), bad_boxes, text, row.line)
            if box is not None:
                kept.append({"label": known[row.number], "box": box})
        if kept or not rows:
            labels[name] = kept
        else:
            notes.unlabelled(name, f"its boxes were left out ({len(rows)})")
    notes.warn()
    return BoxedImages(known, files, labels, notes.passed_over)


def _find_in_folder(
    path: Path,
    images: str | PathLike[str] | None,
    names: Sequence[str] | None,
    notes: ReadingNotes,
) -> tuple[list[str], dict[str, Path], dict[str, Path]]:
    """Return the classes, and id -> image and id -> text file, of a folder of text files."""
    known = check_class_files(path, None if names is None else check_class_list(names))
    if images is None or known is None:
        raise invalid(
            "images, names", "both, for a folder of text files", "not both",
            hint="names= isn't needed where a classes.txt lies beside the labels.",
        )  # fmt: skip
    folder = require_folder(Path(images), "images")
    listing = list_images(folder)
    if not listing.files:
        raise invalid("images", "a folder with images", f"none in {folder}")
    notes.passed_over.update(listing.passed_over)
    finder = LabelFiles()
    expected = {name: (path / name).with_suffix(".txt") for name in listing.files}
    found = {name: finder.find(place) for name, place in expected.items()}
    texts = {name: text for name, text in found.items() if text is not None}
    require_images(text_files(path), texts.values(), expected.values())
    return known, listing.files, texts


def _find_by_yaml(
    path: Path,
    split: str,
    root: str | PathLike[str] | None,
    names: Sequence[str] | None,
    notes: ReadingNotes,
) -> tuple[list[str], dict[str, Path], dict[str, Path]]:
    """Return the classes, and id -> image and id -> text file, of a split of a data YAML."""
    data = read_data_yaml(path)
    known = classes_of(data, names)
    folder, part = images_of_split(data, split, root)
    notes.passed_over.update(part.passed_over)
    finder = LabelFiles()
    expected = {name: label_path(image) for name, image in part.images.items()}
    found = {name: finder.find(place) for name, place in expected.items()}
    texts = {name: text for name, text in found.items() if text is not None}
    _refuse_misplaced(part.images, texts, finder, [folder, *part.folders])
    for place in dict.fromkeys(label_folder(images) for images in part.folders):
        check_class_files(place, known)
        require_images(text_files(place), texts.values(), expected.values())
    return known, part.images, texts


def _refuse_misplaced(
    files: Mapping[str, Path],
    texts: Mapping[str, Path],
    finder: LabelFiles,
    folders: Sequence[Path],
) -> None:
    """Refuse labels that are there, but not where they are looked for.

    They may lie beside their images; or, if no image of the split has any, in a folder `labels`.
    """
    for name, image in files.items():
        beside = finder.find(image.absolute().with_suffix(".txt"))
        if name not in texts and beside is not None and looks_like_boxes(beside):
            raise file_error(
                beside,
                None,
                f"the labels of {name!r} in {label_path(image)}, where Ultralytics looks",
                "them beside the image",
                "Move them, or read the folder itself: read_yolo(folder, images=folder, "
                "names=[...]).",
            )
    if texts:
        return
    stems = {image.stem: image for image in files.values()}
    near = [place / "labels" for folder in folders for place in (folder, folder.parent)]
    for place in dict.fromkeys(near):
        for text in text_files(place) if place.is_dir() else ():
            if text.stem in stems:
                raise file_error(
                    text,
                    None,
                    f"labels in {label_path(stems[text.stem])}, where Ultralytics looks",
                    "them here, and for no image there",
                    "Move them, or read the folder itself: read_yolo(folder, images=..., "
                    "names=[...]).",
                )


def count_yolo(
    folder: str | PathLike[str],
    classes: int | Sequence[str],
    *,
    sixth_column: Literal["error", "ignore"] = "error",
) -> list[int]:
    """Return how many boxes of each class a folder of YOLO's text files has; needs no images.

    Args:
        folder: searched with the folders in it.
        classes: how many classes there are; or their names, which a `classes.txt` beside the
            labels must then agree with.
        sixth_column: as of `read_yolo`.

    Raises:
        InvalidInputError: for a folder without text files, or a line that isn't a box of one of
            these classes.
    """
    place = require_folder(Path(folder), "folder")
    sixth_column = check_sixth_column(sixth_column)
    if not isinstance(classes, int):
        check_class_files(place, check_class_list(classes))
        classes = len(classes)
    counts = [0] * classes
    texts = list(text_files(place))
    if not texts:
        raise invalid("folder", "a folder of YOLO's text files", f"none in {place}")
    for text in texts:
        for row in read_rows(text, classes, sixth_column):
            counts[row.number] += 1
    return counts


def write_yolo(
    boxed: BoxedImages,
    folder: str | PathLike[str],
    *,
    split: str = "train",
    copy_images: bool = True,
) -> Path:
    """Write a data set as Ultralytics reads it, and return its data YAML.

    The YAML names the parts that were written into the folder before as well; as `train` or `val`,
    which Ultralytics wants, it names another where there is none yet.

    Args:
        boxed: what to write; images without a label get no text file.
        folder: made if it isn't there.
        split: the name of the part.
        copy_images: whether the images are copied beside the labels, where Ultralytics expects
            them.

    Raises:
        InvalidInputError: for an id that would be written outside the folder, two that would
            share a text file, a label of no known class, or other classes than the folder's.
    """
    root = Path(folder)
    parts = _parts_with(root, split, boxed.names)
    sizes = labelled_sizes(boxed)
    texts = label_files(boxed.images, ".txt")
    number = {name: place for place, name in enumerate(boxed.names)}
    for name, image in boxed.images.items():
        if copy_images:
            copy_image(image, output_path(root / "images" / split, name))
        if name not in boxed.labels:
            continue
        width, height = sizes[name]
        lines = []
        for entry in boxed.labels[name]:
            if entry["label"] not in number:
                raise invalid("labels", f"one of {boxed.names}", repr(entry["label"]), where=name)
            x1, y1, x2, y2 = entry["box"]
            shares = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
            shares += [(x2 - x1) / width, (y2 - y1) / height]
            lines.append(" ".join([str(number[entry["label"]]), *(f"{s:.9g}" for s in shares)]))
        text = "".join(line + "\n" for line in lines)
        place = output_path(root / "labels" / split, texts[name])
        place.write_text(text, encoding="ascii")
    data_yaml = root / "data.yaml"
    root.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, and quotes whatever a class is called.
    content = {**parts, "names": boxed.names}
    data_yaml.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return data_yaml


def _parts_with(root: Path, split: str, names: Sequence[str]) -> dict[str, str]:
    """Return where the parts of a data set are: the one to be written and those that are there."""
    others = [
        part
        for part in ("train", "val", "test")
        if part != split and any((root / kind / part).is_dir() for kind in ("images", "labels"))
    ]
    data_yaml = root / "data.yaml"
    if others and data_yaml.is_file() and (found := read_data_yaml(data_yaml).names) != list(names):
        raise invalid("names", f"the classes of {others[0]!r} in {root}, {found!r}", f"{names!r}")
    parts = {part: f"images/{part}" for part in (*others, split)}
    parts.setdefault("train", f"images/{split}")
    parts.setdefault("val", parts["train"])
    return parts
