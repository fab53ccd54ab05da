"""Batches of images whose objects differ from each other's."""

from __future__ import annotations

import math

import numpy as np

from altasks._internal.numbers import require_real, require_whole
from altasks.strategies._arrays import best_first, hash_order
from altasks.strategies._k_medoids import k_medoids
from altasks.strategies._object_distances import object_distances, read_objects
from altasks.strategies.base import Candidates, check_request


class CategoryMatching:
    """Among the highest scores, pick images that stand for all of them by their objects.

    The second stage of PPAL (Yang, Huang and Crowley 2024, "Plug and Play Active Learning for
    Object Detection", CVPR): of the `expand` n candidates of the highest scores the n medoids of
    k-medoids, where two images are as far apart as their objects are: each against the most similar
    one *of its class* in the other image, weighed by its score, there and back. Its first stage is
    the acquisition function `difficulty_calibrated`; a detector tells the objects, each with the
    features of its place (`ObjectDetection.objects`).

    The published code, as far as it computes distances, takes the k-th objects of *any* two images
    for the same one where their classes agree: a diagonal is set to 0 that belongs to an image and
    itself alone. Here it is set there alone.

    With P = min(expand n, `at_most`) candidates, P x P distances are in memory and nothing larger:
    128 MB at 4,000. Time grows with the squared number of objects of each class among the P, times
    d. Of n beyond `at_most` the rest is picked by score.

    Picks come in the order of the size of what they stand for, the largest first. Labelled samples
    play no part, as in the paper: their scores are low once they were learned. `ObjectHerding`
    keeps away from them.

    Args:
        expand: how many candidates for each pick, at least 1.
        at_most: the most candidates that are compared, at least 2.
        iterations: of k-medoids, at most.

    Raises:
        InvalidInputError: for an option out of range, or objects that can't be read.

    Example:
        >>> import numpy as np
        >>> objects = np.zeros((3, 1, 4))
        >>> objects[:, 0] = [[0, 0.9, 1, 0], [0, 0.9, 1, 0.1], [1, 0.9, 1, 0]]  # class, score, d
        >>> candidates = Candidates(["a cat", "a cat too", "a dog"], [3, 2, 1], objects=objects)
        >>> CategoryMatching().select(candidates, 2, rng=np.random.default_rng(0))
        ['a cat', 'a dog']
    """

    needs: frozenset[str] = frozenset({"objects"})

    def __init__(self, expand: float = 4.0, *, at_most: int = 4_000, iterations: int = 100) -> None:
        self.expand = require_real("expand", expand, least=1)
        self.at_most = require_whole("at_most", at_most, 2)
        self.iterations = require_whole("iterations", iterations, 0)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, what stands for most first."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        drawn = hash_order(candidates.ids, rng)
        # Best first, equal scores in the order of the hash; it decides between equals below, too.
        by_score = best_first(candidates.values, drawn)
        kept = by_score[: min(math.ceil(self.expand * n), self.at_most)]
        assert candidates.objects is not None
        found = read_objects(candidates.objects, "objects", kept, candidates.ids)
        picks = k_medoids(object_distances(found, found), min(n, len(kept)), self.iterations)
        rows = kept[picks]
        if n > len(rows):
            rest = by_score[~np.isin(by_score, rows)]
            rows = np.concatenate([rows, rest[: n - len(rows)]])
        return [candidates.ids[row] for row in rows.tolist()]
