"""Training by Ultralytics' own trainer, in a folder that goes away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from altasks._internal.denormals import denormals_flushed
from altasks._internal.names import did_you_mean
from altasks._internal.random import derive_seed, isolated
from altasks.errors import TrainingError, invalid
from altasks.tasks.object_detection.dataset_files import scratch, write_data_yaml, write_dataset
from altasks.tasks.object_detection.labels import BoxLabels
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load

#: Ultralytics' own defaults but for these: no files, no plots, no processes, nothing printed.
DEFAULTS: dict[str, Any] = {
    "epochs": 100,
    "plots": False,
    "workers": 0,
    "verbose": False,
    "amp": False,
    "exist_ok": True,
}
#: Arguments that altasks sets itself.
OURS = (
    "data",
    "model",
    "task",
    "mode",
    "project",
    "name",
    "save",
    "save_dir",
    "resume",
    "pretrained",
    "seed",
    "device",
    "imgsz",
    "single_cls",
)


def check_training_args(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the user's arguments for `YOLO.train`.

    Raises:
        InvalidInputError: for one that altasks sets itself, or that Ultralytics doesn't have.
    """
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise invalid("training_args", "a mapping of arguments of YOLO.train", repr(arguments))
    known = load("ultralytics.cfg").DEFAULT_CFG_DICT
    for name in arguments:
        if name in OURS:
            hint = {
                "imgsz": "Give it to ObjectDetection(imgsz=...).",
                "device": "Give it to ObjectDetection(device=...).",
                "seed": "It is fit's own argument.",
                "pretrained": "Give it to ObjectDetection(weights=...).",
            }.get(name, "")
            raise invalid(
                "training_args", "arguments that altasks doesn't set", f"{name!r}", hint=hint
            )
        if name not in known and name != "augmentations":
            raise invalid("training_args", "arguments of ultralytics' YOLO.train", f"{name!r}")
    return dict(arguments)


def check_callbacks(callbacks: Mapping[str, Any] | None) -> dict[str, Callable[[Any], None]]:
    """Return the user's callbacks.

    Raises:
        InvalidInputError: for an event that Ultralytics doesn't have, and would never call, or for
            anything but a function.
    """
    if callbacks is not None and not isinstance(callbacks, Mapping):
        raise invalid("callbacks", "a mapping from events to functions", repr(callbacks))
    given = dict(callbacks or {})
    known = list(load("ultralytics.utils.callbacks").get_default_callbacks()) if given else []
    for event, function in given.items():
        if event not in known:
            hint = did_you_mean(event, known)
            raise invalid("callbacks", "events of Ultralytics", repr(event), hint=hint)
        if not callable(function):
            raise invalid("callbacks", "functions of a trainer", repr(function), where=str(event))
    return given


def as_yolo(net: Any, *, starting: bool) -> Any:
    """Return an `ultralytics.YOLO` around a network of ours.

    Args:
        net: a `DetectionModel`.
        starting: whether its weights are where training starts from; else only its plan counts.
    """
    ultralytics = load()
    engine = load("ultralytics.engine.model").Model
    yolo = ultralytics.YOLO.__new__(ultralytics.YOLO)
    torch.nn.Module.__init__(yolo)
    yolo.callbacks = load("ultralytics.utils.callbacks").get_default_callbacks()
    yolo.predictor = yolo.trainer = yolo.metrics = yolo.cfg = yolo.ckpt_path = None
    yolo.task = net.task = "detect"
    yolo.model_name = "altasks.pt"
    yolo.model = net
    # Ultralytics starts from the module at hand where it thinks that it came from a checkpoint.
    yolo.ckpt = {"model": None}
    yolo.overrides = {"model": "altasks.pt", "task": "detect", "pretrained": starting}
    del yolo.training
    assert isinstance(yolo, engine)
    return yolo


def train(
    net: Any,
    samples: Sequence[Any],
    labels: Sequence[Any],
    *,
    valid: tuple[Sequence[Any], Sequence[Any]] | None,
    reader: BoxLabels,
    starting: bool,
    seed: int,
    imgsz: int,
    device: torch.device,
    arguments: Mapping[str, Any],
    callbacks: Mapping[str, Callable[[Any], None]],
) -> tuple[Any, list[list[dict[str, Any]]]]:
    """Return the network that `YOLO.train` makes of `net`, and the labels as they were checked.

    Raises:
        TrainingError: if the weights that came out are not finite.
    """
    threads = torch.get_num_threads()
    with scratch() as folder:
        checked = write_dataset(folder, "train", samples, labels, reader)
        if valid is not None:
            write_dataset(folder, "val", *valid, reader)
            val = "images/val"
        else:
            # Ultralytics wants one; its last, unused measurement then costs one image.
            (folder / "one.txt").write_text(str(folder / "images/train/000000.png"), "utf-8")
            val = "one.txt"
        data = write_data_yaml(folder, reader.names, "images/train", val)
        settings = {
            **DEFAULTS,
            **arguments,
            # Measured on the one image of `one.txt`, the best epoch would be any.
            "val": valid is not None and arguments.get("val", True),
            "data": str(data),
            "project": str(folder / "runs"),
            "name": "fit",
            "imgsz": imgsz,
            "device": device_name(device),
            "seed": derive_seed(seed, "yolo") % 2**31,
        }
        with isolated_ultralytics(), isolated(derive_seed(seed, "yolo")), denormals_flushed(device):
            yolo = as_yolo(net, starting=starting)
            # It sets the threads as the machine has cores; here they are the user's.
            yolo.add_callback("on_train_start", lambda _: torch.set_num_threads(threads))
            for event, function in callbacks.items():
                yolo.add_callback(event, function)
            yolo.train(**settings)
            trained = yolo.model.float().eval()
    for name, value in trained.state_dict().items():
        if not bool(torch.isfinite(value).all()):
            raise TrainingError(f"The fit ended in weights that are not finite (in {name}).")
    for parameter in trained.parameters():
        parameter.requires_grad_(True)
    return trained, checked


def device_name(device: torch.device) -> str:
    """Return a device as Ultralytics names it: a GPU by its number."""
    return str(device.index or 0) if device.type == "cuda" else device.type
