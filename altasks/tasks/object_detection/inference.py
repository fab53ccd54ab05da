"""From samples to what a detector finds in them: read, letterboxed, batched by shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from altasks._internal.ahead import ahead
from altasks.committees.box_views import View
from altasks.data.images import all_unreadable, is_encoded, open_image, pixels_of
from altasks.errors import UnreadableSampleError, invalid
from altasks.predictions import Categorical, Ragged
from altasks.tasks.object_detection.detector import Detector, ImageDetections
from altasks.tasks.object_detection.matching import match, overlaps
from altasks.tasks.object_detection.ultralytics_guard import load

#: The least class score that is distinguished from 0; its logarithm stays finite.
_TINY = 1e-30


def letterboxes(imgsz: int, stride: int) -> Any:
    """Return Ultralytics' letterbox: the image at `imgsz`, padded to whole strides."""
    return load("ultralytics.data.augment").LetterBox(imgsz, auto=True, stride=stride)


def sides_of(views: Sequence[View], imgsz: int, stride: int) -> list[int]:
    """Return the longer side of an image as the network sees it in each view, in whole strides.

    Raises:
        InvalidInputError: for two views that come to the same.
    """
    sides = [max(1, round(imgsz * view.scale / stride)) * stride for view in views]
    seen: dict[tuple[bool, int], float] = {}
    for view, side in zip(views, sides, strict=True):
        if (view.flip, side) in seen:
            raise invalid(
                "committee",
                "views that differ",
                f"the scales {seen[view.flip, side]:g} and {view.scale:g}, both {side} pixels of "
                f"{imgsz} in strides of {stride}",
                hint="Equal opinions can't disagree: give BoxViews other scales.",
            )
        seen[view.flip, side] = view.scale
    return sides


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """A sample that was read, as the network sees it: far smaller than a photograph.

    Attributes:
        shape: (height, width) of the image.
        boxed: whether mirrored, longer side -> the letterboxed image, RGB bytes `[h, w, 3]`.
    """

    shape: tuple[int, int]
    boxed: Mapping[tuple[bool, int], np.ndarray]

    @property
    def nbytes(self) -> int:
        """How much memory it holds."""
        return sum(array.nbytes for array in self.boxed.values())


class DetectionRunner:
    """Runs a detector over images of any shape.

    Each image is letterboxed as `YOLO.predict` letterboxes it alone: a batch holds images of one
    shape after that, so that what is found doesn't depend on the batch. Images are read and
    letterboxed on threads while the network runs.

    Args:
        imgsz: the longer side the network sees.
        stride: that shapes are multiples of.
        batch_size: images through the network at once.
        workers: threads that read.
        options: `conf`, `iou` and `max_det` of `Detector`.
    """

    def __init__(
        self, imgsz: int, stride: int, batch_size: int, workers: int, options: dict[str, Any]
    ) -> None:
        self._imgsz = imgsz
        self._stride = stride
        self._batch_size = batch_size
        self._workers = workers
        self._options = options

    def open(self, sample: Any, views: Sequence[View], row: int = 0) -> OpenedImage:
        """Return a sample read and letterboxed for some views.

        Raises:
            UnreadableSampleError: if it can't be read.
        """
        if isinstance(sample, OpenedImage):
            return sample
        image = pixels_of(open_image(sample, row=row))
        boxed = {}
        for view, side in zip(views, sides_of(views, self._imgsz, self._stride), strict=True):
            seen = np.ascontiguousarray(image[:, ::-1]) if view.flip else image
            boxed[view.flip, side] = letterboxes(side, self._stride)(image=seen)
        return OpenedImage(image.shape[:2], boxed)

    def _read(
        self, samples: Sequence[Any], views: Sequence[View]
    ) -> Iterator[tuple[int, OpenedImage]]:
        """Yield (row, image) of every sample.

        Raises:
            UnreadableSampleError: after the last sample, for all that can't be read.
        """

        def read(row: int) -> OpenedImage | UnreadableSampleError:
            try:
                return self.open(samples[row], views, row)
            except UnreadableSampleError as error:
                return error

        workers = self._workers if any(map(is_encoded, samples)) else 0
        unreadable: dict[int, UnreadableSampleError] = {}
        rows = range(len(samples))
        for row, found in enumerate(ahead(read, rows, workers=workers, limit=self._batch_size)):
            if isinstance(found, UnreadableSampleError):
                unreadable[row] = found
            elif not unreadable:  # else nothing that is found now is of use any more
                yield row, found
        if unreadable:
            raise all_unreadable(unreadable)

    def find(
        self, detector: Detector, samples: Sequence[Any], views: Sequence[View]
    ) -> list[list[ImageDetections]]:
        """Return what a detector finds in each sample in each view, by sample, then view."""
        keys = [
            (view.flip, side)
            for view, side in zip(views, sides_of(views, self._imgsz, self._stride), strict=True)
        ]
        found: list[list[Any]] = [[None] * len(views) for _ in samples]
        waiting: dict[tuple[int, ...], list[_Waiting]] = {}
        for row, image in self._read(samples, views):
            for k, key in enumerate(keys):
                boxed = image.boxed[key]
                queue = waiting.setdefault(boxed.shape, [])
                queue.append(_Waiting(row, k, boxed, image.shape))
                if len(queue) == self._batch_size:
                    self._run(detector, queue, views, found)
        for queue in waiting.values():
            self._run(detector, queue, views, found)
        return found

    def _run(
        self,
        detector: Detector,
        queue: list[_Waiting],
        views: Sequence[View],
        found: list[list[Any]],
    ) -> None:
        if not queue:
            return
        images = np.stack([one.boxed for one in queue])
        results = detector(images, [one.shape for one in queue], **self._options)
        for one, result in zip(queue, results, strict=True):
            if views[one.view].flip:
                width = one.shape[1]
                left, right = result.boxes[:, 0].clone(), result.boxes[:, 2].clone()
                result.boxes[:, 0], result.boxes[:, 2] = width - right, width - left
            found[one.row][one.view] = result
        queue.clear()


