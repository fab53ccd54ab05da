"""The loop: ask, label, fit, again."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from altasks._internal.jsonable import to_json
from altasks._internal.labels import check_label
from altasks._internal.numbers import as_real, require_whole
from altasks.abilities import (
    ChecksLabels,
    Evaluates,
    JointDraws,
    KeepsFeatures,
    Trainable,
    provides,
)
from altasks.calibration import check_calibration
from altasks.data import as_pool
from altasks.errors import InvalidInputError, UnknownNameError, UnreadableSampleError, invalid
from altasks.loop.answers import Synced
from altasks.loop.base import Event, LoggedFit, Store
from altasks.loop.costs import Costs, LabelCosts
from altasks.loop.driver import Driver
from altasks.loop.fingerprint import check_pool
from altasks.loop.fit_log import FitLog, check_test
from altasks.loop.open_store import open_store, work_folder
from altasks.loop.plan import make_plan
from altasks.loop.query import Query, Round
from altasks.loop.query_maker import QueryMaker
from altasks.loop.random_share import Estimate, Estimator, check_share
from altasks.loop.recipes import (
    calibration_recipe,
    committee_recipe,
    function_recipe,
    strategy_recipe,
)
from altasks.loop.selection import AskRequest, Selector, given_scores, unknown_id
from altasks.loop.settings import (
    check_settings,
    default_cold_start,
    default_strategy,
    for_bare_scores,
    kept_or_default,
    kept_or_default_acquisition,
    resolve_strategy,
)
from altasks.loop.stopping.base import Stop
from altasks.loop.stopping.observer import Observer
from altasks.loop.stopping.stopper import Stopper
from altasks.loop.sync import Sync
from altasks.registry import get_acquisition

if TYPE_CHECKING:
    from altasks.oracles.base import AsksPeople, Oracle


class ActiveLoop:
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
        self.task = task
        self.pool = as_pool(pool)
        self.seed = int(seed)
        if isinstance(acquisition, str):
            get_acquisition(acquisition)  # a misspelt name is an error now, not at the first ask
        named = None if strategy is None else resolve_strategy(strategy, "strategy")
        first = None if cold_start is None else resolve_strategy(cold_start, "cold_start")

        self.store: Store = open_store(store)
        # Not given by a queue, which may only collect answers; a task asks by the default.
        queue = named is None and task is None
        usual = default_strategy(task, acquisition)
        self.strategy = named or kept_or_default(self.store, "strategy", usual)
        self.cold_start = first or kept_or_default(
            self.store, "cold_start", default_cold_start(task)
        )
        if acquisition is None:
            acquisition = kept_or_default_acquisition(self.store, task, acquisition_options)
        self.acquisition = acquisition
        settings = {
            "seed": self.seed,
            "cold_start": strategy_recipe(self.cold_start),
            "strategy": None if queue else strategy_recipe(self.strategy),
            "acquisition": None
            if acquisition is None
            else function_recipe(acquisition, acquisition_options),
            "committee": committee_recipe(task.committee) if hasattr(task, "committee") else None,
            # Where draws belong to a batch, other batches are other draws.
            "batch_size": int(batch_size) if _draws_by_batch(task) else None,
        }
        if task is not None:
            settings["calibration"] = calibration_recipe(check_calibration(calibration))
        share = check_share(random_share)
        if task is not None or share:
            settings["random_share"] = share
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
            named or for_bare_scores(self.strategy),
            share,
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

    # What the store holds.

    @property
    def round(self) -> int:
        """How many asks there have been."""
        return self.store.state().round

    @property
    def labels(self) -> dict[str, Any]:
        """The labels `fit` would use: of each sample the last one, whoever gave it."""
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
        """The records of `run`, of this process and of earlier ones."""
        return [Round(round=number, **row) for number, row in self.store.rounds().items()]

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

    def history(self, id: str | None = None) -> list[Event]:
        """Return every label, correction and skip (of one sample), in the order they came."""
        return self.store.history(id)

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

    def tell(
        self,
        labels: Mapping[str, Any],
        *,
        annotator: str = "",
        replace: bool = False,
        seconds: Mapping[str, float] | None = None,
    ) -> int:
        """Store labels: late, partial, for samples asked or not. All are stored, or none is.

        When it returns, they survive the death of the process and of the machine. The same again
        is harmless. Where annotators differ, everything is kept and the last label is used.

        Args:
            labels: id -> label, in the form the task reads; JSON values.
            annotator: who labelled them.
            replace: correct labels that this annotator gave before.
            seconds: id -> how long it took, for some of them or all; it stands in the history.

        Returns:
            How many labels were new or changed.

        Raises:
            UnknownNameError: for an id that is not in the pool.
            InvalidInputError: for a label that the task doesn't know, or that is no JSON value.
            UnreadableSampleError: if the task has to see a sample for that, and can't read it.
            LabelConflictError: if this annotator gave another label and `replace` is False.
            StoreError: if they can't be written.
        """
        if not isinstance(labels, Mapping):
            raise invalid(
                "labels",
                "a dict from id to label",
                type(labels).__name__,
                hint="Of columns: dict(zip(ids, labels)), with ids of the pool, which are strings.",
            )
        if not isinstance(annotator, str):
            raise invalid("annotator", "a string", f"{annotator!r}")
        checked = {name: self._check_label(name, label) for name, label in labels.items()}
        if not checked:
            return 0
        spent = {name: _seconds_of(name, value) for name, value in (seconds or {}).items()}
        return self.store.tell(checked, annotator=annotator, replace=replace, seconds=spent)

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
        """Never ask these again: they can't be labelled. A label that comes later ends a skip.

        Returns:
            How many were not skipped or labelled before; a labelled sample keeps its label.

        Raises:
            UnknownNameError: for an id that is not in the pool.
        """
        return self.store.skip(self._in_pool(ids), annotator=annotator)

    def withdraw(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Take back labels and skips that this annotator gave; others' labels count again.

        What was taken back stays in the history. A sample that was asked, and has no label left, is
        pending again.

        Returns:
            How many labels and skips were taken back.

        Raises:
            UnknownNameError: for an id that is not in the pool.
        """
        return self.store.withdraw(self._in_pool(ids), annotator=annotator)

    def _in_pool(self, ids: Collection[str]) -> list[str]:
        """Return ids as a list, all of them the pool's."""
        if isinstance(ids, str):
            raise invalid("ids", "a list of ids", f"the string {ids!r}", hint=f"Use [{ids!r}].")
        wanted = list(ids)
        for name in wanted:
            if name not in self.pool:
                raise UnknownNameError(f"ids: {unknown_id(name, self.pool)}")
        return wanted

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
        for method in ("push", "pull"):
            if not callable(getattr(oracle, method, None)):
                wanted = "an oracle with name, push and pull"
                raise invalid("oracle", wanted, type(oracle).__name__)
        return Sync(self.store, self._query_maker, self._check_label, oracle).run(
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

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> ActiveLoop:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seconds_of(name: str, value: Any) -> float:
    seconds = as_real(value)
    if not 0 <= seconds < math.inf:
        raise invalid(
            "seconds", "a finite number of at least 0", f"{value!r}", where=f"id {name!r}"
        )
    return seconds


def _draws_by_batch(task: Any) -> bool:
    return provides(task, JointDraws) and not task.joint_draws
