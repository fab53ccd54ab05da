# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.

from altasks.loop.stopping.base import (
    Observation as Observation,
    Progress as Progress,
    Stop as Stop,
    StoppingRule as StoppingRule,
)
from altasks.loop.stopping.rules import (
    Budget as Budget,
    ClassificationChange as ClassificationChange,
    OverallUncertainty as OverallUncertainty,
    Plateau as Plateau,
    StabilisingPredictions as StabilisingPredictions,
    Target as Target,
)

__all__ = [
    "Budget",
    "ClassificationChange",
    "Observation",
    "OverallUncertainty",
    "Plateau",
    "Progress",
    "StabilisingPredictions",
    "Stop",
    "StoppingRule",
    "Target",
]
