"""A YOLO detector taken apart: its description, its classes, its weights."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from altasks._internal.random import derive_seed, isolated
from altasks.errors import invalid
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load

#: The heads whose output is boxes and class scores, and nothing else.
HEADS = ("Detect", "v10Detect")


@dataclass(frozen=True, eq=False)
class DetectorSpec:
    """A detector taken apart.

    Attributes:
        yaml: how it is built, in the form of Ultralytics' YAML.
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


def plain_description(source: Mapping[str, Any]) -> dict[str, Any]:
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
    head = plain["head"]
    layer = head[-1] if isinstance(head, list) and head else None
    last = layer[2] if isinstance(layer, list) and len(layer) > 2 else None
    if last not in HEADS:
        raise invalid("model", "a description that ends in a detection head", f"{last!r}")
    return plain
