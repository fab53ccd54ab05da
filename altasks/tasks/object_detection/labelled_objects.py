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
    labels: Sequence[Any], prediction: Prediction, reader: BoxLabels, iou: float
) -> LabelledObjects:
    """Assign predicted boxes to labelled objects, image by image, as `matching.assign` does.

    Args:
        labels: N of them.
        prediction: of N images, with `boxes` and `conf` among its fields.
        reader: checks the labels.
        iou: the least overlap.

    Raises:
        InvalidInputError: for a label that can't be one, or another prediction.
    """
    if (
        not isinstance(prediction, Ragged)
        or len(prediction) != len(labels)
        or not {"boxes", "conf"} <= set(prediction.fields)
    ):
        raise invalid("prediction", f"the boxes of {len(labels)} images", f"{prediction!r}")
    checked = [reader.check(label, where=f"row {row}") for row, label in enumerate(labels)]
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
