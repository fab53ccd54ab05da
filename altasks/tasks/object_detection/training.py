"""Training and measuring by Ultralytics' own trainer and validator, in a folder that goes away."""

from __future__ import annotations

import difflib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from altasks._internal.random import derive_seed, isolated
from altasks.data.images import all_unreadable, open_image
from altasks.errors import TrainingError, UnreadableSampleError, invalid
from altasks.tasks.object_detection.coco_counting import coco_metrics
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
#: The least side of an image that Ultralytics' data sets don't leave out without a word.
LEAST = 10
#: What altasks says itself.
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
        InvalidInputError: for one that altasks sets itself, or that Ultralytics hasn't.
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
        InvalidInputError: for an event that Ultralytics hasn't, and would never call, or for
            anything but a function.
    """
    if callbacks is not None and not isinstance(callbacks, Mapping):
        raise invalid("callbacks", "a mapping from events to functions", repr(callbacks))
    given = dict(callbacks or {})
    known = list(load("ultralytics.utils.callbacks").get_default_callbacks()) if given else []
    for event, function in given.items():
        if event not in known:
            close = difflib.get_close_matches(str(event), known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else ""
            raise invalid("callbacks", "events of Ultralytics", repr(event), hint=hint)
        if not callable(function):
            raise invalid("callbacks", "functions of a trainer", repr(function), where=str(event))
    return given


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
    checked = []
    unreadable: dict[int, UnreadableSampleError] = {}
    for row, (sample, label) in enumerate(zip(samples, labels, strict=True)):
        try:
            image = open_image(sample, row=row)
        except UnreadableSampleError as error:
            unreadable[row] = error
            continue
        if min(image.size) < LEAST:
            raise invalid(
                "samples",
                f"images of at least {LEAST} x {LEAST} pixels: Ultralytics drops smaller ones",
                f"{image.width} x {image.height}",
                where=f"row {row}",
            )
        kept = reader.check(label, image.size, where=f"row {row}")
        checked.append(kept)
        image.save(images / f"{row:06d}.png", compress_level=1)
        lines = [reader.yolo_line(entry, image.size) for entry in kept]
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


def _describe(folder: Path, names: Sequence[str], train: str, val: str) -> Path:
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


def _as_yolo(net: Any, *, starting: bool) -> Any:
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
        data = _describe(folder, reader.names, "images/train", val)
        settings = {
            **DEFAULTS,
            **arguments,
            # Measured on the one image of `one.txt`, the best epoch would be any.
            "val": valid is not None and arguments.get("val", True),
            "data": str(data),
            "project": str(folder / "runs"),
            "name": "fit",
            "imgsz": imgsz,
            "device": _device_name(device),
            "seed": derive_seed(seed, "yolo") % 2**31,
        }
        with isolated_ultralytics(), isolated(derive_seed(seed, "yolo")), _no_denormals(device):
            yolo = _as_yolo(net, starting=starting)
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


def validate(
    net: Any,
    samples: Sequence[Any],
    labels: Sequence[Any],
    *,
    reader: BoxLabels,
    imgsz: int,
    device: torch.device,
    batch_size: int,
    iou: float,
    max_det: int,
    counting: str = "ultralytics",
) -> dict[str, float]:
    """Return mAP50, mAP50-95 and each class's AP50 of what Ultralytics' validator finds.

    Args:
        net: a `DetectionModel`.
        samples: images.
        labels: one for each.
        reader: checks them.
        imgsz: the longer side the network sees.
        device: where to run.
        batch_size: images through the network at once.
        iou: boxes of one class that overlap by more are one.
        max_det: the most boxes of an image.
        counting: `"ultralytics"` takes the validator's own numbers; `"coco"` has pycocotools
            count the same boxes.
    """
    with scratch() as folder:
        checked = write_dataset(folder, "val", samples, labels, reader)
        data = _describe(folder, reader.names, "images/val", "images/val")
        with isolated_ultralytics(), isolated(derive_seed(0, "validate")):
            yolo = _as_yolo(net, starting=True)
            found = yolo.val(
                validator=_keeping_validator(),
                data=str(data),
                imgsz=imgsz,
                batch=batch_size,
                device=_device_name(device),
                iou=iou,
                max_det=max_det,
                workers=0,
                plots=False,
                save_json=counting == "coco",
                verbose=False,
                project=str(folder / "runs"),
                name="val",
            )
        if counting == "coco":
            kept = folder / "runs" / "val" / "predictions.json"
            detections = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else []
            return coco_metrics(detections, checked, reader.names)
    box = found.box
    metrics = {"map50": float(box.map50), "map50_95": float(box.map)}
    # Classes without a box in this set have no AP.
    for place, number in enumerate(box.ap_class_index):
        metrics[f"ap50_{reader.names[int(number)]}"] = float(box.ap50[place])
        metrics[f"ap50_95_{reader.names[int(number)]}"] = float(box.ap[place])
    return metrics


def _keeping_validator() -> Any:
    """Return Ultralytics' validator, which writes its boxes down and has nobody count them."""
    validator: Any = load("ultralytics.models.yolo.detect").DetectionValidator

    class KeepingValidator(validator):  # type: ignore[misc]
        def eval_json(self, stats: dict[str, Any]) -> dict[str, Any]:
            return stats

    return KeepingValidator


def _device_name(device: torch.device) -> str:
    return str(device.index or 0) if device.type == "cuda" else device.type


@contextmanager
def _no_denormals(device: torch.device) -> Iterator[None]:
    """On a CPU numbers next to zero are slow; they are zero for the time of a fit."""
    before = bool(torch.tensor([2.0**-149]).mul(1.0).ne(0).item())
    flush = device.type == "cpu" and before
    if flush:
        torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if flush:
            torch.set_flush_denormal(False)
