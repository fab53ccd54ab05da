"""What `altasks rank`, `altasks score` and `altasks merge` begin with: ranker, pool, task."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altasks.abilities import DefaultAcquisition, provides
from altasks.cli.able_names import able_names
from altasks.cli.labelled import Labelled, LabelledData, leave_out_labelled, read_as_data
from altasks.cli.option_names import option_names
from altasks.cli.rank_checks import check_no_sample, check_request
from altasks.cli.rank_options import SHARED
from altasks.cli.rank_picks import fitting_strategy, named_strategy
from altasks.cli.rank_summary import Printer, note_passed_over
from altasks.cli.rankers.base import Ranker, RankRequest, Scorer
from altasks.cli.rankers.find import find_ranker
from altasks.cli.target import TargetFile
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import Pool


@dataclass(frozen=True, eq=False)
class RankJob:
    """One ranking before anything is scored.

    Attributes:
        request: as it was made.
        show: prints one line.
        ranker: of the task.
        flags: the options that the command has.
        whole: the pool as it was read.
        labelled: what of it is labelled, and what is left.
        task: with its model.
        strategy: which picks.
        scorer: an acquisition function of the ranker's own, if any.
        acquisition: the name of the one that is registered; None for none.
    """

    request: RankRequest
    show: Printer
    ranker: Ranker
    flags: Collection[str]
    whole: Pool
    labelled: Labelled
    task: Any
    strategy: Any
    scorer: Scorer | None
    acquisition: str | None

    @property
    def pool(self) -> Pool:
        """What there is to score."""
        return self.labelled.left

    @property
    def reads(self) -> frozenset[str]:
        """The fields of `Candidates` that the strategy reads."""
        from altasks.loop.candidates import reads

        return reads(self.strategy)

    @property
    def kept(self) -> frozenset[str]:
        """Those of them that scoring can keep."""
        from altasks.loop.candidates import SCORED

        return self.reads & SCORED

    def data(self) -> LabelledData:
        """Return the labelled samples as data, for a strategy that reads them.

        Raises:
            InvalidInputError: if nothing in their file is of use.
        """
        from altasks.loop.candidates import OF_LABELLED

        wanted = self.reads & OF_LABELLED
        return read_as_data(self.labelled, self.whole, self.request, self.ranker, wanted, self.show)


def prepare(request: RankRequest, show: Printer) -> RankJob:
    """Check a request, read its pool and load its model.

    Raises:
        AltasksError: for any option or file that can't be used.
    """
    ranker = find_ranker(request.task)
    flags = {option.flag for option in (*SHARED, *ranker.options)}
    target = None
    if request.target is not None:
        target = TargetFile(request.target, request.samples_at_once)
    with option_names(flags), able_names(request.task, ranker):
        check_request(request, ranker)
        strategy = named_strategy(request.strategy, target)
    if target is not None and not target.used:
        raise invalid(
            "--target",
            "a strategy that picks for a target, such as --strategy fisher_matching",
            repr(request.strategy),
        )
    with option_names(flags):
        if target is not None:
            target.read(request, ranker)
        pool = ranker.read(request)
        note_passed_over(show, pool)
        check_no_sample(request, pool)
        labelled = leave_out_labelled(pool, request, ranker)
    with option_names(flags, otherwise="--model"):
        task = ranker.build(request)
    if target is not None:
        target.task = task
    with option_names(flags):
        strategy = fitting_strategy(request, task, strategy, show)
        scorer = ranker.scorer(request, task)
        acquisition = request.acquisition
        if acquisition is None and provides(task, DefaultAcquisition):
            acquisition = task.default_acquisition
    return RankJob(
        request, show, ranker, flags, pool, labelled, task, strategy, scorer, acquisition
    )
