from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.fisher_matching import FisherMatching
from altasks.testing.strategies import StrategySuite, make_candidates, replace


def a_target(seed=0, count=11, dim=5, classes=4, labels=True):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(classes), count)
    parts = (rng.normal(size=(count, dim)), probs, rng.integers(classes, size=count))
    return parts if labels else parts[:2]


class TestFisherMatching(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return FisherMatching(a_target())


class TestWithoutLabels(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return FisherMatching(lambda: a_target(labels=False), bias=False, sample=5)


def similarities(inputs, probs, target, bias):
    """From gradients that are formed, one for each pair."""
    if bias:
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    rows = []
    for h, p in zip(inputs, probs, strict=True):
        row = []
        for h_t, p_t, y in zip(*target, strict=True):
            own, theirs = p.copy(), p_t.copy()
            own[y] -= 1
            theirs[y] -= 1
            g = np.outer(own, h)
            g_t = np.outer(theirs, np.append(h_t, 1) if bias else h_t)
            row.append(max(0.0, (g * g_t).sum() / np.linalg.norm(g)))
        rows.append(row)
    return np.array(rows)


def brute(similar, hashes, n):
    """The best next sample by the whole objective; once nothing gains, a second layer."""
    picks, layer = [], []
    while len(picks) < n:
        left = sorted(set(range(len(similar))) - set(picks), key=lambda i: hashes[i])
        value = similar[layer].max(0).sum() if layer else 0.0
        best = max(left, key=lambda i: similar[[*layer, i]].max(0).sum())
        if similar[[*layer, best]].max(0).sum() <= value + 1e-9:
            assert layer
            layer = []
            continue
        picks.append(best)
        layer.append(best)
    return picks


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("classes", [2, 4])
def test_equals_brute_force(classes, bias):
    for seed in range(6):
        candidates = make_candidates(
            FisherMatching.needs, 25, seed=seed, classes=classes, pending=0
        )
        target = a_target(seed, 4 + seed, classes=classes)
        similar = similarities(candidates.embeddings, candidates.mean_probs, target, bias)
        hashes = id_hashes(candidates.ids, np.random.default_rng(seed))
        expected = [candidates.ids[i] for i in brute(similar, hashes, 20)]
        made = FisherMatching(target, bias=bias)
        assert made.select(candidates, 20, rng=np.random.default_rng(seed)) == expected


def test_greedy_is_near_the_best_of_all_subsets():
    for seed in range(5):
        candidates = make_candidates(FisherMatching.needs, 12, seed=seed, pending=0)
        target = a_target(seed)
        similar = similarities(candidates.embeddings, candidates.mean_probs, target, True)
        picks = FisherMatching(target).select(candidates, 3, rng=np.random.default_rng(0))
        found = similar[[candidates.ids.index(name) for name in picks]].max(0).sum()
        best = max(similar[list(rows)].max(0).sum() for rows in combinations(range(12), 3))
        assert (1 - 1 / np.e) * best <= found <= best + 1e-9


def test_gradients_are_those_of_autograd():
    """The similarity to a target sample is what autograd's gradients say it is."""
    generator = torch.Generator().manual_seed(0)
    head = nn.Linear(3, 3).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    inputs = torch.randn(8, 3, generator=generator).double()
    logits = head(inputs)
    probs = torch.softmax(logits, 1).detach().numpy()

    def gradient(row, label):
        loss = nn.functional.cross_entropy(logits[row], torch.tensor(label))
        parts = torch.autograd.grad(loss, list(head.parameters()), retain_graph=True)
        return torch.cat([part.flatten() for part in parts]).numpy()

    for label in range(3):
        theirs = gradient(7, label)
        found = [
            float(g @ theirs) / np.linalg.norm(g) for g in (gradient(i, label) for i in range(7))
        ]
        target = (inputs[7:].numpy(), probs[7:], [label])
        expected = similarities(inputs[:7].numpy(), probs[:7], target, True)[:, 0]
        assert np.maximum(found, 0) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def biased(seed, pool=600, rare=0.04):
    """A pool with 4% of class 1, a balanced target, and a model that takes all for class 0."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [1.5, 1.5, 0.0]])
    truth = (rng.random(pool) < rare).astype(int)
    target_truth = np.arange(60) % 2
    inputs, theirs = (
        centres[labels] + 0.5 * rng.normal(size=(len(labels), 3))
        for labels in (truth, target_truth)
    )

    def model(x):
        p = 1 / (1 + np.exp(2.0 - 0.3 * x[:, 0]))
        return np.stack([1 - p, p], 1)

    candidates = Candidates(
        [f"s{row}" for row in range(pool)],
        np.zeros(pool),
        embeddings=inputs,
        mean_probs=model(inputs),
        pending_embeddings=np.empty((0, 3)),
    )
    return candidates, truth, (theirs, model(theirs), target_truth)


def test_it_finds_the_class_the_pool_lacks():
    for seed in range(5):
        candidates, truth, target = biased(seed)
        picks = FisherMatching(target).select(candidates, 20, rng=np.random.default_rng(seed))
        rare = np.mean([truth[int(name[1:])] for name in picks])
        assert rare >= 5 * truth.mean()


def test_what_was_asked_is_not_matched_again():
    candidates, _, target = biased(0)
    made = FisherMatching(target)
    rows = {name: row for row, name in enumerate(candidates.ids)}
    first = made.select(candidates, 10, rng=np.random.default_rng(0))
    asked = candidates.embeddings[[rows[name] for name in first]]
    left = np.array([row for name, row in rows.items() if name not in first])
    again = replace(candidates.take(left), pending_embeddings=asked)
    second = made.select(again, 10, rng=np.random.default_rng(0))
    assert second == made.select(candidates, 20, rng=np.random.default_rng(0))[10:]


def test_the_target_is_read_anew():
    """A function is called at each selection, as the model changes between them."""
    targets = [a_target(0), a_target(1)]
    asked = []

    def now():
        asked.append(targets[len(asked)])
        return asked[-1]

    candidates = make_candidates(FisherMatching.needs, 20)
    made = FisherMatching(now)
    for target in targets:
        found = made.select(candidates, 4, rng=np.random.default_rng(0))
        assert found == FisherMatching(target).select(candidates, 4, rng=np.random.default_rng(0))
    assert len(asked) == 2


def test_only_the_longest_gradients_are_matched():
    inputs, probs, labels = a_target(count=30)
    slopes = probs - np.eye(4)[labels]
    lengths = np.linalg.norm(slopes, axis=1) * np.sqrt((inputs**2).sum(1) + 1)
    kept = np.argsort(-lengths)[:6]
    candidates = make_candidates(FisherMatching.needs, 20)
    few = FisherMatching((inputs[kept], probs[kept], labels[kept]))
    found = FisherMatching((inputs, probs, labels), sample=6)
    picks = [one.select(candidates, 5, rng=np.random.default_rng(0)) for one in (few, found)]
    assert picks[0] == picks[1]


def test_nothing_to_match_is_chance():
    """A target that is known for certain, or none at all."""
    candidates = make_candidates(FisherMatching.needs, 30)
    certain = (np.ones((3, 5)), np.eye(4)[:3], [0, 1, 2])
    for target in (certain, tuple(part[:0] for part in a_target())):
        made = FisherMatching(target)
        firsts = {made.select(candidates, 2, rng=np.random.default_rng(s))[0] for s in range(20)}
        assert len(firsts) > 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, p, y: (e[:, :4], p, y), r"embeddings of shape \[11, 5\]"),
        (lambda e, p, y: (e, p[:, :3], y), r"probabilities of shape \[11, 4\]"),
        (lambda e, p, y: (e, p, y[:5]), r"labels of shape \[11\]"),
        (lambda e, p, y: (e, p, y + 1), "from 0 to 3"),
        (lambda e, p, y: (e, p, y * 0.5), "whole numbers"),
        (lambda e, p, y: (e * np.nan, p, y), "target 0"),
        (lambda e, p, y: (e, 2 * p, y), "target 0"),
        (lambda e, p, y: (e, 0.5 * p, y), "sum to 1"),
        (lambda e, p, y: (e,), "a function"),
        (lambda e, p, y: e, "a function"),
    ],
)
def test_a_target_that_does_not_fit(change, message):
    candidates = make_candidates(FisherMatching.needs, 9)
    parts = a_target()
    with pytest.raises(InvalidInputError, match=message):
        FisherMatching(lambda: change(*parts)).select(candidates, 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("options", "message"), [({"sample": 0}, "sample"), ({"bias": 2}, "bias")])
def test_bad_options(options, message):
    with pytest.raises(InvalidInputError, match=message):
        FisherMatching(a_target(), **options)
