"""What a run showed: learning curves, calibration, what was saved, and rows of results."""

from altasks.report.calibration import calibration_curve
from altasks.report.curves import (
    Comparison,
    Interval,
    area_under_curve,
    bootstrap_mean,
    compare,
    labels_to_reach,
)
from altasks.report.plots import plot_calibration, plot_learning_curves
from altasks.report.results import ResultRows, code_version

__all__ = [
    "Comparison",
    "Interval",
    "ResultRows",
    "area_under_curve",
    "bootstrap_mean",
    "calibration_curve",
    "code_version",
    "compare",
    "labels_to_reach",
    "plot_calibration",
    "plot_learning_curves",
]
