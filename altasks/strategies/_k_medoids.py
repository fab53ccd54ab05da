"""k-medoids on a table of distances: which members stand best for all."""

from __future__ import annotations

import numpy as np

#: A member has to be better than the medoid by more than rounding to take its place.
_BETTER = 1e-9


def k_medoids(distances: np.ndarray, k: int, iterations: int) -> list[int]:
    """Return k rows that stand for all, those of the largest clusters first.

    It starts from the first row and then from what is farthest from all that is chosen (Gonzalez
    1985), assigns each row to its nearest medoid, and makes that row of each cluster its medoid
    whose distances to the others sum up to least, until nothing changes. A medoid is always in its
    own cluster, so that no cluster is ever empty, however many rows are the same. The order of the
    rows decides between equals.

    Args:
        distances: `[P, P]`, symmetric, 0 on the diagonal.
        k: at most P.
        iterations: at most so many rounds of both steps; 0 leaves the start.
    """
    medoids = _farthest_first(distances, k)
    clusters = _assign(distances, medoids)
    for _ in range(iterations):
        changed = False
        for place, medoid in enumerate(medoids.tolist()):
            members = np.flatnonzero(clusters == place)
            sums = distances[np.ix_(members, members)].sum(1)
            best = int(sums.argmin())
            own = float(sums[members == medoid][0])
            if sums[best] < own - _BETTER * max(own, 1.0):
                medoids[place], changed = members[best], True
        if not changed:
            break
        clusters = _assign(distances, medoids)
    sizes = np.bincount(clusters, minlength=k)
    found: list[int] = medoids[np.argsort(-sizes, kind="stable")].tolist()
    return found


def _farthest_first(distances: np.ndarray, k: int) -> np.ndarray:
    chosen = np.zeros(k, dtype=np.int64)
    nearest = distances[0].copy()
    nearest[0] = -1
    for place in range(1, k):
        chosen[place] = nearest.argmax()
        nearest = np.minimum(nearest, distances[chosen[place]])
        nearest[chosen[: place + 1]] = -1
    return chosen


def _assign(distances: np.ndarray, medoids: np.ndarray) -> np.ndarray:
    clusters: np.ndarray = distances[medoids].argmin(0)
    clusters[medoids] = np.arange(len(medoids))
    return clusters
