"""Samples whose predicted class does not survive dropout of their features, spread by k-means."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import as_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import (
    BLOCK,
    Rows,
    blocks,
    hash_order,
    read_finite,
    squared_distances,
)
from altasks.strategies._kmeans import kmeans
from altasks.strategies._last_layer import exclusive, read_layer, read_probs
from altasks.strategies.base import Candidates, check_request

#: How large a share of the passes has to differ for a candidate to be clustered.
DIFFER = 0.5
#: How many rows the last layer is read off at most, and for each input.
_FIT_ROWS, _FIT_ROWS_PER_INPUT = 5_000, 10
#: Numbers in a block, in float64.
_TILE = 2**20


class DropQuery:
    """Cluster the candidates that dropout of their features changes, and take the middles.

    Gupte, Aklilu, Nirschl and Yeung-Levy (2024), "Revisiting Active Learning in the Era of Vision
    Foundation Models", TMLR, section 3.3. Each feature is dropped with probability `p`, `passes`
    times, and the model predicts each time. Candidates of which more than half of the predictions
    differ from the undisturbed one are kept, at least n of them (then those with the largest
    share). K-means parts them into n clusters, and of each the candidate nearest to its centre is
    taken, the largest cluster first. With independent labels a prediction differs if any label
    does.

    By default the strategy does the dropping, and any task with embeddings and probabilities will
    do: it reads the last layer off the two. That is exact where the embeddings are the input of a
    linear layer, there is one model instead of a committee, and the pool has more samples than the
    embeddings have features; elsewhere it is the layer that fits best. With
    `source="draws"` the passes are the committee's members instead, of which each should be a pass
    with dropped features, `MCDropout(3, layers="head", p=0.75)`; their average stands for the
    undisturbed prediction. The features that are kept are divided by 1 - p, as torch does.

    Scores are not read. Picks don't depend on the order of the pool: rows are read, and features
    dropped, in the order of a seeded hash. K-means is cut short as in `TypiClust`. O(N d (passes C
    + n)) time, one copy of the embeddings.

    Args:
        passes: how often features are dropped, at least 1; not with `source="draws"`.
        p: the probability of dropping one, in (0, 1).
        source: `"layer"` or `"draws"`.
        bias: whether the last layer has a bias.

    Raises:
        InvalidInputError: for options out of range, an embedding that isn't finite, or rows of
            `mean_probs` that are no probabilities.

    Example:
        >>> import numpy as np
        >>> points = np.array([[9.0, 8.9], [-9.0, 9.0], [0.2, 0.1], [-9.1, -9.0]])
        >>> logits = points @ np.array([[1.0, -1.0], [0.0, 0.0]])
        >>> probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        >>> candidates = Candidates(list("abcd"), np.zeros(4), embeddings=points, mean_probs=probs)
        >>> len(DropQuery().select(candidates, 2, rng=np.random.default_rng(0)))
        2
    """

    reads_scores: bool = False

    def __init__(
        self,
        passes: int = 3,
        *,
        p: float = 0.75,
        source: Literal["layer", "draws"] = "layer",
        bias: bool = True,
    ) -> None:
        self.passes = require_whole("passes", passes, 1)
        if not 0 < as_real(p) < 1:
            raise invalid("p", "a probability between 0 and 1", f"{p!r}")
        if source not in ("layer", "draws"):
            raise invalid("source", "'layer' or 'draws'", f"{source!r}")
        self.p = float(p)
        self.source = source
        self.bias = bool(bias)
        fields = {"embeddings", "mean_probs"}
        self.needs: frozenset[str] = frozenset(fields if source == "layer" else fields | {"draws"})

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, that of the largest cluster first."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        ids = candidates.ids
        order = hash_order(ids, rng)
        if self.source == "layer":
            differ = self._by_layer(candidates, order, rng)
        else:
            differ = _by_draws(candidates, order)
        # Largest share first, equal ones in the order of the hash.
        ranked = np.argsort(-differ, kind="stable")
        kept = ranked[: max(n, int((differ > DIFFER).sum()))]
        if len(kept) > n:
            kept = kept[_middles(_read(candidates, order[kept]), n, rng)]
        return [ids[i] for i in order[kept].tolist()]

    def _by_layer(
        self, candidates: Candidates, order: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the share of passes that change the prediction, `[N]`, in the order of the hash.

        The undisturbed prediction is the layer's own, so that what the layer can't say of a
        committee's average counts for no disagreement.
        """
        assert candidates.embeddings is not None
        inputs = candidates.embeddings.shape[1]
        some = slice(max(_FIT_ROWS, _FIT_ROWS_PER_INPUT * inputs))
        fitted_on = _read(candidates, order[some]).to(torch.float64)
        probs = read_probs(candidates.mean_probs, order[some], candidates.ids, fitted_on)
        one_class = exclusive(probs)
        ones = fitted_on.new_ones(len(fitted_on), int(self.bias))
        layer = read_layer(torch.cat((fitted_on, ones), 1), probs)  # (d or d + 1) x C
        weights, offset = layer[:inputs], layer[inputs:].sum(0)
        differ = np.empty(len(order))
        width = self.passes * max(inputs, layer.shape[1])
        for part in blocks(len(order), width, _TILE):
            block = _read(candidates, order[part]).to(torch.float64)[:, None]  # rows x 1 x d
            # Row by row, so that what is dropped of a row doesn't depend on the size of a block.
            shape = (len(block), self.passes, inputs)
            stays = torch.from_numpy(rng.random(shape, np.float32) >= self.p).to(block.device)
            there = _labels(block * stays / (1 - self.p) @ weights + offset, one_class, 0.0)
            whole = _labels(block @ weights + offset, one_class, 0.0)
            differ[part] = (there != whole).any(2).to(torch.float64).mean(1).cpu().numpy()
        return differ


