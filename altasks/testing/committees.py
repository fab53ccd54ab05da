"""The conformance suite of committees: inherit it, supply a fixture, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyCommittee(CommitteeSuite):
            @pytest.fixture
            def make_committee(self):
                return lambda: MyCommittee(passes=5)
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
from altasks.testing.tasks import generator_states


class CommitteeSuite:
    """Tests for every committee that draws from a network. Subclass it as `Test...`.

    Attributes:
        draws_anew: whether another round draws something else.
    """

    draws_anew: ClassVar[bool] = True

    @pytest.fixture
    def make_committee(self) -> Callable[[], Committee]:
        """Return a function that makes a fresh committee of at least two."""
        raise pytest.UsageError("CommitteeSuite needs a fixture `make_committee`")

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
    def batches(self) -> Sequence[Any]:
        """Return at least two batches of the network, as tensors `[n, ...]` of samples."""
        generator = torch.Generator().manual_seed(1)
        return [torch.randn(n, 6, generator=generator) for n in (4, 3)]

    def test_it_is_a_committee(self, make_committee: Callable[[], Committee]) -> None:
        """It says how many there are and whether their draws are joint."""
        committee = make_committee()
        assert isinstance(committee, Committee)
        assert isinstance(committee.members, int)
        assert committee.members >= 2
        assert isinstance(committee.joint, bool)

    def test_draws_have_a_committee_dim(
        self,
        make_committee: Callable[[], Committee],
        make_network: Callable[[Committee], Network],
        batches: Sequence[Any],
    ) -> None:
        """[n, K, ..., C] logits and [n, ..., d] features for each batch, finite, without graph."""
        committee = make_committee()
        network = make_network(committee)
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

    def test_members_differ(
        self,
        make_committee: Callable[[], Committee],
        make_network: Callable[[Committee], Network],
        batches: Sequence[Any],
    ) -> None:
        """Equal opinions can't disagree."""
        committee = make_committee()
        logits = committee.draw(make_network(committee), batches)[0].logits
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
        self,
        make_committee: Callable[[], Committee],
        make_network: Callable[[Committee], Network],
        batches: Sequence[Any],
    ) -> None:
        """Draw k is one function: of a sample alone it says what it says in a batch."""
        committee = make_committee()
        network = make_network(committee)
        if not committee.joint:
            pytest.skip("this committee draws anew for each batch")
        batch = batches[0]
        whole = committee.draw(network, [batch])[0].logits
        alone = [committee.draw(network, [batch[i : i + 1]])[0].logits for i in range(len(batch))]
        assert torch.allclose(whole, torch.cat(alone), rtol=1e-5, atol=1e-5)

    def test_features_are_those_of_the_model_at_rest_if_it_averages_none(
        self,
        make_committee: Callable[[], Committee],
        make_network: Callable[[Committee], Network],
        batches: Sequence[Any],
    ) -> None:
        """Unless declared an average, features are the head's input without any dropout."""
        committee = make_committee()
        network = make_network(committee)
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
        self,
        make_committee: Callable[[], Committee],
        make_network: Callable[[Committee], Network],
        batches: Sequence[Any],
    ) -> None:
        """Modes, weights, hooks, generators and gradient mode; also of a model in training."""
        committee = make_committee()
        network = make_network(committee)
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
