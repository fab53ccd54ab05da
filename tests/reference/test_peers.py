"""The same numbers as SciPy and the peers that have the function.

The peers are in the dependency group `reference`; where one is absent its tests are skipped.
Where a peer's number differs, the test says how it differs and checks that it does so exactly:

- scikit-activeml 1.0: `average_kl_divergence` and `batch_bald` first raise every probability to at
  least `eps` (1e-7 unless told otherwise), the first one in place, in the array it was given;
  `vote_entropy` and `variation_ratios` take votes, so tied members can't be split there.
- modAL 0.4: `classifier_margin` is the gap itself, low = uncertain, and ours is 1 - gap. Its
  "max disagreement" is the largest divergence of a member where `consensus_kl` is the mean one.
- batchbald_redux 2.0: reads log probabilities, and -inf (a probability of 0) makes it NaN.
"""

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy

import altasks as al
from altasks.predictions import Bernoulli, Categorical

N, K, C = 60, 6, 5
DTYPES = [torch.float64, torch.float32]
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
INPUTS = ["random", "peaked", "one_hot", "uniform", "tiny"]


def committee(kind, dtype=torch.float64):
    """N x K x C probabilities."""
    rng = np.random.default_rng(0)
    if kind == "one_hot":
        probs = np.eye(C)[rng.integers(C, size=(N, K))]
    elif kind == "uniform":
        probs = np.full((N, K, C), 1 / C)
    elif kind == "tiny":
        probs = rng.choice([1e-45, 1e-30, 1e-12], size=(N, K, C))
        np.put_along_axis(probs, rng.integers(C, size=(N, K))[..., None], 1.0, axis=2)
    else:
        probs = rng.dirichlet(np.full(C, 1.0 if kind == "random" else 0.05), (N, K))
    return torch.from_numpy(probs).to(dtype)


def close(scores, expected, tolerance):
    expected = torch.from_numpy(np.ascontiguousarray(expected, dtype=np.float64))
    torch.testing.assert_close(scores.double(), expected, rtol=tolerance, atol=tolerance)


def sharp(probs, floor=1e-6):
    """Return rows without tiny values, which some peers change."""
    raised = probs.clamp_min(floor)
    return raised / raised.sum(-1, keepdim=True)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", INPUTS)
class TestSciPy:
    def test_entropy(self, kind, dtype):
        probs = committee(kind, dtype)
        expected = scipy_entropy(probs.double().mean(1).numpy(), axis=-1)
        close(al.entropy(Categorical(probs)), expected, TOLERANCE[dtype])

    def test_consensus_kl(self, kind, dtype):
        probs = committee(kind, dtype)
        values = probs.double().numpy()
        expected = scipy_entropy(values, values.mean(1, keepdims=True), axis=-1).mean(1)
        close(al.consensus_kl(Categorical(probs)), expected, TOLERANCE[dtype])

    def test_bald(self, kind, dtype):
        probs = committee(kind, dtype)
        values = probs.double().numpy()
        expected = scipy_entropy(values.mean(1), axis=-1) - scipy_entropy(values, axis=-1).mean(1)
        close(al.bald(Categorical(probs)), expected, TOLERANCE[dtype])

    def test_entropy_of_labels(self, kind, dtype):
        probs = committee(kind, dtype)
        average = probs.double().mean(1).numpy()
        pairs = np.stack((average, 1 - average), -1)
        expected = scipy_entropy(pairs, axis=-1).mean(1)
        close(al.entropy(Bernoulli(probs)), expected, TOLERANCE[dtype])


@pytest.mark.parametrize("kind", INPUTS)
class TestScikitActiveml:
    @pytest.mark.parametrize(
        ("function", "method"),
        [
            (al.least_confidence, "least_confident"),
            (al.margin, "margin_sampling"),
            (al.entropy, "entropy"),
        ],
        ids=["least_confidence", "margin", "entropy"],
    )
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_uncertainty(self, kind, function, method, dtype):
        pool = pytest.importorskip("skactiveml.pool")
        probs = committee(kind, dtype)[:, :1]
        expected = pool.uncertainty_scores(probs[:, 0].double().numpy(), method=method)
        close(function(Categorical(probs)), expected, TOLERANCE[dtype])

    def test_consensus_kl(self, kind):
        pool = pytest.importorskip("skactiveml.pool")
        probs = committee(kind)
        exact = sharp(probs) if kind != "uniform" else probs
        given = exact.numpy().swapaxes(0, 1).copy()
        expected = pool.average_kl_divergence(given, eps=1e-12)
        close(al.consensus_kl(Categorical(exact)), expected, 1e-9)
        if kind == "one_hot":
            # Raised to eps, certainties disagree a little less than they do.
            raised = pool.average_kl_divergence(probs.numpy().swapaxes(0, 1).copy())
            ours = al.consensus_kl(Categorical(probs)).numpy()
            assert np.abs(raised - ours).max() > 1e-7
            np.testing.assert_allclose(raised, ours, atol=1e-4)

    def test_votes(self, kind):
        pool = pytest.importorskip("skactiveml.pool")
        if kind == "uniform":
            pytest.skip("every vote is tied: the peer takes votes, which can't be split")
        probs = committee(kind)
        votes = probs.argmax(-1).numpy()
        close(al.vote_entropy(Categorical(probs)), pool.vote_entropy(votes, list(range(C))), 1e-9)
        close(al.variation_ratio(Categorical(probs)), pool.variation_ratios(votes), 1e-9)

    def test_bald(self, kind):
        peer = pytest.importorskip("skactiveml.pool._bald")
        exact = sharp(committee(kind))
        # A batch of one is BALD itself; the first row of utilities.
        given = exact.numpy().swapaxes(0, 1).copy()
        (expected,) = peer.batch_bald(given, batch_size=1, random_state=0, eps=1e-12)
        close(al.bald(Categorical(exact)), expected, 1e-9)


