"""`altasks compare`: order, ranker, labelled data, runs, table and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks._internal.extras import how_to_install
from altasks.cli.able_names import able_names
from altasks.cli.compare_options import SHARED
from altasks.cli.compare_order import CompareOrder
from altasks.cli.compare_progress import RunProgress
from altasks.cli.option_names import option_names
from altasks.cli.rank_summary import Printer, note_passed_over
from altasks.cli.rankers.base import CompareRequest, compare_options_of
from altasks.cli.rankers.find import find_ranker
from altasks.cli.stamps import stamp
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.comparison import ComparisonResult, Problem, Settings
    from altasks.data import LabelledPool

#: What the options of rankers are called here.
_RENAMED = {"--pool": "--data", "--strategy": "--arm", "--acquisition": "--arm"}


def run_compare(order: CompareOrder, console: Console | None = None) -> None:
    """Run what isn't in the folder of results yet; print and save the table and the picture.

    Raises:
        AltasksError: for any option or file that can't be used.
        KeyboardInterrupt: on Ctrl-C; the same command goes on from there.
    """
    from altasks.comparison import arms_of, compare_problem

    console = console or Console()
    show = Printer(console)
    request = order.request
    ranker = find_ranker(request.task)
    flags = {option.flag for option in (*SHARED, *compare_options_of(ranker))}
    with option_names(flags, renamed=_RENAMED):
        if request.out.exists() and not request.out.is_dir():
            raise invalid("--out", "a folder", f"the file {str(request.out)!r}")
        with able_names(request.task, ranker):
            arms = arms_of(order.arms or ["default"])
        data = read_data(order)
        note_passed_over(show, data.pool)
        problem = problem_of(order, data)
        settings = settings_for(order, problem)
    for line in introduction(order, data, problem, settings, [arm.name for arm in arms]):
        show(line)
    with (
        RunProgress(console, order.metric) as progress,
        option_names(flags, otherwise="--model", renamed=_RENAMED),
    ):
        result = compare_problem(
            problem,
            arms,
            settings,
            metric=order.metric,
            out=request.out,
            jobs=order.jobs,
            make_problem=partial(problem_of, order),
            watcher=progress,
            title=f"{request.task}: {request.pool.name}",
        )
    show_result(show, result, request.out)


def show_result(show: Printer, result: ComparisonResult, out: Path) -> None:
    """Show table and verdict, and say where they are saved."""
    show("")
    for line in result.table().splitlines():
        show(line)
    show("")
    show(result.verdict)
    show("")
    show(f"Table, points, picture and rows are in {out}.")
    if not (out / "curves.png").is_file():
        show(f"There is no picture, for want of matplotlib: {how_to_install('plots')}.")


def read_data(order: CompareOrder) -> LabelledPool:
    """Return the labelled samples that are compared on."""
    from altasks._internal.random import derive_rng
    from altasks.data import LabelledPool

    request = order.request
    data = find_ranker(request.task).read_labelled(request, request.pool)
    known = data.pool.labels
    ids = [name for name in data.pool.ids if name in known]
    if not ids:
        raise invalid(
            "--data", "samples with labels", f"{len(data)} without", where=str(request.pool)
        )
    if order.samples is not None and order.samples < len(ids):
        rows = derive_rng(0, "samples").permutation(len(ids))[: order.samples]
        ids = [ids[row] for row in sorted(rows.tolist())]
    pool = data.pool.subset(ids)
    pool.passed_over.update(data.pool.passed_over)
    return LabelledPool(pool, data.classes, data.source)


def problem_of(order: CompareOrder, data: LabelledPool | None = None) -> Problem:
    """Return what the arms are compared on; in another process, the data is read again."""
    from altasks.comparison import Problem

    request = order.request
    data = read_data(order) if data is None else data
    test = None
    if order.test is not None or order.test_options:
        options = order.test_options or request.reader_options
        beside = replace(request, reader_options=options)
        held = find_ranker(request.task).read_labelled(beside, order.test or request.pool)
        test = held.pairs()
        if not test[0]:
            raise invalid("--test", "samples with labels", "none")
    if not 0 < order.test_share < 1:
        raise invalid("--test-share", "a number in (0, 1)", f"{order.test_share:g}")
    if len(data) < 4:
        raise invalid("--data", "at least 4 labelled samples", f"{len(data)}")
    return Problem(
        data.pool,
        dict(data.pool.labels),
        TaskBuilder(request, data),
        test=test,
        test_share=order.test_share,
        key=key_of(request),
        batch_size=request.samples_at_once,
    )


@dataclass(frozen=True)
class TaskBuilder:
    """Builds fresh tasks as the options say.

    Args:
        request: the options.
        data: with the classes.
    """

    request: CompareRequest
    data: LabelledPool

    def __call__(self, seed: int, committee: Any = None) -> Any:
        """Return a task for one run."""
        request = replace(self.request, seed=seed)
        return find_ranker(request.task).build_to_train(request, self.data, committee)


def key_of(request: CompareRequest) -> dict[str, Any]:
    """Return what a result depends on beside data, arm and budget."""
    return {
        "task": request.task,
        "model": stamp(request.model),
        "batch_size": request.batch_size,
        "device": request.device,
        "training_args": dict(request.training_args),
        "options": {name: _plain(value) for name, value in sorted(request.options.items())},
    }


def _plain(value: Any) -> Any:
    """Return an option's value as JSON."""
    found = stamp(value)
    return found if isinstance(found, bool | int | float | list | None) else str(found)


def settings_for(order: CompareOrder, problem: Problem) -> Settings:
    """Return how much is asked."""
    from altasks.comparison import settings_of

    return settings_of(problem.ask_from, seeds=order.seeds, **order.budget)


def introduction(
    order: CompareOrder,
    data: LabelledPool,
    problem: Problem,
    settings: Settings,
    arms: Sequence[str],
) -> list[str]:
    """Return lines on what is about to be compared."""
    request = order.request
    classes = f" of {len(data.classes)} classes" if data.classes else ""
    held = len(data) - problem.ask_from
    if problem.test is None:
        tested = f"{held:,} to measure on, others for each seed"
    else:
        tested = f"{len(problem.test[0]):,} more to measure on"
    unit = "a cost of " if settings.by_cost else ""
    kind = "" if settings.by_cost else " labels"
    whole = f"; one fit to all {problem.ask_from:,}" if settings.all_labels else ""
    return [
        f"{request.task}: {len(data):,} labelled samples{classes} in {request.pool}: "
        f"{problem.ask_from:,} to ask, {tested}.",
        f"Arms: {', '.join(arms)}. Each asks {unit}{settings.initial:g}, then {settings.batch:g} "
        f"at a time, up to {settings.budget:g}{kind}; {len(settings.seeds)} "
        f"seed{'s' * (len(settings.seeds) > 1)}{whole}.",
    ]
