"""Object detection with any YOLO that Ultralytics (AGPL-3.0) builds, class scores kept whole."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from altasks._internal.ahead import default_workers
from altasks._internal.numbers import require_whole
from altasks.committees.box_views import BoxViews, View
from altasks.committees.ensemble import Ensemble
from altasks.errors import invalid
from altasks.predictions import Ragged
from altasks.tasks._shared.checkpoints import pick_device
from altasks.tasks.object_detection.box_task import BoxTask
from altasks.tasks.object_detection.dataset_files import check_pairs
from altasks.tasks.object_detection.detector import Detector
from altasks.tasks.object_detection.evaluation import validate
from altasks.tasks.object_detection.inference import (
    DetectionRunner,
    as_ragged,
    join_boxes,
    sides_of,
)
from altasks.tasks.object_detection.labels import BoxLabels
from altasks.tasks.object_detection.options import (
    check_committee,
    check_image_size,
    check_share,
    check_whole,
)
from altasks.tasks.object_detection.saved import read_like, write_saved
from altasks.tasks.object_detection.sources import read_spec, yolo_description
from altasks.tasks.object_detection.spec import DetectorSpec
from altasks.tasks.object_detection.training import check_callbacks, check_training_args, train

__all__ = ["ObjectDetection", "yolo_description"]


class ObjectDetection(BoxTask):
    """Boxes with classes, by an Ultralytics YOLO (v5, v8, v9, v10, 11, 12, 26, ...).

    Ultralytics is AGPL-3.0: so is what you distribute with it, unless you have their licence.

    Samples are images: paths, PIL images, arrays `[H, W]` or `[H, W, 3]`, or mappings with
    `image`. Boxes are x1, y1, x2, y2 in pixels of the image as it is seen upright. A label is a
    list of `{"label": name, "box": [x1, y1, x2, y2]}`, empty for an image without any object.

    Args:
        model: an `ultralytics.YOLO`; the path of a `.pt` checkpoint, of which only classes that
            Ultralytics lists are read (`torch.load(weights_only=True)`); a model YAML, by path,
            as a mapping, or by the name of one of Ultralytics' (`"yolo11n.yaml"`); or a folder
            that `save` wrote. May be left out where the committee is an `Ensemble` of them.
        labels: the class names, in the order of the model's outputs; None takes the model's. A
            checkpoint for other classes gives the weights that fits start from, as far as they
            fit.
        weights: a safetensors file with weights to start from, for a model made from its YAML.
        committee: `Ensemble(5)`, `Ensemble([model, ...])`, or `BoxViews()`; None: one detector.
        conf: the least confidence of a box. Keep it low, so that uncertain boxes are scored; see
            `docs/tasks/object_detection.md` for what other floors do.
        iou: boxes of one class that overlap by more are one (non-maximum suppression).
        max_det: the most boxes of an image.
        background: whether a box's distribution is (s_1 ... s_C, 1 - max s) normalised, over the
            C classes and, last, background, so that a faint box counts as background and not as
            doubt; or s / sum(s) over the classes alone, as if it were certain that there is an
            object. s are the network's class scores (sigmoids).
        imgsz: the longer side of an image as the network sees it, a multiple of its stride; by
            default what the model was trained at, or 640.
        device: where to work; by default the GPU if there is one.
        batch_size: images through the network at once; `predict` takes any number.
        training_args: a mapping of arguments for `YOLO.train`, over the defaults (100 epochs, no
            files, no plots).
        callbacks: Ultralytics' callbacks, by event: `{"on_train_epoch_end": function}`.
        match_iou: the least overlap at which boxes of two members are one object.
        workers: threads that read and letterbox images while the network runs; 0: none; None: one
            a processor, at most 4.

    Raises:
        InvalidInputError: for a model that is no detector, or an invalid setting.
        MissingExtraError: if ultralytics is not installed.

    Example:
        >>> task = ObjectDetection("yolov8n.yaml", labels=["cat", "dog"], imgsz=64)
        >>> task.check_label([{"label": "cat", "box": [2, 3, 20, 30]}])
        [{'label': 'cat', 'box': [2.0, 3.0, 20.0, 30.0]}]
    """

    name = "object-detection"
    default_strategy = "top_k"
    main_metric = "map50"
    warm_start = False

    def __init__(
        self,
        model: Any = None,
        *,
        labels: Sequence[str] | None = None,
        weights: str | os.PathLike[str] | None = None,
        committee: Ensemble | BoxViews | None = None,
        conf: float = 0.05,
        iou: float = 0.7,
        max_det: int = 300,
        background: bool = True,
        imgsz: int | None = None,
        device: torch.device | str | None = None,
        batch_size: int = 16,
        training_args: Mapping[str, Any] | None = None,
        callbacks: Mapping[str, Callable[[Any], None]] | None = None,
        match_iou: float = 0.5,
        workers: int | None = None,
    ) -> None:
        check_committee(committee, background)
        self.conf = check_share("conf", conf, zero=True)
        self.iou = check_share("iou", iou)
        self.match_iou = check_share("match_iou", match_iou)
        self.max_det = check_whole("max_det", max_det)
        self.batch_size = check_whole("batch_size", batch_size)
        self.workers = (
            default_workers() if workers is None else require_whole("workers", workers, 0)
        )
        self.background = bool(background)
        self.training_args = check_training_args(training_args)
        self.callbacks = check_callbacks(callbacks)
        self.committee = committee
        if model is None:
            model = committee.source(0) if isinstance(committee, Ensemble) else None
            if model is None:
                raise invalid(
                    "model",
                    "a YOLO, a .pt file, a model YAML, or a folder written by save()",
                    "None",
                    hint="It may only be left out with an Ensemble of models or checkpoints.",
                )
        self._spec = read_spec(model, labels, weights)
        self._labels = BoxLabels(self._spec.names)
        if len(self.labels) < 2 and not self.background:
            raise invalid(
                "background",
                "True for a detector of one class",
                "False",
                hint="Over one class there is nothing to be unsure of.",
            )
        self.model = self._spec.build(0)
        self._stride = max(int(self.model.stride.max()), 32)
        self.imgsz = check_image_size(imgsz, self._spec.imgsz, self._stride)
        if isinstance(committee, BoxViews):
            sides_of(committee.views, self.imgsz, self._stride)
        self.device = pick_device(device, self.model, loaded=True)
        self._detector: Detector | None = None
        self._counts = list(self._spec.counts or [0] * len(self.labels))
        self._untrained = not self._spec.trained
        self._ensemble: Ensemble | None = None
        if isinstance(committee, Ensemble):
            self._ensemble = committee.bind(self._member, swap=False)

    def __repr__(self) -> str:
        committee = "" if self.committee is None else f", committee={self.committee!r}"
        return f"ObjectDetection({len(self.labels)} classes, imgsz={self.imgsz}{committee})"

    @property
    def default_acquisition(self) -> str:
        """`"margin"`, or `"bald"` with a committee."""
        return "margin" if self.committee is None else "bald"

    @property
    def joint_draws(self) -> bool:
        """Whether member k is one function over all samples."""
        return self._ensemble is None or self._ensemble.joint

    def start_round(self, round: int) -> None:
        """Tell members that draw at random which round it is."""
        if self._ensemble is not None:
            self._ensemble.start_round(round)

    def predict(self, samples: Sequence[Any]) -> Ragged:
        """Return the boxes of each sample and what class each may be.

        A `Ragged` of a `Categorical` `[M, K, C + 1]` (`[M, K, C]` without background), with the
        fields `boxes` `[M, 4]`, `conf` `[M]`, Ultralytics' confidence, and `embeddings` `[M, d]`,
        of length 1: what the detection head reads at the middle of the box, at every level of its
        pyramid; with an ensemble that of its first member. With one detector also
        `scores` `[M, C]`; with a committee `member_boxes` `[M, K, 4]`, zeros where a member has
        none, `member_conf` `[M, K]`, and `overlap` `[M, K]` of each with the box that stands for
        all, the most confident one.

        Raises:
            UnreadableSampleError: for images that can't be read, naming all of them.
        """
        if self._ensemble is not None:
            joined = self._ensemble.predict(samples)
            assert isinstance(joined, Ragged)
            return joined
        self._warn_if_untrained()
        views = self._views
        found = self._runner().find(self._finder(), samples, views)
        parts = [
            as_ragged([one[k] for one in found], len(self.labels), self.background, self._width)
            for k in range(len(views))
        ]
        return parts[0] if len(parts) == 1 else self.join(parts)

    @property
    def _views(self) -> Sequence[View]:
        return self.committee.views if isinstance(self.committee, BoxViews) else [View()]

    def open_sample(self, sample: Any) -> Any:
        """Return an image read and letterboxed, which `predict` and `embed` take in its place.

        As it is, for an ensemble of models that were given, whose strides may differ.

        Raises:
            UnreadableSampleError: if it can't be read.
        """
        committee = self.committee
        if isinstance(committee, Ensemble) and committee.brings_models:
            return sample
        return self._runner().open(sample, self._views)

    def join(self, parts: Sequence[Ragged]) -> Ragged:
        """Return several detectors' predictions of the same samples as one, boxes matched.

        Raises:
            InvalidInputError: for predictions without a background class: a member that misses a
                box could predict nothing for it.
        """
        if not self.background:
            raise invalid("background", "True for members to be put side by side", "False")
        views = isinstance(self.committee, BoxViews)
        return join_boxes(parts, self.match_iou, one_network=views)

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the average of the detection head's input maps, `[n, d]`, on the CPU.

        With an ensemble, that of its first member.
        """
        if self._ensemble is not None:
            return self._ensemble.embed(samples)
        found = self._runner().find(self._finder(), samples, [View()])
        if not found:
            return torch.zeros(0, 0)
        return torch.stack([one[0].features for one in found]).cpu()

    def fit(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        seed: int,
        weights: Sequence[float] | None = None,
        valid: tuple[Sequence[Any], Sequence[Any]] | None = None,
        unlabelled: Sequence[Any] | None = None,
    ) -> None:
        """Train by `YOLO.train`, from the weights this task was made with.

        The images are written into a temporary folder, upright and with 8 bits. Without `valid`
        the last epoch's weights are kept, with it those that were best on it. The same seed, data
        and number of threads give the same weights on a CPU.

        Args:
            samples: as `predict` takes them.
            labels: one for each.
            seed: of everything random in the fit.
            weights: not supported by Ultralytics' trainer; None.
            valid: (samples, labels) to choose the best epoch by.
            unlabelled: not used by this task.
        """
        check_pairs(samples, labels)
        if weights is not None:
            raise invalid("weights", "None: Ultralytics' trainer has no sample weights", "weights")
        if valid is not None:
            check_pairs(*valid)
        if self._ensemble is not None:
            self._ensemble.fit(samples, labels, seed=seed, valid=valid, unlabelled=unlabelled)
            self._counts = self._labels.counts([self.check_label(label) for label in labels])
            return
        trained, checked = train(
            self._spec.build(seed),
            samples,
            labels,
            valid=valid,
            reader=self._labels,
            starting=self._spec.state is not None,
            seed=seed,
            imgsz=self.imgsz,
            device=self.device,
            arguments=self.training_args,
            callbacks=self.callbacks,
        )
        # A network made anew: what the trainer hung on its own is not kept.
        self.model = self._rebuilt(trained.state_dict())
        self._counts = self._labels.counts(checked)
        self._detector, self._untrained = None, False

    def evaluate(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        counting: Literal["ultralytics", "coco"] = "ultralytics",
    ) -> dict[str, float]:
        """Return `map50`, `map50_95`, and each class's `ap50_NAME` and `ap50_95_NAME`.

        An ensemble's is the mean of its members'; views are for asking, so they play no part.

        Args:
            samples: as `predict` takes them.
            labels: one for each.
            counting: `"ultralytics"`, by its validator, as `YOLO.val` reports; `"coco"`, by
                pycocotools, as papers on COCO report (at most 100 boxes an image). The two
                interpolate precision differently: on the same boxes they are some hundredths
                apart, and Ultralytics gives a perfect detector 0.995.
        """
        check_pairs(samples, labels)
        if counting not in ("ultralytics", "coco"):
            raise invalid("counting", "'ultralytics' or 'coco'", repr(counting))
        if self._ensemble is not None:
            each = [
                self._ensemble.on_member(
                    k, lambda one: one.evaluate(samples, labels, counting=counting)
                )
                for k in range(self._ensemble.members)
            ]
            return {name: float(np.mean([one[name] for one in each])) for name in each[0]}
        return validate(
            self._rebuilt(self.model.state_dict()),
            samples,
            labels,
            reader=self._labels,
            imgsz=self.imgsz,
            device=self.device,
            batch_size=self.batch_size,
            iou=self.iou,
            max_det=self.max_det,
            counting=counting,
        )

    def save(self, directory: Path | str) -> None:
        """Write the weights (safetensors), and how to build the network (JSON)."""
        folder = Path(directory)
        if self._ensemble is not None:
            self._ensemble.save(folder)
            return
        spec = DetectorSpec(
            self._spec.yaml,
            self.labels,
            dict(self.model.state_dict()),
            self.imgsz,
            counts=tuple(self._counts),
        )
        write_saved(folder, spec)

    def load(self, directory: Path | str) -> None:
        """Read back, in place, what `save` wrote.

        The next `fit` still starts from the weights this task was made with.

        Raises:
            InvalidInputError: if the folder is not one, or is of other classes.
        """
        if self._ensemble is not None:
            self._ensemble.load(directory)
            self._counts = self._ensemble.on_member(0, lambda member: member._counts)
            return
        shapes = {name: value.shape for name, value in self.model.state_dict().items()}
        saved = read_like(Path(directory), self.labels, shapes)
        assert saved.state is not None
        self.model = self._rebuilt(saved.state)
        self._counts = list(saved.counts or [0] * len(self.labels))
        self._detector, self._untrained = None, False

    def start_over(self) -> None:
        """Do nothing: every fit starts from the weights the task was made with."""

    def replica(self, source: Any) -> ObjectDetection:
        """Return a task like this one, without its committee, around another model."""
        return ObjectDetection(
            source,
            labels=self.labels,
            conf=self.conf,
            iou=self.iou,
            max_det=self.max_det,
            background=self.background,
            imgsz=self.imgsz,
            device=self.device,
            batch_size=self.batch_size,
            training_args=self.training_args,
            callbacks=self.callbacks,
            match_iou=self.match_iou,
            workers=self.workers,
        )

    def _member(self, k: int) -> ObjectDetection:
        assert isinstance(self.committee, Ensemble)
        source = self.committee.source(k)
        return self.replica(self._spec if source is None else source)

    def _rebuilt(self, state: Mapping[str, Tensor]) -> Any:
        kept = {name: value.detach().cpu() for name, value in state.items()}
        plan = DetectorSpec(self._spec.yaml, self.labels, kept)
        return plan.build(0)

    @property
    def _width(self) -> int:
        """How many numbers the embedding of a box has: the channels that the head reads."""
        branches = self.model.model[-1].cv2
        return sum(int(branch[0].conv.in_channels) for branch in branches)

    def _finder(self) -> Detector:
        if self._detector is None:
            self._detector = Detector(self.model, self.device)
        return self._detector

    def _runner(self) -> DetectionRunner:
        options = {"conf": self.conf, "iou": self.iou, "max_det": self.max_det}
        return DetectionRunner(self.imgsz, self._stride, self.batch_size, self.workers, options)

    def _warn_if_untrained(self) -> None:
        if self._untrained:
            self._untrained = False
            warnings.warn(
                "This detector was not trained for these classes yet: until fit() has, its boxes "
                "are noise.",
                UserWarning,
                stacklevel=3,
            )
