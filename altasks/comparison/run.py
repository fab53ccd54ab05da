"""One run: one arm with one seed, to the end of the budget; and one fit to all labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._version import __version__
from altasks.abilities import Evaluates, KeepsFeatures, MainMetric, Trainable, provides
from altasks.comparison.arms import Arm
from altasks.comparison.problem import Problem
from altasks.comparison.settings import Settings
from altasks.errors import invalid
from altasks.loop import ActiveLoop
from altasks.oracles import Simulated
from altasks.report.results import ResultRows

if TYPE_CHECKING:
    from altasks.loop.query import Query

#: Where runs keep, beside their own folders, what frozen layers make of samples.
SHARED_FEATURES = "frozen"

#: Called with what was measured, after each round.
Note = Callable[[Mapping[str, Any]], None]


class _TimedOracle:
    """Held labels, which note when they are asked for: asking ends then."""

    def __init__(self, labels: Mapping[str, Any]) -> None:
        self._inner = Simulated(labels)
        self.asked_at: dict[int, float] = {}

    def label(self, query: Query) -> dict[str, Any]:
        """Return id -> label for all of the query."""
        self.asked_at[query.round] = time.perf_counter()
        return self._inner.label(query)


def run_arm(
    problem: Problem,
    settings: Settings,
    arm: Arm,
    seed: int,
    *,
    folder: Path | None = None,
    note: Note | None = None,
) -> dict[str, Any]:
    """Return what an arm's run with one seed measured: a point for each round.

    Args:
        problem: data and task.
        settings: how much is asked.
        arm: how.
        seed: of the split, of every random choice, and of the fits.
        folder: where the run keeps its store, to go on if it is cut off; None keeps nothing.
        note: called after each round.

    Returns:
        `points`, each with `labels`, `spent` (cost; None in a run by samples), `metrics`,
        `seconds_asking` (None of a round that another process asked) and `seconds`;
        `main_metric`; and `asked_by`, the arm with what the task brought filled in.

    Raises:
        InvalidInputError: if the task can't be trained or measured.
    """
    split = problem.split(seed)
    task = _built(problem, seed, arm.committee)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    beside = None if folder is None else ResultRows(folder / "rounds.jsonl", code="")
    oracle = _TimedOracle(split.labels)
    asking: dict[int, float] = {}
    names: list[str] = []  # of the metrics, in the task's order, which a store doesn't keep
    with ActiveLoop(
        task,
        split.pool,
        store=None if folder is None else folder / "loop.db",
        seed=seed,
        batch_size=problem.batch_size,
        progress=False,
        costs=problem.costs,
        **arm.loop_settings(),
    ) as loop:
        _share_features(task, folder)
        used = Arm(loop.acquisition, loop.strategy, cold_start=loop.cold_start)
        asked_by = used.name
        asked_before = loop.round
        begun = time.perf_counter()
        for done in loop.run(oracle, test=split.test, **settings.run_arguments()):
            names = names or list(done.metrics)
            if done.round > asked_before:
                asking[done.round] = round(oracle.asked_at[done.round] - begun, 4)
                if beside is not None:
                    timed = {"asking": asking[done.round], "metrics": names}
                    beside.add({"round": done.round}, timed)
            if note is not None:
                note({"labels": done.labelled, "spent": done.spent, "metrics": done.metrics})
            begun = time.perf_counter()
        for row in () if beside is None else beside:  # of an earlier process
            names = names or row["metrics"]
            asking.setdefault(row["config"]["round"], row["asking"])
        points: list[dict[str, Any]] = [
            {
                "labels": done.labelled,
                "spent": done.spent,
                "metrics": {name: done.metrics[name] for name in names or done.metrics},
                "seconds_asking": asking.get(done.round),
                "seconds": round(done.seconds, 3),
            }
            for done in loop.rounds
        ]
    if len(points) < 2:
        raise invalid(
            "budget", "one that lasts for two rounds or more", f"{len(points)} round",
            where=f"arm {arm.name!r}, seed {seed}",
        )  # fmt: skip
    return {
        "points": points,
        "main_metric": _main_metric(task, points[0]["metrics"]),
        "asked_by": asked_by,
        "version": __version__,
    }


def run_all_labels(
    problem: Problem, seed: int, *, folder: Path | None = None, note: Note | None = None
) -> dict[str, Any]:
    """Return what a fit to all labels that could be asked reaches, in the shape of `run_arm`."""
    split = problem.split(seed)
    task = _built(problem, seed, None)
    _share_features(task, folder)
    begun = time.perf_counter()
    with ActiveLoop(task, split.pool, seed=seed, progress=False) as loop:
        loop.tell(split.labels)
        loop.fit()
        metrics = loop.evaluate(split.test)
    point = {
        "labels": len(split.labels),
        "spent": None,
        "metrics": metrics,
        "seconds_asking": None,
        "seconds": round(time.perf_counter() - begun, 3),
    }
    if note is not None:
        note(point)
    return {
        "points": [point],
        "main_metric": _main_metric(task, metrics),
        "version": __version__,
    }


def _share_features(task: Any, folder: Path | None) -> None:
    """Let all runs share what the frozen part of the same network makes of the same samples."""
    if folder is not None and provides(task, KeepsFeatures):
        task.keep_features_in(folder.parent / SHARED_FEATURES)


def _built(problem: Problem, seed: int, committee: Any) -> Any:
    task = problem.build(seed, committee)
    for ability, needed in ((Trainable, "fit"), (Evaluates, "evaluate")):
        if not provides(task, ability):
            raise invalid(
                "build_task", f"a task with {needed}()", type(task).__name__,
                hint="Arms are compared by what a task learns from the labels they ask for.",
            )  # fmt: skip
    return task


def _main_metric(task: Any, metrics: Mapping[str, float]) -> str:
    return str(task.main_metric) if provides(task, MainMetric) else next(iter(metrics))
