"""Reports on a run: learning curves, calibration, error rates, resumable rows, pictures."""

from altasks.report.calibration import calibration_curve
from altasks.report.consensus import Consensus, consensus
from altasks.report.contact_sheet import contact_sheet
from altasks.report.curves import (
    Comparison,
    Interval,
    area_under_curve,
    bootstrap_mean,
    compare,
    labels_to_reach,
)
from altasks.report.error_rates import ErrorRates, error_rates
from altasks.report.paired import holm, paired_t_test
from altasks.report.picture import Picture
from altasks.report.plots import plot_calibration, plot_learning_curves, plot_reliability
from altasks.report.results import ResultRows, code_version

__all__ = [
    "Comparison",
    "Consensus",
    "ErrorRates",
    "Interval",
    "Picture",
    "ResultRows",
    "area_under_curve",
    "bootstrap_mean",
    "calibration_curve",
    "code_version",
    "compare",
    "consensus",
    "contact_sheet",
    "error_rates",
    "holm",
    "labels_to_reach",
    "paired_t_test",
    "plot_calibration",
    "plot_learning_curves",
    "plot_reliability",
]
