"""The conformance suites of committees: inherit one, supply fixtures, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyCommittee(CommitteeSuite):
            @pytest.fixture
            def make_committee(self):
                return lambda: MyCommittee(passes=5)

    `CommitteeSuite` is for a committee that draws from a network; `PredictingCommitteeSuite` for
    one whose members are predictions of their own, such as an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from altasks._internal.random import isolated
from altasks.abilities import AveragesFeatures, provides
from altasks.committees import Committee, CommitteeLogits, Network, TrainedCommittee
from altasks.predictions import Prediction, Ragged
from altasks.testing.tasks import generator_states, prediction_tensors, same_prediction


class _AnyCommitteeSuite:
    """Tests for every committee, wherever its members come from."""

    draws_anew: ClassVar[bool] = True

    @pytest.fixture
    def make_committee(self) -> Callable[[], Any]:
        """Return a function that makes a fresh committee of at least two."""
        raise pytest.UsageError(f"{type(self).__name__} needs a fixture `make_committee`")

    @pytest.fixture
    def committee(self, make_committee: Callable[[], Any]) -> Any:
        """Return a fresh committee."""
        return make_committee()

    def test_it_counts_its_members(self, committee: Any) -> None:
        """It says how many there are and whether their draws are joint."""
        assert isinstance(committee.members, int)
        assert committee.members >= 2
        assert isinstance(committee.joint, bool)
        assert callable(committee.start_round)


class CommitteeSuite(_AnyCommitteeSuite):
    """Tests for every committee that draws from a network. Subclass it as `Test...`.

    Attributes:
        draws_anew: whether another round draws something else.
    """

    @pytest.fixture
    def make_network(self) -> Callable[[Committee], Network]:
        """Return a function that makes a network ready for the committee.

        By default a small perceptron with dropout, 6 inputs and 3 classes, its weights seeded; a
        `TrainedCommittee` is put in its head, as tasks do, and its penalty taken once.
        """

        def make(committee: Committee) -> Network:
            with isolated(0):
                trunk = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5))
                model = nn.Sequential(trunk, nn.Linear(16, 3))
            head = model[1]
            assert isinstance(head, nn.Linear)
            if isinstance(committee, TrainedCommittee):
                head = committee.prepare(model, head)
                assert torch.isfinite(committee.penalty(head, 10.0)())
            return Network(model, model, head, 3)

        return make

    @pytest.fixture
    def network(self, make_network: Callable[[Committee], Network], committee: Any) -> Network:
        """Return a network ready for `committee`."""
        return make_network(committee)

    @pytest.fixture
    def batches(self) -> Sequence[Any]:
        """Return at least two batches of the network, as tensors `[n, ...]` of samples."""
        generator = torch.Generator().manual_seed(1)
        return [torch.randn(n, 6, generator=generator) for n in (4, 3)]

    def test_it_is_a_committee(self, committee: Any) -> None:
        """It has everything that tasks use."""
        assert isinstance(committee, Committee)

    def test_draws_have_a_committee_dim(
        self, committee: Any, network: Network, batches: Sequence[Any]
    ) -> None:
        """[n, K, ..., C] logits and [n, ..., d] features for each batch, finite, without graph."""
        drawn = committee.draw(network, batches)
        assert len(drawn) == len(batches)
        for batch, one in zip(batches, drawn, strict=True):
            assert isinstance(one, CommitteeLogits)
            assert one.logits.shape[:2] == (len(batch), committee.members)
            assert one.logits.shape[-1] == network.classes
            assert one.features.shape[0] == len(batch)
            assert one.features.shape[-1] == network.head.in_features
            assert not one.logits.requires_grad
            assert bool(torch.isfinite(one.logits).all())
            assert bool(torch.isfinite(one.features).all())

    def test_members_differ(self, committee: Any, network: Network, batches: Sequence[Any]) -> None:
        """Equal opinions can't disagree."""
        logits = committee.draw(network, batches)[0].logits
        assert bool((logits != logits[:, :1]).any())

    def test_a_round_can_be_repeated(
        self,
        make_committee: Callable[[], Committee],
        make_network: Callable[[Committee], Network],
        batches: Sequence[Any],
    ) -> None:
        """Equal rounds draw the same, in a new committee too; another round does not."""
        found: list[Tensor] = []
        for round in (2, 2, 3):
            committee = make_committee()
            network = make_network(committee)
            committee.start_round(round)
            found.append(committee.draw(network, batches)[0].logits)
            assert torch.equal(committee.draw(network, batches)[0].logits, found[-1])
        assert torch.equal(found[0], found[1])
        assert torch.equal(found[0], found[2]) != self.draws_anew

    def test_joint_draws_do_not_depend_on_the_batching(
        self, committee: Any, network: Network, batches: Sequence[Any]
    ) -> None:
        """Draw k is one function: of a sample alone it says what it says in a batch."""
        if not committee.joint:
            pytest.skip("this committee draws anew for each batch")
        batch = batches[0]
        whole = committee.draw(network, [batch])[0].logits
        alone = [committee.draw(network, [batch[i : i + 1]])[0].logits for i in range(len(batch))]
        assert torch.allclose(whole, torch.cat(alone), rtol=1e-5, atol=1e-5)

    def test_features_are_those_of_the_model_at_rest_if_it_averages_none(
        self, committee: Any, network: Network, batches: Sequence[Any]
    ) -> None:
        """Unless declared an average, features are the head's input without any dropout."""
        drawn = committee.draw(network, batches[:1])[0].features
        if provides(committee, AveragesFeatures) and committee.averages_features:
            pytest.skip("its members each have features of their own")
        seen: list[Tensor] = []
        hook = network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        network.model.eval()
        with torch.no_grad():
            network.forward(batches[0])
        hook.remove()
        assert torch.allclose(drawn.float(), seen[0].float(), rtol=1e-5, atol=1e-5)

    def test_the_model_is_left_as_it_was(
        self, committee: Any, network: Network, batches: Sequence[Any]
    ) -> None:
        """Modes, weights, hooks, generators and gradient mode; also of a model in training."""
        for training in (False, True):
            network.model.train(training)
            modes = [module.training for module in network.model.modules()]
            hooks = [len(module._forward_hooks) for module in network.model.modules()]
            weights = {name: value.clone() for name, value in network.model.state_dict().items()}
            before = generator_states()
            committee.draw(network, batches)
            assert generator_states() == before
            assert torch.is_grad_enabled()
            assert [module.training for module in network.model.modules()] == modes
            assert [len(module._forward_hooks) for module in network.model.modules()] == hooks
            for name, value in network.model.state_dict().items():
                assert torch.equal(value, weights[name]), name


