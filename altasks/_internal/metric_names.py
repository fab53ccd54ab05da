"""From the name of a metric to which of its values are better."""

from __future__ import annotations

import re

#: altasks' own errors (`cer`, `member_wer`, `rmse_weight`) and those that a third party's task is
#: likely to report.
_ERRORS = re.compile(
    r"(?:eval_|mean_|member_|test_)*(?:brier|cer|ece|error|loss|mae|mse|nll|rmse|wer)(?:_|$)"
)


def less_is_better(name: str) -> bool:
    """Return whether a metric is an error, by its name.

    Example:
        >>> less_is_better("rmse_weight"), less_is_better("accuracy")
        (True, False)
    """
    return _ERRORS.match(name) is not None
