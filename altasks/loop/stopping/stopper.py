"""Answers whether a loop has asked enough, from what its store holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from altasks.abilities import Predictor, StreamingPredictor, Trainable, provides
from altasks.errors import invalid
from altasks.loop.base import Store
from altasks.loop.query import Round
from altasks.loop.query_maker import QueryMaker
from altasks.loop.stopping.base import Progress, Stop
from altasks.loop.stopping.observer import Observer
from altasks.loop.stopping.resolve import as_rules, judge, needed


class Stopper:
    """Fills what rules need and asks them.

    Args:
        task: of the loop.
        store: of the loop.
        observer: looks at the models.
        query_maker: knows what was spent.
    """

    def __init__(
        self, task: Any, store: Store, observer: Observer, query_maker: QueryMaker
    ) -> None:
        self.task, self.store = task, store
        self.observer, self.query_maker = observer, query_maker

    def should_stop(self, stop: Any, rounds: list[Round]) -> Stop:
        """Return what the rules say of the loop as it is now.

        Args:
            stop: a rule, its name, a function of the rounds, or a list of these.
            rounds: all that are recorded.
        """
        rules = as_rules(stop)
        if not rules:
            raise invalid("rule", "a stopping rule or the name of one", "None")
        needs = needed(rules)
        self._check_task(needs)
        state = self.store.state()
        asked = sum(name not in state.skipped for name in state.asked)
        spent = math.fsum(self.query_maker.spent(state).values()) if "costs" in needs else None
        seen = self.observer.observations() if "observations" in needs else []
        return judge(rules, Progress(asked, len(state.labelled), spent, rounds, seen))

    def for_run(self, stop: Any, test: Any) -> Callable[[list[Round]], bool] | None:
        """Return a function of the rounds that says whether a run is over; None without rules.

        Raises:
            InvalidInputError: for a rule that reads metrics in a run without a test set.
        """
        rules = as_rules(stop)
        if not rules:
            return None
        needs = needed(rules)
        if "metrics" in needs and test is None:
            raise invalid("stop", "a test set for a rule that reads metrics", "test=None")
        self._check_task(needs)
        return lambda rounds: bool(self.should_stop(rules, rounds))

    def _check_task(self, needs: frozenset[str]) -> None:
        predicts = provides(self.task, Predictor) or provides(self.task, StreamingPredictor)
        if "observations" in needs and not (predicts and provides(self.task, Trainable)):
            raise invalid(
                "stop",
                "a task with predict() and fit() for a rule that compares predictions",
                type(self.task).__name__,
            )
