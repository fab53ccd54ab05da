"""What a committee says: the one type every task produces and every function reads.

Dim 0 is always samples (or units), dim 1 the committee. All are frozen, validated once at the
door, and keep their tensors wherever the model put them.
"""

from altasks.predictions._base import Prediction
from altasks.predictions.bernoulli import Bernoulli
from altasks.predictions.categorical import Categorical
from altasks.predictions.normal import Normal
from altasks.predictions.ragged import Ragged
from altasks.predictions.transcripts import Transcripts

__all__ = ["Bernoulli", "Categorical", "Normal", "Prediction", "Ragged", "Transcripts"]
