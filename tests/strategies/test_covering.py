import numpy as np
import pytest
import torch

from altasks.strategies import _cover
from altasks.strategies._cover import cover


def brute(values, covered, n):
    """Every gain for every pick; a new cover when the largest is nothing."""
    base = values.min(0)
    reached = base if covered is None else np.maximum(base, covered)
    picks = []
    while len(picks) < n:
        gains = np.maximum(values - reached, 0).sum(1)
        gains[picks] = -np.inf
        row = int(gains.argmax())
        if gains[row] <= 1e-12 * (values.max(0) - base).sum():
            if np.array_equal(reached, base):
                return picks + [i for i in range(len(values)) if i not in picks][: n - len(picks)]
            reached = base
            continue
        picks.append(row)
        reached = np.maximum(reached, values[row])
    return picks


@pytest.mark.parametrize("size", [3, 2048])
def test_equals_brute_force(size, monkeypatch):
    monkeypatch.setattr(_cover, "_SIZE", size)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        # Few values, so that gains tie exactly.
        values = rng.integers(-2, 3, (40, 1 + seed % 7)).astype(float)
        covered = rng.integers(-2, 3, values.shape[1]).astype(float) if seed % 2 else None
        given = None if covered is None else torch.from_numpy(covered)
        for n in (1, 7, 40):
            assert cover(torch.from_numpy(values), given, n) == brute(values, covered, n)


def test_nothing_to_tell_rows_apart():
    assert cover(torch.ones(4, 3), None, 3) == [0, 1, 2]
    assert cover(torch.ones(4, 0), None, 4) == [0, 1, 2, 3]
