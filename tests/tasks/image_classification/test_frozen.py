"""A head on the frozen features of images: computed once, and then no image is opened again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import altasks as al
from altasks.errors import InvalidInputError, UnreadableSampleError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

LABELS = ["bright", "dark"]
SHORT = {"max_steps": 3, "per_device_train_batch_size": 4}


class _CallsDropout(nn.Module):
    """Drops by a call in front of its head, as timm's networks do, and normalises by batches."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2)
        self.norm = nn.BatchNorm2d(4)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(16, 2)

    def forward(self, pixels):
        pooled = self.pool(functional.relu(self.norm(self.stem(pixels)))).flatten(1)
        return self.head(functional.dropout(pooled, 0.3, self.training))


class _TakesAMean(_CallsDropout):
    """No module makes the input of its head."""

    def forward(self, pixels):
        return self.head(self.stem(pixels).mean((2, 3)).repeat(1, 4))


def _plain():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout2d(0.4),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(inplace=True),
        nn.Dropout(0.3), nn.Linear(8, 2),
    )  # fmt: skip


NETWORKS = {"plain": _plain, "calls": _CallsDropout, "mean": _TakesAMean}


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    made = []
    for place in range(9):
        pixels = rng.integers(0, 128, (20, 24, 3)) + 100 * (place % 2)
        made.append(tmp_path / f"{place}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(made[-1])
    return [str(path) for path in made]


@pytest.fixture
def answers():
    return [LABELS[1 - place % 2] for place in range(9)]


@pytest.fixture
def make():
    def make_task(network="calls", **options):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = NETWORKS[network]()
        settings = {"labels": LABELS, "input_size": 16, "frozen_layers": "all", "batch_size": 4}
        return al.ImageClassification(net, **{**settings, "training_args": SHORT, **options})

    return make_task


def _opened(path):
    with Image.open(path) as image:
        return image.copy()


def _probs(task, samples):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return task.predict(samples).probs


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "committee", [None, al.MCDropout(3, "head", p=0.2), al.MCDropout(3, p=0.2), al.Views()]
)
def test_kept_and_computed_are_the_same(network, committee, make, paths, answers):
    if network == "mean" and getattr(committee, "layers", "head") == "all":
        return  # nothing in it drops
    tasks = [make(network, committee=committee, keep_frozen=keep) for keep in (None, False)]
    states = []
    for task in tasks:
        task.fit(paths, answers, seed=1)
        states.append({name: one.clone() for name, one in task.model.state_dict().items()})
    assert torch.allclose(*(_probs(task, paths) for task in tasks), atol=1e-6)
    assert torch.allclose(*(task.embed(paths) for task in tasks), atol=1e-6)
    assert tasks[0].evaluate(paths, answers) == tasks[1].evaluate(paths, answers)
    for name in states[0]:
        assert torch.allclose(states[0][name], states[1][name], atol=1e-6), name


@pytest.mark.parametrize("network", ["plain", "calls"])
def test_an_image_is_opened_once(network, make, paths, answers, monkeypatch):
    cache = al.FeatureCache()
    task = make(network, keep_frozen=cache)
    _probs(task, paths)
    opened = []
    monkeypatch.setattr(task._reader, "open", lambda sample, row: opened.append(sample))
    before = _probs(task, paths)
    task.embed(paths[::-1])
    task.evaluate(paths, answers)
    assert opened == []
    monkeypatch.undo()
    task.fit(paths, answers, seed=0)
    assert not torch.allclose(_probs(task, paths), before)
    assert cache.computed <= len(paths) + 1  # one is looked at before a fit, whole


def test_a_changed_file_or_size_is_computed(make, paths):
    cache = al.FeatureCache()
    _probs(make(keep_frozen=cache), paths)
    _opened(paths[1]).transpose(1).save(paths[0])  # the same name
    for size in (16, 12):
        found = _probs(make(keep_frozen=cache, input_size=size), paths)
        wanted = _probs(make(keep_frozen=False, input_size=size), paths)
        assert torch.allclose(found, wanted, atol=1e-6)
    arrays = [np.array(_opened(path)) for path in paths]
    rows = [{"image": path} for path in paths]
    content = [{"image": {"bytes": Path(path).read_bytes(), "path": None}} for path in paths]
    pictures = [Image.fromarray(array) for array in arrays]
    task = make(keep_frozen=cache)
    for samples in (arrays, rows, content, pictures, [*paths[:3], *pictures[3:]]):
        assert torch.allclose(_probs(task, samples), _probs(make(keep_frozen=False), paths))


def test_statistics_of_the_frozen_part_stay(make, paths, answers):
    task = make(keep_frozen=False)
    before = {name: one.clone() for name, one in task.model.state_dict().items()}
    task.fit(paths, answers, seed=0)
    moved = {n for n, one in task.model.state_dict().items() if not torch.equal(one, before[n])}
    assert moved == {"net.head.weight", "net.head.bias"}


def test_a_cache_without_room_and_images_that_vary(make, paths, answers):
    full = al.FeatureCache(limit=0, disk_limit=0)
    task = make(keep_frozen=full)
    task.fit(paths, answers, seed=0)
    plain = make(keep_frozen=False)
    plain.fit(paths, answers, seed=0)
    assert torch.allclose(_probs(task, paths), _probs(plain, paths), atol=1e-6)
    assert len(full) == 0
    cache = al.FeatureCache()
    turned = make(keep_frozen=cache, augment=lambda image: image.rotate(180 * torch.rand(1).item()))
    turned.fit(paths, answers, seed=0)
    assert len(cache) <= 1
    own = make(keep_frozen=cache, input_size=None, transform=lambda image: torch.zeros(3, 9, 9))
    assert _probs(own, paths).shape[0] == len(paths)


def test_files_that_cannot_be_read_are_named_as_before(make, paths, answers):
    task = make()
    _probs(task, paths)
    Path(paths[5]).write_bytes(b"no image")
    for samples, rows in ((paths, {5}), ([*paths, "gone.png"], {5, 9})):
        with pytest.raises(UnreadableSampleError) as caught:
            _probs(task, samples)
        assert set(caught.value.rows) == rows
    with pytest.raises(UnreadableSampleError):
        task.fit(paths, answers, seed=0)


def test_what_leaves_nothing_frozen_is_refused(make):
    with pytest.raises(InvalidInputError, match="frozen_layers: expected a part of the model"):
        make(redraw="all")
