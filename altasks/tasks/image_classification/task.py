"""Image classification with any Hugging Face image classifier or any torch module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack, cast

import torch
from torch import Tensor, nn

from altasks._internal.ahead import default_workers
from altasks._internal.extras import require
from altasks._internal.frames import as_rows
from altasks._internal.numbers import is_whole, require_whole
from altasks.committees.base import Committee, CommitteeLogits
from altasks.committees.bayes_by_backprop import BayesByBackprop
from altasks.committees.ensemble import Ensemble
from altasks.committees.head import find_head
from altasks.committees.mc_dropout import MCDropout
from altasks.data.images import open_image
from altasks.errors import UnreadableSampleError, invalid
from altasks.predictions import Prediction
from altasks.tasks._shared.checkpoints import Loaded
from altasks.tasks._shared.class_bars import with_classes
from altasks.tasks._shared.classes import Classes
from altasks.tasks._shared.classification import ClassificationTask
from altasks.tasks._shared.classifiers import class_names, is_multi_label, load_classifier
from altasks.tasks._shared.frozen.tickets import tickets_of
from altasks.tasks._shared.image_keys import key_maker
from altasks.tasks._shared.image_rows import ImageRows
from altasks.tasks._shared.images import (
    ImageReader,
    PixelNet,
    Processed,
    ToPixels,
    channels_of,
    find_processor,
    in_batches,
    longest_side,
    plain_transform,
)
from altasks.tasks._shared.options import TrainerKeywords, TrainerOptions, takes_options
from altasks.tasks._shared.trainer_task import TrainedTask
from altasks.tasks._shared.weights import redrawable

#: How many classes a description lists.
DESCRIBED = 20


@takes_options(TrainerOptions)
class ImageClassification(ClassificationTask):
    """Images into classes, by a Hugging Face model or any torch module; also several labels each.

    Samples are paths, PIL images, arrays, tensors, or rows of a Hugging Face `Dataset` with the
    image under `image`; see `altasks.data.images.open_image`. Images that can't be read raise
    `UnreadableSampleError`, which `altasks.score` collects instead of stopping.

    Own arguments:
        model: a hub name, a local folder, a model object of Hugging Face
            (`*ForImageClassification`), or any module from images `[n, 3, H, W]` (or `[n, 1, H,
            W]`) to logits `[n, C]`, as timm and torchvision make them. May be left out where the
            committee is an `Ensemble` of models or checkpoints.
        labels: the class names, in the order of the model's outputs. Needed for a torch module,
            and for a checkpoint without a classification head, which is then made.
        committee: where the K opinions come from: `MCDropout(20)`, `Views()`, `Ensemble(5)`;
            None means the model's own, K = 1.
        multi_label: whether a label is a list of names, each present or not; None: as the
            checkpoint's `problem_type` has it.
        processor: of a Hugging Face model: its image processor, or where it is; by default the
            one beside the model.
        transform: instead of a processor: from a PIL image to a float tensor `[channels, H, W]`,
            always of one shape. Used for fits and predictions, so nothing in it should be random.
        input_size: instead of either: the height and width (or one number for both) to which
            images are resized before they are normalised. A torch module without `transform` has
            timm's note of its size, else 224.
        augment: from a PIL image to a PIL image, in fits alone; may draw from torch's, NumPy's or
            Python's generator, which are seeded.
        channels: the PIL mode in which images are read; by default what the model's first
            convolution takes.
        redraw: what of a model object each fit draws anew from its seed: the `"head"`, or
            `"all"`, for a network that starts from nothing.
        workers: threads that decode images while the network runs; 0 decodes in the caller's; None:
            one a processor, at most 4.

    Raises:
        InvalidInputError: for labels that don't fit the model, or an invalid setting.
        MissingExtraError: if transformers or Pillow is not installed.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> task = ImageClassification(net, labels=["cat", "dog"], input_size=8)
        >>> images = [torch.zeros(8, 8), torch.ones(20, 30)]
        >>> task.predict(images)
        Categorical(N=2, K=1, C=2, float32, cpu)
    """

    name = "image-classification"
    auto_class = "AutoModelForImageClassification"
    #: Every image becomes as many pixels, so batches need not be made of equals.
    uniform_size = True

    def __init__(
        self,
        model: str | os.PathLike[str] | nn.Module | None = None,
        *,
        labels: Sequence[Any] | None = None,
        committee: Committee | Ensemble | None = None,
        multi_label: bool | None = None,
        processor: Any = None,
        transform: Callable[[Any], Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
        augment: Callable[[Any], Any] | None = None,
        channels: Literal["RGB", "L"] | None = None,
        redraw: Literal["head", "all"] = "head",
        workers: int | None = None,
        **options: Unpack[TrainerKeywords],
    ) -> None:
        require("PIL.Image", "vision", "Classifying images")
        own = {
            "labels": labels,
            "multi_label": multi_label,
            "processor": processor,
            "transform": transform,
            "input_size": input_size,
            "augment": augment,
            "channels": channels,
            "redraw": redraw,
            "workers": workers,
        }
        _check_settings(own)
        self._redraw = redraw
        self.augment = augment
        super().__init__(committee=committee, options=TrainerOptions.of(options), own=own)
        self._take(model, labels)
        self.default_acquisition = "margin" if committee is None else "bald"

    def size(self, sample: Any) -> int:
        """Return 1: every image becomes as many pixels."""
        del sample
        return 1

    @property
    def workers(self) -> int:
        """How many threads decode images."""
        return self._reader.workers

    def open_sample(self, sample: Any) -> Any:
        """Return an image read and made small, which `predict` and `embed` take in its place.

        As it is, where that is not to be done here: by a `transform` of the user's own, where what
        frozen layers make of the image may be kept already, and for an ensemble of models that
        were given, each of which may read images in its own way.

        Raises:
            UnreadableSampleError: if it can't be read.
        """
        committee = self.committee
        kept = self._frozen is not None and self._keep_frozen is not False
        given = isinstance(committee, Ensemble) and committee.brings_models
        return sample if kept or given else self._reader.open_ahead(sample)

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
        """Train on labelled images through `transformers.Trainer`, as `TrainerTask.fit` says.

        Images are read when a batch needs them. The head of each file is looked at before.

        Raises:
            UnreadableSampleError: naming the rows; if a file turns out to be damaged while
                training, the task is then as before any training.
        """
        for images in (samples, valid[0] if valid is not None else []):
            self._reader.check(as_rows(images))
        super().fit(samples, labels, seed=seed, weights=weights, valid=valid, unlabelled=unlabelled)

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the path (of a file) and the likeliest classes, at most 20."""
        shown = {"path": path} if (path := path_of(sample)) is not None else {}
        return {**shown, **self._likeliest(prediction, DESCRIBED)}

    def picture(self, sample: Any, description: Mapping[str, Any]) -> Any:
        """Return the sample as a PIL image with its likeliest classes written below it."""
        return with_classes(open_image(sample), description)

    # Hooks of TrainerTask.

    def _load(self, source: Any, labels: Sequence[Any] | None) -> Loaded:
        self._multi_label = is_multi_label(source, self._settings["multi_label"])
        if not isinstance(source, nn.Module) or hasattr(
            getattr(source, "config", None), "num_labels"
        ):
            loaded = load_classifier(self.auto_class, source, labels, self._multi_label)
            if self._redraw == "all" and isinstance(source, nn.Module):
                return Loaded(loaded.model, redrawable(loaded.model))
            return loaded
        if labels is None:
            raise invalid(
                "labels",
                f"the class names, which a {type(source).__name__} doesn't have",
                "None",
            )
        net = source if isinstance(source, PixelNet) else PixelNet(source)
        name = _within(net, self._named_head)
        head = find_head(net, len(Classes(labels, self._multi_label)), name)
        if self._redraw == "all":
            return Loaded(net, redrawable(net))
        owned = {id(parameter) for parameter in head.parameters()}
        names = frozenset(name for name, one in net.named_parameters() if id(one) in owned)
        return Loaded(net, names)

    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        of_net = isinstance(self.model, PixelNet)
        names = labels if of_net else class_names(self.model, labels, source)
        self._classes = Classes(cast(Sequence[Any], names), self._multi_label)
        given = self._settings
        made = given["transform"] is not None
        mode = given["channels"] or channels_of(self.model, transformed=made)
        transform, at_least = given["transform"], None
        self.processor = None
        if transform is None and (isinstance(self.model, PixelNet) or given["input_size"]):
            net = self.model.net if isinstance(self.model, PixelNet) else self.model
            transform = plain_transform(net, given["input_size"], mode)
            at_least = max(transform.size)
        elif transform is None:
            self.processor = find_processor(source, given["processor"])
            transform, at_least = Processed(self.processor), longest_side(self.processor)
        # Twice what is needed: a photograph decoded smaller is still shrunk with care.
        workers = default_workers() if given["workers"] is None else given["workers"]
        self._reader = ImageReader(transform, mode, at_least and 2 * at_least, workers)
        self._settings |= {
            "labels": self.labels,
            "multi_label": self._multi_label,
            "processor": self.processor,
        }
        return len(self._classes)

    def _find_head(self, name: str | None) -> nn.Linear:
        return super()._find_head(_within(self.model, name))

    def _forward(self, batch: Tensor) -> Tensor:
        return self._logits({"pixel_values": batch})

    def _draws(self, samples: Sequence[Any], committee: Committee | None) -> CommitteeLogits:
        parts = []
        for batch in self._batches(as_rows(samples), committee):
            parts += self._run([batch], committee)  # its pixels are let go before the next are read
        if not parts:
            return self._none_drawn(committee)
        return CommitteeLogits(
            torch.cat([part.logits for part in parts]), torch.cat([part.features for part in parts])
        )

    def _batches(self, samples: Sequence[Any], committee: Committee | None) -> Iterator[Tensor]:
        """Yield batches of pixels; or of tickets, where what frozen layers make of all is kept."""
        # Other committees may look at the pixels, as Views does.
        looks = not isinstance(committee, MCDropout | BayesByBackprop | None)
        keys = None if looks else self._keys(samples)
        if keys is None:
            yield from self._reader.batches(samples, self.batch_size)
            return
        assert self._frozen is not None
        for rows in self._learned(samples, keys):
            yield tickets_of([keys[row] for row in rows])
            self._frozen.forget()

    def _learned(self, samples: Sequence[Any], keys: Sequence[bytes]) -> Iterator[range]:
        """Yield the rows of each batch once what the frozen part makes of them is known."""
        assert self._frozen is not None
        groups = in_batches(len(samples), self.batch_size)
        unknown = set(self._frozen.unknown(keys))
        wanted = [[row for row in rows if row in unknown] for rows in groups]
        for rows, new, pixels in zip(
            groups, wanted, self._reader.some(samples, wanted), strict=True
        ):
            if pixels is not None:
                inputs = self._moved({"pixel_values": pixels})
                self._frozen.learn([keys[row] for row in new], inputs)
            yield rows

    def _keys(self, samples: Sequence[Any]) -> list[bytes] | None:
        """Return the key of each image; None where its pixels are needed all the same."""
        make = None if self._frozen is None else key_maker(self._reader)
        if make is None or self._frozen is None or not len(samples):
            return None
        if not self._frozen.is_examined:
            try:
                first = next(self._reader.batches(samples[:2], 2))
            except UnreadableSampleError:
                return None  # reading all of them names all that can't be read
            self._frozen.examine(lambda: self._forward(first))
        if not self._frozen.takes_tickets:
            return None
        keys = [make(sample) for sample in samples]
        known = [key for key in keys if key is not None]
        return known if len(known) == len(keys) else None

    def _varies(self) -> bool:
        return self.augment is not None

    def _kept_rows(self, rows: Any) -> Any:
        if self._varies() or self._frozen is None:
            return rows
        keys = self._keys(rows.samples)
        if keys is None:
            return rows
        for _ in self._learned(rows.samples, keys):
            pass
        self._frozen.forget()
        return rows if self._frozen.unknown(keys) else rows.with_tickets(tickets_of(keys))

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> ImageRows:
        if weights is None and isinstance(self.model, PixelNet):
            weights = [1.0] * len(samples)  # its loss reads them
        targets = self._targets(labels, weights)
        return ImageRows(self._reader, samples, targets, self.augment)

    def _require_trainable(self, rows: Sequence[Mapping[str, Any]]) -> None:
        super()._require_trainable(rows)
        if isinstance(self.model, PixelNet):
            assert isinstance(rows, ImageRows)
            self._run([rows.plain(0)[None]], None)  # a network that ends in a softmax is refused

    def _arguments(self, samples: int) -> Any:
        del samples
        given = self.training_args
        if given is not None and not isinstance(given, Mapping):
            return given
        config = getattr(self.model, "config", None)
        if isinstance(getattr(config, "hidden_size", None), int):
            return given  # a transformer, whose rate follows from its width
        rate = 1e-3 if self._redraw == "all" else 3e-4
        return {"learning_rate": rate, **(given or {})}

    def _loss_function(self, *, weighted: bool) -> Callable[..., Tensor] | None:
        return super()._loss_function(weighted=weighted or isinstance(self.model, PixelNet))

    def _processor(self) -> Any:
        return self.processor

    def _write(self, folder: Path) -> None:
        if isinstance(self.model, PixelNet):
            TrainedTask._write(self, folder)
        else:
            super()._write(folder)

    def _compatibility(self) -> dict[str, Any]:
        transform = self._reader.transform
        return {
            "labels": self.labels,
            "multi_label": self.multi_label,
            "channels": self._reader.mode,
            "input_size": list(transform.size) if isinstance(transform, ToPixels) else None,
        }

    def _extra_state(self) -> dict[str, Any]:
        # By timm's own name for it, the network can be built again elsewhere.
        noted = getattr(getattr(self.model, "net", None), "pretrained_cfg", None) or {}
        name = noted.get("architecture")
        return {} if name is None else {"timm": str(name)}

    def _own_collator(self) -> Any:
        transformers = require("transformers", "vision", "Training an image classifier")
        return transformers.default_data_collator


