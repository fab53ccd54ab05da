"""Reader of Label Studio's JSON export: rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from altasks.data.boxes.boxed import BoxedImages, BoxLabel
from altasks.data.boxes.frames import ReadingNotes, check_bad_boxes, check_turned, frame_of
from altasks.data.boxes.paths import require_folder
from altasks.data.label_studio.base import image_size_of
from altasks.data.label_studio.boxes import BoxConverter
from altasks.data.label_studio.exported import classes_of, images_of, label_of, named
from altasks.data.label_studio.exports import Export, Several, control_names


def read_label_studio_boxes(
    path: str | PathLike[str],
    images: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    control: str | None = None,
    image_key: str | None = None,
    several: Several = "error",
    bad_boxes: Literal["error", "skip", "clip"] = "error",
    turned: Literal["error", "stored", "upright"] = "error",
) -> BoxedImages:
    """Return the images of a Label Studio project, and the rectangles that people drew.

    Ids are paths below the folder of images, with `/`. A submitted task without a rectangle has
    nothing on it; one that nobody submitted, or that was skipped, has no label, and skipped ones
    are in `passed_over`. A rotated rectangle becomes the upright frame around it. Sizes that the
    export states are held against the images as `read_voc` does.

    Args:
        path: the JSON file, exported as "JSON".
        images: the folder with the images; see `altasks.data.label_studio.addresses`.
        names: the classes; by default those that occur, sorted.
        control: the name of the tag that people drew with, where the project has several.
        image_key: the field of a task's `data` with the image's address; by default `image`, or
            the only one with the name of an image in it.
        several: of several annotations of a task the one marked as ground truth counts; without
            one they must agree (`"error"`), or the one changed last counts (`"latest"`).
        bad_boxes: as of `read_voc`.
        turned: as of `read_voc`.

    Raises:
        InvalidInputError: naming file and task: regions of other kinds that would be lost,
            annotators who differ, another class, a missing image, one that two tasks have.

    Example:
        >>> import json
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> value = {"x": 10, "y": 20, "width": 50, "height": 40, "rectanglelabels": ["cat"]}
        >>> region = {"type": "rectanglelabels", "from_name": "label", "value": value}
        >>> region |= {"original_width": 20, "original_height": 10}
        >>> task = {"id": 1, "data": {"image": "/data/upload/1/0c5bc2ab-a.png"}}
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (20, 10)).save(Path(folder, "a.png"))
        ...     file = Path(folder, "export.json")
        ...     _ = file.write_text(json.dumps([task | {"annotations": [{"result": [region]}]}]))
        ...     read_label_studio_boxes(file, folder).labels
        {'a.png': [{'label': 'cat', 'box': [2.0, 2.0, 12.0, 6.0]}]}
    """
    bad_boxes, turned = check_bad_boxes(bad_boxes), check_turned(turned)
    export = Export(Path(path), several)
    folder = require_folder(Path(images), "images")
    kinds = ("rectanglelabels",)
    controls = control_names(export, kinds, control, "rectangles with labels", parts=True)
    classes = classes_of(export, controls, names)
    converter = named(BoxConverter(classes), controls.get("rectanglelabels", ""))
    files, owners = images_of(export, folder, image_key)
    notes = ReadingNotes(export.path)
    labels: dict[str, list[BoxLabel]] = {}
    for name, task in owners.items():
        with export.naming(task.name):
            # The size is that of the regions: the image may have been resized since.
            stated = image_size_of(converter.regions(task.results[0])) if task.results else None
            drawn = label_of(export, task, converter, name, None if stated else files[name])
            if not drawn:
                if task.results:
                    labels[name] = []
                continue
            where = f"task {task.name} "
            frame = frame_of(
                files[name], stated, export.path, name=name, turned=turned, notes=notes
            )
            kept: list[BoxLabel] = []
            for one in drawn:
                box = frame.fit(one["box"], bad_boxes, export.path, None, where)
                if box is not None:
                    kept.append({"label": one["label"], "box": box})
            if kept:
                labels[name] = kept
            else:
                notes.unlabelled(name, f"its boxes were left out ({len(drawn)})")
    notes.warn()
    export.warn()
    passed_over = {**notes.passed_over, **export.passed_over}
    return BoxedImages(classes, files, labels, passed_over)
