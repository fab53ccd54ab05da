"""`al.compare`: labelled data, arms and seeds in; what pays out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from altasks._internal.numbers import require_whole
from altasks.comparison.arms import DEFAULT, Arm, arms_of
from altasks.comparison.kept_runs import KeptRuns
from altasks.comparison.problem import TEST_SHARE, Problem, labelled_pool, problem_of_lists
from altasks.comparison.result import ComparisonResult
from altasks.comparison.settings import Settings, settings_of
from altasks.comparison.trial import try_arms
from altasks.comparison.watcher import Watcher, watcher_of
from altasks.comparison.workers import Job, Watch, run_here, run_in_processes
from altasks.errors import invalid
from altasks.loop.fit_log import check_test


def compare(
    build_task: Callable[..., Any],
    samples: Any,
    labels: Any = None,
    arms: Sequence[Arm | str] | Mapping[str, Arm | str] | Arm | str = (DEFAULT,),
    *,
    test: Any = None,
    test_share: float = TEST_SHARE,
    seeds: int | Sequence[int] = 5,
    initial: float | None = None,
    batch: int | None = None,
    budget: int | None = None,
    cost_batch: float | None = None,
    cost_budget: float | None = None,
    per_cost: bool = False,
    costs: Any = None,
    metric: str | None = None,
    all_labels: bool = True,
    out: Path | str | None = None,
    jobs: int = 1,
    key: Any = None,
    batch_size: int = 32,
    progress: bool | Watch | None = None,
) -> ComparisonResult:
    """Say what active learning would have saved on data whose labels are known.

    Every arm asks, from the same first seed to the same budget, for labels that are there already;
    after each round a fresh fit is measured on held-out samples. Arms share what a seed decides,
    so they are compared seed by seed, each with random labels.

    With `out`, every finished run is on the disk, and one that is cut off (Ctrl-C, `kill -9`)
    leaves its store: the same call goes on from there. A run is done again where the arm, the
    data, the budget, `key`, the source of `build_task` or altasks itself is another.

    `altasks.report.compare` compares two sets of curves that were measured elsewhere.

    Args:
        build_task: returns a fresh task, with `fit` and `evaluate`. It is given `seed=`, the run's,
            and `committee=`, that of an arm that brings one, if it has such parameters.
        samples: whatever `altasks.as_pool` takes, or what `altasks.read` returns.
        labels: id -> label, or one for each sample in their order; None where the samples bring
            them. What has no label is left out.
        arms: what is compared: `al.Arm`s or their texts, such as `"margin"` or
            `"bald + power(beta=2)"`; see `Arm.parse`. Of a dict, the keys are their names. Random
            labels are always there.
        test: (samples, labels) to measure on; None: each seed holds out others.
        test_share: how many of the samples, in (0, 1); of each class, where labels are classes.
        seeds: how many repetitions, or their seeds. With one, nothing is known of chance.
        initial: how much is asked first, in the unit of the batch; a batch by default.
        batch: samples asked in a round; a tenth of the budget by default.
        budget: samples asked in all; half of them by default.
        cost_batch: what those of a round may cost, instead: words, boxes, pixels.
        cost_budget: what all may cost.
        per_cost: by cost: pick by score per cost.
        costs: what labelling a sample costs, as `al.ActiveLoop` takes it.
        metric: one that the task reports; by default its `main_metric`, or else its first.
        all_labels: whether one fit a seed to all labels shows what there is to reach.
        out: a folder for results.
        jobs: how many runs go on at once, in processes of their own; `build_task` is then a
            function at the top of a module, and a script says `if __name__ == "__main__":`.
        key: what else decides the results, as JSON, such as the name of the model: part of what a
            row in `out` is found by.
        batch_size: of the loop: samples per call of the model.
        progress: whether to print each round to stderr; None: if that is a terminal. Or a
            function that is called with each.

    Raises:
        InvalidInputError: for an argument out of range, a task that can't be trained or measured,
            labels that it doesn't take, or, before the first run, an arm that can't ask from it.
        UnknownNameError: for the name of an arm's part that isn't registered.

    Example:
        >>> import altasks as al
        >>> rows = [[float(i), float(i % 7)] for i in range(60)]
        >>> def build_task(seed):
        ...     return al.Regression(features=2, training_args={"max_steps": 5})
        >>> targets = [float(i) for i in range(60)]
        >>> result = al.compare(
        ...     build_task, rows, targets, ["lcmd"], seeds=2, budget=20, batch=10, progress=False
        ... )
        >>> [row["arm"] for row in result.rows()], result.metric, result.counts
        (['random', 'lcmd'], 'rmse', [10.0, 20.0])
    """
    if not callable(build_task):
        raise invalid(
            "build_task", "a function that returns a fresh task", repr(build_task),
            hint="An arm must not go on from what another has learned: def build_task(): return "
            "al.TextClassification(...).",
        )  # fmt: skip
    if not isinstance(test_share, int | float) or not 0 < test_share < 1:
        raise invalid("test_share", "a number in (0, 1)", repr(test_share))
    if test is not None:
        check_test(test)
    pool, known = labelled_pool(samples, labels)
    problem = Problem(
        pool,
        known,
        build_task,
        test=None if test is None else (list(test[0]), list(test[1])),
        test_share=float(test_share),
        key=key,
        costs=costs,
        batch_size=require_whole("batch_size", batch_size, 1),
    )
    settings = settings_of(
        problem.ask_from,
        seeds=seeds,
        initial=initial,
        batch=batch,
        budget=budget,
        cost_batch=cost_batch,
        cost_budget=cost_budget,
        per_cost=per_cost,
        all_labels=all_labels,
    )
    return compare_problem(
        problem,
        arms_of(arms),
        settings,
        metric=metric,
        out=out,
        jobs=jobs,
        watcher=watcher_of(progress),
    )


def compare_problem(
    problem: Problem,
    arms: Sequence[Arm],
    settings: Settings,
    *,
    metric: str | None = None,
    out: Path | str | None = None,
    jobs: int = 1,
    make_problem: Callable[[], Problem] | None = None,
    watcher: Watcher | None = None,
    title: str = "",
) -> ComparisonResult:
    """Run what isn't in `out` yet, and compare; `al.compare` with its arguments put together.

    Args:
        problem: data and task.
        arms: random first, as `altasks.comparison.arms.arms_of` returns them.
        settings: how much is asked.
        metric: as of `compare`.
        out: as of `compare`.
        jobs: as of `compare`.
        make_problem: makes the problem in another process; by default the data is sent there.
        watcher: told how it goes on.
        title: above the picture.
    """
    jobs = require_whole("jobs", jobs, 1)
    folder = None if out is None else Path(out)
    kept = KeptRuns(folder, problem.recipe(), settings.recipe())
    wanted: list[tuple[Arm | None, int]] = [
        (arm, seed)
        for seed in settings.seeds  # so that a comparison that is cut short has compared all arms
        for arm in (*arms, *((None,) if settings.all_labels else ()))
    ]
    left = []
    for arm, seed in wanted:
        row = kept.get(arm, seed)
        if row is None:
            left.append(Job(arm, seed, kept.work(arm, seed)))
        else:
            _require_metric(metric, row["points"][0]["metrics"])
            kept.clear(arm, seed)  # of a process that was killed between the row and this
    if trying := [arm for arm in arms if any(job.arm is arm for job in left)]:
        try_arms(problem, trying, left[0].seed)
    watcher = watcher or Watcher()
    watcher.begin(len(wanted), len(left))

    def watch(job: Job, point: Mapping[str, Any]) -> None:
        _require_metric(metric, point["metrics"])  # at the first round, not after the last
        watcher.point(job, point)

    done: Iterator[tuple[Job, dict[str, Any]]]
    if jobs == 1 or len(left) < 2:
        done = run_here(problem, settings, left, watch)
    else:
        make = make_problem or partial(problem_of_lists, problem.as_lists())
        done = run_in_processes(make, settings, left, watch, min(jobs, len(left)))
    try:
        with contextlib.closing(done) as finished:  # type: ignore[type-var]
            for job, values in finished:
                kept.add(job.arm, job.seed, values)
                kept.clear(job.arm, job.seed)
                watcher.done(job, values)
    except KeyboardInterrupt as error:
        if folder is not None:
            error.add_note(f"What is finished is in {folder}; the same command goes on from there.")
        raise
    kept.tidy()
    result = _result(kept, arms, settings, metric)
    if folder is not None:
        result.save(folder, title=title)
    return result


def _result(
    kept: KeptRuns, arms: Sequence[Arm], settings: Settings, metric: str | None
) -> ComparisonResult:
    """Return the result that the rows make."""

    def row(arm: Arm | None, seed: int) -> Mapping[str, Any]:
        found = kept.get(arm, seed)
        assert found is not None
        return found

    full = [row(None, seed) for seed in settings.seeds] if settings.all_labels else []
    first = settings.seeds[0]
    return ComparisonResult(
        {
            _shown(arm, row(arm, first)): [row(arm, seed)["points"] for seed in settings.seeds]
            for arm in arms
        },
        metric=metric or row(arms[0], first)["main_metric"],
        by_cost=settings.by_cost,
        full=[one["points"][0]["metrics"] for one in full],
        total=full[0]["points"][0]["labels"] if full else None,
        seeds=settings.seeds,
    )


def _require_metric(metric: str | None, known: Mapping[str, float]) -> None:
    """Refuse a metric that the task doesn't report."""
    if metric is not None and metric not in known:
        raise invalid("metric", f"one of {', '.join(known)}", repr(metric))


def _shown(arm: Arm, row: Mapping[str, Any]) -> str:
    """Return an arm's name; of the default one, what that was."""
    return f"{DEFAULT}: {row['asked_by']}" if arm.name == DEFAULT else arm.name
