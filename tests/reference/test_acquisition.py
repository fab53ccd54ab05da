"""Every acquisition function against its twin in plain Python loops."""

import functools
import itertools

import numpy as np
import pytest
import torch

import altasks as al
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged, Transcripts

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
DTYPES = list(TOLERANCE)
INPUTS = ["random", "peaked", "one_hot", "uniform", "tied", "tiny"]

# our function -> (its options, the twin's name, least K)
CLASS_FUNCTIONS = {
    "least_confidence": (al.least_confidence, "least_confidence", 1),
    "margin": (al.margin, "margin", 1),
    "squared_margin": (functools.partial(al.margin, power=2), "squared_margin", 1),
    "entropy": (al.entropy, "entropy", 1),
    "mnlp": (al.mnlp, "mnlp", 1),
    "variation_ratio": (al.variation_ratio, "variation_ratio", 2),
    "vote_entropy": (al.vote_entropy, "vote_entropy", 2),
    "consensus_kl": (al.consensus_kl, "consensus_kl", 2),
    "bald": (al.bald, "bald", 2),
}
REDUCTIONS = ["mean", "sum", "max", "top_k"]
LENGTHS = [4, 0, 1, 12, 0, 7, 2, 0]  # with empty samples first, last and between
M = sum(LENGTHS)


def probabilities(kind, shape, dtype, seed=0):
    """M x K x C rows. Tied ones are sums of few powers of two: ties survive averaging exactly."""
    rng = np.random.default_rng(seed)
    size = shape[-1]
    if kind == "random":
        probs = rng.dirichlet(np.ones(size), shape[:2])
    elif kind == "peaked":
        probs = rng.dirichlet(np.full(size, 0.05), shape[:2])
    elif kind == "one_hot":
        probs = np.eye(size)[rng.integers(size, size=shape[:2])]
    elif kind == "uniform":
        probs = np.full(shape, 1 / size)
    elif kind == "tied":
        rows = np.zeros((3, size))
        rows[0, :2] = 0.5
        rows[1, : min(4, size)] = [0.25] * 4 if size >= 4 else [0.5, 0.5, 0.0][:size]
        rows[2, : min(3, size)] = [0.375, 0.375, 0.25] if size >= 3 else [0.5, 0.5]
        probs = rng.permuted(rows[rng.integers(3, size=shape[:2])], axis=2)
    else:
        smallest = 1e-45 if dtype == torch.float32 else 5e-324
        small = rng.choice([0.0, smallest, 40 * smallest, 1e-38, 1e-30, 1e-12], size=shape)
        probs = small
        np.put_along_axis(probs, rng.integers(size, size=shape[:2])[..., None], 1.0, axis=2)
    return torch.from_numpy(probs).to(dtype)


