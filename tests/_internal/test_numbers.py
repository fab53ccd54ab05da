from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from altasks import errors
from altasks._internal.numbers import is_whole, require_whole
from altasks.errors import InvalidInputError


@pytest.mark.parametrize("kind", [int, np.int8, np.int64, np.uint16, np.intp])
def test_python_s_own_numbers_come_back(kind: Any) -> None:
    found = require_whole("n", kind(7), 1)
    assert found == 7
    assert type(found) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, 2.0, np.float32(2), "2", None, Fraction(2), torch.tensor(2.5), [2]]
)
def test_everything_else_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^passes: expected a whole number of at least 1"):
        require_whole("passes", value, 1)


def test_bounds() -> None:
    assert require_whole("n", 3, 3, 3) == 3
    assert not is_whole(np.int64(2), 3)
    for value in (2, 4):
        with pytest.raises(InvalidInputError, match="n: expected a whole number from 3 to 3"):
            require_whole("n", value, 3, 3)


def test_the_name_of_before() -> None:
    assert errors.require_whole("n", np.int16(2), 0) == 2
