"""A mixture with random: some of the batch is drawn blindly."""

from __future__ import annotations

import numpy as np

from altasks._internal.numbers import as_real
from altasks.errors import invalid
from altasks.strategies.base import Candidates, Strategy, check_request
from altasks.strategies.random import Random
from altasks.strategies.wrapping import as_strategy, reads_scores, select_inside, wants, without


class EpsilonGreedy:
    """Give each place of the batch to chance with probability epsilon, else to a strategy.

    The epsilon-greedy rule of bandits (Sutton and Barto 2018, "Reinforcement Learning", section
    2.2), place by place: how many places go to chance is binomial(n, epsilon). The strategy picks
    first, among all; chance draws from the rest. The random part is an unbiased look at what the
    scores would never show.

    Args:
        strategy: the one inside, or its registered name.
        epsilon: in [0, 1]; 0 is the strategy itself, 1 is `Random`.

    Raises:
        InvalidInputError: if epsilon is outside [0, 1].

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b", "c"], [0.1, 0.9, 0.5])
        >>> EpsilonGreedy("top_k", 0.0).select(candidates, 2, rng=np.random.default_rng(0))
        ['b', 'c']
    """

    def __init__(self, strategy: Strategy | str, epsilon: float = 0.1) -> None:
        self.strategy = as_strategy(strategy)
        if not 0 <= as_real(epsilon) <= 1:
            raise invalid("epsilon", "a number in [0, 1]", f"{epsilon!r}")
        self.epsilon = float(epsilon)
        self.needs: frozenset[str] = self.strategy.needs
        self.wants = wants(self.strategy)
        self.reads_scores = reads_scores(self.strategy)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids: the strategy's in their order, with the drawn ones in between."""
        n = check_request(self, candidates, n)
        by_chance = rng.random(n) < self.epsilon
        drawn = int(by_chance.sum())
        picks = select_inside(self.strategy, candidates, n - drawn, rng)
        if not drawn:
            return picks
        rest = iter(Random().select(without(candidates, picks), drawn, rng=rng))
        chosen = iter(picks)
        return [next(rest) if chance else next(chosen) for chance in by_chance.tolist()]
