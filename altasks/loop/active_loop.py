"""The loop: ask, label, fit, again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks.abilities import Evaluates, KeepsFeatures, Trainable, provides
from altasks.calibration import check_calibration
from altasks.data import as_pool
from altasks.errors import InvalidInputError, invalid
from altasks.loop.answers import Synced
from altasks.loop.base import LoggedFit, Store
from altasks.loop.choices import NamedChoices
from altasks.loop.costs import Costs, LabelCosts
from altasks.loop.driver import Driver
from altasks.loop.fingerprint import check_pool
from altasks.loop.fit_log import FitLog, check_test
from altasks.loop.memory import LoopMemory
from altasks.loop.open_store import open_store, work_folder
from altasks.loop.plan import make_plan
from altasks.loop.query import Query, Round
from altasks.loop.query_maker import QueryMaker
from altasks.loop.random_share import Estimate, Estimator, check_share
from altasks.loop.selection import AskRequest, Selector, given_scores
from altasks.loop.settings import check_settings
from altasks.loop.stopping.base import Stop
from altasks.loop.stopping.observer import Observer
from altasks.loop.stopping.stopper import Stopper
from altasks.loop.sync import Sync

if TYPE_CHECKING:
    from altasks.oracles.base import AsksPeople, Oracle


class ActiveLoop(LoopMemory):
    """Selects samples, stores their labels and trains the model.

    Everything is kept in the store: opening the same store again goes on where the last process
    stopped, however it stopped. See `docs/concepts/loop.md`.

    Args:
        task: a task adapter, or anything with `predict`. None: the loop is a queue and a memory,
            and `ask` is given scores made elsewhere.
        pool: whatever `altasks.as_pool` takes.
        store: a database URL (`"sqlite:///reviews.db"`), the `Path` of an SQLite file, a `Store`,
            or None: in memory, gone with the process.
        acquisition: a function or its name. None takes what the store was made with, or else the
            task's default; so do the next two.
        strategy: a strategy or its name; the default is the task's, or `"top_k"`. It is `"top_k"`
            too where only an acquisition function is named, since the task's may not read scores.
        cold_start: the strategy of asks before the first fit; the default is the task's, or
            `"random"`. It gets the scores of the task as it was given if it reads any; the
            defaults don't. Say `"top_k"` for a task that can be trained and was already. A task
            without `fit` has no cold start.
        seed: every random choice is drawn from it and the round.
        batch_size: samples per call of `task.predict` and `task.embed`.
        progress: a progress bar while scoring; None shows one on a terminal.
        work_dir: where weights go, each store's in a folder of its own; None: beside an SQLite
            file (`reviews.db.work`), in the user's cache for a server, nowhere for a store in
            memory.
        acquisition_options: keyword arguments of the acquisition function.
        calibration: what predictions go through before they are scored, as in `altasks.score`: a
            temperature, or a `HeldOutTemperature`, which is fitted anew before each scoring.
        random_share: which share of each batch is drawn at random, in [0, 1); not of cold starts.
            They give `estimates` of the model without a test set, and show whether asking pays.
        costs: what labelling a sample costs, for `ask(cost=...)`: a dict from id to number, or a
            function of the sample; None: `task.cost(sample)`, or 1 without one.
        accept_changes: go on with another seed, strategy or acquisition function than the store
            was made with, and remember the new ones. The rest of the run then follows neither
            configuration.

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
        cold_start: Any = None,
        seed: int = 0,
        batch_size: int = 32,
        progress: bool | None = None,
        work_dir: Path | str | None = None,
        acquisition_options: Mapping[str, Any] | None = None,
        calibration: Any = None,
        random_share: float = 0.0,
        costs: Mapping[str, float] | Callable[[Any], float] | None = None,
        accept_changes: bool = False,
    ) -> None:
        require_whole("seed", seed, 0)
        require_whole("batch_size", batch_size, 1)
        samples = as_pool(pool)
        # A misspelt name is an error before a store is made.
        named = NamedChoices.of(acquisition, strategy, cold_start)
        super().__init__(task, samples, open_store(store))
        self.seed = int(seed)
        chosen = named.completed(self.store, task, acquisition_options)
        self.strategy, self.cold_start = chosen.strategy, chosen.cold_start
        self.acquisition = acquisition = chosen.acquisition
        share = check_share(random_share)
        settings = chosen.settings(
            task, self.seed, int(batch_size), check_calibration(calibration), share
        )
        check_settings(self.store, settings, accept_changes)
        check_pool(self.pool, self.store)
        work = work_folder(self.store, work_dir)
        self.work_dir = None if work is None else work.path
        if work is not None and provides(task, KeepsFeatures):
            task.keep_features_in(work.path / "frozen")
        self._fit_log = FitLog(task, self.pool, self.store, work, self.seed, progress)
        selector = Selector(
            task, self.pool, self.strategy, acquisition, acquisition_options, self.seed,
            int(batch_size), progress, check_calibration(calibration),
        )  # fmt: skip
        self._query_maker = QueryMaker(
            task, self.pool, self.store, self._fit_log, selector, self.cold_start,
            Costs(task, self.pool, costs, int(batch_size)), LabelCosts(task, self.store, costs),
            chosen.for_given_scores, share,
        )  # fmt: skip
        self._estimator = Estimator(task, self.pool, self.store, self._fit_log)
        observer = Observer(
            task, self.pool, self.store, self._fit_log, self.seed, int(batch_size), calibration
        )
        self._stopper = Stopper(task, self.store, observer, self._query_maker)
        if provides(task, Trainable):
            self._fit_log.load_saved(self.store.state().last_fit)

    def __repr__(self) -> str:
        """Return the task, the store and how far it is."""
        state = self.store.state()
        task = "no task" if self.task is None else type(self.task).__name__
        return (
            f"ActiveLoop({task}, {len(self.pool)} samples, {self.store.name}: round {state.round}, "
            f"{len(state.labelled)} labelled, {len(state.pending)} pending, "
            f"{len(state.skipped)} skipped)"
        )

    @property
    def random_asked(self) -> list[str]:
        """The ids that were drawn at random by `random_share`, in the order asked."""
        return [name for names in self._estimator.drawn().values() for name in names]

    @property
    def estimates(self) -> list[Estimate]:
        """How good each model was on the random share of the labels after it, oldest first.

        They are unbiased for the samples that were open when they were drawn: the model had not
        been trained on them, and nothing but chance picked them. One estimate is of few samples.
        """
        return self._estimator.estimates()

    def pending_queries(self) -> list[Query]:
        """Return unanswered samples as queries, one for each round, oldest first.

        Raises:
            UnreadableSampleError: naming the samples that can't be read.
        """
        return self._query_maker.pending()

    @property
    def spent(self) -> float:
        """The cost of all samples asked and not skipped.

        A labelled sample costs what its label did, where the task counts that (boxes drawn); what
        was asked by cost counts as it did then, and other samples as they would now.
        """
        return math.fsum(self._query_maker.spent(self.store.state()).values())

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
            cost: above 0. The query costs no more, and its `cost` is the sum.
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
        return self._query_maker.ask(wanted, given)

    def sync(self, oracle: AsksPeople, *, rerank: bool = True, everything: bool = False) -> Synced:
        """Take in what people have labelled in a tool, and hand out what is still open, in order.

        Safe to repeat: nothing is taken twice, nothing is lost, whichever step a process dies in.
        What people corrected is corrected, what they deleted is withdrawn. A label that the task
        refuses is named in `refused` and in a warning, and taken once it was corrected in the tool.

        Args:
            oracle: with `name`, `push` and `pull`, such as `altasks.LabelStudio`.
            rerank: after a fit, put what is left of earlier queries in the order of its scores, the
                highest first, behind what it asked for itself; its predictions go out anew.
            everything: compare with all that the tool holds, not with what is new: finds whatever
                happened, in more time.

        Raises:
            InvalidInputError: for what is no such oracle.
            ToolError: if the tool can't be reached or refuses; call again.
            UnreadableSampleError: naming the samples that can't be read.
        """
        return Sync(self.store, self._query_maker, self.check_label, oracle).run(
            rerank=rerank, everything=everything
        )

    def fit(self) -> LoggedFit:
        """Train the task on every label so far, save its weights and log how.

        Labels go to the task in the pool's order, and the seed comes from the loop's and the
        round: the labels decide the weights, and the order in which they came doesn't.

        Raises:
            InvalidInputError: if there is no label yet, or the task can't be trained.
        """
        if not provides(self.task, Trainable):
            raise InvalidInputError(
                f"task: expected one with fit(), found {type(self.task).__name__}. Train it "
                "yourself and ask(n, scores=al.score(...))."
            )
        state = self.store.state()
        self._estimator.measure(state)
        self._query_maker.forget()
        return self._fit_log.fit(state)

    def restore(self) -> LoggedFit | None:
        """Bring the task to the last fit, and return that; None if there is none.

        Opening a loop loads weights that are there, and trains nothing. Where they are missing or
        don't fit the task, this repeats the fit from its log; `ask` and `evaluate` do so too.
        """
        if not provides(self.task, Trainable):
            return None
        return self._fit_log.catch_up_with_store()

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
            self._fit_log.catch_up_with_store()
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
        stop: Any = None,
        initial: float | None = None,
    ) -> Iterator[Round]:
        """Ask, let `oracle` answer, fit, evaluate, and again: yields each completed round.

        Where it stands is read from the store alone, so a run that was cut off anywhere goes on
        as if it hadn't been, beginning with a query that was asked and not answered. Rounds
        completed before are in `rounds` and are not yielded again. Ctrl-C leaves all labels
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
            target: metric -> value, by the names that the task's `evaluate` reports; stops when
                all are reached: `<=` for errors (`cer`, `wer`, `rmse`, `nll`; also as
                `rmse_<name>`, `member_cer`, and other usual names of errors), `>=` for
                everything else.
            stop: a stopping rule (`altasks.loop.stopping`), the name of one, a function that is
                called with all rounds so far after each and says True to stop, or a list of these,
                of which the first that says so stops. `should_stop(stop)` then says why.
            initial: how much to ask the first time, before any fit, in the unit of the batch;
                by default a batch.

        Raises:
            InvalidInputError: for numbers out of range, budgets in both units or in none, or a
                target without a test set.
        """
        plan = make_plan(
            self,
            self._query_maker,
            self.strategy,
            budget,
            batch,
            cost_budget,
            cost_batch,
            per_cost,
            initial,
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
        stops = self._stopper.for_run(stop, test)
        return Driver(self, oracle, plan, test=test, target=target, stop=stops).rounds()

    def should_stop(self, rule: Any = "stabilising_predictions") -> Stop:
        """Return whether enough has been asked, and why, from what the store holds.

        Rules that compare predictions have the model of the last fit predict a drawn part of the
        pool, the stop set, and keep what it said in the store: call this after each fit, and the
        answer is the same in a process that was started anew. See `docs/how-to/when_to_stop.md`.

        Args:
            rule: a stopping rule, the name of one, a function of the rounds, or a list of these.

        Returns:
            True or false, with a `reason` and the name of the `rule` that stops.

        Raises:
            InvalidInputError: for what is no rule, or one that this task can't be judged by.
            UnknownNameError: for a name that isn't registered.

        Example:
            >>> loop = ActiveLoop(None, ["a", "b"])
            >>> from altasks import Budget
            >>> answer = loop.should_stop(Budget(samples=1))
            >>> bool(answer), answer.reason
            (False, '0 of 1 samples asked.')
        """
        return self._stopper.should_stop(rule, self.rounds)
