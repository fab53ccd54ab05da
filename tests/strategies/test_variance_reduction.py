from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from altasks.errors import InvalidInputError
from altasks.strategies._fisher import Information
from altasks.strategies._last_layer import extend
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.variance_reduction import VarianceReduction
from altasks.testing.strategies import StrategySuite, make_candidates, replace

KINDS = ["full", "trace", "regression"]


class TestVarianceReduction(StrategySuite):
    @pytest.fixture(params=["auto", "trace"])
    def strategy(self, request):
        return VarianceReduction(request.param)


class TestWithoutBias(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return VarianceReduction("regression", bias=False, oversample=1.0, ridge=1e-3)


def softmax(logits):
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def problem(n, d, classes, seed=0, labelled=4, pending=2, bias=True):
    """Candidates whose embeddings are the input of a softmax layer, and what it says of all."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n + labelled + pending, d))
    probs = softmax(
        inputs @ (1.5 * rng.normal(size=(d, classes))) + bias * rng.normal(size=classes)
    )
    candidates = Candidates(
        [f"s{row}" for row in range(n)],
        np.zeros(n),
        embeddings=inputs[:n],
        mean_probs=probs[:n],
        labelled_embeddings=inputs[n : n + labelled],
        pending_embeddings=inputs[n + labelled :],
    )
    return candidates, inputs, probs


def information(kind, h, p):
    outer = np.outer(h, h)
    if kind == "full":
        return np.kron(np.diag(p) - np.outer(p, p), outer)
    return outer * ((p * (1 - p)).sum() if kind == "trace" else 1.0)


def brute(kind, candidates, inputs, probs, n, seed, ridge=1.0, bias=True, oversample=2.0):
    """Every ratio from the inverse of the whole matrix, again for every sample and every pick."""
    if bias:
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    count = len(candidates)
    each = [information(kind, h, p) for h, p in zip(inputs, probs, strict=True)]
    target = np.sum(each, 0)
    rank = inputs.shape[1] * (probs.shape[1] - 1 if kind == "full" else 1)
    prior = ridge * np.trace(target) / (len(inputs) * rank) * np.eye(len(target))
    start = prior + np.sum(each[count:], 0)

    def ratio(rows):
        return np.trace(np.linalg.inv(start + np.sum([each[i] for i in rows], 0)) @ target)

    order = np.argsort(id_hashes(candidates.ids, np.random.default_rng(seed)), kind="stable")
    picks = []
    while len(picks) < min(count, int(np.ceil(oversample * n))):
        left = [i for i in order if i not in picks]
        picks.append(min(left, key=lambda i: ratio([*picks, i])))
    while len(picks) > n:
        picks.remove(min(picks, key=lambda i: ratio([j for j in picks if j != i])))
    return [candidates.ids[i] for i in picks], ratio


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_equals_brute_force(kind, classes, bias):
    for seed in range(4):
        size, oversample = 5 + 4 * seed, (2.0, 1.0, 3.0, 1.5)[seed]
        pool = problem(size, 3, classes, seed, (6, 0)[seed % 2], seed % 3, bias)
        for n in (1, 4):
            made = VarianceReduction(kind, bias=bias, oversample=oversample, ridge=0.3)
            found = made.select(pool[0], n, rng=np.random.default_rng(seed))
            expected, _ = brute(kind, *pool, n, seed, 0.3, bias, oversample)
            assert found == expected


@pytest.mark.parametrize("kind", KINDS)
def test_one_pick_is_the_best_there_is(kind):
    """With one to pick and none to drop, no other sample has a lower ratio."""
    pool = problem(12, 2, 3)
    found = VarianceReduction(kind, oversample=1).select(pool[0], 1, rng=np.random.default_rng(0))
    _, ratio = brute(kind, *pool, 1, 0)
    assert pool[0].ids.index(found[0]) == min(range(12), key=lambda i: ratio([i]))


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_is_near_the_best_of_all_subsets(kind):
    shares = []
    for seed in range(6):
        pool = problem(10, 2, 3, seed, labelled=2, pending=0)
        found = VarianceReduction(kind).select(pool[0], 3, rng=np.random.default_rng(seed))
        _, ratio = brute(kind, *pool, 3, seed)
        every = [ratio(list(rows)) for rows in combinations(range(10), 3)]
        shares.append(ratio([pool[0].ids.index(name) for name in found]) / min(every))
        assert shares[-1] < 0.5 * (1 + np.mean(every) / min(every))
    assert max(shares) < 1.1
    assert np.median(shares) < 1.01


def test_two_classes_need_no_full_matrix():
    for seed in range(5):
        candidates, _, _ = problem(30, 4, 2, seed)
        both = [
            VarianceReduction(kind).select(candidates, 6, rng=np.random.default_rng(seed))
            for kind in ("full", "trace")
        ]
        assert both[0] == both[1]


def test_auto_is_full_where_that_fits():
    candidates, _, _ = problem(40, 4, 3)

    def picks(kind, **options):
        made = VarianceReduction(kind, **options)
        return made.select(candidates, 8, rng=np.random.default_rng(0))

    assert picks("full") != picks("trace")
    assert picks("auto") == picks("auto", full_width=15) == picks("full")  # 3 (4 + 1) = 15
    assert picks("auto", full_width=14) == picks("trace")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("classes", [2, 6])
def test_information_equals_autograd(classes, bias):
    """The expected outer product of the loss's gradients by the last layer, label by label."""
    generator = torch.Generator().manual_seed(0)
    head = nn.Linear(4, classes, bias=bias).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    hidden = torch.randn(5, 4, generator=generator).double()
    logits = head(hidden)
    probs = torch.softmax(logits, 1).detach()
    inputs = torch.cat((hidden, torch.ones(5, 1).double()), 1) if bias else hidden
    made = Information(inputs, probs=probs)
    whole = torch.zeros(made.width, made.width).double()
    for row in range(5):
        one = torch.zeros_like(whole)
        for label in range(classes):
            loss = nn.functional.cross_entropy(logits[row], torch.tensor(label))
            found = torch.autograd.grad(loss, list(head.parameters()), retain_graph=True)
            # One row a class, its bias last, as the inputs have it.
            gradient = torch.cat([part.reshape(classes, -1) for part in found], 1).flatten()
            one += probs[row, label] * torch.outer(gradient, gradient)
        dense = made.dense(row)
        torch.testing.assert_close(dense.T @ dense, one, rtol=1e-5, atol=1e-8)
        whole += one
    torch.testing.assert_close(made.total(), whole, rtol=1e-5, atol=1e-8)
    random = torch.randn(made.width, 3, generator=generator).double()
    by_hand = torch.stack([made.dense(row) @ random for row in range(5)])
    torch.testing.assert_close(made.times(random, slice(None)), by_hand)


@pytest.mark.parametrize("labels", ["exclusive", "independent"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_last_layer_is_read_off_the_pool(labels, dtype):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        inputs = np.concatenate([rng.normal(size=(60, 8)), np.ones((60, 1))], 1)
        logits = inputs @ (3 * rng.normal(size=(9, 5)))  # many rows are certain
        probs = (softmax(logits) if labels == "exclusive" else 1 / (1 + np.exp(-logits))).astype(
            dtype
        )
        given = [torch.from_numpy(x).double() for x in (inputs[:40], probs[:40], inputs[40:])]
        found = extend(*given)
        np.testing.assert_allclose(found, probs[40:], atol=1e-4 if dtype == np.float32 else 1e-6)


def test_without_a_pool_or_without_inputs_the_layer_says_nothing():
    none, some = torch.zeros(0, 3).double(), torch.randn(4, 3).double()
    assert extend(none, torch.zeros(0, 2).double(), some).tolist() == [[0.5, 0.5]] * 4
    flat = extend(torch.zeros(4, 3).double(), torch.full((4, 2), 0.5).double(), some)
    assert flat.tolist() == [[0.5, 0.5]] * 4


def test_independent_labels():
    rng = np.random.default_rng(0)
    candidates, _, _ = problem(20, 3, 3)
    labels = replace(candidates, mean_probs=rng.random((20, 3)))
    for kind in ("auto", "trace"):
        picks = VarianceReduction(kind).select(labels, 4, rng=np.random.default_rng(0))
        assert len(set(picks)) == 4
    with pytest.raises(InvalidInputError, match=r"mean_probs.*sum to 1.*fisher='trace'"):
        VarianceReduction("full").select(labels, 4, rng=np.random.default_rng(0))


def test_it_asks_where_the_model_is_undecided_and_nothing_is_labelled():
    """Of two directions of equal lengths: the one not labelled; of two samples: the torn one."""
    points = np.array([[1.0, 0.0], [0.0, 1.0]] * 10) * np.linspace(0.9, 1.1, 20)[:, None]
    probs = np.full((20, 2), 0.5)
    probs[13:] = [0.99, 0.01]
    candidates = Candidates(
        [str(i) for i in range(20)],
        np.zeros(20),
        embeddings=points,
        mean_probs=probs,
        labelled_embeddings=points[::2],
        pending_embeddings=np.empty((0, 2)),
    )
    (pick,) = VarianceReduction(bias=False).select(candidates, 1, rng=np.random.default_rng(0))
    assert pick == "11"


def test_outliers_and_tiny_priors_do_not_break_it():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 4))
    points[3] *= 1e6
    for kind, ridge in (("regression", 1e-300), ("full", 1e-12), ("trace", 1e12)):
        candidates = make_candidates(VarianceReduction.needs.fget(VarianceReduction()), 30, dim=4)
        candidates = replace(candidates, embeddings=points)
        for oversample in (1, 4):
            made = VarianceReduction(kind, ridge=ridge, oversample=oversample)
            assert len(made.select(candidates, 7, rng=np.random.default_rng(0))) == 7


def test_scaling_all_embeddings_changes_nothing():
    candidates, inputs, _ = problem(25, 4, 3)
    scaled = replace(
        candidates,
        embeddings=1e4 * inputs[:25],
        labelled_embeddings=1e4 * inputs[25:29],
        pending_embeddings=1e4 * inputs[29:],
    )
    for kind in KINDS:
        made = VarianceReduction(kind, bias=False)
        picks = [made.select(c, 6, rng=np.random.default_rng(0)) for c in (candidates, scaled)]
        assert picks[0] == picks[1]


def test_wrong_probabilities_name_the_sample():
    candidates, _, probs = problem(9, 3, 3)
    for bad in (np.nan, -0.5, 1.5):
        wrong = probs[:9].copy()
        wrong[4, 0] = bad
        with pytest.raises(InvalidInputError, match=r"mean_probs.*s4"):
            VarianceReduction("trace").select(
                replace(candidates, mean_probs=wrong), 2, rng=np.random.default_rng(0)
            )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fisher": "diagonal"}, "fisher"),
        ({"ridge": 0.0}, "ridge"),
        ({"ridge": np.nan}, "ridge"),
        ({"bias": "no"}, "bias"),
        ({"oversample": 0.5}, "oversample"),
        ({"full_width": -1}, "full_width"),
        ({"full_width": 1.5}, "full_width"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InvalidInputError, match=message):
        VarianceReduction(**options)


def test_what_it_needs():
    assert "mean_probs" not in VarianceReduction("regression").needs
    assert "mean_probs" in VarianceReduction().needs
