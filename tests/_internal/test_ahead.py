"""Results in order, made ahead, no more of them than was said."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from altasks._internal.ahead import ahead, default_workers


@pytest.mark.parametrize("workers", [0, 1, 3, 8])
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_results_come_in_order(workers: int, limit: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return -number

    found = list(ahead(slow, range(30), workers=workers, limit=limit))
    assert found == [-number for number in range(30)]
    assert list(ahead(slow, [], workers=workers, limit=limit)) == []


@pytest.mark.parametrize(("workers", "limit"), [(0, 1), (1, 1), (2, 3), (4, 16)])
def test_no_more_is_made_than_the_limit(workers: int, limit: int) -> None:
    made: list[int] = []

    def note(number: int) -> int:
        made.append(number)
        return number

    for number in ahead(note, range(60), workers=workers, limit=limit):
        time.sleep(0.001)
        assert len(made) <= number + 1 + (limit if workers else 0)


def test_the_next_are_made_while_one_is_used() -> None:
    begun = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            begun.set()
        return number

    results = ahead(work, [0, 1], workers=1, limit=1)
    assert next(results) == 0
    assert begun.wait(10)  # nobody has asked for it yet
    assert next(results) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_comes_in_its_turn(workers: int) -> None:
    def work(number: int) -> float:
        return 1 / (3 - number)

    results = ahead(work, range(9), workers=workers, limit=9)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_an_error_of_the_items_is_raised_too() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(ahead(abs, items(), workers=2, limit=1))


def test_whoever_stops_waits_for_nothing() -> None:
    free = threading.Event()
    done: list[int] = []

    def work(number: int) -> int:
        if number:
            assert free.wait(30)
        done.append(number)
        return number

    results = ahead(work, range(100), workers=1, limit=50)
    assert next(results) == 0
    began = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 5
    free.set()
    deadline = time.monotonic() + 10
    while any(one.name.startswith("altasks-ahead") for one in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(done) <= 2  # what had begun


def test_there_is_a_thread_at_least() -> None:
    assert 1 <= default_workers() <= 4
