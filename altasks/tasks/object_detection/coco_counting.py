"""Average precision as COCO counts it, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from altasks._internal.extras import require


def coco_metrics(
    detections: Sequence[Mapping[str, Any]],
    labels: Sequence[Sequence[Mapping[str, Any]]],
    names: Sequence[str],
) -> dict[str, float]:
    """Return COCO's average precision over 101 recall levels, at most 100 boxes an image.

    Lin et al., *Microsoft COCO: Common objects in context*, 2014, as `pycocotools.cocoeval` counts.
    A class without a box in the labels has none, and plays no part in the means.

    Args:
        detections: each with `image_id` (a row), `category_id` (a class from 1), `bbox` (x, y,
            width, height) and `score`, in COCO's form for results.
        labels: of each row, boxes with `label` and `box` (x1, y1, x2, y2).
        names: the classes.

    Returns:
        `map50`, `map50_95`, and for each class that occurs `ap50_NAME` and `ap50_95_NAME`.
    """
    coco_module = require("pycocotools.coco", "detection", "COCO's counting")
    evaluation = require("pycocotools.cocoeval", "detection", "COCO's counting")
    number = {name: place for place, name in enumerate(names, start=1)}
    annotations: list[dict[str, Any]] = []
    for row, label in enumerate(labels):
        for entry in label:
            x1, y1, x2, y2 = entry["box"]
            annotations.append(
                {
                    "id": len(annotations) + 1,  # pycocotools takes 0 for "not matched"
                    "image_id": row,
                    "category_id": number[entry["label"]],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    present = sorted({entry["category_id"] for entry in annotations})
    if not present or not detections:
        return _named(dict.fromkeys(present, (0.0, 0.0)), names)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints as it goes
        truth = coco_module.COCO()
        truth.dataset = {
            "images": [{"id": row} for row in range(len(labels))],
            "annotations": annotations,
            "categories": [{"id": place, "name": name} for name, place in number.items()],
        }
        truth.createIndex()
        counted = evaluation.COCOeval(
            truth, truth.loadRes([dict(one) for one in detections]), "bbox"
        )
        counted.evaluate()
        counted.accumulate()
    # precision: thresholds x recall levels x classes x areas x most boxes
    precision = counted.eval["precision"][:, :, :, 0, -1]
    found = {}
    for column, place in enumerate(counted.params.catIds):
        if place in present:
            found[place] = (float(precision[0, :, column].mean()),
                            float(precision[:, :, column].mean()))  # fmt: skip
    return _named(found, names)


def _named(found: Mapping[int, tuple[float, float]], names: Sequence[str]) -> dict[str, float]:
    metrics = {
        "map50": float(np.mean([one[0] for one in found.values()])) if found else 0.0,
        "map50_95": float(np.mean([one[1] for one in found.values()])) if found else 0.0,
    }
    for place, (half, all_of_them) in found.items():
        metrics[f"ap50_{names[place - 1]}"] = half
        metrics[f"ap50_95_{names[place - 1]}"] = all_of_them
    return metrics
