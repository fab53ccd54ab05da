# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.

from altasks.committees.base import (
    Committee as Committee,
    CommitteeLogits as CommitteeLogits,
    Network as Network,
    TrainedCommittee as TrainedCommittee,
)
from altasks.committees.bayes_by_backprop import (
    BayesByBackprop as BayesByBackprop,
)
from altasks.committees.box_views import (
    BoxViews as BoxViews,
)
from altasks.committees.ensemble import (
    Ensemble as Ensemble,
)
from altasks.committees.mc_dropout import (
    MCDropout as MCDropout,
)
from altasks.committees.views import (
    Views as Views,
)

Draws = CommitteeLogits

__all__ = [
    "BayesByBackprop",
    "BoxViews",
    "Committee",
    "CommitteeLogits",
    "Draws",
    "Ensemble",
    "MCDropout",
    "Network",
    "TrainedCommittee",
    "Views",
]
