"""A query to be labelled, and the record of a round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Query:
    """Samples to be labelled, written to the store before anyone sees them.

    Args:
        ids: n ids, the most wanted first.
        samples: the samples themselves, in the same order.
        scores: what each was picked by; None for each where nothing was scored (random asks).
        round: which ask this was; the first is 1.
        descriptions: id -> what `task.describe` returned, JSON; empty before the first fit.
        note: what the user should know, such as that fewer samples were left than asked for.
        cost: what labelling all of it costs, where it was asked by cost; else None.
        over_budget: where it was asked by cost, the ids that cost more than all of that.
    """

    ids: list[str]
    samples: list[Any]
    scores: list[float | None]
    round: int
    descriptions: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    cost: float | None = None
    over_budget: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """Return the round, how many there are and the first of them."""
        first = ", ".join(map(repr, self.ids[:3])) + (", ..." if len(self.ids) > 3 else "")
        cost = "" if self.cost is None else f", cost {self.cost:g}"
        return f"Query(round {self.round}: {len(self.ids)} samples{cost}: [{first}])"

    def __len__(self) -> int:
        """Return n."""
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield (id, sample)."""
        return iter(zip(self.ids, self.samples, strict=True))


@dataclass(frozen=True)
class Round:
    """One completed round of `ActiveLoop.run`.

    Args:
        round: how many asks there had been; 0 for a fit on labels from before the first ask.
        ids: what was asked in this round.
        labelled: how many samples had a label when the model was fitted.
        metrics: of the test set; empty without one.
        seconds: labelling, fitting and evaluating, in this process.
        cost: what this round's labels cost, of an oracle that knows.
        unanswered: how many asked samples had no answer when the model was fitted.
        spent: in a run by cost: what all samples asked so far cost, by the loop's own costs.
        fit: the number of the fit that was evaluated; None in records of version 0.1.
    """

    round: int
    ids: list[str]
    labelled: int
    metrics: dict[str, float]
    seconds: float
    cost: float | None = None
    unanswered: int = 0
    spent: float | None = None
    fit: int | None = None
