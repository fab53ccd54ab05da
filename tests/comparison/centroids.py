"""A task that learns in no time: where on a line does each class lie? And data for it."""

import numpy as np

import altasks as al

CLASSES = ["low", "mid", "high"]


class Centroids:
    """The class whose labelled numbers are nearest on average; torn between two near a border."""

    default_acquisition = "margin"
    main_metric = "accuracy"
    fits = 0  # of all of them
    stop_after = None  # fits, then Ctrl-C

    def __init__(self, noise=0.0):
        self.noise = noise
        self.centres = np.zeros(len(CLASSES))

    def predict(self, samples):
        x = np.asarray(samples, dtype=float)[:, None]
        return al.Categorical.from_logits(-((x - self.centres) ** 2))

    def embed(self, samples):
        return np.asarray(samples, dtype=float)[:, None]

    def fit(self, samples, labels, *, seed, weights=None, valid=None, unlabelled=None):
        Centroids.fits += 1
        if Centroids.stop_after is not None and Centroids.fits > Centroids.stop_after:
            raise KeyboardInterrupt
        x, y = np.asarray(samples, dtype=float), np.asarray(labels)
        rng = np.random.default_rng(seed % 2**32)
        for place, name in enumerate(CLASSES):
            own = x[y == name]
            self.centres[place] = own.mean() if len(own) else 100.0 + place
        self.centres += rng.normal(size=len(CLASSES)) * self.noise

    def evaluate(self, samples, labels):
        best = self.predict(samples).mean_probs.argmax(-1).tolist()
        right = [CLASSES[i] == label for i, label in zip(best, labels, strict=True)]
        accuracy = sum(right) / len(right)
        return {"coverage": 1.0, "accuracy": accuracy, "error": 1 - accuracy}

    def cost(self, sample, prediction=None):
        return 1.0 + int(float(sample))


def numbers(count=60, seed=0):
    """Numbers and their classes."""
    x = np.random.default_rng(seed).uniform(0, 3, count)
    return [float(one) for one in x], [CLASSES[int(one)] for one in x]


def build():
    return Centroids()


def build_seeded(seed):
    return Centroids(noise=0.1 * (1 + seed % 2))
