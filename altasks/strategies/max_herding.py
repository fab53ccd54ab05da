"""Batches that cover the pool, as a Gaussian kernel measures it."""

from __future__ import annotations

from altasks.strategies.facility_location import FacilityLocation


class MaxHerding(FacilityLocation):
    """Pick what brings every sample of the pool nearest to a labelled one: coverage, no scores.

    Bae, Noh and Sutherland (2024), "Generalized Coverage for More Robust Low-Budget Active
    Learning", ECCV: greedily maximise the mean over the pool of max over S of k(x, s), S being
    what is labelled, asked or picked, with k the Gaussian kernel exp(-|x - s|^2 / radius^2) on
    embeddings scaled to length 1. It is `FacilityLocation(similarity="rbf")` by its own name; see
    there for what is exact and what is drawn. Scores are not read, so it is for starting with
    nothing labelled; `UncertaintyHerding` weighs the pool by what the model doesn't know.

    Args:
        radius: of the kernel, at least 0.001; None takes the median distance between (up to 1,000
            drawn) candidates.
        exact_up_to: the largest pool over the whole of which the mean runs.
        sample: how many stand for a larger pool.
        per_cost: pick by gain per cost; then `costs` are needed.

    Raises:
        InvalidInputError: for an option out of range, or embeddings that are not finite.

    Example:
        >>> import numpy as np
        >>> from altasks import Candidates
        >>> candidates = Candidates(
        ...     ["alone", "crowd 1", "crowd 2"],
        ...     np.zeros(3),
        ...     embeddings=np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]),
        ...     labelled_embeddings=np.empty((0, 2)),
        ...     pending_embeddings=np.empty((0, 2)),
        ... )
        >>> MaxHerding(0.5).select(candidates, 2, rng=np.random.default_rng(0))[1]
        'alone'
    """

    def __init__(
        self,
        radius: float | None = None,
        *,
        exact_up_to: int = 20_000,
        sample: int = 4_000,
        per_cost: bool = False,
    ) -> None:
        super().__init__(exact_up_to, sample, similarity="rbf", radius=radius, per_cost=per_cost)
