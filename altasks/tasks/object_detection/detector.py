"""A YOLO detector: where it comes from, and its full class scores."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks._internal.random import derive_seed, isolated
from altasks._internal.settings import read_settings
from altasks.errors import InvalidInputError, first_line, invalid
from altasks.tasks.object_detection.ultralytics_guard import PURPOSE, isolated_ultralytics, load

SETTINGS = "altasks.json"
WEIGHTS = "model.safetensors"
#: The heads whose output is boxes and class scores, and nothing else.
HEADS = ("Detect", "v10Detect")
#: What Ultralytics predicts at when a model doesn't say.
IMAGE_SIZE = 640


@dataclass(frozen=True, eq=False)
class DetectorSpec:
    """A detector taken apart.

    Attributes:
        yaml: how it is built, as Ultralytics' YAML says it.
        names: its classes.
        state: the weights it starts from, by name, on the CPU; of another number of classes, what
            fits is taken. None: all are drawn from a seed.
        imgsz: the size it was trained at, if known.
        trained: whether its predictions mean something before any fit.
        counts: how many boxes of each class its last fit had, if known.
    """

    yaml: dict[str, Any]
    names: list[str]
    state: dict[str, Tensor] | None = None
    imgsz: int | None = None
    trained: bool = False
    counts: tuple[int, ...] | None = None

    def build(self, seed: int) -> Any:
        """Return an Ultralytics `DetectionModel`; what `state` doesn't give comes from the seed."""
        tasks = load("ultralytics.nn.tasks")
        with isolated_ultralytics(), isolated(derive_seed(seed, "detector")):
            try:
                net = tasks.DetectionModel(
                    copy.deepcopy(self.yaml), nc=len(self.names), verbose=False
                )
            except (
                KeyError,
                TypeError,
                ValueError,
                IndexError,
                AttributeError,
                AssertionError,
            ) as error:
                raise invalid(
                    "model",
                    "a model description that Ultralytics can build",
                    f"one that it can't ({type(error).__name__}: {error})",
                ) from error
        require_detector(net)
        net.names = dict(enumerate(self.names))
        if self.state is not None:
            mine = net.state_dict()
            fitting = {
                name: value
                for name, value in self.state.items()
                if name in mine and mine[name].shape == value.shape
            }
            if not any(value.ndim > 1 for value in fitting.values()):
                raise invalid(
                    "weights",
                    f"weights by the names of this network, such as {next(iter(mine))!r}",
                    f"none of its names and shapes, but {next(iter(self.state), 'nothing')!r}",
                )
            net.load_state_dict({**mine, **fitting})
        return net.eval()


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
        found = replace(found, state=_read_weights(weights), trained=False)
    if labels is None:
        if not found.names:
            raise invalid(
                "labels",
                "the names of the classes, in the order of the model's outputs",
                "none, and the model names none itself",
            )
        return found
    names = _check_names(labels)
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


def _check_names(labels: Sequence[str]) -> list[str]:
    if isinstance(labels, str) or not len(labels):
        raise invalid("labels", "a list of at least one class name", repr(labels))
    names: list[str] = []
    for place, name in enumerate(labels):
        if not isinstance(name, str) or not name.strip():
            raise invalid("labels", "names that are strings", repr(name), where=f"class {place}")
        if name in names:
            raise invalid("labels", "distinct class names", f"{name!r} twice")
        names.append(name)
    return names


def _read_source(model: Any) -> DetectorSpec:
    if isinstance(model, DetectorSpec):
        return model
    if isinstance(model, Mapping):
        return DetectorSpec(_plain_yaml(model), [])
    if isinstance(model, str | os.PathLike):
        text = os.fspath(model)
        if "://" in text:
            raise invalid("model", "a local file or folder", repr(text), hint="Download it first.")
        path = Path(text)
        if (path / SETTINGS).is_file():
            return read_saved(path)
        suffix = path.suffix.lower()
        if suffix in (".yaml", ".yml"):
            return _read_yaml(path)
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
    net = getattr(model, "model", None)
    if not hasattr(model, "task") or not isinstance(net, torch.nn.Module):
        raise invalid(
            "model",
            "an ultralytics.YOLO, a .pt file, a model YAML, or a folder written by save()",
            f"a {type(model).__name__}",
        )
    arguments = getattr(net, "args", None) or {}
    # A model fresh from its YAML has numbers for names, and came from no file.
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
    names = [str(name) for _, name in sorted(net.names.items())]
    fresh = not trained and names == [str(i) for i in range(len(names))]
    size = arguments.get("imgsz") if isinstance(arguments, Mapping) else None
    state = {
        name: value.detach().to("cpu", torch.float32, copy=True)
        if value.is_floating_point()
        else value.detach().to("cpu", copy=True)
        for name, value in net.state_dict().items()
    }
    return DetectorSpec(
        _plain_yaml(net.yaml),
        [] if fresh else names,
        state,
        size if isinstance(size, int) else None,
        trained=not fresh,
    )


def require_detector(net: Any) -> None:
    """Refuse a network without YOLO's detection head, or one that was fused for inference."""
    head_type = load("ultralytics.nn.modules.head").Detect
    layers = getattr(net, "model", None)
    head = layers[-1] if isinstance(layers, torch.nn.Sequential) else None
    if type(head).__name__ not in HEADS or not isinstance(head, head_type):
        raise invalid("model", "a YOLO with a detection head", f"a {type(head).__name__}")
    if head.cv2 is None or net.is_fused():
        raise invalid(
            "model",
            "a model as it was trained",
            "one that was fused for inference, whose class scores can't all be read",
            hint="Give the checkpoint, or a YOLO on which fuse() wasn't called.",
        )


