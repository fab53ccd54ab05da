"""A share of each batch drawn at random: what it says of the model, and of what is asked."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks._internal.jsonable import to_json
from altasks._internal.metric_names import less_is_better
from altasks._internal.random import derive_rng
from altasks.abilities import Evaluates, Trainable, provides
from altasks.data import Pool
from altasks.errors import LoopWarning, invalid
from altasks.loop.base import State, Store
from altasks.loop.fit_log import FitLog
from altasks.loop.selection import AskRequest
from altasks.loop.unreadable import read_samples
from altasks.strategies import id_hashes

#: Where the store keeps the estimates.
KEY = "estimates"
#: So many random samples have to be measured before asked ones are compared with them.
ENOUGH = 30


@dataclass(frozen=True)
class Estimate:
    """How good the model of a fit was on samples it was not trained on yet.

    Args:
        fit: the number of the fit.
        round: how many asks there had been when it was measured.
        samples: how many random samples were measured.
        metrics: of these, as the task's `evaluate` gives them.
        asked_samples: how many of those the strategy picked were measured beside them.
        asked_metrics: of these; they are no estimate of anything but how hard the asked are.
    """

    fit: int
    round: int
    samples: int
    metrics: dict[str, float]
    asked_samples: int
    asked_metrics: dict[str, float]


def check_share(share: Any) -> float:
    """Return a share in [0, 1).

    Raises:
        InvalidInputError: for anything else.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise invalid("random_share", "a number from 0 to below 1", f"{share!r}")
    return float(share)


def draw_share(
    ids: Sequence[str],
    wanted: AskRequest,
    costs: Mapping[str, float],
    share: float,
    rng: np.random.Generator,
) -> list[str]:
    """Return the random part of a batch, drawn uniformly from all that may be asked.

    Where the share is no whole number of samples (or where the next sample costs more than is left
    of it), chance decides on the last, so that the share is right on average.

    Args:
        ids: what may be asked.
        wanted: how much is asked in all.
        costs: of the ids, where it is asked by cost.
        share: of the batch.
        rng: one draw salts the hash of the ids, another decides on the last.
    """
    order = np.argsort(id_hashes(ids, rng), kind="stable")
    chance = rng.random()
    if wanted.cost is None:
        assert wanted.n is not None
        exact = share * min(int(wanted.n), len(ids))
        count = math.floor(exact) + (chance < exact - math.floor(exact))
        return [ids[row] for row in order[:count].tolist()]
    picks: list[str] = []
    left = share * wanted.cost
    for row in order.tolist():
        name = ids[row]
        if costs[name] > left:
            fits = costs[name] <= wanted.cost - (share * wanted.cost - left)
            return [*picks, name] if fits and chance < left / costs[name] else picks
        picks.append(name)
        left -= costs[name]
    return picks


class Estimator:
    """Measures each model on the random share of the next labels, before it is trained on them.

    Args:
        task: with `evaluate`; of another nothing is measured.
        pool: the samples.
        store: which knows what was drawn at random, and keeps the estimates.
        fit_log: brings the task to the last fit.
    """

    def __init__(self, task: Any, pool: Pool, store: Store, fit_log: FitLog) -> None:
        self.task, self.pool, self.store, self.fit_log = task, pool, store, fit_log
        self._warned = False
        self._drawn: dict[int, list[str]] = {}  # round -> what was drawn at random, as recorded
        self._upto = 0  # the last round that was read

    def drawn(self) -> dict[int, list[str]]:
        """Return what was drawn at random, by round; each record is read once."""
        for number, how in self.store.asks(after=self._upto).items():
            if how.get("random"):
                self._drawn[number] = list(how["random"])
            self._upto = max(self._upto, number)
        return dict(self._drawn)

    def estimates(self) -> list[Estimate]:
        """Return what was measured, oldest first."""
        return [Estimate(**one) for one in self.store.get(KEY) or []]

    def measure(self, state: State) -> None:
        """Measure the last fit on what has been labelled since, if part of it is random."""
        last = state.last_fit
        if last is None or not (provides(self.task, Trainable) and provides(self.task, Evaluates)):
            return
        drawn = self.drawn()
        if not drawn:
            return
        labels = self.store.labels().values
        trained = self.store.labels(upto=last.seq).values
        random = {name for names in drawn.values() for name in names}
        fresh = [name for name in self.pool.ids if name in labels and name not in trained]
        # Those asked in the same rounds, whose model was the same.
        asked = [one for one in fresh if one not in random and state.asked.get(one) in drawn]
        measured = [one for one in fresh if one in random]
        if not measured:
            return
        self.fit_log.catch_up_with_store()
        estimate = Estimate(
            last.fit,
            state.round,
            len(measured),
            self._evaluated(measured, labels),
            len(asked),
            self._evaluated(asked, labels) if asked else {},
        )
        kept = [one for one in self.estimates() if one.fit != last.fit]
        rows = [vars(one) for one in [*kept, estimate]]
        self.store.put(KEY, to_json(rows, "estimates"))
        self._warn([*kept, estimate])

    def _evaluated(self, ids: Sequence[str], labels: Mapping[str, Any]) -> dict[str, float]:
        samples = read_samples(self.pool, ids)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few samples: a class that doesn't occur
            found = self.task.evaluate(samples, [labels[name] for name in ids])
        return {name: float(one) for name, one in found.items() if math.isfinite(one)}

    def _warn(self, estimates: Sequence[Estimate]) -> None:
        """Warn if the model was as good on what was asked as on what was drawn at random."""
        both = [one for one in estimates if one.asked_metrics and one.metrics]
        if self._warned or sum(one.samples for one in both) < ENOUGH:
            return
        name = next(iter(both[-1].metrics))
        random = _mean([(one.metrics.get(name), one.samples) for one in both])
        asked = _mean([(one.asked_metrics.get(name), one.asked_samples) for one in both])
        if random is None or asked is None:
            return
        harder = asked > random if less_is_better(name) else asked < random
        if not harder:
            self._warned = True
            warnings.warn(
                f"What is asked is no harder for the model than random samples: {name} is "
                f"{asked:.3g} on {sum(one.asked_samples for one in both)} asked and "
                f"{random:.3g} on {sum(one.samples for one in both)} random samples, each before "
                "the model was trained on them. Unless the strategy looks for typical samples, "
                "asking may be worth no more than drawing at random.",
                LoopWarning,
                stacklevel=4,
            )


def _mean(pairs: Sequence[tuple[float | None, int]]) -> float | None:
    """Return the mean weighted by counts, of the values that are there."""
    there = [(value, count) for value, count in pairs if value is not None]
    total = sum(count for _, count in there)
    return math.fsum(value * count for value, count in there) / total if total else None


def share_rng(seed: int, round: int) -> np.random.Generator:
    """Return the generator of the random share of a round."""
    return derive_rng(seed, "random share", round)


def mixing_rng(seed: int, round: int) -> np.random.Generator:
    """Return the generator of the places of the random share among the others."""
    return derive_rng(seed, "mixing", round)