def _within(model: nn.Module, name: str | None) -> str | None:
    """Return a layer's name in the model from its name in the user's own network."""
    inner = f"net.{name}"
    known = isinstance(model, PixelNet) and inner in dict(model.named_modules())
    return inner if known else name


def path_of(sample: Any) -> str | None:
    """Return where an image lies, if it is a file.

    Example:
        >>> path_of({"image": {"path": "a/b.png", "bytes": None}})
        'a/b.png'
    """
    while isinstance(sample, Mapping):
        sample = sample.get("image", sample.get("path"))
    if isinstance(sample, str | os.PathLike):
        return os.fspath(sample)
    return getattr(sample, "filename", None) or None


def _check_settings(own: Mapping[str, Any]) -> None:
    ways = [name for name in ("processor", "transform", "input_size") if own[name] is not None]
    if len(ways) > 1:
        raise invalid("processor", "one of processor, transform and input_size", " and ".join(ways))
    for name in ("transform", "augment"):
        if own[name] is not None and not callable(own[name]):
            raise invalid(name, "a function of an image", repr(own[name]))
    size = own["input_size"]
    sides = (size, size) if is_whole(size, 1) else size
    if sides is not None and not (
        isinstance(sides, tuple | list)
        and len(sides) == 2
        and all(is_whole(side, 1) for side in sides)
    ):
        raise invalid("input_size", "a number of pixels, or (height, width)", repr(size))
    if own["channels"] not in (None, "RGB", "L"):
        raise invalid("channels", "'RGB', 'L' or None", repr(own["channels"]))
    if own["redraw"] not in ("head", "all"):
        raise invalid("redraw", "'head' or 'all'", repr(own["redraw"]))
    if own["workers"] is not None:
        require_whole("workers", own["workers"], 0)
