"""A ranking as priorities: few whole numbers, since one call sets one number for many assets."""

from __future__ import annotations

#: Priorities 1 to this are altasks'; others in a project are left alone.
MOST = 100


def levels_of(count: int, levels: int) -> list[int]:
    """Return the priority of each rank: the higher, the sooner people get it.

    Up to `levels` ranks have a level of their own. Of more, each level has as many ranks as any
    other, give or take one; inside a level Kili serves what was uploaded first.

    Args:
        count: how many are ranked.
        levels: how many numbers there may be.

    Example:
        >>> levels_of(3, 20), levels_of(5, 2)
        ([3, 2, 1], [2, 2, 2, 1, 1])
    """
    used = min(count, levels)
    return [used - rank * used // count for rank in range(count)]
