"""What a task may be able to predict, and what its draws are worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from altasks.predictions import Prediction


@runtime_checkable
class Predictor(Protocol):
    """The least a task must be: `al.score` takes it, and a loop asks by its scores."""

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the committee's prediction of one batch."""
        ...


@runtime_checkable
class StreamingPredictor(Protocol):
    """A task whose samples are too big for one prediction a batch: memory stays one piece's."""

    def iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        """Yield (index into `samples`, a prediction of some of its units)."""
        ...


@runtime_checkable
class StartsRounds(Protocol):
    """Draws at random: each round gets draws of its own, which a resumed run repeats."""

    def start_round(self, round: int) -> None:
        """Take the number of the round that random draws are for; scoring calls it first."""
        ...


@runtime_checkable
class DrawsByRound(Protocol):
    """Says whether another round draws something else; if not, no ask notes which it drew for."""

    @property
    def draws_by_round(self) -> bool:
        """Whether `start_round` changes what is predicted; also of a committee."""
        ...


@runtime_checkable
class JointDraws(Protocol):
    """Says whether draw k is one function over all samples; BatchBALD refuses what says no."""

    @property
    def joint_draws(self) -> bool:
        """Whether draw k is one function over all samples."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """Strategies that need embeddings work, also of what is labelled and pending."""

    def embed(self, samples: Sequence[Any]) -> Tensor | np.ndarray:
        """Return `[n, d]` features of one batch, on the CPU."""
        ...
