"""Where the K opinions come from: dropout left on, random weights, trained models, or views."""

from altasks.committees.base import Committee, Draws, Network, TrainedCommittee
from altasks.committees.bayes_by_backprop import BayesByBackprop
from altasks.committees.box_views import BoxViews
from altasks.committees.ensemble import Ensemble
from altasks.committees.mc_dropout import MCDropout
from altasks.committees.views import Views

__all__ = [
    "BayesByBackprop",
    "BoxViews",
    "Committee",
    "Draws",
    "Ensemble",
    "MCDropout",
    "Network",
    "TrainedCommittee",
    "Views",
]