class PredictingCommitteeSuite(_AnyCommitteeSuite):
    """Tests for a committee whose members predict for themselves: an ensemble, views of an image.

    It has no `draw`: the task asks each member for its prediction and joins them. Subclass it as
    `Test...`.

    Attributes:
        draws_anew: whether another round draws something else.
        tolerance: how far predictions of one sample may differ between batchings.
    """

    draws_anew: ClassVar[bool] = False
    tolerance: ClassVar[float] = 1e-5

    @pytest.fixture
    def make_task(self) -> Callable[[Any], Any]:
        """Return a function that makes a task with the committee, able to predict."""
        raise pytest.UsageError(f"{type(self).__name__} needs a fixture `make_task`")

    @pytest.fixture
    def samples(self) -> Sequence[Any]:
        """Return at least two samples."""
        raise pytest.UsageError(f"{type(self).__name__} needs a fixture `samples`")

    @pytest.fixture
    def task(self, make_task: Callable[[Any], Any], committee: Any) -> Any:
        """Return a task with `committee`."""
        return make_task(committee)

    def test_predictions_have_a_committee_dim(
        self, committee: Any, task: Any, samples: Sequence[Any]
    ) -> None:
        """`[n, K, ...]`, or `[M, K, ...]` over the units of all samples; all numbers finite."""
        prediction = task.predict(samples)
        assert isinstance(prediction, Prediction)
        assert len(prediction) == len(samples)
        assert prediction.members == committee.members
        for values in prediction_tensors(_units(prediction)):
            assert values.shape[1] == committee.members
            assert bool(torch.isfinite(values).all())

    def test_members_differ(self, task: Any, samples: Sequence[Any]) -> None:
        """Equal opinions can't disagree."""
        values = prediction_tensors(_units(task.predict(samples)))
        assert any(bool((one != one[:, :1]).any()) for one in values)

    def test_a_round_can_be_repeated(
        self,
        make_committee: Callable[[], Any],
        make_task: Callable[[Any], Any],
        samples: Sequence[Any],
    ) -> None:
        """Equal rounds predict the same, in a new committee too; another round may not."""
        found: list[Prediction] = []
        for round in (2, 2, 3):
            task = make_task(make_committee())
            task.start_round(round)
            found.append(task.predict(samples))
            assert same_prediction(task.predict(samples), found[-1])
        assert same_prediction(found[0], found[1])
        assert same_prediction(found[0], found[2]) != self.draws_anew

    def test_joint_members_do_not_depend_on_the_batching(
        self, committee: Any, task: Any, samples: Sequence[Any]
    ) -> None:
        """Member k is one function: of a sample alone it says what it says in a batch."""
        if not committee.joint:
            pytest.skip("this committee draws anew for each batch")
        whole = task.predict(samples)
        for row, sample in enumerate(samples):
            alone = task.predict([sample])
            assert same_prediction(whole[row : row + 1], alone, self.tolerance), row

    def test_generators_are_left_alone(self, task: Any, samples: Sequence[Any]) -> None:
        """Prediction gives the global generators back, and the gradient mode."""
        task.predict(samples)  # what is loaded at the first call may draw
        before = generator_states()
        task.predict(samples)
        assert generator_states() == before
        assert torch.is_grad_enabled()


def _units(prediction: Prediction) -> Prediction:
    return prediction.units if isinstance(prediction, Ragged) else prediction
