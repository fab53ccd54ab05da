"""The conformance suite of tasks: inherit it, supply fixtures, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyTask(TaskSuite):
            @pytest.fixture
            def make_task(self):
                return lambda: MyTask(...)

            @pytest.fixture
            def samples(self):
                return [...]  # at least four

            @pytest.fixture
            def labels(self):
                return [...]  # one for each sample

            @pytest.fixture
            def bad_labels(self):
                return [...]  # labels that the task must refuse
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import altasks as al
from altasks.abilities import (
    Embeds,
    JointDraws,
    MainMetric,
    OpensSamples,
    StartsRounds,
    provides,
)
from altasks.errors import InvalidInputError
from altasks.predictions import (
    Bernoulli,
    Categorical,
    Normal,
    Prediction,
    Ragged,
    Transcripts,
)
from altasks.tasks import Predictor, Task


def prediction_tensors(prediction: Prediction) -> list[Tensor]:
    """Return every tensor of a prediction, for comparisons; strings are left out."""
    if isinstance(prediction, Categorical | Bernoulli):
        return [prediction.probs]
    if isinstance(prediction, Normal):
        return [prediction.mean, prediction.variance]
    if isinstance(prediction, Ragged):
        return [torch.as_tensor(prediction.lengths), *prediction_tensors(prediction.units)]
    assert isinstance(prediction, Transcripts)
    return [] if prediction.log_probs is None else [prediction.log_probs]


def same_prediction(one: Prediction, other: Prediction, tolerance: float = 0.0) -> bool:
    """Return whether two predictions say the same, up to `tolerance`."""
    if type(one) is not type(other) or len(one) != len(other):
        return False
    if isinstance(one, Transcripts) and isinstance(other, Transcripts) and one.texts != other.texts:
        return False
    return all(
        a.shape == b.shape and bool(torch.allclose(a, b, rtol=0, atol=tolerance))
        for a, b in zip(prediction_tensors(one), prediction_tensors(other), strict=True)
    )


def generator_states() -> tuple[Any, ...]:
    """Return the states of Python's, NumPy's and torch's global generators, for comparisons."""
    state: Any = np.random.get_state()  # noqa: NPY002 - looked at, not used
    name, keys, *rest = state
    return (random.getstate(), name, keys.tolist(), rest, torch.get_rng_state().tolist())