def close(scores, expected, tolerance):
    torch.testing.assert_close(
        scores.double(),
        torch.tensor(expected, dtype=torch.float64),
        rtol=tolerance,
        atol=tolerance,
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", CLASS_FUNCTIONS)
def test_categorical(twins, name, kind, dtype):
    function, twin, least = CLASS_FUNCTIONS[name]
    for members, classes in ((1, 5), (2, 2), (4, 3), (8, 6)):
        if members < least:
            continue
        probs = probabilities(kind, (M, members, classes), dtype)
        expected = [getattr(twins, twin)(unit) for unit in probs.double().tolist()]
        close(function(Categorical(probs)), expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("labels", ["mean", "sum", "max"])
@pytest.mark.parametrize("kind", ["random", "certain", "half", "tiny"])
@pytest.mark.parametrize("name", CLASS_FUNCTIONS)
def test_bernoulli(twins, name, kind, labels, dtype):
    function, twin, _ = CLASS_FUNCTIONS[name]
    rng = np.random.default_rng(0)
    shape = (M, 4, 5)
    values = {
        "random": rng.random(shape),
        "certain": rng.integers(2, size=shape).astype(float),
        "half": np.full(shape, 0.5),
        "tiny": rng.choice([0.0, 1e-45, 1e-30, 1e-12, 1.0, 1 - 2**-20], size=shape),
    }[kind]
    probs = torch.from_numpy(values).to(dtype)
    expected = [
        twins.over_labels(getattr(twins, twin), unit, labels) for unit in probs.double().tolist()
    ]
    close(function(Bernoulli(probs), labels=labels), expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("weighted", [None, 3, 4], ids=["plain", "first-3-classes", "weighted"])
@pytest.mark.parametrize(
    ("name", "reduce"),
    [
        (name, reduce)
        for name, reduce in itertools.product(CLASS_FUNCTIONS, REDUCTIONS)
        if name != "mnlp" or reduce == "mean"  # mnlp is a mean by definition
    ],
)
def test_ragged(twins, name, weighted, reduce, dtype):
    function, twin, _ = CLASS_FUNCTIONS[name]
    class_weights = None if weighted is None else [0.5, 2.0, 0.0, 3.25][:weighted]
    for kind in ("random", "one_hot", "tied"):
        probs = probabilities(kind, (M, 4, 4), dtype, seed=1)
        units = probs.double().tolist()
        scores = [getattr(twins, twin)(unit) for unit in units]
        if class_weights is not None:
            scores = [
                score * twins.weight(unit, class_weights)
                for score, unit in zip(scores, units, strict=True)
            ]
        options = {"reduce": reduce, "empty": 0.125, "class_weights": class_weights}
        if reduce == "top_k":
            options["k"] = 3
        found = function(Ragged(Categorical(probs), LENGTHS), **options)
        close(found, twins.reduce(scores, LENGTHS, reduce, k=3, empty=0.125), TOLERANCE[dtype])
        options["reduce"] = "none"
        close(function(Ragged(Categorical(probs), LENGTHS), **options), scores, TOLERANCE[dtype])
        close(function(Categorical(probs), **options), scores, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("labels", ["mean", "max"])
@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("name", ["entropy", "bald"])
def test_ragged_bernoulli(twins, name, reduce, labels, dtype):
    probs = torch.from_numpy(np.random.default_rng(2).random((M, 3, 4))).to(dtype)
    class_weights = [0.5, 2.0, 1.0, 3.25]
    units = probs.double().tolist()
    scores = [
        twins.over_labels(getattr(twins, name), unit, labels) * twins.weight(unit, class_weights)
        for unit in units
    ]
    found = getattr(al, name)(
        Ragged(Bernoulli(probs), LENGTHS),
        labels=labels,
        reduce=reduce,
        class_weights=class_weights,
        k=3,
    )
    close(found, twins.reduce(scores, LENGTHS, reduce, k=3), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("scaled", [False, True], ids=["standardised", "scaled"])
@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize(
    ("function", "twin"),
    [
        (al.variance, "variance"),
        (al.epistemic_variance, "epistemic_variance"),
        (al.bald, "bald_normal"),
    ],
    ids=["variance", "epistemic_variance", "bald"],
)
def test_normal(twins, function, twin, reduce, scaled, dtype):
    rng = np.random.default_rng(3)
    for kind in ("random", "equal_means", "tiny_variance", "one_target"):
        shape = (M, 5, 1 if kind == "one_target" else 3)
        mean = 4 * rng.standard_normal(shape)
        variance = rng.gamma(1.0, size=shape)
        if kind == "equal_means":
            mean[:] = 1.5
        if kind == "tiny_variance":
            variance *= 1e-30
        mean, variance = (torch.from_numpy(x).to(dtype) for x in (mean, variance))
        scale = torch.tensor([0.5, 3.0, 40.0][: shape[2]]).to(dtype) if scaled else None
        units = torch.stack((mean, variance), -1).double().tolist()
        plain_scale = None if scale is None else scale.tolist()
        scores = [getattr(twins, twin)(unit, plain_scale) for unit in units]
        prediction = Normal(mean, variance, scale)
        close(function(prediction), scores, TOLERANCE[dtype])
        found = function(Ragged(prediction, LENGTHS), reduce=reduce, k=3)
        close(found, twins.reduce(scores, LENGTHS, reduce, k=3), TOLERANCE[dtype])


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("kind", ["random", "equal", "empty", "unicode", "tags", "mixed"])
def test_edit_disagreement(twins, kind, reduce):
    rng = np.random.default_rng(4)
    letters = {"unicode": "aé\u0301\U0001d11e\ud83d"}.get(kind, "abc ")
    rows = []
    for _ in range(M):
        base = "".join(rng.choice(list(letters), rng.integers(0, 70)))
        row = []
        for _ in range(4):
            text = list(base)
            for _ in range(0 if kind == "equal" else rng.integers(0, 6)):
                text.insert(rng.integers(0, len(text) + 1), str(rng.choice(list(letters))))
                del text[rng.integers(0, len(text))]
            row.append("" if kind == "empty" and rng.random() < 0.5 else "".join(text))
        rows.append(row)
    if kind == "tags":
        names = [("B", 1), -1, -2, "O", 97, "a", None, 2**70]
        rows = [[[names[ord(c) % 8] for c in text] for text in row] for row in rows]
    if kind == "mixed":
        rows = [[row[0], tuple(row[1]), list(row[2]), row[3]] for row in rows]
    scores = [twins.edit_disagreement(row) for row in rows]
    close(al.edit_disagreement(Transcripts(rows)), scores, 1e-6)
    found = al.edit_disagreement(Ragged(Transcripts(rows), LENGTHS), reduce=reduce, k=3)
    close(found, twins.reduce(scores, LENGTHS, reduce, k=3), 1e-6)


def test_a_committee_of_many_pieces(twins):
    # Enough rows for several pieces in each layout, checked at random rows.
    probs = probabilities("random", (30_000, 3, 4), torch.float32, seed=5)
    for view in (probs, probs.permute(1, 2, 0).contiguous().permute(2, 0, 1)):
        scores = al.bald(Categorical(view))
        rows = list(range(0, 30_000, 611))
        expected = [twins.bald(probs[row].double().tolist()) for row in rows]
        close(scores[rows], expected, 1e-5)
