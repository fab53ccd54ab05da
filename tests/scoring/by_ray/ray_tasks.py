"""Tasks for Ray's actors, which import them from here."""

import os
import time

import numpy as np
import torch

import altasks as al
from altasks.errors import InvalidInputError, UnreadableSampleError


class Lengths:
    """Is unsure of short texts; can't read those that begin with an x."""

    default_acquisition = "entropy"

    def predict(self, samples):
        bad = {row: "an x" for row, sample in enumerate(samples) if sample.startswith("x")}
        if bad:
            raise UnreadableSampleError("an x", bad)
        p = torch.tensor([0.5 + 0.5 * min(len(sample), 999) / 1000 for sample in samples])
        return al.Categorical(torch.stack([p, 1 - p], 1), features=torch.stack([p, p], 1))

    def size(self, sample):
        return len(sample)


class Dies(Lengths):
    """Ends its process at the first batch."""

    def predict(self, samples):
        os._exit(1)


class DiesAtStart(Lengths):
    """Ends the process that it is made in."""

    def __init__(self):
        os._exit(1)


class Refuses(Lengths):
    """Says what is wrong with a sample, as the tasks do."""

    def check_samples(self, samples):
        if "bad" in samples:
            raise InvalidInputError("samples: expected good ones, found a bad one.")


class Slow(Lengths):
    """Takes a while for every batch."""

    def predict(self, samples):
        time.sleep(0.1)
        return super().predict(samples)


class Numbers:
    """A sample is a row of numbers."""

    joint_draws = True

    def predict(self, samples):
        x = torch.tensor(np.array(samples))
        weights = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0)).double()
        return al.Categorical.from_logits(torch.einsum("nd,dkc->nkc", x, weights), features=x)


def unmade():
    """Make no task."""
    raise OSError("no such model")