class _Waiting(NamedTuple):
    """An image in one view that waits for others of its shape."""

    row: int
    view: int
    boxed: np.ndarray
    shape: tuple[int, int]


def distribution(scores: Tensor, background: bool) -> Categorical:
    """Return the distribution over classes that a box's class scores mean.

    Args:
        scores: `[M, C]` or `[M, K, C]`, sigmoids.
        background: whether (s_1 ... s_C, 1 - max s), normalised, or s / sum(s).
    """
    values = scores.float()
    if background:
        rest = 1 - values.amax(-1, keepdim=True)
        values = torch.cat((values, rest), -1)
    # The softmax of the logarithms is the values over their sum.
    return Categorical.from_logits(values.clamp_min(_TINY).log())


def as_ragged(
    found: Sequence[ImageDetections], classes: int, background: bool, width: int
) -> Ragged:
    """Return one detector's boxes of N images as a prediction of one member.

    Args:
        found: in each image.
        classes: C.
        background: see `distribution`.
        width: of a box's embedding.
    """
    lengths = [len(one.boxes) for one in found]
    if not found:
        boxes, scores = torch.zeros(0, 4), torch.zeros(0, classes)
        embeddings = torch.zeros(0, width)
    else:
        boxes = torch.cat([one.boxes for one in found])
        scores = torch.cat([one.scores for one in found])
        embeddings = torch.cat([one.embeddings for one in found])
    conf = scores.amax(1) if len(scores) else scores.new_zeros(0)
    units = distribution(scores, background)
    fields = {"boxes": boxes, "conf": conf, "scores": scores, "embeddings": embeddings}
    return Ragged(units, lengths, fields)


def join_boxes(parts: Sequence[Ragged], iou: float, *, one_network: bool) -> Ragged:
    """Return one prediction of K members over matched boxes.

    Args:
        parts: of each member, as `as_ragged` makes them with a background.
        iou: the least overlap of two boxes of one object.
        one_network: whether the members are views of one network. Then a box has the embedding
            from the view in which it is most confident; networks have nothing in common there, so
            of several it has the first one's, zeros where that one missed it.
    """
    members, samples = len(parts), len(parts[0])
    device = parts[0].fields["boxes"].device
    places = [part.fields["boxes"].cpu().double().numpy() for part in parts]
    confs = [part.fields["conf"].cpu().numpy() for part in parts]
    starts = [part.offsets.tolist() for part in parts]
    rows: list[np.ndarray] = []
    seeds: list[np.ndarray] = []
    lengths = []
    for n in range(samples):
        spans = [slice(start[n], start[n + 1]) for start in starts]
        matched = match(
            [place[span] for place, span in zip(places, spans, strict=True)],
            [conf[span] for conf, span in zip(confs, spans, strict=True)],
            iou,
        )
        offsets = np.array([span.start for span in spans])
        rows.append(np.where(matched.rows >= 0, matched.rows + offsets, -1))
        seeds.append(matched.seeds)
        lengths.append(len(matched.seeds))
    row = np.concatenate(rows) if rows else np.zeros((0, members), np.int64)  # M x K
    seed = np.concatenate(seeds) if seeds else np.zeros(0, np.int64)
    return _side_by_side(parts, row, seed, lengths, device, one_network)


def _side_by_side(
    parts: Sequence[Ragged],
    row: np.ndarray,
    seed: np.ndarray,
    lengths: list[int],
    device: torch.device,
    one_network: bool,
) -> Ragged:
    members, units = len(parts), len(row)
    classes = parts[0].units.probs.shape[-1]  # type: ignore[attr-defined]
    probs = torch.zeros(units, members, classes, device=device)
    probs[:, :, -1] = 1  # a member that misses a box predicts background, with certainty
    boxes = torch.zeros(units, members, 4, device=device)
    conf = torch.zeros(units, members, device=device)
    width = parts[0].fields["embeddings"].shape[1]
    embeddings = torch.zeros(units, width, device=device)
    for k, part in enumerate(parts):
        has = torch.from_numpy(np.flatnonzero(row[:, k] >= 0)).to(device)
        at = torch.from_numpy(row[row[:, k] >= 0, k]).to(device)
        probs[has, k] = part.units.probs[at, 0].to(device)  # type: ignore[attr-defined]
        boxes[has, k] = part.fields["boxes"][at].to(device)
        conf[has, k] = part.fields["conf"][at].to(device)
        if not one_network and k:
            continue
        mine = np.flatnonzero((seed == k) if one_network else (row[:, k] >= 0))
        source = torch.from_numpy(row[mine, k]).to(device)
        embeddings[torch.from_numpy(mine).to(device)] = part.fields["embeddings"][source].to(device)
    own = boxes[torch.arange(units, device=device), torch.from_numpy(seed).to(device)]  # M x 4
    each, stands = boxes.cpu().double().numpy(), own.cpu().double().numpy()
    shared = np.array([overlaps(stands[i], each[i]) for i in range(units)]).reshape(units, members)
    return Ragged(
        Categorical(probs),
        lengths,
        {
            "boxes": own,
            "conf": conf.mean(1) if units else conf.new_zeros(0),
            "member_boxes": boxes,
            "member_conf": conf,
            "overlap": torch.from_numpy(shared).float().to(device),
            "embeddings": embeddings,
        },
    )
