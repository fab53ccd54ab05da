"""The same calibration error as torchmetrics, whose import alone takes seconds."""

import numpy as np
import pytest
import torch

import altasks as al


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_equals_torchmetrics(norm):
    peers = pytest.importorskip("torchmetrics.functional.classification")
    for seed in range(5):
        rng = np.random.default_rng(seed)
        probs, right = rng.dirichlet(np.full(5, 0.5), 400), rng.integers(5, size=400)
        expected = peers.multiclass_calibration_error(
            torch.from_numpy(probs), torch.from_numpy(right), 5, n_bins=15, norm=norm
        )
        found = al.calibration_error(al.Categorical(probs), right, norm=norm)
        assert found == pytest.approx(float(expected), abs=1e-6)
        labels = rng.integers(2, size=(400, 5))
        expected = peers.binary_calibration_error(
            torch.from_numpy(probs.ravel()), torch.from_numpy(labels.ravel()), norm=norm
        )
        found = al.calibration_error(al.Bernoulli(probs), labels, norm=norm)
        assert found == pytest.approx(float(expected), abs=1e-6)
