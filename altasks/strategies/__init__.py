"""Strategies: from scores (and what else they declare they need) to the ids to label next."""

from altasks._internal.lazy import lazy_names
from altasks.registry import STRATEGIES

# Name -> the module that holds it.
_HOMES = {
    **STRATEGIES.exports(),
    "Candidates": "altasks.strategies.base",
    "PricesGains": "altasks.strategies.base",
    "ReadsScores": "altasks.strategies.base",
    "Strategy": "altasks.strategies.base",
    "check_request": "altasks.strategies.base",
    "id_hashes": "altasks.strategies.base",
    "id_uniforms": "altasks.strategies.base",
    "top_rows": "altasks.strategies.base",
}

__all__ = list(_HOMES)

__getattr__ = lazy_names(__name__, _HOMES)
