"""The protocols of tasks: an interface to implement, not a base class to inherit.

Scoring needs `predict` alone; everything else is used where it exists. So a user's own object
with one method is a task, and the adapters in this package are plain classes with more of them.
`altasks.abilities` has a protocol for each ability; here are those that a full task has.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from altasks.abilities import (
    ChecksLabels,
    Costs,
    DefaultAcquisition,
    DefaultStrategy,
    Describes,
    Embeds,
    Evaluates,
    JointDraws,
    Predictor,
    Saves,
    Sized,
    StartsRounds,
    StreamingPredictor,
    Trainable,
)

__all__ = ["Embeddings", "Predictor", "StreamingPredictor", "Task"]


@runtime_checkable
class Task(
    Predictor,
    JointDraws,
    StartsRounds,
    Embeds,
    Sized,
    Costs,
    ChecksLabels,
    Trainable,
    Evaluates,
    Saves,
    Describes,
    DefaultAcquisition,
    DefaultStrategy,
    Protocol,
):
    """A full task adapter; `ActiveLoop` can train, measure, save and resume it.

    It has no method of its own: it is all of the abilities that every built-in task has. The
    others (`altasks.abilities`) depend on the task.
    """


#: The types that `Task.embed` may return; scoring makes NumPy arrays of them.
Embeddings = Tensor | np.ndarray
