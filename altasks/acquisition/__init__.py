"""Acquisition functions: `f(prediction, **options) -> scores [N]`, higher = label first.

Each reads a prediction and nothing else. Scores are finite, and there is one sign: whatever a
paper calls its quantity, here the largest is labelled first. Your own needs no more than to be
such a function; `acquisition` and `reduce_units` give it the messages and reductions of these.
"""

from altasks._internal.lazy import lazy_names
from altasks.registry import ACQUISITIONS

# Name -> the module that holds it.
_HOMES = {
    **ACQUISITIONS.exports(),
    "DifficultyCalibrated": "altasks.acquisition.difficulty_calibrated",
    "LabelReduction": "altasks.acquisition._rows",
    "Labels": "altasks.acquisition._rows:LabelReduction",  # its name until version 0.2
    "Reduce": "altasks.acquisition._reduce",
    "StreamedReduction": "altasks.acquisition._reduce",
    "acquisition": "altasks.acquisition._declare",
    "class_weights_from_counts": "altasks.acquisition.class_weights",
    "difficulty_weights": "altasks.acquisition.difficulty_calibrated",
    "reduce_units": "altasks.acquisition._reduce",
    "units_of": "altasks.acquisition._declare",
}

__all__ = list(_HOMES)

# All at once: a function and its module have one name, and importing the module alone would put
# the module there for good.
_load = lazy_names(__name__, _HOMES)
for _name in _HOMES:
    _load(_name)