def _read(candidates: Candidates, rows: np.ndarray) -> Tensor:
    return read_finite(candidates.embeddings, rows, candidates.ids, "embeddings").contiguous()


def _by_draws(candidates: Candidates, order: np.ndarray) -> np.ndarray:
    """Return the share of members that differ from the average, `[N]`, in the order of the hash."""
    draws, ids = Rows(candidates.draws), candidates.ids
    if min(draws.shape[1:]) == 0:
        raise invalid("candidates.draws", "shape [N, K, C]", f"shape {list(draws.shape)}")
    differ = np.empty(len(order))
    one_class: bool | None = None
    for part in blocks(len(order), draws.width, _TILE):
        rows = order[part]
        _read(candidates, rows)  # to be checked: those that are not kept aren't read again
        members = draws.take(torch.from_numpy(rows).to(draws.device), torch.float64)
        average = read_probs(candidates.mean_probs, rows, ids, members)
        finite = torch.isfinite(members).flatten(1).all(1)
        if not bool(finite.all()):
            name = ids[int(rows[int((~finite).nonzero()[0])])]
            raise invalid("candidates.draws", "finite numbers", "others", where=f"id {name!r}")
        if one_class is None:
            one_class = exclusive(average)
        there = _labels(members, one_class, 0.5)  # rows x K x (1 or C)
        whole = _labels(average, one_class, 0.5)[:, None]
        differ[part] = (there != whole).any(2).to(torch.float64).mean(1).cpu().numpy()
    return differ


def _labels(values: Tensor, one_class: bool, threshold: float) -> Tensor:
    """Return the best class `[..., 1]`, or which independent labels are on, `[..., C]`."""
    return values.argmax(-1, keepdim=True) if one_class else values > threshold


def _middles(points: Tensor, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` rows, the nearest to each k-means centre, the largest cluster's first.

    A row that is nearest to two centres is the larger cluster's; clusters that stay empty (copies)
    are made up for by the first rows that are left.
    """
    labels = kmeans(points, n, rng)
    mean = points.mean(0)
    sizes = torch.bincount(labels, minlength=n)
    centres = points.new_zeros((n, points.shape[1]), dtype=torch.float64)
    for part in blocks(len(points), points.shape[1], BLOCK // 8):
        centres.index_add_(0, labels[part], (points[part] - mean).to(torch.float64))
    centres /= sizes.clamp(min=1)[:, None]
    turn = torch.argsort(sizes, descending=True, stable=True)[: int((sizes > 0).sum())]
    picks: list[int] = []
    left = torch.ones(len(points), dtype=torch.bool, device=points.device)
    while len(turn):
        nearest = _nearest(points, mean, centres[turn], left)
        waiting: list[int] = []
        for place, row in enumerate(nearest):
            if left[row]:
                picks.append(row)
                left[row] = False
            else:
                waiting.append(place)
        turn = turn[waiting]
    picks += left.nonzero().flatten().tolist()[: n - len(picks)]
    return np.asarray(picks, dtype=np.int64)


def _nearest(points: Tensor, mean: Tensor, centres: Tensor, left: Tensor) -> list[int]:
    """Return for each centre the row that is left and nearest to it, the first of equals."""
    best = centres.new_full((len(centres),), torch.inf)
    rows = torch.zeros(len(centres), dtype=torch.int64, device=points.device)
    for part in blocks(len(points), max(centres.shape), BLOCK // 8):
        square = squared_distances((points[part] - mean).to(torch.float64), centres)
        square[~left[part]] = torch.inf
        least, place = square.min(0)
        closer = least < best
        rows[closer] = place[closer] + part.start
        best[closer] = least[closer]
    return [int(row) for row in rows]
