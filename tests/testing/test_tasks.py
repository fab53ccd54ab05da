"""The suite passes a good task and catches tasks that misbehave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError
from altasks.testing.tasks import TaskSuite


class Nearest:
    """Points on a line; a class is as likely as its mean is near. Real, and done in no time."""

    default_acquisition = "margin"
    default_strategy = "top_k"
    joint_draws = True

    def __init__(self) -> None:
        self.means = torch.tensor([[0.0], [1.0]])

    def start_round(self, round):
        self.round = round

    def predict(self, samples):
        x = torch.tensor(samples, dtype=torch.float32).reshape(-1, 1, 1)  # n x 1 x 1
        return al.Categorical.from_logits(-((x - self.means.T) ** 2))

    def embed(self, samples):
        return torch.tensor(samples, dtype=torch.float32).reshape(-1, 1)

    def size(self, sample):
        return 1

    def cost(self, sample, prediction=None):
        return 1.0

    def check_label(self, label):
        if label not in ("low", "high"):
            raise InvalidInputError("label: expected low or high")
        return label

    def _check(self, samples, labels):
        if not len(samples) or len(samples) != len(labels):
            raise InvalidInputError("labels: expected one for each sample")

    def fit(self, samples, labels, *, seed, weights=None, valid=None, unlabelled=None):
        self._check(samples, labels)
        noise = torch.randn(2, 1, generator=torch.Generator().manual_seed(seed)) * 0.01
        x = torch.tensor(samples, dtype=torch.float32)
        low = torch.tensor([label == "low" for label in labels])
        self.means = torch.stack([x[low].mean(), x[~low].mean()])[:, None] + noise

    def evaluate(self, samples, labels):
        self._check(samples, labels)
        guess = self.predict(samples).mean_probs.argmax(-1)
        truth = torch.tensor([label == "high" for label in labels])
        return {"accuracy": float((guess == truth).float().mean())}

    def save(self, directory):
        Path(directory).mkdir(parents=True)
        Path(directory, "means.json").write_text(json.dumps(self.means.tolist()))

    def load(self, directory):
        self.means = torch.tensor(json.loads(Path(directory, "means.json").read_text()))

    def describe(self, sample, prediction):
        return {"x": sample, "high": float(prediction.probs[0, 0, 1])}


class _Fixtures(TaskSuite):
    @pytest.fixture
    def make_task(self):
        return Nearest

    @pytest.fixture
    def samples(self):
        return [0.1, 0.9, 0.4, 1.3, -0.2]

    @pytest.fixture
    def labels(self):
        return ["low", "high", "low", "high", "low"]

    @pytest.fixture
    def bad_labels(self):
        return ["middle", None, 0]


class TestNearest(_Fixtures):
    pass


class BatchNormed(Nearest):
    def predict(self, samples):
        x = torch.tensor(samples, dtype=torch.float32).reshape(-1, 1, 1)
        return al.Categorical.from_logits(-((x - x.mean() - self.means.T) ** 2))


class DrawsGlobally(Nearest):
    def predict(self, samples):
        torch.rand(1)
        return super().predict(samples)


class Forgetful(Nearest):
    def predict(self, samples):
        return super().predict(samples[:-1])


class Restless(Nearest):
    calls = 0

    def predict(self, samples):
        Restless.calls += 1
        return super().predict([x + Restless.calls for x in samples])


class Talkative(Nearest):
    def describe(self, sample, prediction):
        return {"x": np.float32(sample)}


class Lenient(Nearest):
    def check_label(self, label):
        return label


class Pickles(Nearest):
    def save(self, directory):
        super().save(directory)
        Path(directory, "weights.pkl").write_bytes(b"")


class SavesNothing(Nearest):
    def save(self, directory):
        Path(directory).mkdir(parents=True)
        Path(directory, "means.json").write_text("[[0.0], [1.0]]")


class GoesOn(Nearest):
    def fit(self, samples, labels, **options):
        before = self.means
        super().fit(samples, labels, **options)
        self.means = (self.means + before) / 2


class Unseeded(Nearest):
    fits = 0

    def fit(self, samples, labels, *, seed, **options):
        Unseeded.fits += 1
        super().fit(samples, labels, seed=Unseeded.fits, **options)


class Litters(Nearest):
    def fit(self, samples, labels, **options):
        super().fit(samples, labels, **options)
        Path("log.txt").write_text("done")


class Zips(Nearest):
    def _check(self, samples, labels):
        pass

    def evaluate(self, samples, labels):
        return super().evaluate(samples[: len(labels)], labels)

    def fit(self, samples, labels, **options):
        if samples:
            super().fit(samples[: len(labels)], labels, **options)


class FreeOfCharge(Nearest):
    def cost(self, sample, prediction=None):
        return 0.0


class RunsToMeasure(Nearest):
    def size(self, sample):
        return int(torch.nn.Identity()(torch.tensor(1)))


BROKEN = [
    (BatchNormed, "test_batching_changes_nothing"),
    (DrawsGlobally, "test_predicting_leaves_no_trace"),
    (Forgetful, "test_predict_has_one_row_per_sample"),
    (Restless, "test_predict_has_one_row_per_sample"),
    (Restless, "test_rounds_are_drawn_anew_and_can_be_repeated"),
    (Talkative, "test_descriptions_are_json"),
    (Lenient, "test_labels_are_checked"),
    (Pickles, "test_save_and_load_give_the_same_predictions"),
    (SavesNothing, "test_save_and_load_give_the_same_predictions"),
    (GoesOn, "test_fit_is_reproducible_and_starts_over"),
    (Unseeded, "test_fit_is_reproducible_and_starts_over"),
    (Litters, "test_fit_leaves_no_files_behind"),
    (Zips, "test_mismatched_lengths_are_refused"),
    (FreeOfCharge, "test_size_and_cost_are_numbers"),
    (RunsToMeasure, "test_size_needs_no_model"),
]


@pytest.mark.parametrize(
    ("broken", "check"), BROKEN, ids=lambda value: getattr(value, "__name__", value)
)
def test_the_suite_catches(broken, check, tmp_path, monkeypatch):
    suite = _Fixtures()
    given = {
        "make_task": broken,
        "samples": [0.1, 0.9, 0.4, 1.3, -0.2],
        "labels": ["low", "high", "low", "high", "low"],
        "bad_labels": ["middle", None, 0],
        "tmp_path": tmp_path,
        "monkeypatch": monkeypatch,
    }
    method = getattr(suite, check)
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, ValueError)):
        method(**{name: given[name] for name in names})
