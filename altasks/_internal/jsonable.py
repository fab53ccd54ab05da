"""Checks and conversions of values to be kept as JSON: labels, settings, descriptions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from torch import Tensor

from altasks._internal.arrays import refuse_masked
from altasks.errors import invalid


def to_json(value: Any, argument: str, where: str = "") -> Any:
    """Return `value` as plain JSON values, or say what can't be kept.

    NumPy and torch scalars and arrays become numbers and lists, tuples become lists, paths become
    strings: nothing is lost by that. NaN, sets, bytes, dicts with other keys than strings and any
    other object are refused.

    Raises:
        InvalidInputError: naming `argument`, the type found and where.

    Example:
        >>> to_json({"box": (1, np.float32(0.5))}, "label")
        {'box': [1, 0.5]}
    """
    refuse_masked(value, argument)
    if isinstance(value, Tensor | np.ndarray | np.generic):
        try:
            value = value.tolist()
        except (NotImplementedError, RuntimeError) as error:  # a tensor without values, or sparse
            found = f"{type(value).__name__}: {error}"[:200]
            raise invalid(argument, "a JSON value", found, where=where) from error
    elif isinstance(value, PurePath):
        value = str(value)
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise invalid(argument, "a JSON value", f"{value}", where=where)
        return value
    if isinstance(value, list | tuple):
        return [to_json(item, argument, where) for item in value]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise invalid(argument, "string keys", f"{type(key).__name__} {key!r}", where=where)
        return {key: to_json(item, argument, where) for key, item in value.items()}
    raise invalid(
        argument,
        "a JSON value (string, number, bool, list or dict)",
        type(value).__name__,
        where=where,
    )


def dumps(value: Any) -> str:
    """Return one ASCII text for equal JSON values: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
