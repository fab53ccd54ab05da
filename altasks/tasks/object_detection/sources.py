"""Reading a detector from an object, a checkpoint, a description or a saved folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from altasks.data.boxes.classes import check_class_list, names_by_number
from altasks.errors import InvalidInputError, first_line, invalid
from altasks.tasks.object_detection.saved import SETTINGS, read_saved, read_weights
from altasks.tasks.object_detection.spec import DetectorSpec, plain_description, require_detector
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load


def read_spec(
    model: Any,
    labels: Sequence[str] | None,
    weights: str | os.PathLike[str] | None,
) -> DetectorSpec:
    """Return the detector that a user's `model`, `labels` and `weights` mean.

    Raises:
        InvalidInputError: for a source that can't be read or is no detector, and for labels that
            don't fit it.
    """
    found = _read_source(model)
    if weights is not None:
        found = replace(found, state=read_weights(weights), trained=False)
    if labels is None:
        if not found.names:
            raise invalid(
                "labels",
                "the names of the classes, in the order of the model's outputs",
                "none, and the model names none itself",
            )
        return found
    names = check_class_list(labels if isinstance(labels, str) else list(labels), "labels")
    if found.names and sorted(found.names) == sorted(names) and found.names != names:
        raise invalid(
            "labels",
            f"the classes in the model's order, {found.names!r}",
            f"{names!r}",
            hint="In another order every box would get another class.",
        )
    # Other classes than the model was trained for: its class scores mean nothing for these.
    same = found.names == names
    counts = found.counts if same else None
    return replace(found, names=names, trained=found.trained and same, counts=counts)


def _read_source(model: Any) -> DetectorSpec:
    if isinstance(model, DetectorSpec):
        return model
    if isinstance(model, Mapping):
        return DetectorSpec(plain_description(model), [])
    if isinstance(model, str | os.PathLike):
        text = os.fspath(model)
        if "://" in text:
            raise invalid("model", "a local file or folder", repr(text), hint="Download it first.")
        path = Path(text)
        if (path / SETTINGS).is_file():
            return read_saved(path)
        suffix = path.suffix.lower()
        if suffix in (".yaml", ".yml"):
            return _read_description(path)
        if suffix == ".pt":
            return _read_checkpoint(path)
        raise invalid(
            "model",
            "an Ultralytics .pt file, a model YAML, or a folder written by save()",
            repr(text),
            hint="Weights in safetensors go into `weights=`, beside the YAML of their model."
            if suffix == ".safetensors"
            else "",
        )
    return _from_object(model)


def _from_object(model: Any) -> DetectorSpec:
    model = _unwrapped(model)
    net = _unwrapped(getattr(model, "model", None))
    if not hasattr(model, "task") or not isinstance(net, torch.nn.Module):
        raise invalid(
            "model",
            "an ultralytics.YOLO, a .pt file, a model YAML, or a folder written by save()",
            f"a {type(model).__name__}",
        )
    arguments = getattr(net, "args", None) or {}
    # A model fresh from its YAML has numbers for names, or none, and came from no file.
    trained = getattr(net, "pt_path", None) is not None
    return _from_net(net, getattr(model, "task", None), arguments, trained=trained)


def _from_net(net: Any, task: str | None, arguments: Any, *, trained: bool) -> DetectorSpec:
    if task != "detect":
        raise invalid(
            "model",
            "a detector (task 'detect')",
            f"a model of the task {task!r}",
            hint="Segmentation, pose and oriented boxes are other tasks.",
        )
    require_detector(net)
    names = _names_of(net)
    fresh = not trained and names == [str(i) for i in range(len(names))]
    size = arguments.get("imgsz") if isinstance(arguments, Mapping) else None
    state = {
        name: value.detach().to("cpu", torch.float32, copy=True)
        if value.is_floating_point()
        else value.detach().to("cpu", copy=True)
        for name, value in net.state_dict().items()
    }
    return DetectorSpec(
        plain_description(net.yaml),
        [] if fresh else names,
        state,
        size if isinstance(size, int) else None,
        trained=not fresh,
    )


def _unwrapped(module: Any) -> Any:
    """Return the module in what `torch.compile` or a data-parallel wrapper made of it."""
    while isinstance(module, torch.nn.Module):
        parts = dict(module.named_children())
        wrapped = [name for name in ("_orig_mod", "module") if list(parts) == [name]]
        if not wrapped:
            break
        module = parts[wrapped[0]]
    return module


def _names_of(net: Any) -> list[str]:
    """Return a network's classes: it keeps them as a mapping, a list or JSON, or not at all."""
    outputs = int(net.model[-1].nc)
    names = getattr(net, "names", None)
    if names is None:
        return [str(number) for number in range(outputs)]
    try:
        found = names_by_number(names)
    except InvalidInputError as error:
        raise invalid(
            "model",
            "class names numbered from 0",
            str(error),
            hint="Set them: model.model.names = {0: 'first', 1: 'second', ...}.",
        ) from error
    if len(found) != outputs:
        raise invalid("model", f"a name for each of its {outputs} classes", f"{len(found)} names")
    return found


