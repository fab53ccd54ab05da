"""The built-in committees behave, and the suite catches one that doesn't."""

import importlib.util
import inspect

import pytest
import torch

import altasks as al
from altasks.committees import CommitteeLogits, Network
from altasks.testing.committees import CommitteeSuite, PredictingCommitteeSuite


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


def module(seed):
    del seed  # the generator of torch is seeded around this call
    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


class TestEnsemble(PredictingCommitteeSuite):
    @pytest.fixture
    def make_committee(self):
        return lambda: al.Ensemble.from_factory(module, 3)

    @pytest.fixture
    def make_task(self):
        return lambda committee: al.Regression(features=3, committee=committee)

    @pytest.fixture
    def samples(self):
        return torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).tolist()


class TestEnsembleOfTasks(TestEnsemble):
    @pytest.fixture
    def make_committee(self):
        return lambda: al.Ensemble.from_factory(lambda seed: al.Regression(module(seed)), 3)

    @pytest.fixture
    def make_task(self):
        return lambda committee: committee


# Not imported to find out: that would be the library's own import, with its side effects.
@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="no ultralytics")
class TestBoxViews(PredictingCommitteeSuite):
    @pytest.fixture
    def make_committee(self):
        return lambda: al.BoxViews(scales=(0.5,))

    @pytest.fixture
    def make_task(self):
        import yolo_nets

        model = yolo_nets.yolo()
        return lambda committee: al.ObjectDetection(
            model, imgsz=128, conf=0.01, max_det=8, committee=committee
        )

    @pytest.fixture
    def samples(self):
        from altasks.data.samples.digit_canvases import digit_canvases

        return list(digit_canvases(3, seed=0, size=64, most=2).images.values())


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


def given_to(suite, check, **fixtures):
    """Run one test of a suite with the fixtures it takes."""
    test = getattr(suite, check)
    test(**{name: fixtures[name] for name in inspect.signature(test).parameters})


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
    committee = Unruly()
    try:
        with pytest.raises(AssertionError):
            given_to(
                suite,
                check,
                make_committee=Unruly,
                make_network=make,
                committee=committee,
                network=make(committee),
                batches=batches,
            )
    finally:
        torch.set_rng_state(state)


class Echo:
    """Two members that are one, drawn anew at each call whatever the round."""

    members = 2
    joint = True

    def start_round(self, round): ...

    def predict(self, samples):
        probs = torch.rand(len(samples), 1, 3).softmax(-1)
        return al.Categorical(probs.expand(-1, 2, -1))


class Lone(Echo):
    """Counts two members, and asks one."""

    def predict(self, samples):
        return al.Categorical(torch.full((len(samples), 1, 2), 0.5))


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Echo, "test_members_differ"),
        (Echo, "test_a_round_can_be_repeated"),
        (Echo, "test_joint_members_do_not_depend_on_the_batching"),
        (Echo, "test_generators_are_left_alone"),
        (Lone, "test_predictions_have_a_committee_dim"),
    ],
)
def test_unruly_members_are_caught(kind, check):
    state = torch.get_rng_state()
    committee = kind()
    try:
        with pytest.raises(AssertionError):
            given_to(
                PredictingCommitteeSuite(),
                check,
                make_committee=kind,
                make_task=lambda one: one,
                committee=committee,
                task=committee,
                samples=[0, 1],
            )
    finally:
        torch.set_rng_state(state)
