"""What came of one arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from altasks.report.curves import Interval

#: An arm stands out if chance explains it less often than this.
LEVEL = 0.05


@dataclass(frozen=True)
class ArmResult:
    """One arm beside random labels.

    Attributes:
        name: of the arm.
        curve: average score at each count, over seeds.
        average: the average score over the curve: the area under it divided by its width.
        ahead: by how much it is better than random's, paired by seed; above 0 is better, also of
            an error.
        p: of the paired t-test that this is 0; None for random, and for one seed.
        p_holm: the same, allowing for how many arms there are (Holm 1979).
        last: the score at the last count.
        to_reach: share of the score with all labels -> count at which the average curve is there;
            None where it never is. Empty if that score wasn't measured.
        share: with what share of the labels that random needs for its last score the arm has that;
            above 1 where it needs more, None if it never does.
        asking: seconds that finding a batch took, on average; NaN if not known.
    """

    name: str
    curve: tuple[float, ...]
    average: Interval
    ahead: Interval
    p: float | None
    p_holm: float | None
    last: Interval
    to_reach: Mapping[float, float | None]
    share: float | None
    asking: float

    @property
    def better(self) -> bool:
        """Whether it is ahead of random by more than chance explains."""
        return self._stands_out() and self.ahead.low > 0

    @property
    def worse(self) -> bool:
        """Whether it is behind random by more than chance explains."""
        return self._stands_out() and self.ahead.high < 0

    def _stands_out(self) -> bool:
        return self.ahead.known and self.p_holm is not None and self.p_holm < LEVEL
