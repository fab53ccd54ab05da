"""The conformance suite of acquisition functions: inherit it, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyFunction(AcquisitionSuite):
            @pytest.fixture
            def function(self):
                return my_function

            @pytest.fixture
            def predictions(self):
                return make_predictions(Categorical, members=4)
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from altasks.errors import UnsupportedPredictionError
from altasks.predictions import (
    Bernoulli,
    Categorical,
    Normal,
    Prediction,
    Ragged,
    Transcripts,
)

#: An acquisition function: scores of a prediction, with options by keyword.
Function = Callable[..., Tensor]

_WORDS = ("", "a", "cat", "cut", "cart", "the cat sat", "the cot sat", "teh cat sat down")


def make_predictions(
    *kinds: type[Prediction], members: int = 4, n: int = 23, size: int = 3, seed: int = 0
) -> list[Prediction]:
    """Return predictions of each kind, in float64 where they have numbers.

    For classes and labels: random ones, certain ones, undecided ones, tied ones, and ones with
    probabilities too small for their logarithm. For regression: with and without a scale.

    Args:
        kinds: from `Categorical`, `Bernoulli`, `Normal` and `Transcripts`.
        members: K.
        n: N.
        size: the number of classes, labels or targets.
        seed: equal seeds give equal predictions.

    Example:
        >>> make_predictions(Normal, n=2)
        [Normal(N=2, K=4, T=3, float64, cpu), Normal(N=2, K=4, T=3, float64, cpu)]
    """
    rng = np.random.default_rng(seed)
    shape = (n, members, size)
    made: list[Prediction] = []
    for kind in kinds:
        if issubclass(kind, Categorical):
            certain = np.eye(size)[rng.integers(size, size=shape[:2])]
            tied = np.zeros(shape)
            tied[..., :2] = 0.5
            tiny = np.full(shape, 5e-324)
            tiny[..., 0] = 1.0
            made += [
                Categorical(rng.dirichlet(np.ones(size), shape[:2])),
                Categorical(certain),
                Categorical(np.full(shape, 1 / size)),
                Categorical(rng.permuted(tied, axis=2)),
                Categorical(rng.permuted(tiny, axis=2)),
            ]
        elif issubclass(kind, Bernoulli):
            certain = rng.integers(2, size=shape).astype(np.float64)
            made += [
                Bernoulli(rng.random(shape)),
                Bernoulli(certain),
                Bernoulli(np.full(shape, 0.5)),
                Bernoulli(np.where(certain == 1, 5e-324, 1.0)),
            ]
        elif issubclass(kind, Normal):
            mean, variance = 3 * rng.standard_normal(shape), rng.gamma(2.0, size=shape)
            made += [Normal(mean, variance), Normal(mean, variance, rng.gamma(2.0, size=size))]
        elif issubclass(kind, Transcripts):
            texts = [[str(word) for word in row] for row in rng.choice(_WORDS, shape[:2])]
            tags = [[tuple(word) for word in row] for row in texts]
            made += [Transcripts(texts), Transcripts(tags)]
    return made


def rebuilt(prediction: Prediction, change: Callable[[Tensor], Tensor]) -> Prediction:
    """Return the prediction with `change` applied to each of its N x K x C tensors.

    Example:
        >>> rebuilt(Categorical([[0.25, 0.75]]), lambda probs: probs.flip(2)).mean_probs.tolist()
        [[0.75, 0.25]]
    """
    if isinstance(prediction, Categorical | Bernoulli):
        return type(prediction)(change(prediction.probs), prediction.features)
    assert isinstance(prediction, Normal)
    return Normal(change(prediction.mean), change(prediction.variance), prediction.scale)


class AcquisitionSuite:
    """Tests for every acquisition function. Subclass it as `Test...` with two fixtures.

    The fixtures are `function` and `predictions`, a list of predictions with at least 3 samples
    that it reads, none of them a `Ragged`; see `make_predictions`.

    Attributes:
        options: keyword arguments every call is made with.
        reads_ragged: set it to False for a function that reads plain predictions only.
    """

    options: ClassVar[dict[str, Any]] = {}
    reads_ragged: ClassVar[bool] = True

    @pytest.fixture
    def function(self) -> Function:
        """Return the function under test."""
        pytest.fail("the suite needs a fixture called `function`")

    @pytest.fixture
    def predictions(self) -> list[Prediction]:
        """Return predictions the function reads."""
        pytest.fail("the suite needs a fixture called `predictions`")

    def scores(self, function: Function, prediction: Prediction, **options: Any) -> Tensor:
        """Score, and check what holds for all scores: one finite number per sample."""
        scores = function(prediction, **{**self.options, **options})
        assert isinstance(scores, Tensor)
        assert scores.shape == (len(prediction),)
        assert scores.dtype in (torch.float32, torch.float64)
        assert torch.isfinite(scores).all()
        return scores

    def same(self, one: Tensor, other: Tensor, tolerance: float | None = None) -> None:
        """Check that scores are equal up to rounding."""
        if tolerance is None:
            narrow = torch.float32 in (one.dtype, other.dtype)
            tolerance = 1e-5 if narrow else 1e-9
        torch.testing.assert_close(
            one.double(), other.double(), rtol=tolerance, atol=tolerance, check_device=False
        )

    def test_one_finite_score_per_sample(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """Scores are `[N]`, finite, in float32 or better, where the prediction is."""
        for prediction in predictions:
            scores = self.scores(function, prediction)
            assert scores.device == _device(prediction)

    def test_no_sample_gives_no_score(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """An empty prediction is scored `[0]`."""
        for prediction in predictions:
            assert self.scores(function, prediction[:0]).shape == (0,)

    def test_same_prediction_gives_same_bits(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """Nothing is drawn at random, no global generator is touched."""
        for prediction in predictions:
            before = torch.random.get_rng_state()
            first = self.scores(function, prediction)
            assert torch.equal(first, self.scores(function, prediction))
            assert torch.equal(before, torch.random.get_rng_state())

    def test_prediction_is_left_alone(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """The prediction's tensors are read, not written."""
        for prediction in predictions:
            copies = [tensor.clone() for tensor in _tensors(prediction)]
            self.scores(function, prediction)
            for copy, tensor in zip(copies, _tensors(prediction), strict=True):
                assert torch.equal(copy, tensor)

    def test_permuting_samples_permutes_scores(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """A sample's score depends on the sample alone."""
        for prediction in predictions:
            order = torch.randperm(len(prediction), generator=torch.Generator().manual_seed(1))
            scores = self.scores(function, prediction)
            permuted = self.scores(function, prediction[order])
            self.same(permuted, scores[order.to(scores.device)])

    def test_batches_change_nothing(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """A pool may be scored in any pieces."""
        for prediction in predictions:
            scores = self.scores(function, prediction)
            cuts = [0, 1, len(prediction) // 2, len(prediction)]
            parts = [
                self.scores(function, prediction[start:stop])
                for start, stop in itertools.pairwise(cuts)
            ]
            self.same(torch.cat(parts), scores)

    def test_order_of_members_changes_nothing(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """Members are equals."""
        for prediction in predictions:
            scores = self.scores(function, prediction)
            if isinstance(prediction, Transcripts):
                logs = prediction.log_probs
                turned: Prediction = Transcripts(
                    [row[1:] + row[:1] for row in prediction.texts],
                    None if logs is None else logs.roll(-1, 1),
                )
            else:
                turned = rebuilt(prediction, lambda values: values.roll(1, 1))
            self.same(self.scores(function, turned), scores)

    def test_order_of_classes_changes_nothing(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """Classes, labels and targets are equals."""
        for prediction in predictions:
            if isinstance(prediction, Transcripts):
                continue
            scores = self.scores(function, prediction)
            turned = rebuilt(prediction, lambda values: values.roll(1, 2))
            if isinstance(turned, Normal) and turned.scale is not None:
                turned = Normal(turned.mean, turned.variance, turned.scale.roll(1))
            self.same(self.scores(function, turned), scores)

    def test_strides_change_nothing(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """A view scores like a copy, whichever dim lies innermost in memory."""
        for prediction in predictions:
            if isinstance(prediction, Transcripts):
                continue
            scores = self.scores(function, prediction)
            for order in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
                back = [order.index(dim) for dim in range(3)]
                strided = rebuilt(
                    prediction,
                    lambda values, order=order, back=back: (  # type: ignore[misc]
                        values.permute(order).contiguous().permute(back)
                    ),
                )
                self.same(self.scores(function, strided), scores)
            spaced = rebuilt(prediction, lambda values: values.repeat_interleave(2, 0)[::2])
            self.same(self.scores(function, spaced), scores)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
    def test_narrow_types_are_computed_in_float32(
        self, function: Function, predictions: list[Prediction], dtype: torch.dtype
    ) -> None:
        """Only the input is rounded; float64 stays float64."""
        for prediction in predictions:
            if isinstance(prediction, Transcripts):
                continue
            assert self.scores(function, prediction).dtype == torch.float64
            narrow = rebuilt(prediction, lambda values: values.to(dtype))
            scores = self.scores(function, narrow)
            assert scores.dtype == torch.float32
            self.same(scores, self.scores(function, _widened(narrow)))

    def test_ragged_of_one_unit_each_equals_plain(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """A plain prediction is a `Ragged` with one unit per sample."""
        if not self.reads_ragged:
            pytest.skip("reads plain predictions only")
        for prediction in predictions:
            scores = self.scores(function, prediction)
            ragged = Ragged(prediction, [1] * len(prediction))
            self.same(self.scores(function, ragged), scores)

    def test_samples_without_units_get_a_finite_score(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """A picture with no box, a line with no word: never NaN, never infinite."""
        if not self.reads_ragged:
            pytest.skip("reads plain predictions only")
        for prediction in predictions:
            count = len(prediction)
            scores = self.scores(function, Ragged(prediction, [0, 2, 0, count - 2, 0]))
            assert scores[0] == scores[2] == scores[4]
            assert self.scores(function, Ragged(prediction[:0], [0, 0])).shape == (2,)
            self.scores(function, Ragged(prediction[:0], []))

    def test_units_of_other_samples_do_not_matter(
        self, function: Function, predictions: list[Prediction]
    ) -> None:
        """A sample of a `Ragged` scores as it would alone."""
        if not self.reads_ragged:
            pytest.skip("reads plain predictions only")
        for prediction in predictions:
            ragged = Ragged(prediction, [2, 0, len(prediction) - 2])
            alone = torch.cat([self.scores(function, ragged[row]) for row in range(3)])
            self.same(self.scores(function, ragged), alone)

    def test_what_it_cannot_read_is_refused(self, function: Function) -> None:
        """A declared function (see `altasks.acquisition.acquisition`) explains itself."""
        if not hasattr(function, "reads"):
            pytest.skip("not declared by @acquisition")
        with pytest.raises(UnsupportedPredictionError, match="Wrap it"):
            function(torch.ones(2, 3), **self.options)
        least = getattr(function, "min_members", 1)
        for kind in (Categorical, Bernoulli, Normal, Transcripts):
            (prediction, *_) = make_predictions(kind, members=max(2, least), n=3)
            if kind not in function.reads:
                with pytest.raises(UnsupportedPredictionError, match="reads"):
                    function(prediction, **self.options)
            elif least > 1:
                (alone, *_) = make_predictions(kind, members=1, n=3)
                with pytest.raises(UnsupportedPredictionError, match="K >= "):
                    function(alone, **self.options)

    def test_options_are_named(self, function: Function, predictions: list[Prediction]) -> None:
        """A misspelt option is an error, not ignored."""
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds
        with pytest.raises(TypeError):
            function(predictions[0], **self.options, no_such_option=1)


def _tensors(prediction: Prediction) -> list[Tensor]:
    if isinstance(prediction, Categorical | Bernoulli):
        return [prediction.probs]
    return [prediction.mean, prediction.variance] if isinstance(prediction, Normal) else []


def _widened(prediction: Prediction) -> Prediction:
    if isinstance(prediction, Categorical):
        # Past the door: rounded to bfloat16, rows sum to 1 as bfloat16 can, not as float64 must.
        return Categorical._trusted(prediction.probs.double(), prediction.features)
    return rebuilt(prediction, lambda values: values.double())


def _device(prediction: Prediction) -> torch.device:
    tensors = _tensors(prediction)
    return tensors[0].device if tensors else torch.device("cpu")
