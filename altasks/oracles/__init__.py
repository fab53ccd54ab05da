"""Oracles: where labels come from."""

from altasks.oracles.base import Oracle
from altasks.oracles.simulated import Simulated

__all__ = ["Oracle", "Simulated"]
