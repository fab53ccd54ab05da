"""What may be given as `calibration=`, and what it becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from altasks.abilities import FitsToTask, provides
from altasks.calibration.temperature import TemperatureScaling
from altasks.errors import invalid
from altasks.predictions import Prediction

#: Turns a prediction into one that means what it says.
Calibrate = Callable[[Prediction], Prediction]


def check_calibration(calibration: Any) -> Any:
    """Return what is given as `calibration=`, a number as a `TemperatureScaling`.

    Raises:
        InvalidInputError: for what is neither None, a number, a function of a prediction, nor has
            `fit_to`.

    Example:
        >>> check_calibration(2)
        TemperatureScaling(temperature=2)
    """
    if isinstance(calibration, int | float):
        return TemperatureScaling(calibration)
    if (
        calibration is None
        or (callable(calibration) and not isinstance(calibration, type))
        or (provides(calibration, FitsToTask) and not isinstance(calibration, type))
    ):
        return calibration
    raise invalid(
        "calibration",
        "a temperature, a TemperatureScaling, a HeldOutTemperature, or a function of a prediction",
        f"{calibration!r}",
    )


def calibrate_for(task: Any, calibration: Any) -> Calibrate | None:
    """Return the function that calibrates the predictions of the task as it is now; None: none."""
    checked = check_calibration(calibration)
    if checked is not None and provides(checked, FitsToTask):
        fitted: Calibrate = checked.fit_to(task)
        return fitted
    function: Calibrate | None = checked
    return function
