"""Long sentences as windows that overlap, and which of them answers for each word."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch


def cut(
    sizes: Sequence[int], room: int, overlap: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the windows over words of these sizes, and the words each answers for.

    Args:
        sizes: tokens of each word.
        room: tokens a window holds.
        overlap: tokens neighbours share at least. No word may be longer than
            `(room - overlap + 1) // 2`, unless there is one window only.

    Example:
        >>> cut([1] * 10, room=6, overlap=2)
        ([(0, 6), (4, 10)], [(0, 5), (5, 10)])
    """
    ends = torch.tensor([0, *sizes]).cumsum(0).tolist()  # tokens before each word
    count = len(sizes)
    windows: list[tuple[int, int]] = []
    first = 0
    while True:
        last = first
        while last < count and ends[last + 1] - ends[first] <= room:
            last += 1
        windows.append((first, last))
        if last == count:
            break
        following = last
        while following > first + 1 and ends[last] - ends[following] < overlap:
            following -= 1
        first = following
    if len(windows) > 1:  # the last one reaches back as far as it can: context costs nothing
        first, last = windows[-1]
        while ends[last] - ends[first - 1] <= room:
            first -= 1
        windows[-1] = (max(first, windows[-2][0] + 1), last)
    seams = [0]
    for (_, last), (first, _) in pairwise(windows):
        middle = (ends[first] + ends[last]) / 2
        seam = first
        while seam < last and ends[seam] + sizes[seam] / 2 < middle:
            seam += 1
        seams.append(max(seam, seams[-1]))
    seams.append(count)
    return windows, list(pairwise(seams))
