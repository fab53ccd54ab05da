"""Where the K opinions come from: dropout left on, or several trained models."""

from altasks.committees.base import Committee, Draws, Network
from altasks.committees.ensemble import Ensemble
from altasks.committees.mc_dropout import MCDropout

__all__ = ["Committee", "Draws", "Ensemble", "MCDropout", "Network"]
