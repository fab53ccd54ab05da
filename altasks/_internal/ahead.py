"""Work done ahead of whoever needs it: on threads, in order, so much of it and no more."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: More threads than this read no faster from one disk, and each may hold a decoded photograph.
_MOST = 4


def default_workers() -> int:
    """Return how many threads read ahead where nobody says: one a processor, at most 4."""
    try:
        processors = len(os.sched_getaffinity(0))  # those this process may use
    except AttributeError:  # macOS and Windows have no such thing
        processors = os.cpu_count() or 1
    return max(1, min(_MOST, processors))


def ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    limit: int,
    wait: bool = False,
) -> Iterator[Result]:
    """Yield `work(item)` of each item, in order; the next ones are worked on meanwhile.

    The items themselves are taken in the caller's thread. What `work` raises is raised in its
    turn, after the results before it. Whoever stops early (an error, Ctrl-C, `close`) waits for
    nothing: what has begun ends by itself, and nothing else begins.

    Args:
        work: called on several threads at once; it must not draw from global random generators.
        items: any number of them, as an iterator of a million too.
        workers: threads; 0 does each in the caller's, when it is its turn.
        limit: the most results that are made, or being made, beside the one that was yielded last.
        wait: whether whoever stops early waits for what has begun, because it writes something.

    Example:
        >>> list(ahead(abs, [-1, 2, -3], workers=2, limit=2))
        [1, 2, 3]
    """
    if workers < 1:
        yield from map(work, items)
        return
    source = iter(items)
    threads = ThreadPoolExecutor(workers, thread_name_prefix="altasks-ahead")
    waiting: deque[Future[Result]] = deque()
    try:
        waiting.extend(threads.submit(work, item) for item in islice(source, max(1, limit)))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(threads.submit(work, item) for item in islice(source, 1))
            yield result
    finally:
        threads.shutdown(wait=wait, cancel_futures=True)
