"""The same picks as scikit-activeml 1.0, given the same random numbers.

The peer is in the dependency group `reference`; where it is absent the tests are skipped. Where it
differs:

- `DropQuery`: 5 passes by default (its docstring and the paper say 3), and what is kept of the
  features is not scaled up, so that its own passes are given to ours as draws here. Its k-means is
  scikit-learn's: compared are one cluster, and clusters that are plain to see.
- `Falcun`: draws along the line of the samples as they come; ours lays them in the order of a hash.
- `MaxHerding`: lets rounding and chance decide ties; its gamma is 1 / radius^2. Ties are not rare:
  two samples that cover nothing but each other gain exactly the same.
"""

import numpy as np
import pytest
import torch

import altasks as al
from altasks.strategies.base import id_hashes
from altasks.testing.strategies import make_candidates

pool = pytest.importorskip("skactiveml.pool")
SkactivemlClassifier = pytest.importorskip("skactiveml.base").SkactivemlClassifier


class Layer(SkactivemlClassifier):
    """Probabilities that are the samples themselves, or a softmax layer over them."""

    def __init__(self, weights=None, offset=0.0, classes=None):
        super().__init__(classes=classes)
        self.weights = weights
        self.offset = offset

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        if self.weights is None:
            return X
        return torch.softmax(torch.from_numpy(X @ self.weights + self.offset), 1).numpy()


class Recorder(Layer):
    """Also remembers what it answered."""

    def predict(self, X):
        self.seen = [*getattr(self, "seen", []), self.predict_proba(X)]
        return self.seen[-1].argmax(1)


class OneStream:
    """A generator that draws as the peer does: it seeds anew by the number of the unlabelled."""

    def __init__(self, seed, unlabelled):
        self.integers = np.random.default_rng(seed).integers
        first = int(np.random.RandomState(seed).randint(1, 2**31))
        again = np.random.RandomState(first * (unlabelled + 1) % 2**31)
        self.random = again.random_sample


@pytest.mark.parametrize("gamma", [0, 1.0, 10])
def test_falcun(gamma):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        ids = [f"s{i}" for i in range(40)]
        order = np.argsort(id_hashes(ids, OneStream(seed, 40)), kind="stable")
        probs = rng.dirichlet(np.ones(3), 40)
        probs[20:] = probs[rng.integers(0, 20, 20)]  # copies
        candidates = al.Candidates(ids, np.zeros(40), mean_probs=probs)
        ours = al.Falcun(gamma).select(candidates, 12, rng=OneStream(seed, 40))
        theirs = pool.Falcun(gamma=gamma, random_state=seed).query(
            probs[order], np.full(40, np.nan), Layer(classes=[0, 1, 2]), fit_clf=False,
            batch_size=12,
        )  # fmt: skip
        assert ours == [ids[order[row]] for row in theirs]


@pytest.mark.parametrize("blobs", [0, 3], ids=["one cluster", "three"])
def test_drop_query(blobs):
    compared = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        points = rng.normal(size=(200, 6))
        if blobs:
            points = 0.1 * points + 4 * np.eye(6)[rng.integers(blobs, size=200)]
        layer = Recorder(rng.normal(size=(6, 4)), 0.3 * rng.normal(size=4), classes=[0, 1, 2, 3])
        peer = pool.DropQuery(
            n_dropout_samples=3, cluster_algo_dict={"n_init": 5, "random_state": 0},
            random_state=seed,
        )  # fmt: skip
        n = blobs or 1
        theirs = peer.query(points, np.full(200, np.nan), layer, fit_clf=False, batch_size=n)
        whole, *dropped = layer.seen
        draws = np.stack(dropped, 1)
        changed = (draws.argmax(2) != whole.argmax(1)[:, None]).mean(1) > 0.5
        if blobs and len(set(points[changed].argmax(1))) < blobs:
            continue  # the clusters are those of two blobs, and k-means may cut them anywhere
        ids = [f"s{i}" for i in range(200)]
        candidates = al.Candidates(ids, np.zeros(200), points, whole, draws)
        strategy = al.DropQuery(source="draws")
        ours = strategy.select(candidates, n, rng=np.random.default_rng(seed))
        assert set(ours) == {ids[row] for row in theirs}
        compared += 1
    assert compared >= 4


@pytest.mark.parametrize("labelled", [0, 30])
@pytest.mark.parametrize("radius", [0.3, 1.0, 4.0])
def test_max_herding(labelled, radius):
    for seed in range(4):
        candidates = make_candidates(
            al.MaxHerding.needs, 300, seed=seed, dim=8, labelled=labelled, pending=0
        )
        rows = np.concatenate([candidates.embeddings, candidates.labelled_embeddings])
        labels = np.full(len(rows), np.nan)
        labels[300:] = 0
        peer = pool.MaxHerding(metric_dict={"gamma": 1 / radius**2}, random_state=0)
        expected, gains = peer.query(
            rows.astype(np.float64), labels, batch_size=40, return_utilities=True
        )
        found = al.MaxHerding(radius).select(candidates, 40, rng=np.random.default_rng(0))
        for step, row in enumerate(map(candidates.ids.index, found)):
            if row != expected[step]:
                assert gains[step, row] == pytest.approx(np.nanmax(gains[step]), rel=1e-12)
                break
        else:
            step = 40
        assert step > 20
