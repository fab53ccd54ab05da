"""Measuring a detector by Ultralytics' validator, counted as it counts or as COCO does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch

from altasks._internal.random import derive_seed, isolated
from altasks.tasks.object_detection.coco_counting import coco_metrics
from altasks.tasks.object_detection.dataset_files import scratch, write_data_yaml, write_dataset
from altasks.tasks.object_detection.labels import BoxLabels
from altasks.tasks.object_detection.training import as_yolo, device_name
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load


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
        data = write_data_yaml(folder, reader.names, "images/val", "images/val")
        with isolated_ultralytics(), isolated(derive_seed(0, "validate")):
            yolo = as_yolo(net, starting=True)
            found = yolo.val(
                validator=_keeping_validator(),
                data=str(data),
                imgsz=imgsz,
                batch=batch_size,
                device=device_name(device),
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
