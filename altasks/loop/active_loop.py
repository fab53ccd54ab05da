"""The loop: ask, tell, fit, again."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from altasks._internal.jsonable import to_json
from altasks._internal.labels import check_label
from altasks.abilities import (
    ChecksLabels,
    DefaultAcquisition,
    DefaultStrategy,
    Evaluates,
    JointDraws,
    Trainable,
    provides,
)
from altasks.data import as_pool
from altasks.errors import (
    InvalidInputError,
    UnknownNameError,
    UnreadableSampleError,
    invalid,
    require_whole,
)
from altasks.loop.base import Event, LoggedFit, Store
from altasks.loop.costs import Costs
from altasks.loop.driver import Driver
from altasks.loop.fingerprint import check_pool
from altasks.loop.fit_log import FitLog, check_test
from altasks.loop.open_store import open_store, work_folder
from altasks.loop.plan import make_plan
from altasks.loop.query import Query, Round
from altasks.loop.query_maker import QueryMaker
from altasks.loop.recipes import committee_recipe, function_recipe, strategy_recipe
from altasks.loop.selection import AskRequest, Selector, given_scores, unknown_id
from altasks.loop.settings import check_settings, resolve_strategy
from altasks.registry import get_acquisition

if TYPE_CHECKING:
    from altasks.oracles.base import Oracle


class ActiveLoop:
    """Which samples to label next, what was said of them, and the model trained on that.

    Everything is kept in the store: opening the same store again goes on where the last process
    stopped, however it stopped. See `docs/concepts/loop.md`.

    Args:
        task: a task adapter, or anything with `predict`. None: the loop is a queue and a memory,
            and `ask` is given scores made elsewhere.
        pool: whatever `altasks.as_pool` takes.
        store: a database URL (`"sqlite:///reviews.db"`), the `Path` of an SQLite file, a `Store`,
            or None: in memory, gone with the process.
        acquisition: a function or its name; None takes the task's default.
        strategy: a strategy or its name; None takes the task's default, or `"top_k"`.
        cold_start: the strategy of asks before the first fit. It gets the scores of the task as
            it was given if it reads any; the default doesn't. Say `"top_k"` for a task that can
            be trained and was already. A task without `fit` has no cold start.
        seed: every random choice is drawn from it and the round.
        batch_size: samples per call of `task.predict` and `task.embed`.
        progress: a progress bar while scoring; None shows one on a terminal.
        work_dir: where weights go; None: beside an SQLite file (`reviews.db.work`), in
            `altasks-DATABASE.work` for a server, nowhere for a store in memory.
        acquisition_options: keyword arguments of the acquisition function.
        costs: what labelling a sample costs, for `ask(cost=...)`: a dict from id to number, or a
            function of the sample; None: `task.cost(sample)`, or 1 without one.
        accept_changes: go on with another seed, strategy or acquisition function than the store
            was made with, and remember the new ones. From then on the run is not the one that
            either would have given from the start.

    Raises:
        InvalidInputError: for an empty pool or an option out of range.
        UnknownNameError: for a name of a function or strategy that doesn't exist.
        StoreError: if the store can't be opened, was made with other settings
            (`StoreVersionError`: by a newer altasks), or for another pool (`PoolMismatchError`).

    Example:
        >>> loop = ActiveLoop(None, {"a": "one", "b": "two", "c": "three"})
        >>> loop.ask(1, scores={"a": 0.1, "b": 0.9, "c": 0.5}).ids
        ['b']
        >>> loop.tell({"b": "even"})
        1
        >>> loop.ask(1, scores={"a": 0.1, "b": 0.9, "c": 0.5}).ids
        ['c']
    """

    def __init__(
        self,
        task: Any,
        pool: Any,
        *,
        store: str | Path | Store | None = None,
        acquisition: str | Callable[..., Tensor] | None = None,
        strategy: Any = None,
        cold_start: Any = "random",
        seed: int = 0,
        batch_size: int = 32,
        progress: bool | None = None,
        work_dir: Path | str | None = None,
        acquisition_options: Mapping[str, Any] | None = None,
        costs: Mapping[str, float] | Callable[[Any], float] | None = None,
        accept_changes: bool = False,
    ) -> None:
        require_whole("seed", seed, 0)
        require_whole("batch_size", batch_size, 1)
        self.task = task
        self.pool = as_pool(pool)
        self.seed = int(seed)
        if acquisition is None and provides(task, DefaultAcquisition):
            acquisition = task.default_acquisition
        if isinstance(acquisition, str):
            get_acquisition(acquisition)  # a misspelt name is an error now, not at the first ask
        named = strategy
        if named is None and provides(task, DefaultStrategy):
            named = task.default_strategy
        self.acquisition = acquisition
        self.strategy = resolve_strategy(named or "top_k", "strategy")
        self.cold_start = resolve_strategy(cold_start, "cold_start")

        self.store: Store = open_store(store)
        settings = {
            "seed": self.seed,
            "cold_start": strategy_recipe(self.cold_start),
            # Not given by a queue, which may only collect answers; a task asks by the default.
            "strategy": None if named is None and task is None else strategy_recipe(self.strategy),
            "acquisition": None
            if acquisition is None
            else function_recipe(acquisition, acquisition_options),
            "committee": committee_recipe(task.committee) if hasattr(task, "committee") else None,
            # Where draws belong to a batch, other batches are other draws.
            "batch_size": int(batch_size) if _draws_by_batch(task) else None,
        }
        check_settings(self.store, settings, accept_changes)
        check_pool(self.pool, self.store)
        work = work_folder(self.store, work_dir)
        self.work_dir = None if work is None else work.path
        self._fitter = FitLog(task, self.pool, self.store, work, self.seed)
        priced = Costs(task, self.pool, costs)
        selector = Selector(
            task, self.pool, priced, self.strategy, acquisition, acquisition_options, self.seed,
            int(batch_size), progress,
        )  # fmt: skip
        self._asker = QueryMaker(
            task, self.pool, self.store, self._fitter, selector, self.cold_start, priced
        )
        if provides(task, Trainable):
            self._fitter.catch_up(self.store.state().fit)

    # What the store says.

    @property
    def round(self) -> int:
        """How many asks there have been."""
        return self.store.state().round

    @property
    def labels(self) -> dict[str, Any]:
        """The labels `fit` would use: of each sample the one told last, whoever told it."""
        return self.store.labels().values

    @property
    def pending(self) -> list[str]:
        """The ids asked and neither answered nor skipped, in the order asked."""
        return self.store.state().pending

    @property
    def skipped(self) -> list[str]:
        """The ids that can't be labelled, in the pool's order."""
        skipped = self.store.state().skipped
        return [name for name in self.pool.ids if name in skipped]

    @property
    def rounds(self) -> list[Round]:
        """What `run` has recorded, in this process and before."""
        return [Round(round=number, **row) for number, row in self.store.rounds().items()]

    def history(self, id: str | None = None) -> list[Event]:
        """Return everything that was told and skipped (of one sample), corrections included."""
        return self.store.history(id)

    def pending_queries(self) -> list[Query]:
        """Return what is still unanswered as queries, one for each round, oldest first.

        Raises:
            UnreadableSampleError: naming the samples that can't be read.
        """
        return self._asker.pending()

    @property
    def spent(self) -> float:
        """What all samples asked and not skipped cost.

        What was asked by cost counts as it did then, other samples as they would now.
        """
        return math.fsum(self._asker.spent(self.store.state()).values())

    # The cycle.

    def ask(
        self,
        n: int | None = None,
        *,
        scores: Any = None,
        cost: float | None = None,
        per_cost: bool = False,
    ) -> Query:
        """Pick the samples to label next, and write them to the store.

        Give either `n`, how many, or `cost`, what labelling them may cost in all: in words, boxes,
        characters, seconds, whatever the loop's costs are in. See `altasks.select_within` for how
        a budget is spent.

        Left out are samples that have a label, were asked before, or were skipped. If fewer are
        left, those are given, with a `PoolExhaustedWarning` and a note on the query; if none are,
        the query is empty and does not count as a round. A sample that costs more than all of
        `cost` is left out with a `OverBudgetWarning`, the same note, and its id in `over_budget`.

        Args:
            n: at least 1.
            scores: made elsewhere, higher = label first: a dict from id to number (only its ids
                are candidates), a `Scores`, or one number for each sample in the pool's order.
            cost: above 0. The query costs no more, and its `cost` says how much.
            per_cost: with `cost`: pick by score per cost instead of by score. Asks before the
                first fit, which have no scores, are as without it.

        Raises:
            InvalidInputError: for a bad `n` or `cost`, both or neither; scores that don't fit; a
                cost of a sample that isn't above 0; or if the strategy reads scores and there is
                neither a task nor `scores=`.
            UnknownNameError: if `scores` names an id that is not in the pool.
            UnreadableSampleError: naming the samples that can't be read; then nothing was asked.
            StoreError: if the query can't be written; then nothing was asked.
        """
        wanted = AskRequest(n, cost, per_cost)
        wanted.check(self.strategy)
        given = None if scores is None else given_scores(scores, self.pool)
        return self._asker.ask(wanted, given)

    def tell(self, labels: Mapping[str, Any], *, annotator: str = "", replace: bool = False) -> int:
        """Keep labels: late, partial, for samples asked or not. All are kept, or none is.

        When it returns, they survive the death of the process and of the machine. Saying the same
        again is harmless. Where annotators differ, everything is kept and the label told last is
        used.

        Args:
            labels: id -> label, in the form the task reads; JSON values.
            annotator: who says so.
            replace: correct what this annotator said before.

        Returns:
            How many labels were new or changed.

        Raises:
            UnknownNameError: for an id that is not in the pool.
            InvalidInputError: for a label that the task doesn't know, or that is no JSON value.
            UnreadableSampleError: if the task has to see a sample for that, and can't read it.
            LabelConflictError: if this annotator said otherwise and `replace` is False.
            StoreError: if they can't be written.
        """
        if not isinstance(labels, Mapping):
            raise invalid("labels", "a dict from id to label", type(labels).__name__)
        if not isinstance(annotator, str):
            raise invalid("annotator", "a string", f"{annotator!r}")
        checked = {name: self._check_label(name, label) for name, label in labels.items()}
        return self.store.tell(checked, annotator=annotator, replace=replace) if checked else 0

    def _check_label(self, name: Any, label: Any) -> Any:
        if name not in self.pool:
            raise UnknownNameError(f"labels: {unknown_id(name, self.pool)}")
        where = f"id {name!r}"
        if label is None:
            raise invalid(
                "labels", "a label", "None", where=where,
                hint="A sample that can't be labelled is skipped: loop.skip([id]).",
            )  # fmt: skip
        if provides(self.task, ChecksLabels):
            try:
                label = check_label(self.task, label, lambda: self.pool[name])
            except UnreadableSampleError as error:
                raise UnreadableSampleError(
                    f"labels ({where}): {error}",
                    error.rows,
                    skipped={name: "; ".join(error.rows.values())},
                ) from error
            except (InvalidInputError, UnknownNameError) as error:
                raise type(error)(f"labels ({where}): {error}") from error
        return to_json(label, "labels", where)

    def skip(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Never ask these again: they can't be labelled. Telling one of them later is welcome.

        Returns:
            How many were not skipped or labelled before; a labelled sample keeps its label.

        Raises:
            UnknownNameError: for an id that is not in the pool.
        """
        if isinstance(ids, str):
            raise invalid("ids", "a list of ids", f"the string {ids!r}", hint=f"Use [{ids!r}].")
        wanted = list(ids)
        for name in wanted:
            if name not in self.pool:
                raise UnknownNameError(f"ids: {unknown_id(name, self.pool)}")
        return self.store.skip(wanted, annotator=annotator)

    def fit(self) -> LoggedFit:
        """Train the task on every label told so far, save its weights and log how.

        Labels go to the task in the pool's order, and the seed comes from the loop's and the
        round: what was told decides the weights, and the order of telling doesn't.

        Raises:
            InvalidInputError: if nothing has been told yet, or the task can't be trained.
        """
        if not provides(self.task, Trainable):
            raise InvalidInputError(
                f"task: expected one with fit(), found {type(self.task).__name__}. Train it "
                "yourself and ask(n, scores=al.score(...))."
            )
        return self._fitter.fit(self.store.state())

    def evaluate(self, test: Any) -> dict[str, float]:
        """Return the task's metrics on `test`, a pair (samples, labels).

        Raises:
            InvalidInputError: if `test` isn't such a pair, or the task can't be measured.
        """
        samples, labels = check_test(test)
        task = self.task
        if not provides(task, Evaluates):
            raise InvalidInputError(
                f"task: expected one with evaluate(), found {type(self.task).__name__}."
            )
        if provides(self.task, Trainable):
            self._fitter.catch_up(self.store.state().fit)
        metrics = task.evaluate(samples, labels)
        return {name: float(value) for name, value in metrics.items()}

    def run(
        self,
        oracle: Oracle,
        budget: int | None = None,
        batch: int | None = None,
        *,
        cost_budget: float | None = None,
        cost_batch: float | None = None,
        per_cost: bool = False,
        test: Any = None,
        target: Mapping[str, float] | tuple[str, float] | None = None,
        stop: Callable[[list[Round]], bool] | None = None,
        initial: float | None = None,
    ) -> Iterator[Round]:
        """Ask, let `oracle` answer, fit, evaluate, and again: yields each completed round.

        Where it stands is read from the store alone, so a run that was cut off anywhere goes on
        as if it hadn't been, beginning with a query that was asked and not answered. Rounds
        completed before are in `rounds` and are not yielded again. Ctrl-C leaves everything told
        so far.

        The budget is in samples (`budget`, `batch`), or in the unit of the loop's costs
        (`cost_budget`, `cost_batch`). By cost, after r rounds about r batches are spent and never
        more: what a round leaves over goes to the next. A run by cost ends when what is left is
        less than the samples asked so far cost on average, or buys none of those that are left.
        Samples that fit into no batch, or cost more than the whole budget, are named in a
        `OverBudgetWarning` and not asked.

        Args:
            oracle: anything with `label(query) -> {id: label}`; answers may be partial.
            budget: how many samples to ask in all, those of earlier runs included and skipped
                ones not.
            batch: how many to ask a round.
            cost_budget: what all samples asked may cost, counted alike.
            cost_batch: what those of a round may cost.
            per_cost: in a run by cost: pick by score per cost instead of by score.
            test: (samples, labels) to evaluate on after each fit.
            target: metric -> value; stops when all are reached: `<=` for errors (brier, cer, ece,
                error, loss, mae, mse, nll, rmse, wer; also as `rmse_<name>`, `member_cer`), `>=`
                for everything else.
            stop: called with all rounds so far after each; True stops.
            initial: how much to ask the first time, before any fit, in the unit of the batch;
                by default a batch.

        Raises:
            InvalidInputError: for numbers out of range, budgets in both units or in none, or a
                target without a test set.
        """
        plan = make_plan(
            self, self._asker, budget, batch, cost_budget, cost_batch, per_cost, initial
        )
        if not callable(getattr(oracle, "label", None)):
            raise invalid("oracle", "an object with label(query)", type(oracle).__name__)
        if not provides(self.task, Trainable):
            raise invalid("task", "one with fit()", type(self.task).__name__)
        if test is not None:
            check_test(test)
        if isinstance(target, tuple):
            target = dict([target])
        if target is not None and test is None:
            raise invalid("target", "a test set to measure it on", "test=None")
        return Driver(self, oracle, plan, test=test, target=target, stop=stop).rounds()

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def __enter__(self) -> ActiveLoop:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _draws_by_batch(task: Any) -> bool:
    return provides(task, JointDraws) and not task.joint_draws
