"""Does it pay? Arms beside random labels, on data whose labels are known."""

from altasks.comparison.arm_result import ArmResult
from altasks.comparison.arms import Arm, arms_of
from altasks.comparison.entry import compare, compare_problem
from altasks.comparison.problem import Problem
from altasks.comparison.result import ComparisonResult
from altasks.comparison.settings import Settings, settings_of
from altasks.comparison.watcher import Watcher

__all__ = [
    "Arm",
    "ArmResult",
    "ComparisonResult",
    "Problem",
    "Settings",
    "Watcher",
    "arms_of",
    "compare",
    "compare_problem",
    "settings_of",
]
