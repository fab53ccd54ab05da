"""The built-in committees behave, and the suite catches one that doesn't."""

import pytest
import torch

import altasks as al
from altasks.committees import CommitteeLogits, Network
from altasks.testing.committees import CommitteeSuite


class TestDropoutInTheHead(CommitteeSuite):
    @pytest.fixture
    def make_committee(self):
        return lambda: al.MCDropout(5, layers="head")


class TestDropoutEverywhere(CommitteeSuite):
    @pytest.fixture
    def make_committee(self):
        return lambda: al.MCDropout(5, layers="all")


class TestBayesByBackprop(CommitteeSuite):
    @pytest.fixture
    def make_committee(self):
        return lambda: al.BayesByBackprop(5)


class TestViews(CommitteeSuite):
    draws_anew = False

    @pytest.fixture
    def make_committee(self):
        return lambda: al.Views(places=["whole", "centre"])

    @pytest.fixture
    def make_network(self):
        def make(committee):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = torch.nn.Sequential(
                    torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 3)
                )
            return Network(model, model, model[2], 3)

        return make

    @pytest.fixture
    def batches(self):
        generator = torch.Generator().manual_seed(1)
        return [torch.randn(n, 3, 8, 8, generator=generator) for n in (4, 3)]


class Unruly:
    """Draws from the global generator, and leaves the model in training mode."""

    members = 2
    joint = True

    def start_round(self, round): ...

    def draw(self, network, batches):
        network.model.train()
        out = []
        for batch in batches:
            with torch.no_grad():
                logits = torch.stack([network.forward(batch) for _ in range(2)], 1)
            out.append(CommitteeLogits(logits, batch))
        return out


@pytest.mark.parametrize(
    "check",
    [
        "test_a_round_can_be_repeated",
        "test_joint_draws_do_not_depend_on_the_batching",
        "test_the_model_is_left_as_it_was",
        "test_draws_have_a_committee_dim",
    ],
)
def test_an_unruly_committee_is_caught(check):
    suite = CommitteeSuite()
    make = CommitteeSuite.make_network.__wrapped__(suite)
    generator = torch.Generator().manual_seed(1)
    batches = [torch.randn(n, 6, generator=generator) for n in (4, 3)]
    state = torch.get_rng_state()
    try:
        with pytest.raises(AssertionError):
            getattr(suite, check)(Unruly, make, batches)
    finally:
        torch.set_rng_state(state)
