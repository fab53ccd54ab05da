"""What predicted boxes are, by the labels of their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.errors import invalid
from altasks.predictions import Prediction, Ragged
from altasks.tasks.object_detection.labels import BoxLabels
from altasks.tasks.object_detection.matching import assign


@dataclass(frozen=True, eq=False)
class LabelledObjects:
    """Which labelled object each predicted box is of.

    Attributes:
        classes: `[M]` int64, the class of that object, -1 where there is none.
        overlaps: `[M]` float64, the intersection over union with it, 0 where there is none.
        counts: how many labelled objects there are of each class.
    """

    classes: Tensor
    overlaps: Tensor
    counts: list[int]


def labelled_objects(
    labels: Sequence[Any], prediction: Prediction, reader: BoxLabels, iou: float, *, first: int = 0
) -> LabelledObjects:
    """Assign predicted boxes to labelled objects, image by image, as `matching.assign` does.

    Args:
        labels: N of them.
        prediction: of N images, with `boxes` and `conf` among its fields.
        reader: checks the labels.
        iou: the least overlap.
        first: the row of the first image, for errors.

    Raises:
        InvalidInputError: for a label that can't be one, or another prediction.
    """
    if (
        not isinstance(prediction, Ragged)
        or len(prediction) != len(labels)
        or not {"boxes", "conf"} <= set(prediction.fields)
    ):
        raise invalid("prediction", f"the boxes of {len(labels)} images", f"{prediction!r}")
    checked = [reader.check(label, where=f"row {row}") for row, label in enumerate(labels, first)]
    boxes = torch.as_tensor(prediction.fields["boxes"]).cpu().double().numpy()
    confs = torch.as_tensor(prediction.fields["conf"]).cpu().double().numpy()
    classes = np.full(len(boxes), -1, dtype=np.int64)
    overlaps = np.zeros(len(boxes))
    offsets = prediction.offsets.tolist()
    for row, label in enumerate(checked):
        if not label:
            continue
        mine = slice(offsets[row], offsets[row + 1])
        objects = np.array([entry["box"] for entry in label])
        numbers = np.array([reader.index[entry["label"]] for entry in label])
        of, shares = assign(boxes[mine], confs[mine], objects, iou)
        classes[mine] = np.where(of >= 0, numbers[of], -1)
        overlaps[mine] = shares
    return LabelledObjects(
        torch.from_numpy(classes), torch.from_numpy(overlaps), reader.counts(checked)
    )


def quality_of_classes(
    samples: Sequence[Any], labels: Sequence[Any], task: Any, reader: BoxLabels
) -> list[float]:
    """Return how well each class is found: see `ObjectDetection.class_quality`.

    Args:
        samples: images.
        labels: one for each.
        task: with `predict`, `batch_size` and `match_iou`.
        reader: of the labels.

    Raises:
        InvalidInputError: for labels that can't be ones, or without any object.
    """
    total = np.zeros(len(reader.names))
    count = np.zeros(len(reader.names))
    for start in range(0, len(samples), task.batch_size):
        part = slice(start, start + task.batch_size)
        prediction = task.predict(samples[part])
        found = labelled_objects(labels[part], prediction, reader, task.match_iou, first=start)
        of = found.classes.numpy()
        rows = np.flatnonzero(of >= 0)
        scores = prediction.fields.get("scores")
        scores = prediction.units.mean_probs if scores is None else torch.as_tensor(scores)
        chances = scores.cpu().double().numpy()[rows, of[rows]]
        quality = chances**0.6 * found.overlaps.numpy()[rows] ** 0.4
        total += np.bincount(of[rows], weights=quality, minlength=len(total))
        count += found.counts
    if not count.any():
        raise invalid("labels", "at least one object", "none")
    known = count > 0
    mean = total[known] / count[known]
    qualities = np.full(len(total), mean.mean())
    qualities[known] = mean
    return [float(one) for one in np.clip(qualities, 0, 1)]
