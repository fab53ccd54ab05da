"""Score a pool, one batch at a time."""

from altasks.scoring.score import score
from altasks.scoring.scores import KEEPABLE, Scores

__all__ = ["KEEPABLE", "Scores", "score"]
