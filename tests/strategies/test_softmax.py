from __future__ import annotations

import pytest

from altasks.strategies import Softmax
from altasks.testing.strategies import StrategySuite


class TestSoftmax(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Softmax:
        return Softmax(2.0)
