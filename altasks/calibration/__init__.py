"""Do probabilities mean what they say, and if not: one number that mends most of it."""

from altasks.calibration.error import Reliability, calibration_error, reliability
from altasks.calibration.held_out import HeldOutTemperature
from altasks.calibration.resolve import Calibrate, calibrate_for, check_calibration
from altasks.calibration.temperature import TemperatureScaling

__all__ = [
    "Calibrate",
    "HeldOutTemperature",
    "Reliability",
    "TemperatureScaling",
    "calibrate_for",
    "calibration_error",
    "check_calibration",
    "reliability",
]
