"""A task under each kind of committee; mixed into a task's own `TaskSuite`, which has `make`."""

import pytest

from altasks.committees import MCDropout


class Plain:
    @pytest.fixture
    def make_task(self, make):
        return make


class HeadDropout:
    @pytest.fixture
    def make_task(self, make):
        return lambda: make(committee=MCDropout(5, layers="head"))


class FullDropout:
    batch_invariant = False

    @pytest.fixture
    def make_task(self, make):
        return lambda: make(committee=MCDropout(3))
