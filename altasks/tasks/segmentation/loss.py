"""The loss of a segmentation model: cross-entropy and Dice, at every stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from altasks.data.masks.masks import IGNORED

#: (logits `[n, C, h, w]`, classes `[n, h, w]` with -100 for void) -> the mean loss.
MapLoss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy_and_dice(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy of the labelled pixels plus the soft Dice loss.

    The Dice loss is 1 - the mean over classes of (2 sum p t + 1) / (sum p + sum t + 1), the sums
    over the labelled pixels of the batch, and the mean over the classes that occur in it
    (Milletari, Navab and Ahmadi 2016, "V-Net", with plain sums in the denominator).

    Args:
        logits: `[n, C, h, w]`.
        target: `[n, h, w]` classes, `IGNORED` for void.
        weights: `[n]`, how much each image counts, relative to 1.

    Returns:
        A scalar; 0 where nothing is labelled.

    Example:
        >>> sure = torch.tensor([[[[50.0]], [[0.0]]]])
        >>> float(cross_entropy_and_dice(sure, torch.tensor([[[0]]])))
        0.0
    """
    known = target != IGNORED  # n x h x w
    count = known.sum().clamp(min=1)
    share = known.to(logits.dtype)
    if weights is not None:
        share = share * weights.to(logits.dtype)[:, None, None]
    log_probs = torch.log_softmax(logits, 1)  # n x C x h x w
    classes = target.clamp(min=0)[:, None]  # n x 1 x h x w
    entropy = -(log_probs.gather(1, classes)[:, 0] * share).sum() / count
    probs = log_probs.exp() * share[:, None]
    truth = torch.zeros_like(probs).scatter_(1, classes, share[:, None])
    sums = (0, 2, 3)
    common = (log_probs.exp() * truth).sum(sums)  # C
    total = probs.sum(sums) + truth.sum(sums)
    occurs = truth.sum(sums) > 0
    dice = 1 - (2 * common + 1) / (total + 1)
    return entropy + (dice * occurs).sum() / occurs.sum().clamp(min=1)


def at_size(target: Tensor, height: int, width: int) -> Tensor:
    """Return classes `[n, H, W]` at another resolution: of each cell, those at its centre."""
    if target.shape[1:] == (height, width):
        return target
    rows = _centres(target.shape[1], height, target.device)
    return target[:, rows][:, :, _centres(target.shape[2], width, target.device)]


def _centres(long: int, short: int, device: torch.device) -> Tensor:
    places = (torch.arange(short, device=device) + 0.5) * (long / short)
    return places.long().clamp_(max=long - 1)


class StagedLoss:
    """Trainer's `compute_loss_func` over the maps of all stages.

    A stage is compared at its own resolution with the mask at the centres of its cells; the last
    one, which makes the mask, at the mask's.

    Args:
        weights: `[K]`, of the stages.
        loss: of one stage; the default is `cross_entropy_and_dice`, which takes the weights of
            the samples as a third argument.
        weighted: whether samples have weights.
    """

    def __init__(self, weights: Sequence[float], loss: MapLoss | None, *, weighted: bool) -> None:
        self.weights = tuple(weights)
        self.loss = loss
        self.weighted = weighted

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        """Return the loss of one batch, as its share of a step of several."""
        assert isinstance(outputs, Mapping)
        samples = outputs["weights"] if self.weighted else None
        *early, last = outputs["logits"]
        if last.shape[2:] != labels.shape[1:]:
            last = torch.nn.functional.interpolate(
                last, size=labels.shape[1:], mode="bilinear", align_corners=False
            )
        total = torch.zeros((), device=labels.device)
        for weight, logits in zip(self.weights, [*early, last], strict=True):
            if weight:
                target = at_size(labels, *logits.shape[2:])
                total = total + weight * self._one(logits.float(), target, samples)
        total = total / sum(self.weights)
        if num_items_in_batch is None:
            return total
        # Trainer counts the labelled pixels of all batches of one step.
        count = torch.as_tensor(num_items_in_batch).clamp(min=1)  # an augmentation may leave none
        share: Tensor = (labels != IGNORED).sum() / count
        return total * share

    def _one(self, logits: Tensor, target: Tensor, samples: Tensor | None) -> Tensor:
        if self.loss is None:
            return cross_entropy_and_dice(logits, target, samples)
        if not bool((target != IGNORED).any()):  # torch's mean over no pixel is NaN
            return 0 * logits.sum()
        return self.loss(logits, target)