def _plain_yaml(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's description as JSON can hold it, without the path it came from."""
    kept = {
        key: value for key, value in source.items() if key not in ("yaml_file", "channels_last")
    }
    try:
        plain: dict[str, Any] = json.loads(json.dumps(kept))
    except (TypeError, ValueError) as error:
        raise invalid(
            "model", "a description of plain numbers, texts and lists", str(error)
        ) from error
    if "head" not in plain or "backbone" not in plain:
        raise invalid(
            "model", "a description with 'backbone' and 'head'", f"{', '.join(plain) or 'none'}"
        )
    last = plain["head"][-1][2] if plain["head"] and len(plain["head"][-1]) > 2 else None
    if last not in HEADS:
        raise invalid("model", "a description that ends in a detection head", f"{last!r}")
    return plain


def _read_yaml(path: Path) -> DetectorSpec:
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
    return DetectorSpec(_plain_yaml(description), [])


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
    found = _read_yaml(Path(name)).yaml
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
                hint="Only classes that Ultralytics lists are read, never any pickle. If you trust "
                "the file, load it yourself and pass the object: ultralytics.YOLO(path).",
            ) from error
    found = checkpoint if isinstance(checkpoint, dict) else {}
    net: Any = found.get("ema") or found.get("model")
    if not isinstance(net, torch.nn.Module):
        raise invalid("model", "a checkpoint with a model in it", "none", where=str(path))
    arguments = found.get("train_args")
    arguments = arguments if isinstance(arguments, dict) else {}
    return _from_net(net, arguments.get("task", "detect"), arguments, trained=True)


def _read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    safetensors = require("safetensors.torch", "detection", "Reading weights")
    source = Path(path)
    if source.suffix.lower() != ".safetensors" or not source.is_file():
        raise invalid("weights", "an existing .safetensors file", repr(str(source)))
    try:
        return {name: value.float() for name, value in safetensors.load_file(source).items()}
    except Exception as error:
        raise invalid("weights", "a safetensors file", f"{error}", where=str(source)) from error


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
    settings = read_settings(folder / SETTINGS)
    if settings.get("task") != "object-detection":
        raise invalid(
            "directory",
            "a folder written by ObjectDetection.save",
            f"one of the task {settings.get('task')!r}",
            where=str(folder),
        )
    try:
        state = _read_weights(folder / WEIGHTS)
    except InvalidInputError as error:
        error.add_note("If it is a loop's, delete the folder: the fit is repeated from its log.")
        raise
    return DetectorSpec(
        _plain_yaml(settings["yaml"]),
        _check_names(settings["names"]),
        state,
        settings["imgsz"],
        trained=True,
        counts=tuple(settings.get("counts") or ()) or None,
    )


@dataclass(frozen=True, eq=False)
class ImageDetections:
    """What a detector says of one image.

    Attributes:
        boxes: `[n, 4]`, x1, y1, x2, y2 in pixels of the image as it is seen upright.
        scores: `[n, C]`, the sigmoid of each class.
        features: `[d]`, the average of the head's input.
    """

    boxes: Tensor
    scores: Tensor
    features: Tensor

    @property
    def conf(self) -> Tensor:
        """Return Ultralytics' confidence of each box, `[n]`: its largest class score."""
        return self.scores.amax(1) if len(self.scores) else self.scores.new_zeros(0)


class Detector:
    """A network fused and placed as Ultralytics predicts with it, and its full class scores.

    Args:
        net: a `DetectionModel`; it is copied.
        device: where to run.
    """

    def __init__(self, net: Any, device: torch.device) -> None:
        require("torchvision", "detection", PURPOSE)  # Ultralytics takes its NMS if it is loaded
        backend = load("ultralytics.nn.autobackend").AutoBackend
        with isolated_ultralytics():
            # The one-to-many head: the other gives no class scores beside the best.
            self._run = backend(
                copy.deepcopy(net), device=device, fuse=True, verbose=False, end2end=False
            ).eval()
        self._device = device
        self._nms = load("ultralytics.utils.nms").non_max_suppression
        self._scale = load("ultralytics.utils.ops").scale_boxes
        self.classes = len(net.names)

    def __call__(
        self,
        images: np.ndarray,
        originals: Sequence[tuple[int, int]],
        conf: float,
        iou: float,
        max_det: int,
    ) -> list[ImageDetections]:
        """Return what is found in a batch.

        Args:
            images: `[B, H, W, 3]` bytes, RGB, letterboxed.
            originals: (height, width) of each before that.
            conf: the least confidence of a box.
            iou: boxes of one class that overlap by more are one.
            max_det: the most boxes of an image.
        """
        with torch.inference_mode():
            batch = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).contiguous()
            output, raw = self._run(batch.float().div_(255))[:2]  # output: B x 4 + C x anchors
            maps = raw.get("one2many", raw)["feats"]
            features = torch.cat([part.float().mean((2, 3)) for part in maps], 1)  # B x d
            # Without a limit of time: at Ultralytics' limit the images that remain are left empty.
            kept, places = self._nms(
                output, conf, iou, max_det=max_det, nc=self.classes, return_idxs=True,
                max_time_img=math.inf,
            )  # fmt: skip
            found = []
            for row, (boxes, place) in enumerate(zip(kept, places, strict=True)):
                # An image without a box gives places of another shape and type.
                anchors = place.reshape(-1).long()
                scores = output[row, 4 : 4 + self.classes, anchors].T
                scaled = self._scale(batch.shape[2:], boxes[:, :4].clone(), originals[row])
                found.append((scaled, scores, features[row]))
        # Copies are ordinary tensors; those made in inference mode can't be changed in place.
        return [ImageDetections(*(part.clone() for part in parts)) for parts in found]
