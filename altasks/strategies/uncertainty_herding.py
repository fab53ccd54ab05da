"""Batches that cover what the model doesn't know."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch

from altasks._internal.numbers import require_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import Rows, Ties, unit_rows
from altasks.strategies._by_gain import COVERING, PicksByGain
from altasks.strategies._coverage import draw, greedy_coverage
from altasks.strategies._radius import median_distance, require_radius, smallest_distance
from altasks.strategies._temperature import fit_temperature, margins
from altasks.strategies.base import Candidates, check_request

#: Scores below the first share count as the lowest, above the second as the highest.
_TAILS = (0.01, 0.99)
#: Beside a largest score of 1, one that is below 0 by less than this is 0 but for rounding.
_ROUNDING = 1e-6


class UncertaintyHerding(PicksByGain):
    """Pick what brings the samples the model is unsure of nearest to a labelled one.

    Bae, Oliveira and Sutherland (2025), "Uncertainty Herding: One Active Learning Method for All
    Label Budgets", ICLR: greedily maximise the mean over the pool of U(x) times max over S of
    k(x, s), S being what is labelled, asked or picked, U how uncertain the model is of x, and k the
    Gaussian kernel exp(-|x - s|^2 / radius^2) on embeddings scaled to length 1. Two adaptations
    make it work at every number of labels:

    - `radius=None`: the smallest distance above 0 between labelled samples, and at least
      `least_radius`: coverage of ever smaller neighbourhoods, in the end of single samples. Where
      nothing is labelled (or all of it is the same) the median distance between candidates.
    - `temperature=None`: U is the margin uncertainty 1 - (p1 - p2) of softmax(log p / T), with the
      T under which the labels of held-out samples are most likely, of 41 between 0.1 and 10. With
      few labels a model is over-sure, T large, U nearly flat, and what counts is coverage. The
      paper takes the T of the smallest calibration error; the likelihood, with Platt's targets
      (1999), is less noisy where labels are few. T is 1 where nothing is held out.

    **Where there is not one distribution a sample** (several labels, numbers, words, boxes, pixels)
    U is the sample's score, by the acquisition function: v / high, at most 1, where `high` is the
    scores' 99% quantile (the largest, where that is 0). A sum over boxes has no bound, and without
    the cut one crowded image would outweigh the pool. Nothing is subtracted, since 0 means sure, in
    `entropy`, `margin`, `mnlp`, `bald` and all the others that come with altasks: where a model is
    about equally unsure of all, U is about the same, and coverage decides. So the temperature works
    here too, if predictions are scaled before they are scored, `ActiveLoop(calibration=
    HeldOutTemperature(samples, labels))`: one well above 1 makes the mean margin over words, boxes
    or pixels nearly flat. Scores that go below 0 have no such zero, and a weight has to be at least
    0: for them U is (v - low) / (high - low), cut to 0 and 1, with the 1% quantile as `low`.
    Scores that are all equal weigh 1.

    With U the same everywhere, which is what equal scores and no probabilities come to, or U 0
    everywhere, this is `MaxHerding`: take that before there is a model. Equal gains, and what is
    left where nothing adds anything, are ordered by the seeded hash.

    All N x N similarities are computed, in blocks and never kept, up to `exact_up_to` candidates:
    the picks are then those of the plain greedy algorithm. Beyond, the sum runs over `sample`
    candidates drawn with a chance that grows with U (priority sampling), so that time and memory
    are O(N); of more than 250,000 candidates, 250,000 may be picked, drawn the same way.

    In a loop, what is held out are the labelled samples by folds: a logistic regression on their
    embeddings, refitted without each fold in turn; the network isn't trained again.

    Args:
        temperature: above 0; None adapts it.
        radius: at least 0.001; None adapts it.
        least_radius: the smallest radius that adaptation takes, at least 0.001.
        uncertainty: `"margin"` where there are probabilities, or `"score"`: always the scores.
        exact_up_to: the largest pool over the whole of which the sum runs.
        sample: how many stand for a larger pool.
        per_cost: pick by gain per cost; then `costs` are needed.

    Raises:
        InvalidInputError: for an option out of range, embeddings that are not finite, or a held-out
            label that is no column of the held-out probabilities.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["sure", "torn", "torn too"],
        ...     [0.1, 0.9, 0.9],
        ...     embeddings=np.array([[1.0, 0.0], [0.0, 1.0], [0.05, 1.0]]),
        ...     mean_probs=np.array([[0.99, 0.01], [0.5, 0.5], [0.6, 0.4]]),
        ...     labelled_embeddings=np.array([[-1.0, 0.0], [0.0, -1.0]]),
        ...     pending_embeddings=np.empty((0, 2)),
        ... )
        >>> UncertaintyHerding(radius=0.1).select(candidates, 1, rng=np.random.default_rng(0))
        ['torn']
    """

    needs: frozenset[str] = COVERING
    #: What is read where it is there.
    wants: ClassVar[frozenset[str]] = frozenset({"mean_probs", "held_out_probs", "held_out_labels"})

    def __init__(
        self,
        temperature: float | None = None,
        radius: float | None = None,
        *,
        least_radius: float = 0.1,
        uncertainty: Literal["margin", "score"] = "margin",
        exact_up_to: int = 20_000,
        sample: int = 4_000,
        per_cost: bool = False,
    ) -> None:
        super().__init__(COVERING, per_cost)
        self.temperature = (
            None
            if temperature is None
            else require_real("temperature", temperature, above=0, or_none=True)
        )
        self.radius = None if radius is None else require_radius("radius", radius, or_none=True)
        self.least_radius = require_radius("least_radius", least_radius)
        if uncertainty not in ("margin", "score"):
            raise invalid("uncertainty", "'margin' or 'score'", f"{uncertainty!r}")
        self.uncertainty = uncertainty
        self.exact_up_to = require_whole("exact_up_to", exact_up_to, 1)
        self.sample = require_whole("sample", sample, 1)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, each the one that adds most to those before it."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        pool = unit_rows(candidates.embeddings, "candidates.embeddings", candidates.ids)
        labelled, pending = (
            unit_rows(getattr(candidates, name), f"candidates.{name}", device=pool.device)
            for name in ("labelled_embeddings", "pending_embeddings")
        )
        with torch.inference_mode():
            drawn = draw(
                len(pool),
                self._weights(candidates),
                n,
                ties,
                exact_up_to=self.exact_up_to,
                sample=self.sample,
            )
            picks = greedy_coverage(
                pool,
                [labelled, pending],
                drawn,
                n,
                ties,
                radius=self._radius(pool, labelled, ties),
                costs=self._costs(candidates),
            )
        return [candidates.ids[row] for row in picks]

    def _radius(self, pool: Rows, labelled: Rows, ties: Ties) -> float:
        if self.radius is not None:
            return self.radius
        nearest = smallest_distance(labelled, self.least_radius)
        return max(median_distance(pool, ties) if nearest is None else nearest, self.least_radius)

    def _weights(self, candidates: Candidates) -> np.ndarray | None:
        """Return U, at most 1; None for 1 everywhere."""
        found = None
        if self.uncertainty == "margin" and candidates.mean_probs is not None:
            found = margins(candidates.mean_probs, self._temperature(candidates))
        if found is None:
            found = scaled_scores(candidates.values)
        return found if found.any() else None

    def _temperature(self, candidates: Candidates) -> float:
        if self.temperature is not None:
            return self.temperature
        probs, labels = candidates.held_out_probs, candidates.held_out_labels
        return 1.0 if probs is None or labels is None else fit_temperature(probs, labels)


def scaled_scores(values: np.ndarray) -> np.ndarray:
    """Return scores as weights between 0 and 1: see `UncertaintyHerding`.

    Example:
        >>> import numpy as np
        >>> scaled_scores(np.array([0.0, 1.0, 2.0])).round(2).tolist()
        [0.0, 0.51, 1.0]
        >>> scaled_scores(np.array([-4.0, -2.0, 0.0])).round(2).tolist()
        [0.0, 0.5, 1.0]
    """
    if not len(values) or values.min() == values.max():
        return np.ones(len(values))
    values = values / max(np.abs(values).max(), np.finfo(np.float64).tiny)  # lest a range overflow
    low, high = np.quantile(values, _TAILS)
    if values.min() >= -_ROUNDING:
        low = 0.0
    if low >= high:
        low, high = min(low, values.min()), values.max()
    if low >= high:
        return np.ones(len(values))
    scaled: np.ndarray = np.clip((values - low) / (high - low), 0, 1)
    return scaled
