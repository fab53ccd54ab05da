"""Uncertainty herding in a loop on every task, within budgets in what labels cost there."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

import altasks as al
from altasks._internal.random import isolated
from altasks.data import region_labels, region_pool

pytest.importorskip("transformers", reason="needs the extra text")


def herd(task, pool, labels, budget, *, acquisition=None, calibration=None, fit=True):
    """Ask for two by coverage alone, fit, and then within a budget, by gain per cost."""
    loop = al.ActiveLoop(
        task,
        pool,
        strategy="uncertainty_herding",
        # What is never fitted here asks all by herding.
        cold_start="max_herding" if fit else "uncertainty_herding",
        acquisition=acquisition,
        calibration=calibration,
        progress=False,
    )
    first = loop.ask(2)
    loop.tell({name: labels[name] for name in first.ids})
    if fit:
        loop.fit()
    query = loop.ask(cost=budget, per_cost=True)
    assert query.ids
    assert query.cost is not None
    assert 0 < query.cost <= budget
    assert not set(first.ids) & set(query.ids)
    loop.tell({name: labels[name] for name in query.ids})
    assert set(loop.store.state().labelled) >= {*first.ids, *query.ids}
    return query


@pytest.fixture
def tagged(sentences, sentence_tags):
    names = [f"s{row:02d}" for row in range(len(sentences))]
    return dict(zip(names, sentences, strict=True)), dict(zip(names, sentence_tags, strict=True))


def test_words(tiny_tagger, tagged):
    samples, labels = tagged
    task = al.NER(tiny_tagger, training_args={"max_steps": 2})
    query = herd(task, samples, labels, 12)
    assert query.cost == sum(len(samples[name]) for name in query.ids)


def test_words_with_a_temperature(tiny_tagger, tagged):
    """A model that knows nothing is scaled until the margins are flat: coverage decides."""
    samples, labels = tagged
    held = {name: samples.pop(name) for name in list(samples)[:4]}
    held_out = al.HeldOutTemperature(list(held.values()), [labels[name] for name in held])
    task = al.NER(tiny_tagger, training_args={"max_steps": 1, "learning_rate": 0.0})
    assert held_out.fit_to(task).temperature > 5
    asked = {}
    for name, calibration in (("scaled", held_out), ("flat", 20.0), ("as it is", None)):
        query = herd(task, samples, labels, 15, acquisition="margin", calibration=calibration)
        asked[name] = query.scores
    # The scores of sentences, means over their words, are near to each other once scaled.
    spread = {name: np.ptp(list(scores)) / max(scores) for name, scores in asked.items()}
    assert spread["flat"] <= spread["scaled"] < spread["as it is"]


def test_roles(make_tagger, make_tokenizer, tagged):
    tags = ("O", "B-ARG0", "I-ARG0", "B-ARG1", "I-ARG1")
    task = al.SRL(make_tagger(make_tokenizer(), tags), training_args={"max_steps": 2})
    samples = {
        name: {"tokens": words, "verbs": list(range(min(len(words), 1 + row % 3)))}
        for row, (name, words) in enumerate(tagged[0].items())
    }
    labels = {
        name: [{"verb": verb, "tags": ["O"] * len(sample["tokens"])} for verb in sample["verbs"]]
        for name, sample in samples.items()
    }
    query = herd(task, samples, labels, 40)
    each = [samples[name] for name in query.ids]
    assert query.cost == sum(len(one["tokens"]) * len(one["verbs"]) for one in each)


def net():
    with isolated(5):
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 3, 3, padding=1)
        )


def pictures(count=6):
    rng = np.random.default_rng(0)
    sides = [(16, 20), (12, 24)]
    return {f"i{row}": rng.integers(0, 256, (*sides[row % 2], 3), np.uint8) for row in range(count)}


@pytest.mark.parametrize("regions", [None, "grid:8"])
def test_pixels(regions):
    samples = pictures()
    labels = {name: (one[:, :, 0] // 86).astype(np.uint8) for name, one in samples.items()}
    budget = 700
    if regions:
        samples = region_pool(samples, regions)
        labels = region_labels(samples, labels)
        budget = 150
    task = al.Segmentation(
        net(), labels=["a", "b", "c"], stages=["0"], stride=1, training_args={"max_steps": 1}
    )
    query = herd(task, samples, labels, budget, acquisition="margin")
    pixels = [
        samples[name].pixels if regions else samples[name][:, :, 0].size for name in query.ids
    ]
    assert query.cost == sum(pixels)
    if regions:  # of one image too, regions differ
        embedded = task.embed([samples[name] for name in list(samples.ids)[:4]])
        assert len({tuple(row) for row in embedded.tolist()}) == 4


def test_characters():
    Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")
    rng = np.random.default_rng(0)
    samples = {
        f"l{row}": Image.fromarray(rng.integers(0, 256, (32, 40 + 16 * row), dtype=np.uint8))
        for row in range(6)
    }
    labels = {name: "abc "[: 1 + row % 3] for row, name in enumerate(samples)}
    members = [al.CRNN("abc ", height=32, channels=8, hidden=8, seed=seed) for seed in (0, 1)]
    task = al.OCR(members=members, training_args={"max_steps": 1, "eval_strategy": "no"})
    query = herd(task, samples, labels, 20)
    assert query.cost == sum(task.cost(samples[name]) for name in query.ids)


@pytest.mark.parametrize("acquisition", ["epistemic_variance", "bald", "variance"])
def test_numbers(acquisition):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 3))
    samples = {f"r{row:02d}": values for row, values in enumerate(rows)}
    labels = {name: float(values.sum()) for name, values in samples.items()}
    task = al.Regression(
        committee=al.MCDropout(3, layers="head", p=0.2), training_args={"max_steps": 2}
    )
    herd(task, samples, labels, 5, acquisition=acquisition)


class SeveralLabels:
    """Two labels that a sample may have or not."""

    labels = ("left", "low")
    default_acquisition = "entropy"

    def embed(self, samples):
        return torch.tensor(samples)

    def predict(self, samples):
        return al.Bernoulli(torch.sigmoid(8 * torch.tensor(samples)))


def test_several_labels():
    rng = np.random.default_rng(0)
    samples = {f"s{row:02d}": rng.normal(size=2).tolist() for row in range(30)}
    labels = {
        name: [kind for kind, x in zip(SeveralLabels.labels, point, strict=True) if x > 0]
        for name, point in samples.items()
    }
    held = list(samples)[:10]
    held_out = al.HeldOutTemperature([samples[name] for name in held], [[] for _ in held])
    pool = {name: samples[name] for name in list(samples)[10:]}
    herd(SeveralLabels(), pool, labels, 5, calibration=held_out, fit=False)


@pytest.fixture(scope="module")
def detector():
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("needs the extra detection")
    pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")
    import yolo_nets

    return yolo_nets


def test_boxes(detector):
    samples = {f"p{row}": one for row, one in enumerate(detector.photographs(6))}
    labels = {name: [] for name in samples}
    task = al.ObjectDetection(detector.yolo(), conf=0.05, imgsz=160)
    most = sum(task.costs(list(samples.values()))) / 2
    query = herd(
        task,
        samples,
        labels,
        most,
        calibration=al.HeldOutTemperature(list(samples.values())[:2], [[], []]),
        fit=False,
    )
    assert query.cost == pytest.approx(sum(task.costs([samples[name] for name in query.ids])), 1e-3)
