"""What a stopping rule reads, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from altasks.loop.query import Round

#: What a rule may declare in `needs`.
NEEDS = ("observations", "metrics", "costs")


@dataclass(frozen=True)
class Stop:
    """Whether to stop, and why (or why not yet). True where it says stop.

    Args:
        stop: whether.
        reason: one sentence for people.
        rule: the name of the rule that says so; of several that don't stop, empty.
    """

    stop: bool
    reason: str
    rule: str = ""

    def __bool__(self) -> bool:
        """Return whether to stop."""
        return self.stop


@dataclass(frozen=True)
class Observation:
    """What the model of one fit says of the stop set, a fixed drawn part of the pool.

    Args:
        fit: the number of the fit.
        round: how many asks there had been.
        labelled: how many labels it was trained on.
        samples: how many samples of the stop set it was compared on with the fit before.
        agreement: with the predictions of the fit before; None of the first. Of classes and
            independent labels Cohen's kappa (over units, where samples have many); of numbers
            R^2; of lines of text 1 less the character error rate; of boxes F1 at an overlap of
            0.5.
        changed: the share of predictions that changed since the fit before; None of the first. Of
            classes and labels that of decisions, of lines that of lines, else 1 - agreement.
        uncertainty: in [0, 1] where it can be said: the mean entropy as a share of the largest; of
            numbers the mean variance as a share of the targets'; of lines the mean disagreement.
    """

    fit: int
    round: int
    labelled: int
    samples: int = 0
    agreement: float | None = None
    changed: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True)
class Progress:
    """How far a loop is, from what its store holds.

    Args:
        asked: how many samples were asked, without those skipped.
        labelled: how many have a label.
        spent: what those asked cost; None where no rule needs it.
        rounds: the records of `run`, with metrics where there was a test set.
        observations: one for each fit that was looked at, oldest first.
    """

    asked: int
    labelled: int
    spent: float | None = None
    rounds: Sequence[Round] = field(default_factory=list)
    observations: Sequence[Observation] = field(default_factory=list)


@runtime_checkable
class StoppingRule(Protocol):
    """Says whether a loop has asked enough.

    Attributes:
        needs: what has to be filled of `Progress`, any of `"observations"` (the model predicts the
            stop set after each fit), `"metrics"` (a run needs a test set) and `"costs"`.
    """

    @property
    def needs(self) -> frozenset[str]:
        """What it reads beside the counts."""
        ...

    def judge(self, progress: Progress) -> Stop:
        """Return whether to stop, and why or why not; it depends on `progress` alone."""
        ...
