"""The last layer after one more label: by one gradient step, or by fitting it again.

Logits are affine in the layer's weights, so what a change V of the weights does to a sample's
logits is V h: neither the weights nor the labels of the labelled samples need to be known.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from altasks.strategies._last_layer import LEAST

#: The expected loss on a sample: its entropy, or the chance that its best class is wrong.
Loss = Literal["entropy", "error"]

#: A step moves no logit by more: beyond, exp() leaves its range.
_FARTHEST = 300.0

#: Numbers in one block of work: 4 MiB of float64.
_BLOCK = 2**19

_NEWTON_STEPS = 100


def expected_loss(logits: Tensor, loss: Loss) -> Tensor:
    """Return the loss that softmax(logits) `[..., C]` expects of itself, `[...]`."""
    logs = torch.log_softmax(logits, -1)
    if loss == "error":
        return 1 - logs.amax(-1).exp()
    return -(logs.exp() * logs).sum(-1)


def loss_after_step(
    inputs: Tensor, probs: Tensor, pool_inputs: Tensor, pool_logs: Tensor, rate: float, loss: Loss
) -> Tensor:
    """Return the pool's losses after a gradient step on each sample, over its labels, `[N, m]`.

    The step on (x, c) changes the logits of x_j by t (e_c - p), t = rate <h, h_j>. The part with p
    is common to all labels, and the rest touches one class, so a loss after the step is O(1) for
    each label once a sum over the classes is there: O(C) for all C labels.

    Args:
        inputs: `[N, D]` of the samples that may be labelled.
        probs: `[N, C]` of these; also the chances of their labels.
        pool_inputs: `[m, D]` of those whose loss counts.
        pool_logs: `[m, C]`, their logarithms of probabilities.
        rate: the step's length.
        loss: see `Loss`.
    """
    found = inputs.new_empty(len(inputs), len(pool_logs))
    step = max(1, _BLOCK // pool_logs.numel())
    for start in range(0, len(inputs), step):
        rows = slice(start, start + step)
        chances = probs[rows, None]  # rows x 1 x C
        moved = (inputs[rows] @ pool_inputs.T).mul_(rate).clamp_(-_FARTHEST, _FARTHEST)
        moved = moved[:, :, None]  # rows x m x 1
        logs = pool_logs - moved * chances  # rows x m x C
        best, place = logs.max(2, keepdim=True)
        logs -= best
        weights = logs.exp()  # 1 for the best class
        # The weight of the classes besides the label's, without a difference of near-equal numbers.
        without = weights.scatter(2, place, 0.0).sum(2, keepdim=True)
        others = ((1 + without) - weights).scatter_(2, place, without)
        # The label's class counts for exp(t) times as much; the larger side keeps its weight.
        log_others, log_own = -moved.clamp(min=0), moved.clamp(max=0)
        scale_others, scale_own = log_others.exp(), log_own.exp()
        totals = scale_others * others + scale_own * weights
        if loss == "entropy":
            products = weights * logs  # w log w
            rest = products.sum(2, keepdim=True) - products
            # sum_k w_k log w_k, all w scaled as above
            sums = rest.addcmul_(others, log_others).mul_(scale_others)
            sums += products.addcmul_(weights, log_own).mul_(scale_own)
            after = totals.log() - sums.div_(totals)
        else:
            second = weights.scatter(2, place, 0.0).amax(2, keepdim=True)
            highest = torch.ones_like(weights).scatter_(2, place, second)
            after = 1 - torch.maximum(scale_others * highest, scale_own * weights).div_(totals)
        found[rows] = after.mul_(chances).sum(2)
    return found


def loss_after_refit(
    inputs: Tensor,
    probs: Tensor,
    pool_inputs: Tensor,
    pool_logs: Tensor,
    known_inputs: Tensor,
    known_probs: Tensor,
    ridge: float,
    loss: Loss,
) -> Tensor:
    """Return the pool's losses after fitting the layer with each, over its labels, `[N, m]`.

    The fit minimises, over the change V of the weights,

        sum_known CE(p, softmax(log p + V h)) + CE(e_c, softmax(log p_x + V h_x)) + ridge |V|^2 / 2.

    Where the layer is the ridge regression's optimum, this is the fit with the true labels: the
    two differ by a term linear in V, <sum (p - y) (x) h, V>, and at the optimum that sum is
    - ridge W, which turns |V|^2 into |W + V|^2 up to a constant.
    """
    found = inputs.new_empty(len(inputs), len(pool_logs))
    classes, width = probs.shape[1], inputs.shape[1]
    known = len(known_inputs)
    # Small systems are solved many at a time: starting an operation costs more than its work.
    size = classes * classes * width * (classes * width + known + 1) + classes * pool_logs.numel()
    step = max(1, _BLOCK // size)
    for start in range(0, len(inputs), step):
        some, chances = inputs[start : start + step], probs[start : start + step]
        count = len(some)
        # S = known + 1 samples in each of count x C fits
        every = torch.cat((known_inputs.expand(count, -1, -1), some[:, None]), 1)
        now = torch.cat((known_probs.expand(count, -1, -1), chances[:, None]), 1)
        every, now = every.repeat_interleave(classes, 0), now.repeat_interleave(classes, 0)
        targets = now.clone()
        targets[:, -1] = torch.eye(classes).to(probs).repeat(count, 1)
        change = _fit(every, now.clamp_min(LEAST).log(), targets, ridge)
        losses = expected_loss(pool_logs + pool_inputs @ change.mT, loss).view(count, classes, -1)
        found[start : start + step] = (losses * chances[:, :, None]).sum(1)
    return found


def _fit(inputs: Tensor, logs: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """Return V `[B, C, D]` for each of B fits, by Newton's method with halving.

    Args:
        inputs: `[B, S, D]`.
        logs: `[B, S, C]`, logits where V is 0.
        targets: `[B, S, C]`, distributions.
        ridge: the weight of |V|^2 / 2.
    """
    sets, _, classes = targets.shape
    width = inputs.shape[2]
    change = inputs.new_zeros(sets, classes, width)

    def objective(v: Tensor) -> Tensor:
        fit = -(targets * torch.log_softmax(logs + inputs @ v.mT, 2)).sum((1, 2))
        return fit + 0.5 * ridge * v.square().sum((1, 2))

    value = objective(change)
    for _ in range(_NEWTON_STEPS):
        probs = torch.softmax(logs + inputs @ change.mT, 2)  # B x S x C
        slope = (probs - targets).mT @ inputs + ridge * change  # B x C x D
        each = (probs[..., None] * inputs[:, :, None]).flatten(2)  # B x S x CD
        curve = -(each.mT @ each)
        blocks = curve.view(sets, classes, width, classes, width)
        own = each.view(*probs.shape, width).permute(0, 2, 3, 1) @ inputs[:, None]  # B x C x D x D
        blocks.diagonal(dim1=1, dim2=3).add_(own.permute(0, 2, 3, 1))
        # Softmax doesn't see what is added to all classes; what a tiny ridge leaves singular is
        # damped. That bends the way to the optimum, not the optimum.
        damping = 1e-12 * own.diagonal(dim1=2, dim2=3).sum((1, 2))
        curve.diagonal(dim1=1, dim2=2).add_(ridge + damping[:, None])
        step: Tensor = torch.linalg.solve(curve, slope.flatten(1)).view_as(change)
        gain = (slope * step).sum((1, 2))  # twice what the quadratic promises
        if float(gain.max()) <= 1e-20 + 1e-14 * float(value.max()):
            return change - step
        size = torch.ones_like(gain)
        for _ in range(40):
            new = objective(change - size[:, None, None] * step)
            worse = new > value - 1e-4 * size * gain + 1e-12 * value
            if not bool(worse.any()):
                break
            size = torch.where(worse, size / 2, size)
        change = change - size[:, None, None] * step
        value = new
    return change