class TaskSuite:
    """Tests for every task.

    Attributes:
        tolerance: how far predictions of one sample may differ between batchings: padding and
            the order of sums cost a few float32 roundings.
        batch_invariant: whether predictions do not depend on the batching. False for a
            committee that draws anew for each batch.
        trains: whether the task can be fitted.
    """

    tolerance: ClassVar[float] = 1e-5
    batch_invariant: ClassVar[bool] = True
    trains: ClassVar[bool] = True

    @pytest.fixture
    def make_task(self) -> Callable[[], Any]:
        """Return a function that makes a fresh task, able to predict."""
        raise pytest.UsageError("TaskSuite needs a fixture `make_task`")

    @pytest.fixture
    def samples(self) -> Sequence[Any]:
        """Return at least four samples."""
        raise pytest.UsageError("TaskSuite needs a fixture `samples`")

    @pytest.fixture
    def labels(self) -> Sequence[Any]:
        """Return a label for each of `samples`."""
        raise pytest.UsageError("TaskSuite needs a fixture `labels`")

    @pytest.fixture
    def bad_labels(self) -> Sequence[Any]:
        """Return labels that `check_label` must refuse."""
        raise pytest.UsageError("TaskSuite needs a fixture `bad_labels`")

    def test_it_is_a_task(self, make_task: Callable[[], Any]) -> None:
        """It has everything that scoring and the loop use."""
        task = make_task()
        assert isinstance(task, Predictor)
        if self.trains:
            assert isinstance(task, Task)
            al.get_acquisition(task.default_acquisition)
            al.get_strategy(task.default_strategy)
            assert isinstance(task.joint_draws, bool)

    def test_predict_has_one_row_per_sample(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """N samples in, N out, in the same order, and the same again."""
        task = make_task()
        prediction = task.predict(samples)
        assert isinstance(prediction, Prediction)
        assert len(prediction) == len(samples)
        assert same_prediction(prediction, task.predict(samples))

    def test_opened_samples_are_as_good(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """What `open_sample` returns says the same as the sample, and stays as it is."""
        task = opener = make_task()
        if not provides(opener, OpensSamples):
            return
        assert opener.workers >= 0
        opened = [opener.open_sample(sample) for sample in samples]
        for _ in range(2):
            assert same_prediction(task.predict(samples), task.predict(opened))
        mixed = [*opened[:1], *samples[1:]]
        assert same_prediction(task.predict(samples), task.predict(mixed))
        if provides(task, Embeds):
            expected, found = task.embed(samples), task.embed(opened)
            assert torch.equal(torch.as_tensor(expected), torch.as_tensor(found))

    def test_members_do_not_depend_on_the_samples(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """The committee is as large for one sample as for many."""
        task = make_task()
        assert task.predict(samples[:1]).members == task.predict(samples).members

    def test_batching_changes_nothing(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """A sample's prediction does not depend on what it shares a batch with."""
        task = make_task()
        if not self.batch_invariant:
            assert not (provides(task, JointDraws) and task.joint_draws), (
                "joint draws depend on no batching"
            )
            pytest.skip("this committee draws anew for each batch")
        whole = task.predict(samples)
        kind = type(whole)
        singles = kind.cat([task.predict([sample]) for sample in samples])
        assert same_prediction(whole, singles, self.tolerance)
        backwards = task.predict(list(samples)[::-1])
        rows = torch.arange(len(samples) - 1, -1, -1)
        assert same_prediction(whole[rows], backwards, self.tolerance)

    def test_predicting_leaves_no_trace(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """The global generators and gradient mode are as they were."""
        task = make_task()
        before = generator_states()
        task.predict(samples)
        assert generator_states() == before
        assert torch.is_grad_enabled()

    def test_rounds_are_drawn_anew_and_can_be_repeated(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """Equal rounds give equal predictions, also in a new task."""
        first, second = make_task(), make_task()
        for task in (first, second):
            if provides(task, StartsRounds):
                task.start_round(3)
        assert same_prediction(first.predict(samples), second.predict(samples), self.tolerance)

    def test_embeddings_are_one_row_per_sample(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """[n, d], finite, on the CPU, and independent of the batching."""
        task = make_task()
        if not provides(task, Embeds):
            pytest.skip("this task has no embeddings")
        embedded = torch.as_tensor(task.embed(samples))
        assert embedded.ndim == 2
        assert embedded.shape[0] == len(samples)
        assert embedded.device.type == "cpu"
        assert bool(torch.isfinite(embedded).all())
        alone = torch.cat([torch.as_tensor(task.embed([sample])) for sample in samples])
        assert torch.allclose(embedded, alone, rtol=1e-4, atol=1e-4)

    def test_size_and_cost_are_numbers(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """Sizes are whole numbers of at least 0, costs are above 0."""
        task = make_task()
        prediction = task.predict(samples)
        for row, sample in enumerate(samples):
            size = task.size(sample)
            assert isinstance(size, int)
            assert size >= 0
            assert task.cost(sample) > 0
            assert task.cost(sample, prediction[row]) > 0

    def test_size_needs_no_model(
        self, make_task: Callable[[], Any], samples: Sequence[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The size of a sample is known before any module runs."""
        task = make_task()

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("size() ran a module")

        monkeypatch.setattr(torch.nn.Module, "__call__", refuse)
        for sample in samples:
            task.size(sample)

    def test_descriptions_are_json(
        self, make_task: Callable[[], Any], samples: Sequence[Any]
    ) -> None:
        """A description survives a round trip through JSON."""
        task = make_task()
        prediction = task.predict(samples)
        for row, sample in enumerate(samples):
            shown = dict(task.describe(sample, prediction[row]))
            assert json.loads(json.dumps(shown, allow_nan=False)) == shown

    def test_labels_are_checked(
        self,
        make_task: Callable[[], Any],
        labels: Sequence[Any],
        bad_labels: Sequence[Any],
    ) -> None:
        """Good labels come back as JSON and stay what they are; bad ones are refused."""
        task = make_task()
        for label in labels:
            kept = task.check_label(label)
            assert json.loads(json.dumps(kept)) == kept
            assert task.check_label(kept) == kept
        for label in bad_labels:
            with pytest.raises(InvalidInputError):
                task.check_label(label)

    def test_metrics_are_numbers(
        self, make_task: Callable[[], Any], samples: Sequence[Any], labels: Sequence[Any]
    ) -> None:
        """Every metric is a finite float, and the main one is among them."""
        task = make_task()
        metrics = task.evaluate(samples, labels)
        assert metrics
        if provides(task, MainMetric):
            assert task.main_metric in metrics
        for name, value in metrics.items():
            assert isinstance(name, str)
            assert isinstance(value, float)
            assert np.isfinite(value)

    def test_mismatched_lengths_are_refused(
        self, make_task: Callable[[], Any], samples: Sequence[Any], labels: Sequence[Any]
    ) -> None:
        """A label too few is an error, not a shorter training set."""
        task = make_task()
        with pytest.raises(InvalidInputError):
            task.evaluate(samples, labels[:-1])
        if self.trains:
            with pytest.raises(InvalidInputError):
                task.fit(samples, labels[:-1], seed=0)
            with pytest.raises(InvalidInputError):
                task.fit([], [], seed=0)

    def test_fit_is_reproducible_and_starts_over(
        self, make_task: Callable[[], Any], samples: Sequence[Any], labels: Sequence[Any]
    ) -> None:
        """A seed says what comes out, whatever was fitted before; generators stay untouched."""
        if not self.trains:
            pytest.skip("this task does not train")
        first, second = make_task(), make_task()
        before = generator_states()
        first.fit(samples, labels, seed=7)
        assert generator_states() == before
        expected = first.predict(samples)
        second.fit(samples[::-1], labels[::-1], seed=1)
        assert not same_prediction(expected, second.predict(samples))
        second.fit(samples, labels, seed=7)
        assert same_prediction(expected, second.predict(samples), self.tolerance)

    def test_fit_leaves_no_files_behind(
        self,
        make_task: Callable[[], Any],
        samples: Sequence[Any],
        labels: Sequence[Any],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nothing appears in the folder the user works in."""
        if not self.trains:
            pytest.skip("this task does not train")
        task = make_task()
        monkeypatch.chdir(tmp_path)
        task.fit(samples, labels, seed=0)
        assert not list(tmp_path.iterdir())

    def test_save_and_load_give_the_same_predictions(
        self,
        make_task: Callable[[], Any],
        samples: Sequence[Any],
        labels: Sequence[Any],
        tmp_path: Path,
    ) -> None:
        """Weights come back exactly, into another task, and nothing is pickled."""
        task = make_task()
        if self.trains:
            task.fit(samples, labels, seed=3)
        expected = task.predict(samples)
        task.save(tmp_path / "weights")
        written = [path for path in (tmp_path / "weights").rglob("*") if path.is_file()]
        assert written
        assert not [p for p in written if p.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin")]
        other = make_task()
        other.load(tmp_path / "weights")
        assert same_prediction(expected, other.predict(samples), self.tolerance)

    def test_loading_another_folder_is_refused(
        self, make_task: Callable[[], Any], tmp_path: Path
    ) -> None:
        """A folder that `save` did not write is an error that names it."""
        with pytest.raises((InvalidInputError, FileNotFoundError), match=r"save|No such file"):
            make_task().load(tmp_path)

    def test_it_can_be_scored(self, make_task: Callable[[], Any], samples: Sequence[Any]) -> None:
        """`al.score` takes it, with its own default acquisition."""
        scores = al.score(make_task(), list(samples), batch_size=2, progress=False)
        assert len(scores) == len(samples)
        assert np.isfinite(scores.values).all()

    def test_a_loop_herds_it(
        self, make_task: Callable[[], Any], samples: Sequence[Any], labels: Sequence[Any]
    ) -> None:
        """`UncertaintyHerding` works, whatever kind of prediction it makes, if it has `embed`."""
        task = make_task()
        if not provides(task, Embeds):
            pytest.skip("this task has no embeddings")
        pool = {f"s{row}": sample for row, sample in enumerate(samples)}
        loop = al.ActiveLoop(
            task,
            pool,
            strategy="uncertainty_herding",
            cold_start="uncertainty_herding",
            batch_size=2,
            progress=False,
        )
        loop.tell({"s0": labels[0], "s1": labels[1]})
        query = loop.ask(2)
        assert len(set(query.ids)) == 2
        assert not {"s0", "s1"} & {*query.ids}
