"""Predicted boxes as JSON: what a person sees, and can correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from altasks.predictions import Ragged


def describe_boxes(prediction: Ragged, labels: Sequence[str]) -> dict[str, Any]:
    """Return the boxes of one image with their classes, most confident first.

    Boxes that have no area inside the image are left out: no label can hold them.

    Args:
        prediction: of one sample, M units over the classes and perhaps background.
        labels: the classes.
    """
    means = prediction.units.mean_probs  # type: ignore[attr-defined]  # M x C or C + 1
    classes = len(labels)
    conf = torch.as_tensor(prediction.fields["conf"])
    entries = []
    for i in conf.argsort(descending=True, stable=True).tolist():
        box = [round(value, 2) for value in prediction.fields["boxes"][i].tolist()]
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        best = int(means[i, :classes].argmax())
        others = means[i].clone()
        others[best] = -1
        second = int(others.argmax())
        entries.append(
            {
                "label": labels[best],
                "probability": round(float(means[i, best]), 4),
                "runner_up": {
                    "label": (*labels, "background")[second],
                    "probability": round(float(means[i, second]), 4),
                },
                "conf": round(float(conf[i]), 4),
                "box": box,
            }
        )
    return {"boxes": entries, "members": prediction.members}
