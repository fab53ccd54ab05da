"""Batches that together tell most about the model: BALD of the joint labels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import BLOCK, Rows, Ties
from altasks.strategies._lazy_greedy import lazy_greedy
from altasks.strategies.base import Candidates, check_request

#: Gains, in nats, that differ by less are equal, and the hash decides.
EQUAL = 1e-9
#: How far a gain in float32 may be off, in nats. Seen: 4e-7, over 10,000 combinations.
ROUGH = 1e-5
#: So many of the drawn combinations say which samples are worth a look at all of them:
FEW = 640
#: as many of the best.
SHORT_LIST = 64
#: Samples looked at together.
_SIZE = 256


class BatchBALD:
    """Greedily maximise the mutual information of the batch's joint labels and the model.

    Kirsch, van Amersfoort and Gal (2019), "BatchBALD: Efficient and Diverse Batch Acquisition for
    Deep Bayesian Active Learning", algorithm 1 and section 3.3. The joint entropy of the labels is
    a sum over every combination of labels while there are at most `configurations` of them (C for
    each sample picked so far, multiplied), then an average over that many combinations drawn from
    the joint distribution, each extended by one label with every pick.

    Exact while the sum is exact: a sample's gain can only fall as the batch grows, so most gains
    are never computed again, and the picks are those that computing all would give. In the sampled
    part the gains are estimates: by 640 of the combinations, and for the 64 samples that are best
    by those, by all. Memory is bounded by `configurations` x (members + classes) numbers beside one
    block, whatever the batch. It never stops early: where nothing is left to learn, picks follow in
    the order of a seeded hash. Scores are not read.

    The draws must be joint: draw k is one model for all samples.

    Args:
        configurations: how many label combinations to sum over or to draw, at least 1.

    Raises:
        InvalidInputError: if `configurations` is not a whole number of at least 1, or the draws are
            no probabilities.

    Example:
        >>> import numpy as np
        >>> draws = np.array([
        ...     [[0.9, 0.1], [0.1, 0.9]],
        ...     [[0.9, 0.1], [0.1, 0.9]],
        ...     [[0.5, 0.5], [0.5, 0.5]],
        ... ])
        >>> candidates = Candidates(["a", "copy of a", "noise"], np.zeros(3), draws=draws)
        >>> picks = BatchBALD().select(candidates, 3, rng=np.random.default_rng(0))
        >>> picks[2]
        'noise'
    """

    needs: ClassVar[frozenset[str]] = frozenset({"draws"})
    reads_scores: ClassVar[bool] = False

    def __init__(self, configurations: int = 10_000) -> None:
        self.configurations = require_whole("configurations", configurations, 1)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, each the one that adds most to those before it."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        draws = Rows(candidates.draws)
        if min(draws.shape[1:]) == 0:
            raise invalid("candidates.draws", "shape [N, K, C]", f"shape {list(draws.shape)}")
        with torch.inference_mode():
            joint = _Joint(draws, candidates.ids, self.configurations, rng)
            size = max(1, min(64, BLOCK // max(1, draws.width)))
            bounds = np.full(len(candidates), np.inf)
            listed = min(n, _listed(self.configurations, draws.shape[2]))
            picks = lazy_greedy(
                bounds,
                listed,
                joint.gains,
                joint.add,
                ties,
                equal=EQUAL,
                size=size,
                rough=joint.rough_gains,
            )
            if listed < n:
                _pick_by_estimates(joint, bounds, picks, n, ties)
        return [candidates.ids[row] for row in picks]


def _listed(configurations: int, classes: int) -> int:
    """Return how many picks come before so many combinations of labels are exceeded for sure."""
    picks, combinations = 1, classes
    while classes > 1 and combinations <= configurations:
        picks, combinations = picks + 1, combinations * classes
    return picks if classes > 1 else sys.maxsize


def _pick_by_estimates(
    joint: _Joint, bounds: np.ndarray, picks: list[int], n: int, ties: Ties
) -> None:
    """Append to `picks` until there are `n`.

    Args:
        joint: without the last pick.
        bounds: `[N]`, what the gains hardly exceed; -inf of what is picked. Changed.
        picks: rows.
        n: at most N.
        ties: the order of equals.
    """
    while len(picks) < n:
        joint.add(picks[-1])
        order = np.argsort(-bounds, kind="stable")[: len(bounds) - len(picks)]
        found = np.full(len(bounds), -np.inf)
        least = -np.inf  # to be on the short list
        for start in range(0, len(order), _SIZE):
            rows = order[start : start + _SIZE]
            if bounds[rows[0]] < least:
                break
            found[rows] = bounds[rows] = joint.likely_gains(rows)
            if start + len(rows) > SHORT_LIST:
                least = np.partition(found, -SHORT_LIST)[-SHORT_LIST]
        short = np.flatnonzero((found >= least) & (found > -np.inf))
        gains = joint.gains(short)
        best = gains.max()
        if best <= EQUAL and found.max() <= EQUAL:
            picks[:] = ties.fill(picks, n)
            return
        picks.append(ties.first(short[gains >= best - EQUAL]))
        bounds[picks[-1]] = -np.inf


class _Joint:
    """The labels of the batch so far and the model, as weights `[M, K]` that sum to 1.

    Row m is a combination of labels. While all are listed, its weights are the probability of the
    combination and of member k; later, those of a drawn combination, at the frequency of its draw.
    """

    def __init__(
        self, draws: Rows, ids: Sequence[str], limit: int, rng: np.random.Generator
    ) -> None:
        self.draws, self.ids, self.limit, self.rng = draws, ids, limit, rng
        members = draws.shape[1]
        self.weights = torch.full(
            (1, members), 1 / members, dtype=torch.float64, device=draws.device
        )
        self.drawn = False
        self._settle()

    def _settle(self) -> None:
        """Keep what every gain needs: the members' total weight and the entropy so far."""
        self.member = self.weights.sum(0)
        self.entropy = -_plogp(self.weights.sum(1)).sum()
        self.rough_weights = self.weights.to(torch.float32)
        few = self.rough_weights
        if self.drawn and len(few) >= 4 * FEW:  # every so many of a systematic sample are one
            few = few[:: len(few) // FEW]
        self.chances = few.sum(1) / few.sum()
        self.few = few / few.sum(1, keepdim=True).clamp_min(torch.finfo(few.dtype).tiny)

    def _take(self, rows: np.ndarray, dtype: torch.dtype) -> Tensor:
        return self.draws.take(torch.from_numpy(rows).to(self.draws.device), dtype)

    def gains(self, rows: np.ndarray) -> np.ndarray:
        """Return I(label; model | labels so far) of each row: [B]."""
        return self._gains(rows, self.weights)

    def rough_gains(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of the same from below and above, computed in float32."""
        found = self._gains(rows, self.rough_weights)
        return found - ROUGH, found + ROUGH

    def likely_gains(self, rows: np.ndarray) -> np.ndarray:
        """Return the gains of `rows` by a part of the drawn combinations, in float32: [B]."""
        found = np.empty(len(rows))
        _, members, classes = self.draws.shape
        step = max(1, BLOCK // (4 * classes * len(self.few)))
        for start in range(0, len(rows), step):
            probs = self._take(rows[start : start + step], self.few.dtype)  # B x K x C
            own = -_plogp(probs).sum(2) @ (self.chances @ self.few)  # B
            flat = probs.transpose(1, 2).reshape(-1, members)
            told = -(_plogp(flat @ self.few.T) @ self.chances)  # B C
            gain = told.view(len(probs), classes).sum(1) - own
            found[start : start + step] = gain.cpu().numpy()
        return found

    def _gains(self, rows: np.ndarray, weights: Tensor) -> np.ndarray:
        probs = self._take(rows, weights.dtype)  # B x K x C
        count, members, classes = probs.shape
        if len(self.weights) == 1:
            self._check(probs, rows)
        # B: the members' own entropy
        certain = -_plogp(probs).sum(2).to(torch.float64) @ self.member
        # (B C) x K, so that the sums over combinations below run along memory.
        flat = probs.transpose(1, 2).reshape(count * classes, members)
        total = torch.zeros(count * classes, dtype=torch.float64, device=probs.device)
        step = max(1, BLOCK // (32 * len(flat)))  # a block that stays in the cache
        for start in range(0, len(weights), step):
            total -= _plogp(flat @ weights[start : start + step].T).sum(1)
        gain = total.view(count, classes).sum(1) - self.entropy - certain
        found: np.ndarray = gain.cpu().numpy()
        return found

    def _check(self, probs: Tensor, rows: np.ndarray) -> None:
        bad = ~(((probs.sum(2) - 1).abs() < 0.02) & (probs >= 0).all(2)).all(1)
        if bool(bad.any()):
            first = int(bad.nonzero()[0])
            raise invalid(
                "candidates.draws",
                "probabilities that sum to 1 over the last dim",
                f"a sum of {float(probs[first].sum(1).min()):.4g},"
                f" a smallest value of {float(probs[first].min()):.4g}",
                where=f"id {self.ids[int(rows[first])]!r}",
            )

    def add(self, row: int) -> None:
        """Extend every combination by the labels of one more sample."""
        probs = self._take(np.array([row]), torch.float64)[0]  # K x C
        chance = self.weights @ probs  # M x C
        if not self.drawn and chance.numel() <= self.limit:
            old, new = (chance > 0).nonzero(as_tuple=True)
            self.weights = self.weights[old] * probs.T[new]
        else:
            # Systematic sampling: `limit` evenly spaced points over all chances laid end to end.
            self.drawn = True
            ends = chance.flatten().cumsum(0)
            points = torch.arange(self.limit, dtype=torch.float64, device=ends.device)
            points = (points + self.rng.random()) * (ends[-1] / self.limit)
            hits = torch.searchsorted(ends, points, right=True).clamp_max(len(ends) - 1)
            chosen, times = torch.unique(hits, return_counts=True)
            old, new = chosen // chance.shape[1], chosen % chance.shape[1]
            weights = self.weights[old] * probs.T[new]
            share = times.to(weights) / self.limit / weights.sum(1)
            self.weights = weights * share[:, None]
        self._settle()


def _plogp(probs: Tensor) -> Tensor:
    """Return p log p, 0 at p = 0."""
    return probs.clamp_min(torch.finfo(probs.dtype).tiny).log_().mul_(probs)
