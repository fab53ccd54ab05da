"""Where the K opinions come from: dropout left on, random weights, trained models, or views."""

from altasks._internal.lazy import lazy_names
from altasks.registry import COMMITTEES

# Name -> the module that holds it.
_HOMES = {
    **COMMITTEES.exports(),
    "Committee": "altasks.committees.base",
    "CommitteeLogits": "altasks.committees.base",
    "Draws": "altasks.committees.base:CommitteeLogits",  # its name until version 0.2
    "Network": "altasks.committees.base",
    "TrainedCommittee": "altasks.committees.base",
}

__all__ = list(_HOMES)

__getattr__ = lazy_names(__name__, _HOMES)
