"""Running a YOLO detector, its full class scores kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks._internal.transfer import to_device
from altasks.tasks.object_detection.box_embeddings import box_embeddings
from altasks.tasks.object_detection.ultralytics_guard import PURPOSE, isolated_ultralytics, load


@dataclass(frozen=True, eq=False)
class ImageDetections:
    """The boxes found in one image.

    Attributes:
        boxes: `[n, 4]`, x1, y1, x2, y2 in pixels of the image as it is seen upright.
        scores: `[n, C]`, the sigmoid of each class.
        features: `[d]`, the average of the head's input.
        embeddings: `[n, d]`, the head's input at the middle of each box, see `box_embeddings`.
    """

    boxes: Tensor
    scores: Tensor
    features: Tensor
    embeddings: Tensor

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
            batch = to_device(torch.from_numpy(images), self._device)
            batch = batch.permute(0, 3, 1, 2).contiguous()
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
                own = box_embeddings([part[row] for part in maps], boxes[:, :4], batch.shape[2:])
                found.append((scaled, scores, features[row], own))
        # Copies are ordinary tensors; those made in inference mode can't be changed in place.
        return [ImageDetections(*(part.clone() for part in parts)) for parts in found]