def _read_description(path: Path) -> DetectorSpec:
    tasks = load("ultralytics.nn.tasks")
    with isolated_ultralytics():
        try:
            description = tasks.yaml_model_load(str(path))
        except (FileNotFoundError, OSError, ValueError, AttributeError) as error:
            raise invalid(
                "model",
                "the path of a model YAML, or the name of one of Ultralytics', such as "
                "'yolo11n.yaml'",
                repr(str(path)),
            ) from error
    if not isinstance(description, Mapping):
        raise invalid("model", "a YAML mapping", type(description).__name__, where=str(path))
    return DetectorSpec(plain_description(description), [])


def yolo_description(name: str | os.PathLike[str], *, width: float | None = None) -> dict[str, Any]:
    """Return a model's YAML as a mapping, which `ObjectDetection` takes in its place.

    Args:
        name: the path of a YAML, or the name of one of Ultralytics', such as `"yolo11n.yaml"`.
        width: how wide to build it, instead of what the letter in its name says (nano: 0.25). A
            narrower one learns small images in a third of the time.

    Raises:
        InvalidInputError: if there is no such YAML, or it isn't a detector's.

    Example:
        >>> yolo_description("yolov8n.yaml", width=0.125)["scales"]
        {'n': [0.33, 0.125, 1024]}
    """
    found = _read_description(Path(name)).yaml
    if width is not None:
        scale = found.get("scale")
        if scale not in found.get("scales", {}):
            raise invalid("width", "None for a model of one size", f"{width}")
        depth, _, most = found["scales"][scale]
        found["scales"] = {scale: [depth, float(width), most]}
    return found


def _read_checkpoint(path: Path) -> DetectorSpec:
    """Read Ultralytics' own format by `torch.load(weights_only=True)`, never by plain pickle."""
    if not path.is_file():
        raise invalid("model", "an existing file", repr(str(path)), hint="Nothing is downloaded.")
    tasks = load("ultralytics.nn.tasks")
    with isolated_ultralytics():
        try:
            checkpoint, _ = tasks.torch_safe_load(str(path), safe_only=True)
        except Exception as error:  # a damaged or hostile file makes torch's readers raise anything
            raise invalid(
                "model",
                "an Ultralytics checkpoint of known classes",
                f"{path.name}, which can't be read as one ({first_line(error)})",
                hint="Only classes that Ultralytics lists are read. Give the weights as "
                "safetensors (weights=) with a model YAML, or a folder written by save().",
            ) from error
    found = checkpoint if isinstance(checkpoint, dict) else {}
    net: Any = _unwrapped(found.get("ema") or found.get("model"))
    if not isinstance(net, torch.nn.Module):
        raise invalid("model", "a checkpoint with a model in it", "none", where=str(path))
    arguments = found.get("train_args")
    arguments = arguments if isinstance(arguments, dict) else {}
    return _from_net(net, arguments.get("task", "detect"), arguments, trained=True)
