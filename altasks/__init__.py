"""altasks: task-specific active learning.

Every public name can be reached from here (`import altasks as al`); each is loaded at first use,
so importing altasks loads no optional library, and not torch either.
"""

from __future__ import annotations

from altasks import registry as _registry
from altasks._internal.lazy import lazy_names as _lazy_names
from altasks._version import __version__ as __version__

# Name -> the module that holds it: all that is registered as built in, and the rest.
_HOMES = {
    **{
        name: f"altasks.{package}"
        for package, table in (
            ("acquisition", _registry.ACQUISITIONS),
            ("committees", _registry.COMMITTEES),
            ("loop.stopping", _registry.STOPPING_RULES),
            ("oracles", _registry.ORACLES),
            ("strategies", _registry.STRATEGIES),
            ("tasks", _registry.TASKS),
        )
        for name in table.exports()
    },
    "ActiveLoop": "altasks.loop",
    "AltasksError": "altasks.errors",
    "Arm": "altasks.comparison",
    "Bernoulli": "altasks.predictions",
    "CRNN": "altasks.tasks",
    "Candidates": "altasks.strategies",
    "Categorical": "altasks.predictions",
    "Consensus": "altasks.report.consensus",
    "DifficultyCalibrated": "altasks.acquisition",
    "FeatureCache": "altasks.tasks",
    "HeldOutTemperature": "altasks.calibration",
    "ImageToText": "altasks.tasks",
    "Normal": "altasks.predictions",
    "Pool": "altasks.data",
    "Prediction": "altasks.predictions",
    "Query": "altasks.loop",
    "Ragged": "altasks.predictions",
    "RayEngine": "altasks.scoring.by_ray",
    "Scores": "altasks.scoring.score",
    "Strategy": "altasks.strategies",
    "Task": "altasks.tasks",
    "TemperatureScaling": "altasks.calibration",
    "Tesseract": "altasks.tasks",
    "Transcripts": "altasks.predictions",
    "__version__": "altasks._version",
    "as_pool": "altasks.data",
    "calibration_error": "altasks.calibration",
    "class_weights_from_counts": "altasks.acquisition",
    "compare": "altasks.comparison",
    "consensus": "altasks.report.consensus",
    "get_acquisition": "altasks.registry",
    "get_committee": "altasks.registry",
    "get_oracle": "altasks.registry",
    "get_picture": "altasks.registry",
    "get_reader": "altasks.registry",
    "get_stopping_rule": "altasks.registry",
    "get_strategy": "altasks.registry",
    "get_task": "altasks.registry",
    "merge_shards": "altasks.scoring.shards",
    "read": "altasks.data",
    "reliability": "altasks.calibration",
    "score": "altasks.scoring.score",
    "score_shard": "altasks.scoring.shards",
    "select_within": "altasks.strategies.budget",
}

__all__ = list(_HOMES)

__getattr__ = _lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
