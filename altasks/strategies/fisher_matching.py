"""Batches for a target whose mix of classes is not the pool's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.frames import plain_array
from altasks._internal.numbers import require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import blocks, hash_order
from altasks.strategies._cover import cover
from altasks.strategies._last_layer import (
    blocks_of,
    considered,
    extend,
    read_inputs,
    read_probs,
    require_exclusive,
)
from altasks.strategies.base import Candidates, check_request

#: (embeddings `[m, d]`, probabilities `[m, C]`) or with the labels `[m]` as the third.
Target = tuple[Any, ...]
_INDEPENDENT = "Independent labels can't be matched."


class FisherMatching:
    """Pick what would teach the model the things that it still gets wrong on a target set.

    For pools that are not what the model will meet: a collection with hardly any of the classes
    that count, and a small set with the right mix. After Gudovskiy, Hodgkinson, Yamaguchi and
    Tsukizawa (2020), "Deep Active Learning for Biased Datasets via Fisher Kernel Self-Supervision":
    samples are compared by their Fisher vectors, the gradients of the log-likelihood, and the pool
    is searched for those most like what the model misses on the target. Here the gradients are the
    last layer's: g = (p - e_y) (x) (h, 1). Their inner product factorises, so none is formed.

    The similarity of a candidate x to a target sample t with the label y is

        k(x, t) = |g_t| max(0, cos(g_x, g_t)),

    both gradients taken for the label y: how far along t's gradient one goes with x's, if x is of
    t's class. (With the label that the model itself predicts for x, a candidate that it gets wrong
    just as it does t would have the opposite gradient.) What the model knows of the target has a
    gradient near 0 and doesn't count. Picks are greedy for sum_t max_x k(x, t), the maximum over
    the batch and what was asked before, so that no part of the target is matched twice before all
    are matched once; then matching starts anew. Where the authors match every missed sample, after
    thinning by k-center, with its most similar candidates, over features and gradients of several
    layers and with labels guessed for the pool, this is one layer, the target's labels and a cover.

    Scores are not read, nor are labelled samples: the model has learned from those. O(N m (d + C))
    once and O(N m) a pick, N m numbers of memory; of more than 100,000 candidates, so many drawn
    ones may be picked. Picks don't depend on the order of the pool.

    Args:
        target: embeddings `[m, d]`, probabilities `[m, C]` and, if known, labels `[m]` (numbers of
            classes) of the target set; or a function of no arguments that returns them, called at
            every selection: embeddings and probabilities change when the model does. Without
            labels the most probable classes stand in, and only doubt is matched, not mistakes.
        sample: at most how many target samples are matched: those of the longest gradients.
        bias: whether the last layer has a bias.

    Raises:
        InvalidInputError: for options out of range, a target that doesn't fit the candidates or
            holds what isn't finite, or probabilities that are not of exclusive classes.

    Example:
        >>> import numpy as np
        >>> pool = np.array([[1.0, 0.0], [1.1, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> candidates = Candidates(
        ...     list("abcd"),
        ...     np.zeros(4),
        ...     embeddings=pool,
        ...     mean_probs=np.array([[0.9, 0.1]] * 4),  # takes all for class 0
        ...     pending_embeddings=np.empty((0, 2)),
        ... )
        >>> target = (pool[[0, 3]] + 0.1, np.array([[0.9, 0.1], [0.9, 0.1]]), [0, 1])
        >>> FisherMatching(target).select(candidates, 1, rng=np.random.default_rng(0))
        ['d']
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "mean_probs", "pending_embeddings"})
    reads_scores: ClassVar[bool] = False

    def __init__(
        self, target: Target | Callable[[], Target], *, sample: int = 256, bias: bool = True
    ) -> None:
        if not isinstance(bias, bool):
            raise invalid("bias", "True or False", f"{bias!r}")
        if not callable(target):
            _require_parts(target)
        self.target = target
        self.sample = require_whole("sample", sample, 1)
        self.bias = bias

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order picked."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        order, rest = considered(hash_order(candidates.ids, rng), n)
        ids = candidates.ids
        with torch.inference_mode():
            for _, others, rows in blocks_of(candidates, rest, bias=self.bias, probs=True):
                assert others is not None
                require_exclusive(others, rows, ids, _INDEPENDENT)
            pool = read_inputs(candidates.embeddings, order, ids, "embeddings", bias=self.bias)
            probs = read_probs(candidates.mean_probs, order, ids, pool)
            require_exclusive(probs, order, ids, _INDEPENDENT)
            target = self._read_target(pool, probs.shape[1])
            asked = read_inputs(
                candidates.pending_embeddings, None, None, "pending_embeddings", bias=self.bias
            ).to(pool)
            theirs = extend(pool, probs, asked)
            covered = _similar(asked, theirs, *target).amax(0) if len(asked) else None
            picks = cover(_similar(pool, probs, *target), covered, n)
        return [ids[int(order[row])] for row in picks]

    def _read_target(self, like: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, gradients by the logits and labels of what is to be matched."""
        found = self.target() if callable(self.target) else self.target
        _require_parts(found)
        arrays = [
            part if isinstance(part, Tensor) else plain_array(part, "target", "arrays of numbers")
            for part in found
        ]
        count, width = len(arrays[0]), like.shape[1] - self.bias
        parts = ("embeddings", "probabilities", "labels")
        shapes = ((count, width), (count, classes), (count,))
        for array, name, shape in zip(arrays, parts, shapes, strict=False):  # labels or none
            if tuple(array.shape) != shape:
                raise invalid(
                    "target",
                    f"{name} of shape {list(shape)}, as the candidates have",
                    f"shape {list(array.shape)}",
                )
        rows = np.arange(count)
        names = [f"target {row}" for row in range(count)]
        inputs = read_inputs(arrays[0], None, names, "target", bias=self.bias).to(like)
        probs = read_probs(arrays[1], rows, names, like)
        require_exclusive(probs, rows, names, _INDEPENDENT)
        labels = probs.argmax(1)
        if len(arrays) == 3:
            labels = torch.as_tensor(arrays[2]).to(like.device)
            wrong = (labels < 0) | (labels >= classes)
            if labels.is_floating_point() or bool(wrong.any()):
                raise invalid(
                    "target",
                    f"labels that are whole numbers from 0 to {classes - 1}",
                    f"{labels.dtype}, {labels[wrong][:3].tolist()}",
                )
            labels = labels.to(torch.int64)
        slopes = probs.scatter_add(1, labels[:, None], -torch.ones_like(probs[:, :1]))
        lengths = slopes.norm(dim=1) * inputs.norm(dim=1)
        kept = torch.argsort(-lengths, stable=True)[: self.sample]
        return inputs[kept], slopes[kept], labels[kept]


def _require_parts(target: Any) -> None:
    if not isinstance(target, tuple | list) or len(target) not in (2, 3):
        raise invalid(
            "target",
            "(embeddings, probabilities) or (embeddings, probabilities, labels), or a function "
            "that returns them",
            type(target).__name__,
        )


def _similar(
    inputs: Tensor, probs: Tensor, target: Tensor, slopes: Tensor, labels: Tensor
) -> Tensor:
    """Return k(x, t) = |g_t| max(0, cos(g_x, g_t)), `[N, m]`, both for the label of t."""
    found = inputs.new_empty(len(inputs), len(target))
    tiny = torch.finfo(inputs.dtype).tiny
    for rows in blocks(len(inputs), len(target) + inputs.shape[1], 2**21):
        own = probs[rows]
        of_label = own[:, labels]  # rows x m
        # <p - e_y, a> and |p - e_y|^2, of which rounding could leave less than 0
        along = own @ slopes.T - slopes.gather(1, labels[:, None])[:, 0]
        square = (own.square().sum(1, keepdim=True) - 2 * of_label + 1).clamp_(min=0)
        length = square.sqrt_() * inputs[rows].norm(dim=1, keepdim=True)
        product = along.mul_(inputs[rows] @ target.T)
        found[rows] = product.div_(length.clamp_(min=tiny)).clamp_(min=0)
    # |g_x . g_t| / |g_x| can't exceed |g_t|; where |g_x| is all rounding, it would.
    return torch.minimum(found, slopes.norm(dim=1) * target.norm(dim=1), out=found)
