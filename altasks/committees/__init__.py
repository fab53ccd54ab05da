"""Where the K opinions come from: dropout left on, random weights, trained models, or views."""

from altasks.committees.base import Committee, CommitteeLogits, Network, TrainedCommittee
from altasks.committees.bayes_by_backprop import BayesByBackprop
from altasks.committees.box_views import BoxViews
from altasks.committees.ensemble import Ensemble
from altasks.committees.mc_dropout import MCDropout
from altasks.committees.views import Views

#: Its name until version 0.2.
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
