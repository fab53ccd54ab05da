"""The folder that `ObjectDetection.save` writes: weights in safetensors, the rest in JSON."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from altasks._internal.extras import require
from altasks._internal.settings import read_settings, write_settings
from altasks.data.boxes.classes import check_class_list
from altasks.errors import InvalidInputError, invalid
from altasks.tasks.object_detection.spec import DetectorSpec, plain_description

SETTINGS = "altasks.json"
WEIGHTS = "model.safetensors"
_TASK = "object-detection"


def read_saved(folder: Path) -> DetectorSpec:
    """Return the detector that `save` wrote.

    Raises:
        InvalidInputError: if the folder is another's, or damaged.
    """
    for name in (SETTINGS, WEIGHTS):
        if not (folder / name).is_file():
            raise invalid(
                "directory",
                f"a folder written by save(), with {SETTINGS} and {WEIGHTS}",
                f"no {name} in {folder}",
            )
    path = folder / SETTINGS
    settings = read_settings(path)
    if settings.get("task") != _TASK:
        raise invalid(
            "directory",
            "a folder written by ObjectDetection.save",
            f"one of the task {settings.get('task')!r}",
            where=str(folder),
        )
    description = settings.get("yaml")
    if not isinstance(description, Mapping):
        raise _damaged(path, "a 'yaml' that describes the network", description)
    try:
        names = check_class_list(settings.get("names"))
        plain = plain_description(description)
    except InvalidInputError as error:
        raise _damaged(path, "'names' and 'yaml' of a detector", str(error)) from error
    size = settings.get("imgsz")
    if size is not None and not (type(size) is int and size > 0):
        raise _damaged(path, "an 'imgsz' in pixels", size)
    counts = settings.get("counts") or []
    whole = isinstance(counts, list) and all(type(count) is int for count in counts)
    if not whole or len(counts) not in (0, len(names)) or min(counts, default=0) < 0:
        raise _damaged(path, f"'counts' of the {len(names)} classes", counts)
    try:
        state = read_weights(folder / WEIGHTS)
    except InvalidInputError as error:
        error.add_note("If it is a loop's, delete the folder: the fit is repeated from its log.")
        raise
    return DetectorSpec(plain, names, state, size, trained=True, counts=tuple(counts) or None)


def read_like(folder: Path, names: Sequence[str], shapes: Mapping[str, Any]) -> DetectorSpec:
    """Return the detector that `save` wrote, if it has these classes and is built like this.

    Args:
        folder: the folder.
        names: of the classes.
        shapes: name -> shape of each weight.

    Raises:
        InvalidInputError: if it is another, or the folder is another's or damaged.
    """
    saved = read_saved(folder)
    if saved.names != names:
        raise invalid(
            "directory",
            f"weights for the classes {names!r}",
            f"weights for {saved.names!r}",
            where=str(folder),
        )
    assert saved.state is not None
    if {name: value.shape for name, value in saved.state.items()} != shapes:
        raise invalid(
            "directory", "weights of a network built like this one", "others", where=str(folder)
        )
    return saved


def write_saved(folder: Path, spec: DetectorSpec) -> None:
    """Write a detector as `read_saved` reads it.

    Args:
        folder: made if it isn't there.
        spec: with weights and the size it was trained at.
    """
    safetensors = require("safetensors.torch", "detection", "Writing weights")
    assert spec.state is not None
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in spec.state.items()}
    safetensors.save_file(state, folder / WEIGHTS)
    settings = {
        "task": _TASK,
        "names": spec.names,
        "yaml": spec.yaml,
        "imgsz": spec.imgsz,
        "counts": list(spec.counts or ()),
    }
    write_settings(folder / SETTINGS, settings)


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the weights in a safetensors file, by name, in float32.

    Raises:
        InvalidInputError: for another file, or a damaged one.
    """
    safetensors = require("safetensors.torch", "detection", "Reading weights")
    source = Path(path)
    if source.suffix.lower() != ".safetensors" or not source.is_file():
        raise invalid("weights", "an existing .safetensors file", repr(str(source)))
    try:
        return {name: value.float() for name, value in safetensors.load_file(source).items()}
    except Exception as error:
        raise invalid("weights", "a safetensors file", f"{error}", where=str(source)) from error


def _damaged(path: Path, expected: str, found: Any) -> InvalidInputError:
    return invalid(
        "directory",
        f"a folder written by save(), its {path.name} with {expected}",
        reprlib.repr(found),
        where=str(path),
        hint="If it is a loop's, delete the folder: the fit is repeated from its log.",
    )
