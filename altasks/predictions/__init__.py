"""Predictions of a committee: every task returns one, and every acquisition function reads it.

Dim 0 is always samples (or units), dim 1 the committee. All are frozen, validated when they are
made, and keep their tensors on the device where the model put them.
"""

from altasks.predictions._base import Prediction
from altasks.predictions.bernoulli import Bernoulli
from altasks.predictions.categorical import Categorical
from altasks.predictions.normal import Normal
from altasks.predictions.ragged import Ragged
from altasks.predictions.transcripts import Transcripts

__all__ = ["Bernoulli", "Categorical", "Normal", "Prediction", "Ragged", "Transcripts"]
