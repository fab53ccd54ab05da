"""Images and labels written as Ultralytics reads them, in a folder that goes away."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from altasks._internal.ahead import ahead, default_workers
from altasks.data.images import all_unreadable, open_image
from altasks.errors import UnreadableSampleError, invalid
from altasks.tasks.object_detection.labels import BoxLabels

#: The least side of an image that Ultralytics' data sets don't leave out without a word.
LEAST = 10


def check_pairs(samples: Sequence[Any], labels: Sequence[Any]) -> None:
    """Refuse an empty set, or samples and labels of different number."""
    if len(samples) != len(labels):
        raise invalid("labels", f"one for each of {len(samples)} samples", f"{len(labels)}")
    if not len(samples):
        raise invalid("samples", "at least one labelled sample", "none")


def write_dataset(
    folder: Path,
    part: str,
    samples: Sequence[Any],
    labels: Sequence[Any],
    reader: BoxLabels,
) -> list[list[dict[str, Any]]]:
    """Write images and labels as Ultralytics reads them; return the labels as checked.

    The images are written upright and with 8 bits, as `predict` sees them.
    """
    images, texts = folder / "images" / part, folder / "labels" / part
    images.mkdir(parents=True)
    texts.mkdir(parents=True)

    def write(row: int) -> tuple[int, int] | UnreadableSampleError:
        try:
            image = open_image(samples[row], row=row)
        except UnreadableSampleError as error:
            return error
        image.save(images / f"{row:06d}.png", compress_level=1)
        size: tuple[int, int] = image.size
        return size

    checked = []
    unreadable: dict[int, UnreadableSampleError] = {}
    sizes = ahead(write, range(len(samples)), workers=default_workers(), limit=8, wait=True)
    for row, size in enumerate(sizes):
        if isinstance(size, UnreadableSampleError):
            unreadable[row] = size
            continue
        if min(size) < LEAST:
            raise invalid(
                "samples",
                f"images of at least {LEAST} x {LEAST} pixels: Ultralytics drops smaller ones",
                f"{size[0]} x {size[1]}",
                where=f"row {row}",
            )
        kept = reader.check(labels[row], size, where=f"row {row}")
        checked.append(kept)
        lines = [reader.yolo_line(entry, size) for entry in kept]
        (texts / f"{row:06d}.txt").write_text("\n".join(lines), encoding="ascii")
    if unreadable:
        raise all_unreadable(unreadable)
    return checked


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder for the time of a fit."""
    folder = Path(tempfile.mkdtemp(prefix="altasks-detect-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_data_yaml(folder: Path, names: Sequence[str], train: str, val: str) -> Path:
    """Write the data YAML; JSON is YAML, and quotes whatever a class is called."""
    path = folder / "data.yaml"
    content = {
        "path": str(folder),
        "train": train,
        "val": val,
        "names": list(names),
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
