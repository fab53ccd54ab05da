"""Runs one after the other, or several at a time in processes of their own."""

from __future__ import annotations

import copy
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from altasks.comparison.arms import Arm
from altasks.comparison.problem import Problem
from altasks.comparison.run import run_all_labels, run_arm
from altasks.comparison.settings import Settings
from altasks.errors import AltasksError, InvalidInputError, invalid

#: How often what other processes measured is shown, in seconds.
_TICK = 0.2


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        arm: how it asks; None: a fit to all labels.
        seed: of the run.
        folder: where it keeps what is unfinished; None keeps nothing.
    """

    arm: Arm | None
    seed: int
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{'all labels' if self.arm is None else self.arm.name}, seed {self.seed}"


#: Called with a job and a point of it, as soon as that is measured.
Watch = Callable[[Job, Mapping[str, Any]], None]


def run_job(
    problem: Problem, settings: Settings, job: Job, note: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Return what a job measures; an error says which job it was."""
    try:
        if job.arm is None:
            return run_all_labels(problem, job.seed, folder=job.folder, note=note)
        return run_arm(problem, settings, job.arm, job.seed, folder=job.folder, note=note)
    except Exception as error:
        error.add_note(f"This was in the run of {job.name}.")
        raise


def run_here(
    problem: Problem, settings: Settings, jobs: Sequence[Job], watch: Watch
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield each job and what it measured, one after the other."""
    for job in jobs:
        yield job, run_job(problem, settings, job, partial(watch, job))


def run_in_processes(
    make_problem: Callable[[], Problem],
    settings: Settings,
    jobs: Sequence[Job],
    watch: Watch,
    count: int,
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield each job and what it measured, as they are done, from fresh processes.

    Processes are spawned, since a forked one can't use what torch has started. They end with this
    one, whatever ends it.

    Args:
        make_problem: makes the problem in each process; what it holds is sent there.
        settings: of all runs.
        jobs: what to run.
        watch: called in this process.
        count: how many processes.

    Raises:
        InvalidInputError: if something can't be sent to another process.
    """
    _require_sendable(make_problem, jobs)
    context = get_context("spawn")
    points: Any = context.Queue()
    stop = context.Event()
    threads = max(1, (os.cpu_count() or 1) // count)
    executor = ProcessPoolExecutor(
        count, context, _begin, (make_problem, settings, points, stop, threads)
    )
    try:
        with _stopping(executor, stop):
            left = {executor.submit(_work, job): job for job in jobs}
            while left:
                done, _ = wait(left, timeout=_TICK, return_when=FIRST_COMPLETED)
                _show(points, watch)
                for future in done:
                    yield left.pop(future), _result_of(future)
    finally:
        points.close()


@contextmanager
def _stopping(executor: ProcessPoolExecutor, stop: Any) -> Iterator[None]:
    """End the processes: at once where something went wrong, else when they are idle."""
    try:
        yield
    except BaseException:
        stop.set()
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def _result_of(future: Future[dict[str, Any]]) -> dict[str, Any]:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InvalidInputError(
            "jobs: a process ended before its run did. It may have been out of memory: try fewer "
            "jobs. A script that compares in several processes needs `if __name__ == "
            '"__main__":` around what it runs.'
        ) from error


def _show(points: Any, watch: Watch) -> None:
    while True:
        try:
            job, point = points.get_nowait()
        except queue.Empty:
            return
        watch(job, point)


def _require_sendable(make_problem: Callable[[], Problem], jobs: Sequence[Job]) -> None:
    for argument, thing in (("build_task", make_problem), ("arms", [job.arm for job in jobs])):
        try:
            ForkingPickler.dumps(thing)
        except Exception as error:  # whatever an object of somebody's raises
            raise invalid(
                argument,
                "what other processes can be given: functions at the top of a module, plain data",
                f"something that can't be sent ({error})",
                hint="Or say jobs=1.",
            ) from error


# In the other processes.

_HERE: dict[str, Any] = {}


def _begin(
    make_problem: Callable[[], Problem], settings: Settings, points: Any, stop: Any, threads: int
) -> None:
    """Make ready for jobs: once in each process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    threading.Thread(target=_end_with_parent, args=(stop,), daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    _HERE.update(problem=make_problem(), settings=settings, points=points)


def _end_with_parent(stop: Any) -> None:
    """End this process when it is to stop, or when the one that waits is gone."""
    parent = parent_process()
    while not stop.wait(1.0):
        if parent is None or not parent.is_alive():
            break
    sys.stderr.flush()
    os._exit(1)


def _work(job: Job) -> dict[str, Any]:
    points = _HERE["points"]
    try:
        return run_job(
            _HERE["problem"], _HERE["settings"], job, lambda point: points.put((job, dict(point)))
        )
    except Exception as error:
        raise _sendable(error) from error


def _sendable(error: Exception) -> Exception:
    """Return an error that another process can take: itself, or one with its words."""
    try:
        copy.copy(error)  # made anew from what is sent, as the other process does
    except Exception:
        kind = InvalidInputError if isinstance(error, AltasksError) else RuntimeError
        made = kind(str(error) if isinstance(error, AltasksError) else f"{error!r}")
        for note in getattr(error, "__notes__", ()):
            made.add_note(note)
        return made
    return error
