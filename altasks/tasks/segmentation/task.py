"""Semantic segmentation: a class for every pixel, the decoder's stages as the committee."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from torch import Tensor, nn

from altasks._internal.names import alike
from altasks._internal.numbers import require_whole
from altasks.committees.base import Committee
from altasks.committees.ensemble import Ensemble
from altasks.committees.mc_dropout import MCDropout
from altasks.data.masks.masks import MaskReader
from altasks.errors import invalid
from altasks.predictions import Categorical, Prediction
from altasks.tasks._shared.checkpoints import Loaded
from altasks.tasks._shared.options import TrainingKeywords, TrainingOptions, takes_options
from altasks.tasks._shared.trainer import check_training_set
from altasks.tasks.segmentation.committee import MapCommittee, check_committee
from altasks.tasks.segmentation.deep_supervision import DeepSupervised, spec_of
from altasks.tasks.segmentation.loss import MapLoss, StagedLoss
from altasks.tasks.segmentation.map_task import MapTask
from altasks.tasks.segmentation.maps import MapPredictor
from altasks.tasks.segmentation.metrics import Confusion
from altasks.tasks.segmentation.model import NAME, load_supervised, saved_settings
from altasks.tasks.segmentation.pixel_targets import LabelledPixels
from altasks.tasks.segmentation.rasters import Normaliser
from altasks.tasks.segmentation.settings import fit_arguments, weights_of_stages, windows
from altasks.tasks.segmentation.tiled_inference import Passes
from altasks.tasks.segmentation.training_rows import MaskCollator, MaskRows, training_rows

if TYPE_CHECKING:
    pass


@takes_options(TrainingOptions, batch_size=1)
class Segmentation(MapTask):
    """A class for every pixel, by any model that makes maps of logits.

    The committee is the model's own decoder: each of some stages gets a light head (a 1x1
    convolution), trained with it, and where early and late stages disagree, the model doesn't
    know (Zhao, Yang, Veeravalli and Zeng 2020, "Deeply Supervised Active Learning for Finger Bones
    Segmentation"). A stage's logits are upsampled bilinearly to the image, then become
    probabilities; the last member is the model's own output, and answers in `evaluate`.

    Samples are images (whatever `open_image` reads; with other than 1 or 3 channels arrays
    `[H, W, channels]`) or regions of images (`altasks.data.region_pool`), of any size: sides that
    don't divide by the stride are padded, big images are read in tiles. A label is a mask: a path,
    an array `[H, W]` of class numbers, or run lengths (`altasks.data.encode_mask`).

    Own arguments:
        model: a model object (of segmentation-models-pytorch, or any module from images
            `[n, channels, H, W]` to logits `[n, C, h, w]`); a mapping for
            `segmentation_models_pytorch.create_model`, such as `{"arch": "Unet", "encoder_name":
            "resnet18"}`, whose decoder and head are drawn from the seed at each fit; or a folder
            written by `save`. May be left out with an `Ensemble` of models.
        labels: the class names, in the order of the model's outputs.
        stages: which stages of the decoder get a head: None, all before the last; a number, that
            many nearest to the output; or numbers (0 is the deepest) and dotted names of layers,
            which may be of any module. 0 or a `committee`: none.
        stage_weights: of the stages' losses, the model's own last; by default 0.4 and 1.
        committee: `MCDropout(20)` or `Ensemble(5)` instead of the stages.
        void: the number of unlabelled pixels in masks.
        channels: of an image; by default those of the model's first convolution.
        mean: of each channel, after whole numbers were divided by the largest of their type; by
            default ImageNet's for three channels.
        std: likewise.
        stride: what the model needs sides to be multiples of; by default what a model of
            segmentation-models-pytorch says, and 32 for others.
        tile: the side of the windows a larger image is read in.
        overlap: minimum distance of a used pixel to the edge of its tile.
            Only pixels nearer to a cut than the model looks can differ from a reading in one.
        boundary: pixels within so many of another predicted class are marked in the prediction's
            field `boundary`, for `near_boundary`; 0: none is.
        crop: the side of the windows a `fit` trains on, where images are larger: at random among
            those with a labelled pixel. Where regions are labelled, a window of two or three
            times a region's side and larger batches learn several times faster than whole
            images, and an epoch sees each labelled pixel about once.
        augment: what a `fit` does to images and masks: called as `augment(image=..., mask=...)`
            with arrays, returns both (an albumentations transform is one).
        loss: (logits, classes with -100 for void) -> mean loss of one stage; by default
            cross-entropy plus soft Dice.
        heads_only: a `fit` trains the stages' heads and leaves the model as it is.
        batch_size: how many windows go through the model at once; with 1, memory is one window's.

    Raises:
        InvalidInputError: for labels or stages that the model doesn't have, or an invalid setting.
        MissingExtraError: if a library is needed that isn't installed.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
        >>> task = Segmentation(net, labels=["ground", "digit"], stages=["0"], stride=1)
        >>> task.check_label(np.array([[0, 1], [1, 1]]))
        {'size': [2, 2], 'classes': [0, 1], 'counts': [1, 3]}
    """

    name = NAME
    main_metric = "mean_iou"

    def __init__(
        self,
        model: nn.Module | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        *,
        labels: Sequence[Any] | None = None,
        stages: int | Sequence[int | str] | None = None,
        stage_weights: Sequence[float] | None = None,
        committee: Committee | Ensemble | None = None,
        void: int | None = None,
        channels: int | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        stride: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
        boundary: int = 0,
        crop: int | None = None,
        augment: Callable[..., Any] | None = None,
        loss: MapLoss | None = None,
        heads_only: bool = False,
        **options: Unpack[TrainingKeywords],
    ) -> None:
        named = (
            committee.checkpoint(0) if model is None and isinstance(committee, Ensemble) else model
        )
        saved = saved_settings(named) if isinstance(named, str | os.PathLike) else {}
        check_committee(committee, stages)
        self._stages = saved.get("stages") if stages is None and committee is None else stages
        if committee is not None:
            self._stages = []
        self.void = int(_first(void, saved.get("void"), 255))
        self._given = {
            "channels": _first(channels, saved.get("channels")),
            "stride": _first(stride, saved.get("stride")),
            "mean": _first(mean, saved.get("mean")),
            "std": _first(std, saved.get("std")),
            "tile": _first(tile, saved.get("tile"), 1024),
            "overlap": _first(overlap, saved.get("overlap"), 64),
        }
        self.crop = None if crop is None else require_whole("crop", crop, 1)
        self.augment = augment
        self.loss = loss
        self.heads_only = heads_only
        self.boundary = require_whole("boundary", boundary, 0)
        self._seed = 0
        self._counts: list[int] = list(saved.get("counts") or ())
        super().__init__(
            committee=committee,
            options=TrainingOptions.of(options, batch_size=1),
            own={
                **self._given,
                "void": self.void,
                "crop": crop,
                "augment": augment,
                "loss": loss,
                "heads_only": heads_only,
                "boundary": boundary,
                "stage_weights": stage_weights,
            },
        )
        self._take(model, saved.get("labels") if labels is None else labels)
        # New heads on a model object are untrained too.
        self._head_is_new = self._came_untrained = bool(self._new_parameters)
        self.committee_runner = MapCommittee(
            self.model, committee, self._ensemble, self.device, self.autocast
        )
        self.tiled_passes = Passes(
            self.normalise,
            self.channels,
            self.tile,
            self.overlap,
            self.stride,
            1 if isinstance(committee, MCDropout) else self.batch_size,
            self.device,
            boundary,
            together=committee is not None,
        )
        self._maps = MapPredictor(self.committee_runner, self.tiled_passes, self._names, self.void)
        several = committee is not None or bool(self.model.stages)
        self.default_acquisition = "bald" if several else "margin"

    @property
    def stages(self) -> list[str]:
        """The layers whose heads are the committee, before the model's own output."""
        return list(self.model.stages)

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return a `Ragged` of one distribution a pixel, an image's pixels row by row.

        For a few small images: all of their pixels, K C numbers each, are in memory. `al.score`,
        `evaluate` and descriptions use `iter_predict`.
        """
        self._warn_if_untrained()
        return self._maps.predict(samples)

    def iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        """Yield (index into samples, a `Categorical` over some of its pixels), tile by tile.

        Each pixel comes once. Regions of one image share one pass over it.
        """
        self._warn_if_untrained()
        yield from self._maps.iter_predict(samples)

    def iter_targets(
        self, samples: Sequence[Any], labels: Sequence[Any]
    ) -> Iterator[tuple[int, Prediction, Tensor]]:
        """Yield `iter_predict`'s pieces, each with the classes of its pixels, -1 where void.

        Raises:
            InvalidInputError: for a mask that can't be one.
        """
        self._warn_if_untrained()
        masks = LabelledPixels(samples, labels, self._reader, self.channels)
        for place, rows, columns, probs, _ in self._maps.shares(samples):
            units = Categorical._trusted(probs.permute(2, 0, 1), None)
            yield place, units, masks.at(place, rows, columns)

    @property
    def unit_order(self) -> tuple[int, int, int]:
        """The order of an image's pixels in `iter_predict`: tile by tile, so that of the tiles."""
        return self.tile, self.overlap, self.stride

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the mean over pixels of the deepest features, `[n, d]`, on the CPU.

        Of a model of segmentation-models-pytorch, of the encoder's last; of others, the logits.
        With an ensemble, those of its first member. A region's are averaged over its own pixels,
        of the whole image's pass.
        """
        if self._ensemble is not None:
            return self._ensemble.embed(samples)
        return self._maps.embed(samples)

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
        """Train on images and masks through `transformers.Trainer`, as `TrainerTask.fit` says.

        Regions of one image are one training image, in which all else is void. Images are read
        when their batch is made.
        """
        if self.heads_only and not self.model.stages and self._ensemble is None:
            raise invalid("heads_only", "a model with stages", "none", hint="Give stages=.")
        self._seed = seed
        with self.model.only_heads(self.heads_only and self._ensemble is None):
            super().fit(
                samples, labels, seed=seed, weights=weights, valid=valid, unlabelled=unlabelled
            )
        self._counts = self._reader.counts(labels)

    def load(self, directory: Path | str) -> None:
        """Read back, in place, what `save` wrote, as `TrainerTask.load` says."""
        super().load(directory)
        if self._ensemble is not None:
            self._counts = self._ensemble.on_member(0, lambda member: member._counts)

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return mean IoU, mean Dice, pixel accuracy, and IoU and Dice of each class.

        Over the labelled pixels of all samples together. The model's own output answers, dropout
        off; an ensemble answers with its average.
        """
        check_training_set(samples, labels, None)
        rows = training_rows(samples, labels, None, reader=self._reader, channels=self.channels)
        table = Confusion(len(self._names))
        truth: tuple[int, np.ndarray] | None = None
        self._warn_if_untrained()
        for piece in self._maps.pieces([row.sample for row in rows], answer=True):
            if truth is None or truth[0] != piece.image:
                row = rows[piece.image]
                truth = piece.image, self._reader.read(row.label)
            height, width = piece.probs.shape[2:]
            part = truth[1][piece.top : piece.top + height, piece.left : piece.left + width]
            table.add(part, piece.probs.mean(0).argmax(0).cpu().numpy())
        return table.metrics(self._names)

    def predict_mask(self, sample: Any, *, sure: float = 0.0) -> dict[str, Any]:
        """Return the predicted mask of an image or region as a label, run lengths.

        Args:
            sample: an image or a region.
            sure: pixels whose class has a probability below this are void.
        """
        self._warn_if_untrained()
        return self._maps.mask(sample, sure=sure)

    #: Its name until version 0.2.
    answer = predict_mask

    def describe_many(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """Return `describe` of each of any samples: no prediction exists as a whole."""
        self._warn_if_untrained()
        return self._maps.describe_many(samples)

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the predicted mask, the classes' shares, and where members disagree.

        The mask is run lengths (of every `step`-th pixel, where it has very many runs); the
        disagreement (of one member, the entropy) means over a grid of cells. Of a region, over
        its `box`.
        """
        return self._maps.describe(sample, prediction)

    # Hooks of TrainedTask.

    def _load(self, source: Any, labels: Sequence[Any] | None) -> Loaded:
        if isinstance(source, DeepSupervised):
            return Loaded(source, frozenset())
        if labels is None:
            raise invalid("labels", "the names of the classes", "None")
        return load_supervised(source, labels, self._stages, self._given)

    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        del source
        if labels is None or len(labels) < 2 or alike(labels) is not None:
            raise invalid(
                "labels",
                "at least two class names that can be told apart",
                f"{labels!r}",
                hint="Name the background too; a model with one output is read as two classes.",
            )
        self._names = list(labels)
        if not len(self._names) <= self.void < 2**31:
            raise invalid("void", "a number beyond the classes", f"{self.void}")
        self._reader = MaskReader(len(self._names), self.void)
        self.channels, self.stride = self._given["channels"], self._given["stride"]
        self.normalise = Normaliser(self.channels, self._given["mean"], self._given["std"])
        self.tile, self.overlap = windows(
            int(self._given["tile"]), int(self._given["overlap"]), self.stride
        )
        self.stage_weights = weights_of_stages(
            self._settings["stage_weights"], len(self.model.stages) + 1
        )
        self._settings |= {**self._given, "labels": self.labels, "stages": self.stages}
        return len(self._names)

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> Any:
        rows = training_rows(
            samples, labels, weights, reader=self._reader, channels=self.channels, crop=self.crop
        )
        return MaskRows(rows, self.channels)

    def _arguments(self, samples: int) -> Any:
        return fit_arguments(self.training_args, samples)

    def _collator(self) -> MaskCollator:
        pooled = any(
            isinstance(part, nn.AdaptiveAvgPool2d) and part.output_size in (1, (1, 1))
            for part in self.model.modules()
        )
        return MaskCollator(
            self._reader,
            self.normalise,
            channels=self.channels,
            stride=self.stride,
            crop=self.crop,
            augment=self.augment,
            pairs=pooled,
            seed=self._seed,
        )

    def _loss_function(self, *, weighted: bool) -> Callable[..., Tensor]:
        if weighted and self.loss is not None:
            raise invalid("weights", "None beside a loss of your own, which can't be given them",
                          "weights")  # fmt: skip
        return StagedLoss(self.stage_weights, self.loss, weighted=weighted)

    def _compatibility(self) -> dict[str, Any]:
        return {"labels": self.labels, "stages": self.stages, "void": self.void}

    def _extra_state(self) -> dict[str, Any]:
        return {"model": spec_of(self.model.model), "counts": self._counts, **self._given}

    def _load_extra_state(self, kept: Mapping[str, Any]) -> None:
        self._counts = list(kept.get("counts") or ())


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
