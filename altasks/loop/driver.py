"""`ActiveLoop.run`: each step follows from what the store says, never from memory.

A round R is: query R is answered, the model is fitted, evaluated, and R is recorded. Whatever
moment a process dies in, the next one finds the first step that the store doesn't have:

    died before                 the store has            the next process
    the query was written       no query R               asks again, from the same seed: the same
    an answer was written       unanswered ids           lets the oracle answer those
    the fit was logged          no fit after the labels  fits again, from the same seed and labels
    the round was recorded      no record of R           evaluates and records
"""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from altasks._internal.jsonable import to_json
from altasks.abilities import CostsLabels, provides
from altasks.errors import InvalidInputError, LoopWarning, invalid
from altasks.loop.base import State
from altasks.loop.plan import Plan
from altasks.loop.query import Round

if TYPE_CHECKING:
    from altasks.loop.active_loop import ActiveLoop
    from altasks.oracles.base import Oracle

#: The names of metrics of which less is better: altasks' own (`cer`, `member_wer`, `rmse_weight`)
#: and what a task of somebody else's is likely to call such.
_LESS_IS_BETTER = re.compile(
    r"(?:eval_|mean_|member_|test_)*(?:brier|cer|ece|error|loss|mae|mse|nll|rmse|wer)(?:_|$)"
)


class Driver:
    """One call of `ActiveLoop.run`; the arguments are its arguments."""

    def __init__(
        self,
        loop: ActiveLoop,
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

    def rounds(self) -> Iterator[Round]:
        """Yield each round as it is completed."""
        begun = time.perf_counter()
        self.plan.warn_unaffordable()
        told = self._late_answers()
        if told:
            late = self._complete(begun, told)
            if late is not None:
                yield late
        dry = False
        while True:
            state = self.loop.store.state()
            # Round 0 is a fit on labels told before the first ask; without such there is none. Nor
            # is there a round to complete where all that was asked has been skipped.
            if state.recorded < state.round and (state.labelled or state.pending):
                done = self._complete(begun)
                if done is None:
                    return
                yield done
                begun = time.perf_counter()  # what the consumer did is not the round's
            elif dry or self._is_over(state):
                return
            else:
                query = self.plan.ask(state)
                if query is None or not len(query):
                    return
                dry = bool(query.note)  # the warning was given; there is nothing left to ask

    def _late_answers(self) -> int:
        """Let the oracle answer what it left open in a recorded round; return how many it did."""
        state = self.loop.store.state()
        return self._answer() if state.recorded == state.round and state.pending else 0

    def _is_over(self, state: State) -> bool:
        if self.plan.is_spent(state):
            return True
        past = self.loop.rounds
        if self.target is not None and past and self._is_reached(past[-1]):
            return True
        return self.stop is not None and bool(past) and bool(self.stop(past))

    def _is_reached(self, last: Round) -> bool:
        for name in self.target or {}:
            if name not in last.metrics:
                raise InvalidInputError(
                    f"target: expected a metric of this task ({', '.join(last.metrics)}), found "
                    f"{name!r}."
                )
        return all(
            last.metrics[name] <= value
            if _LESS_IS_BETTER.match(name)
            else last.metrics[name] >= value
            for name, value in (self.target or {}).items()
        )

    def _complete(self, begun: float, told: int = 0) -> Round | None:
        """Do what is missing of the last round; None if nobody answers."""
        loop = self.loop
        told += self._answer()
        state = loop.store.state()
        asked = [name for name, number in state.asked.items() if number == state.round]
        if not state.labelled or (not told and asked and all(map(state.is_open, asked))):
            warnings.warn(
                f"The oracle answered none of the {len(state.pending)} pending samples; they stay "
                "pending. Call run again when there are answers.",
                LoopWarning,
                stacklevel=4,
            )
            return None
        # A fit of this round on these very labels has been logged: its weights are at hand.
        if state.fit is None or (state.fit.round, state.fit.seq) != (state.round, state.seq):
            loop.fit()
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
        fit = loop.store.state().fit
        among = set(asked)
        answered = {name: label for name, label in loop.labels.items() if name in among}
        done = Round(
            round=state.round,
            ids=asked,
            labelled=0 if fit is None else fit.n_labels,
            metrics=metrics,
            seconds=time.perf_counter() - begun,
            cost=float(self.oracle.cost_of(answered))
            if provides(self.oracle, CostsLabels)
            else None,
            unanswered=len(state.pending),
            spent=self.plan.spent(state),
        )
        record = {name: value for name, value in vars(done).items() if name != "round"}
        loop.store.record_round(state.round, to_json(record, "round", f"round {state.round}"))
        return done

    def _answer(self) -> int:
        """Let the oracle answer what is pending, round by round; return how many it did."""
        told = 0
        for query in self.loop.pending_queries():
            answers = dict(self.oracle.label(query))
            known = set(query.ids)
            extra = [name for name in answers if name not in known]
            if extra:
                raise InvalidInputError(
                    f"oracle: expected labels of the {len(query)} samples it was asked, found one "
                    f"of {extra[0]!r}."
                )
            told += self.loop.tell(answers)
        return told
