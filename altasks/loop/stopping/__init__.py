"""When to stop asking: rules, and what they read of a loop."""

from altasks._internal.lazy import lazy_names
from altasks.registry import STOPPING_RULES

# Name -> the module that holds it.
_HOMES = {
    **STOPPING_RULES.exports(),
    "Observation": "altasks.loop.stopping.base",
    "Progress": "altasks.loop.stopping.base",
    "Stop": "altasks.loop.stopping.base",
    "StoppingRule": "altasks.loop.stopping.base",
}

__all__ = list(_HOMES)

__getattr__ = lazy_names(__name__, _HOMES)
