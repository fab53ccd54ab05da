"""Hierarchical agglomerative clustering with average linkage."""

from __future__ import annotations

import numpy as np


def average_linkage(distances: np.ndarray) -> np.ndarray:
    """Return the N - 1 merges of average linkage, `[N - 1, 3]`: two members and the height.

    The nearest-neighbour chain algorithm (Murtagh 1983; Muellner 2011, "Modern hierarchical,
    agglomerative clustering algorithms"): O(N^2) time, and O(N^2) memory for the distances.
    Merges come in the chain's order, not by height; each is given by one member of either cluster.

    Args:
        distances: `[N, N]`, symmetric; overwritten.

    Example:
        >>> points = np.array([0.0, 1.0, 5.0])
        >>> average_linkage(abs(points[:, None] - points))[:, 2].tolist()
        [1.0, 4.5]
    """
    count = len(distances)
    np.fill_diagonal(distances, np.inf)
    names = np.arange(count)  # which point each row stands for
    sizes = np.ones(count)
    gone = np.zeros(count, dtype=distances.dtype)  # infinite where a row was merged into another
    merges = np.empty((max(count - 1, 0), 3))
    chain: list[int] = []
    for step in range(count - 1):
        if len(names) > 64 and 2 * (count - step) < len(names):
            # Half the rows are gone: going on with the others quarters what a merge touches.
            kept = np.flatnonzero(gone == 0)
            place = np.cumsum(gone == 0) - 1
            chain = [int(place[row]) for row in chain]
            distances = distances[np.ix_(kept, kept)]
            names, sizes, gone = names[kept], sizes[kept], gone[kept]
        if not chain:
            chain.append(int(np.argmin(gone)))
        while True:
            row = distances[chain[-1]] + gone
            near = int(row.argmin())
            # Of equally near ones the one before in the chain, or it might never end.
            if len(chain) > 1 and row[chain[-2]] <= row[near]:
                break
            chain.append(near)
        one, two = chain.pop(), chain.pop()
        merges[step] = names[one], names[two], distances[one, two]
        whole = sizes[one] + sizes[two]
        share = float(sizes[one] / whole)  # a Python float leaves float32 as it is
        joined = distances[one] * share + distances[two] * (1 - share)
        joined[two] = np.inf
        distances[two] = joined
        distances[:, two] = joined
        gone[one] = np.inf
        sizes[two] = whole
    return merges


def mirror(matrix: np.ndarray, tile: int = 256) -> None:
    """Copy what is above the diagonal below it, in place: rounding differs, and must not.

    Tile by tile, because a transposed copy of the whole misses the cache at every number.

    Example:
        >>> matrix = np.array([[0.0, 1.0], [7.0, 0.0]])
        >>> mirror(matrix)
        >>> matrix.tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    count = len(matrix)
    for low in range(0, count, tile):
        rows = slice(low, low + tile)
        square = matrix[rows, rows]
        square[:] = np.triu(square) + np.triu(square, 1).T
        for right in range(low + tile, count, tile):
            columns = slice(right, right + tile)
            matrix[columns, rows] = matrix[rows, columns].T


def cut(merges: np.ndarray, clusters: int) -> np.ndarray:
    """Return the cluster of each of the N points after all but `clusters` - 1 merges, `[N]`.

    Clusters are numbered in the order of their first points.

    Example:
        >>> cut(np.array([[0, 1, 1.0], [2, 1, 4.5]]), 2).tolist()
        [0, 0, 1]
    """
    count = len(merges) + 1
    parent = list(range(count))

    def root(point: int) -> int:
        while parent[point] != point:
            parent[point] = parent[parent[point]]
            point = parent[point]
        return point

    # Average linkage never merges at a lower height than before, so the lowest merges come first.
    for row in np.argsort(merges[:, 2], kind="stable")[: count - clusters].tolist():
        parent[root(int(merges[row, 0]))] = root(int(merges[row, 1]))
    roots = np.array([root(point) for point in range(count)])
    _, starts, labels = np.unique(roots, return_index=True, return_inverse=True)
    rank = np.empty(len(starts), dtype=np.int64)
    rank[np.argsort(starts)] = np.arange(len(starts))
    return rank[labels]
