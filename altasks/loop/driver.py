"""`ActiveLoop.run`: each step follows from the store, never from memory.

A round R is: query R is answered, the model is fitted, evaluated, and R is recorded. Whatever
moment a process dies in, the next one finds the first step that the store doesn't have:

    died before                 the store has            the next process
    the query was written       no query R               asks again, from the same seed: the same
    an answer was written       unanswered ids           lets the oracle answer those
    the fit was logged          no fit after the labels  fits again, from the same seed and labels
    the round was recorded      no record of R           evaluates and records

Labels that come after R was recorded, late answers or given by hand, are fitted by the next run
before it asks, and R is recorded again: the record then names an older fit than the last, or the
last fit is older than the labels.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from altasks._internal.jsonable import to_json
from altasks._internal.metric_names import less_is_better
from altasks.abilities import CostsLabels, provides
from altasks.errors import InvalidInputError, LoopWarning, invalid
from altasks.loop.base import State
from altasks.loop.cycle import Cycle
from altasks.loop.plan import Plan
from altasks.loop.query import Round

if TYPE_CHECKING:
    from altasks.oracles.base import Oracle


class Driver:
    """One call of `ActiveLoop.run`; the arguments are its arguments."""

    def __init__(
        self,
        loop: Cycle,
        oracle: Oracle,
        plan: Plan,
        *,
        test: Any,
        target: Mapping[str, float] | None,
        stop: Callable[[list[Round]], bool] | None,
    ) -> None:
        self.loop = loop
        self.oracle = oracle
        self.plan = plan
        self.test = test
        self.target = target
        self.stop = stop
        self._past: dict[int, Round] = {}

    def rounds(self) -> Iterator[Round]:
        """Yield each round as it is completed."""
        begun = time.perf_counter()
        self.plan.warn_unaffordable()
        late = self._late(begun)
        if late is not None:
            yield late
        exhausted = False
        while True:
            state = self.loop.store.state()
            # Round 0 is a fit on labels from before the first ask; without such there is none. Nor
            # is there a round to complete where all that was asked has been skipped.
            if state.last_recorded_round < state.round and (state.labelled or state.pending):
                done = self._complete(begun)
                if done is None:
                    return
                yield done
                begun = time.perf_counter()  # what the consumer did is not the round's
            elif exhausted or self._is_over(state):
                return
            else:
                query = self.plan.ask(state)
                if query is None or not len(query):
                    return
                exhausted = bool(query.note)  # the warning was given; nothing is left to ask

    def _late(self, begun: float) -> Round | None:
        """Complete a recorded round again, if labels came after it; None if none did."""
        state = self.loop.store.state()
        if state.last_recorded_round != state.round:
            return None
        answered = self._answer() if state.pending else 0
        state = self.loop.store.state()
        return self._complete(begun, answered) if self._is_stale(state) else None

    def _is_stale(self, state: State) -> bool:
        """Whether the record of the last round is not of the labels as they are now."""
        if not state.labelled:
            return False
        if not state.is_fitted or state.last_fit is None:
            return True
        # A fit after the record: of other labels, if a run was stopped between the two.
        store, last = self.loop.store, state.last_fit
        recorded = store.rounds(after=state.round - 1)[state.round].get("fit", last.fit)
        return recorded != last.fit and any(
            fit.fit == recorded and fit.labels_hash != last.labels_hash for fit in store.fits()
        )

    def _is_over(self, state: State) -> bool:
        if self.plan.is_spent(state):
            return True
        if self.target is None and self.stop is None:
            return False
        past = self._rounds()
        if self.target is not None and past and self._is_reached(past[-1]):
            return True
        return self.stop is not None and bool(past) and bool(self.stop(past))

    def _rounds(self) -> list[Round]:
        """Return all recorded rounds, reading only the last one known and newer ones."""
        known = max(self._past, default=-1)
        for number, record in self.loop.store.rounds(after=known - 1).items():
            self._past[number] = Round(round=number, **record)
        return [self._past[number] for number in sorted(self._past)]

    def _is_reached(self, last: Round) -> bool:
        for name in self.target or {}:
            if name not in last.metrics:
                raise InvalidInputError(
                    f"target: expected a metric of this task ({', '.join(last.metrics)}), found "
                    f"{name!r}."
                )
        return all(
            last.metrics[name] <= value if less_is_better(name) else last.metrics[name] >= value
            for name, value in (self.target or {}).items()
        )

    def _complete(self, begun: float, answered: int = 0) -> Round | None:
        """Do the steps that are missing of the last round; None if nobody answers."""
        loop = self.loop
        answered += self._answer()
        state = loop.store.state()
        asked = [name for name, number in state.asked.items() if number == state.round]
        none_answered = bool(asked) and all(map(state.is_open, asked))
        if not state.labelled or (none_answered and not answered and not self._is_late(state)):
            warnings.warn(
                f"The oracle answered none of the {len(state.pending)} pending samples; they stay "
                "pending. Call run again when there are answers.",
                LoopWarning,
                stacklevel=4,
            )
            return None
        # A fit of this round on these very labels has been logged: its weights are at hand.
        fit = state.last_fit
        if fit is None or fit.round != state.round or not state.is_fitted:
            fit = loop.fit()
        metrics = {} if self.test is None else loop.evaluate(self.test)
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise invalid(
                    "test",
                    "metrics that are finite numbers, which the store can keep",
                    f"{name} = {value}",
                    where=f"round {state.round}",
                    hint="Let the task's evaluate leave out what is undefined, or give another "
                    "test set; run then goes on from here.",
                )
        cost = None
        if provides(self.oracle, CostsLabels):
            cost = float(self.oracle.cost_of(loop.store.labels(ids=asked).values))
        done = Round(
            round=state.round,
            ids=asked,
            labelled=fit.n_labels,
            metrics=metrics,
            seconds=time.perf_counter() - begun,
            cost=cost,
            unanswered=len(state.pending),
            spent=self.plan.spent(state),
            fit=fit.fit,
        )
        record = {name: value for name, value in vars(done).items() if name != "round"}
        loop.store.record_round(state.round, to_json(record, "round", f"round {state.round}"))
        return done

    @staticmethod
    def _is_late(state: State) -> bool:
        return state.last_recorded_round == state.round

    def _answer(self) -> int:
        """Let the oracle answer what is pending, round by round; return how many it did."""
        answered = 0
        for query in self.loop.pending_queries():
            answers = dict(self.oracle.label(query))
            known = set(query.ids)
            extra = [name for name in answers if name not in known]
            if extra:
                raise InvalidInputError(
                    f"oracle: expected labels of the {len(query)} samples it was asked, found one "
                    f"of {extra[0]!r}."
                )
            answered += self.loop.tell(answers)
        return answered
