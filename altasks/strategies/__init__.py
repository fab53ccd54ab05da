"""Strategies: from scores (and what else they declare they need) to the ids to label next."""

from altasks.strategies.base import (
    Candidates,
    Strategy,
    check_request,
    id_hashes,
    id_uniforms,
    top_rows,
)
from altasks.strategies.k_center import KCenter
from altasks.strategies.power import Power
from altasks.strategies.random import Random
from altasks.strategies.top_k import TopK

__all__ = [
    "Candidates",
    "KCenter",
    "Power",
    "Random",
    "Strategy",
    "TopK",
    "check_request",
    "id_hashes",
    "id_uniforms",
    "top_rows",
]
