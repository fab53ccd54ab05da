"""Oracles: where labels come from."""

from altasks._internal.lazy import lazy_names
from altasks.registry import ORACLES

# Name -> the module that holds it.
_HOMES = {
    **ORACLES.exports(),
    "AsksPeople": "altasks.oracles.base",
    "Oracle": "altasks.oracles.base",
}

__all__ = list(_HOMES)

__getattr__ = lazy_names(__name__, _HOMES)