class _Learner:
    """What modAL's functions ask of a classifier."""

    def __init__(self, probs):
        self.probs = probs

    def predict_proba(self, samples):
        return self.probs


class _Committee:
    """What modAL's functions ask of a committee of K learners."""

    def __init__(self, probs):
        self.probs = probs  # N x K x C
        self.classes_ = np.arange(probs.shape[2])

    def __len__(self):
        return self.probs.shape[1]

    def __iter__(self):
        return iter(range(len(self)))

    def predict_proba(self, samples):
        return self.probs.mean(1)

    def vote_proba(self, samples):
        return self.probs

    def vote(self, samples):
        return self.probs.argmax(-1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", INPUTS)
class TestModAL:
    def test_uncertainty(self, kind, dtype):
        peer = pytest.importorskip("modAL.uncertainty")
        probs = committee(kind, dtype)[:, :1]
        learner, samples = _Learner(probs[:, 0].double().numpy()), np.zeros((N, 1))
        prediction, tolerance = Categorical(probs), TOLERANCE[dtype]
        close(
            al.least_confidence(prediction),
            peer.classifier_uncertainty(learner, samples),
            tolerance,
        )
        close(al.entropy(prediction), peer.classifier_entropy(learner, samples), tolerance)
        gap = peer.classifier_margin(learner, samples)
        close(al.margin(prediction), 1 - gap, tolerance)

    def test_disagreement(self, kind, dtype):
        peer = pytest.importorskip("modAL.disagreement")
        probs = committee(kind, dtype)
        members, samples = _Committee(probs.double().numpy()), np.zeros((N, 1))
        prediction, tolerance = Categorical(probs), TOLERANCE[dtype]
        close(al.entropy(prediction), peer.consensus_entropy(members, samples), tolerance)
        if kind != "uniform":  # every vote is tied there, and argmax takes the first
            close(al.vote_entropy(prediction), peer.vote_entropy(members, samples), tolerance)
        largest = torch.from_numpy(peer.KL_max_disagreement(members, samples))
        mean = al.consensus_kl(prediction).double()
        assert (mean <= largest + tolerance).all()
        pair = _Committee(probs[:, :1].double().numpy())
        assert np.abs(peer.KL_max_disagreement(pair, samples)).max() < 1e-9


@pytest.mark.parametrize("kind", INPUTS)
class TestBatchbaldRedux:
    def test_bald(self, kind):
        peer = pytest.importorskip("batchbald_redux.batchbald")
        probs = committee(kind)
        logs = probs.log()
        found = peer.compute_entropy(logs) - peer.compute_conditional_entropy(logs)
        ours = al.bald(Categorical(probs))
        if (probs == 0).any():
            assert torch.isnan(found).any()
            logs = sharp(probs, 1e-300).log()
            found = peer.compute_entropy(logs) - peer.compute_conditional_entropy(logs)
        close(ours, found.numpy(), 1e-9)

    def test_float32(self, kind):
        peer = pytest.importorskip("batchbald_redux.batchbald")
        probs = sharp(committee(kind)).float()
        logs = probs.double().log()
        found = peer.compute_entropy(logs) - peer.compute_conditional_entropy(logs)
        close(al.bald(Categorical(probs)), found.numpy(), 1e-5)

    def test_the_same_picks(self, kind):
        peer = pytest.importorskip("batchbald_redux.batchbald")
        probs = sharp(committee(kind))
        batch = peer.get_bald_batch(probs.log(), 5)
        values = al.bald(Categorical(probs)).sort(descending=True).values[:5]
        assert batch.scores == pytest.approx(values.tolist(), abs=1e-9)
