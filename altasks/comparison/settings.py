"""How much is asked: how many labels, how many at a time, in samples or in what they cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from altasks._internal.numbers import require_whole
from altasks.errors import invalid
from altasks.strategies.budget import check_budget

#: Rounds of asking where no batch is given; and the share of the samples that is asked at most.
ROUNDS, SHARE = 10, 0.5


@dataclass(frozen=True)
class Settings:
    """The labels that every arm asks for.

    Attributes:
        seeds: one for each repetition.
        initial: how much is asked first, before any fit.
        batch: how much in each later round.
        budget: how much in all.
        by_cost: whether these are costs, in the unit of the task; else samples.
        per_cost: by cost: whether arms pick by score per cost.
        all_labels: whether a fit to all labels shows what there is to reach.
    """

    seeds: tuple[int, ...]
    initial: float
    batch: float
    budget: float
    by_cost: bool = False
    per_cost: bool = False
    all_labels: bool = True

    def run_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `ActiveLoop.run`."""
        if self.by_cost:
            return {
                "cost_budget": self.budget,
                "cost_batch": self.batch,
                "initial": self.initial,
                "per_cost": self.per_cost,
            }
        return {"budget": self.budget, "batch": self.batch, "initial": self.initial}

    def recipe(self) -> dict[str, Any]:
        """Return what decides the result of a run, its seed aside."""
        unit = "cost" if self.by_cost else "samples"
        asked = {"initial": self.initial, "batch": self.batch, "budget": self.budget}
        return {"unit": unit, **asked, **({"per_cost": True} if self.per_cost else {})}


def settings_of(
    count: int,
    *,
    seeds: int | Sequence[int],
    initial: float | None,
    batch: float | None,
    budget: float | None,
    cost_batch: float | None,
    cost_budget: float | None,
    per_cost: bool,
    all_labels: bool,
) -> Settings:
    """Return settings, with defaults for what is None.

    Without a budget, half of the samples; without a batch, a tenth of the budget; without a first
    number, a batch.

    Args:
        count: how many samples there are to ask.
        seeds: how many, or which.
        initial: in the unit of the batch.
        batch: samples a round.
        budget: samples in all.
        cost_batch: cost a round.
        cost_budget: cost in all.
        per_cost: only with a budget in cost.
        all_labels: kept as it is.

    Raises:
        InvalidInputError: for numbers out of range, budgets in both units, or a budget that is
            spent at once.
    """
    chosen = _seeds(seeds)
    if cost_budget is not None or cost_batch is not None:
        if budget is not None or batch is not None:
            raise invalid("budget", "a budget in samples or one in cost", "both")
        if cost_budget is None:
            raise invalid("cost_budget", "what all labels may cost", "none beside cost_batch")
        for name, value in (
            ("cost_budget", cost_budget), ("cost_batch", cost_batch), ("initial", initial),
        ):  # fmt: skip
            if value is not None:
                check_budget(name, value)
        part = float(cost_budget / ROUNDS if cost_batch is None else cost_batch)
        first = float(part if initial is None else initial)
        return _checked(
            Settings(chosen, first, part, float(cost_budget), True, per_cost, all_labels)
        )
    if per_cost:
        raise invalid("per_cost", "a cost_budget beside it", "none")
    for name, value in (("budget", budget), ("batch", batch), ("initial", initial)):
        if value is not None:
            require_whole(name, value, 1)
    if budget is not None and budget > count:
        raise invalid("budget", f"at most {count}, which is how many samples there are to ask",
                      f"{budget}", hint="The others are held out to measure on.")  # fmt: skip
    total = int(max(2, math.floor(count * SHARE)) if budget is None else budget)
    part = int(max(1, math.ceil(total / ROUNDS)) if batch is None else batch)
    first = int(part if initial is None else initial)
    return _checked(Settings(chosen, first, part, total, False, False, all_labels))


def _checked(settings: Settings) -> Settings:
    if settings.initial >= settings.budget:
        name = "cost_budget" if settings.by_cost else "budget"
        raise invalid(
            name,
            f"more than the {settings.initial:g} that are asked before any fit",
            f"{settings.budget:g}",
            hint="Give a smaller initial= or batch=.",
        )
    return settings


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, list | tuple | range):
        chosen = tuple(require_whole("seeds", seed, 0) for seed in seeds)
        if not chosen or len(set(chosen)) < len(chosen):
            raise invalid("seeds", "a number, or different seeds", f"{list(seeds)}")
        return chosen
    return tuple(range(require_whole("seeds", seeds, 1)))
