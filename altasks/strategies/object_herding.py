"""Batches that cover what a detector is unsure of, by the objects in images."""

from __future__ import annotations

import numpy as np

from altasks._internal.numbers import require_whole
from altasks.strategies._arrays import Ties, best_first, hash_order
from altasks.strategies._by_gain import PicksByGain
from altasks.strategies._lazy_greedy import lazy_greedy
from altasks.strategies._object_distances import Found, object_distances, read_objects
from altasks.strategies._radius import DRAWN, LEAST, SAME, require_radius
from altasks.strategies.base import Array, Candidates, check_request
from altasks.strategies.uncertainty_herding import scaled_scores

#: Labelled images looked at together.
_STEP = 256
_NEEDS = frozenset({"objects", "labelled_objects", "pending_objects"})


class ObjectHerding(PicksByGain):
    """`UncertaintyHerding`, or `MaxHerding`, where images are alike as far as their objects are.

    Greedily maximise the sum over candidates of U(x) times max over S of k(x, s), S being what is
    labelled, asked or picked, with k = exp(-D(x, s)^2 / radius^2) and D the distance between the
    objects of two images that `CategoryMatching` has: each object against the most similar one of
    its class in the other image. U is the score as `UncertaintyHerding` scales it, or 1 with
    `uncertainty=False`, which is `MaxHerding`.

    An average over an image says little of a small object in it; this compares the objects. D is no
    metric, and it need not be one: the sum is monotone and submodular with any k of at least 0, so
    the greedy batch reaches 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978).

    Of more than `at_most` candidates those of the highest scores take part: P x P similarities are
    in memory (32 MB at 2,000), and nothing larger. Time grows with the squared number of objects
    of each class among the P, times d, and with P times those of the labelled images.

    Args:
        radius: of the kernel, at least 0.001; None takes the median distance above 0 between (up
            to 1,000) candidates.
        uncertainty: whether candidates weigh by their scores.
        at_most: the most candidates that take part, at least 1. Of n beyond it the rest is picked
            by score.
        per_cost: pick by gain per cost; then `costs` are needed.

    Raises:
        InvalidInputError: for an option out of range, or objects that can't be read.

    Example:
        >>> import numpy as np
        >>> objects = np.zeros((3, 1, 4))
        >>> objects[:, 0] = [[0, 0.9, 1, 0], [0, 0.9, 1, 0.1], [1, 0.9, 1, 0]]  # class, score, d
        >>> candidates = Candidates(
        ...     ["a cat", "a cat too", "a dog"],
        ...     [1, 1, 1],
        ...     objects=objects,
        ...     labelled_objects=objects[:1],
        ...     pending_objects=objects[:0],
        ... )
        >>> ObjectHerding(0.5).select(candidates, 1, rng=np.random.default_rng(0))
        ['a dog']
    """

    needs: frozenset[str] = _NEEDS

    def __init__(
        self,
        radius: float | None = None,
        *,
        uncertainty: bool = True,
        at_most: int = 2_000,
        per_cost: bool = False,
    ) -> None:
        super().__init__(_NEEDS, per_cost)
        self.radius = None if radius is None else require_radius("radius", radius, or_none=True)
        self.uncertainty = bool(uncertainty)
        self.at_most = require_whole("at_most", at_most, 1)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, each the one that adds most to those before it."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        drawn = hash_order(candidates.ids, rng)
        by_score = best_first(candidates.values, drawn)
        kept = by_score[: self.at_most]
        picks = self._greedy(candidates, kept, min(n, len(kept)), rng)
        rows = np.concatenate([kept[picks], by_score[self.at_most :]])[:n]
        return [candidates.ids[row] for row in rows.tolist()]

    def _greedy(
        self, candidates: Candidates, kept: np.ndarray, n: int, rng: np.random.Generator
    ) -> list[int]:
        """Return n places in `kept`, which is in an order that the pool's doesn't change."""
        assert candidates.objects is not None
        found = read_objects(candidates.objects, "objects", kept, candidates.ids)
        similar = object_distances(found, found)
        radius = self.radius or _median(similar)
        _kernel(similar, radius)
        covered = np.zeros(len(kept))
        for name in ("labelled_objects", "pending_objects"):
            _cover(covered, getattr(candidates, name), name, found, radius)
        weights = scaled_scores(candidates.values)[kept] if self.uncertainty else np.ones(len(kept))
        if not weights.any():
            weights[:] = 1
        costs = candidates.costs[kept] if self.per_cost else np.ones(len(kept))

        def gains(rows: np.ndarray) -> np.ndarray:
            more: np.ndarray = np.maximum(similar[rows] - covered, 0) @ weights / costs[rows]
            return more

        def add(row: int) -> None:
            np.maximum(covered, similar[row], out=covered)

        ties = Ties([candidates.ids[row] for row in kept.tolist()], rng)
        bounds = np.full(len(kept), np.inf)
        equal = 1e-12 * float(weights.sum()) / float(costs.min())
        return lazy_greedy(bounds, n, gains, add, ties, equal=equal, size=_STEP)


def _median(distances: np.ndarray) -> float:
    """Return the median of the distances above 0 between the first images; 1 without any."""
    few = distances[:DRAWN, :DRAWN]
    between = few[np.triu_indices(len(few), 1)]
    between = between[between > SAME]
    return max(float(np.median(between)), LEAST) if len(between) else 1.0


def _kernel(distances: np.ndarray, radius: float) -> None:
    """Turn distances into similarities, in place."""
    distances /= radius
    np.square(distances, out=distances)
    np.negative(distances, out=distances)
    np.exp(distances, out=distances)


def _cover(covered: np.ndarray, array: Array, name: str, found: Found, radius: float) -> None:
    """Count images that are labelled or asked as taken, some at a time."""
    for start in range(0, len(array), _STEP):
        taken = read_objects(array[start : start + _STEP], name)
        similar = object_distances(taken, found)
        _kernel(similar, radius)
        np.maximum(covered, similar.max(0), out=covered)
