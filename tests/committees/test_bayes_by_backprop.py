from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import altasks as al
from altasks.committees import BayesByBackprop, Network
from altasks.committees.bayes_by_backprop import VariationalLinear
from altasks.committees.head import find_head
from altasks.errors import CommitteeError, InvalidInputError
from altasks.tasks import NER, Regression, TextClassification
from altasks.tasks._shared.checkpoints import StartingPoint
from altasks.testing.tasks import TaskSuite, generator_states, same_prediction

FAST = {"max_steps": 5}


def layer(d: int = 6, outputs: int = 3, bias: bool = True, spread: float = 0.3):
    """A layer whose means and spreads all differ."""
    rng = torch.Generator().manual_seed(0)
    made = VariationalLinear(d, outputs, bias)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * spread)
    for rho in made._rhos():
        rho.data.sub_(1).div_(20)
    made.learned.fill_(True)
    return made.eval()


def network(head: nn.Linear) -> Network:
    model = nn.Sequential(nn.Tanh(), head).eval()
    return Network(model, model, head, head.out_features)


@pytest.fixture
def batch():
    return torch.randn(8, 6, generator=torch.Generator().manual_seed(1))


# The layer.


@pytest.mark.parametrize("bias", [True, False])
def test_divergence_is_that_of_independent_normals(bias):
    made = layer(bias=bias)
    prior = torch.distributions.Normal(0.0, 1 / np.sqrt(6))
    expected = 0.0
    for mean, sigma in zip((made.weight, made.bias), made.spread(), strict=True):
        if sigma is not None:
            posterior = torch.distributions.Normal(mean, sigma)
            expected += torch.distributions.kl_divergence(posterior, prior).sum()
    torch.testing.assert_close(made.divergence(), expected)


@pytest.mark.parametrize("bias", [True, False])
def test_local_reparameterisation_has_the_moments_of_sampled_weights(bias, batch):
    made = layer(bias=bias)
    made.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        outputs = torch.stack([made(batch) for _ in range(8000)]).detach()  # S x n x C
    weights, biases = made.sample(8000, seed=0)
    direct = torch.einsum("nd,kcd->knc", batch, weights)
    direct = (direct if biases is None else direct + biases[:, None]).detach()
    torch.testing.assert_close(outputs.mean(0), direct.mean(0), atol=0.06, rtol=0.02)
    torch.testing.assert_close(outputs.std(0), direct.std(0), atol=0.02, rtol=0.05)


def test_gradients_reach_means_and_spreads(batch):
    made = layer().train()
    made(batch).square().sum().backward()
    assert all((one.grad != 0).all() for one in made.parameters())


def test_at_rest_it_is_the_linear_layer_of_its_means(batch):
    made = layer()
    expected = nn.functional.linear(batch, made.weight, made.bias)
    assert torch.equal(made(batch), expected)
    made.train()
    with torch.no_grad():  # dropout's passes are no training
        assert torch.equal(made(batch), expected)
    assert find_head(nn.Sequential(nn.ReLU(), made), 3) is made


def test_a_new_layer_is_much_narrower_than_its_prior():
    made = VariationalLinear(100, 3, prior_scale=2.0)
    assert made.prior == pytest.approx(0.2)
    for sigma in made.spread():
        assert sigma.detach().numpy() == pytest.approx(0.02, rel=1e-4)


def test_starting_over_draws_means_and_takes_spreads_back():
    made = layer()
    made.reset_parameters()
    assert not made.learned
    assert len(made.weight_rho.unique()) == 1
    start = StartingPoint(made, frozenset())
    made.learned.fill_(True)
    start.restore(made, seed=0)
    assert not made.learned


# The committee.


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"draws": 1}, "draws"),
        ({"draws": True}, "draws"),
        ({"prior_scale": 0}, "prior_scale"),
        ({"kl_weight": -1.0}, "kl_weight"),
        ({"kl_weight": float("nan")}, "kl_weight"),
        ({"kl_weight": True}, "kl_weight"),
    ],
)
def test_bad_arguments_are_named(options, named):
    with pytest.raises(InvalidInputError, match=f"^{named}: expected"):
        BayesByBackprop(**options)


def test_draws_are_the_drawn_layers_in_turn(batch):
    made = layer()
    committee = BayesByBackprop(5, seed=3)
    assert committee.joint
    (drawn,) = committee.draw(network(made), [batch])
    from altasks._internal.random import derive_seed

    weights, biases = made.sample(5, derive_seed(3, "bayes-by-backprop", 0))
    for k in range(5):
        expected = nn.functional.linear(batch.tanh(), weights[k], biases[k])
        torch.testing.assert_close(drawn.logits[:, k], expected)
    assert torch.equal(drawn.features, batch.tanh())


def test_seed_and_round_say_what_is_drawn_and_nothing_else_changes(batch):
    net = network(layer())
    net.model.train()

    def draw(seed: int, round: int):
        committee = BayesByBackprop(4, seed=seed)
        committee.start_round(round)
        return torch.cat([one.logits for one in committee.draw(net, list(batch.split(3)))])

    before = generator_states()
    state = copy.deepcopy(net.model.state_dict())
    assert torch.equal(draw(0, 1), draw(0, 1))
    assert not torch.equal(draw(0, 1), draw(1, 1))
    assert not torch.equal(draw(0, 1), draw(0, 2))
    assert generator_states() == before
    assert all(module.training for module in net.model.modules())
    assert all(torch.equal(one, state[key]) for key, one in net.model.state_dict().items())
    assert not any(module._forward_hooks for module in net.model.modules())


def test_a_head_that_was_never_trained_so_is_refused(batch):
    with pytest.raises(CommitteeError, match=r"never trained.*Call fit\(\) first"):
        BayesByBackprop().draw(network(VariationalLinear(6, 3)), [batch])
    with pytest.raises(CommitteeError, match="is not variational"):
        BayesByBackprop().draw(network(nn.Linear(6, 3)), [batch])


def test_preparing_replaces_one_layer_and_keeps_its_weights(batch):
    head = nn.Linear(6, 3)
    model = nn.Sequential(nn.Tanh(), head)
    expected = model(batch)
    made = BayesByBackprop(prior_scale=3.0).prepare(model, head)
    assert model[1] is made
    torch.testing.assert_close(model.eval()(batch), expected)
    assert BayesByBackprop().prepare(model, made) is made
    assert made.prior == pytest.approx(1 / np.sqrt(6))
    twice = nn.Sequential(head, nn.Linear(3, 6), head)
    twice.again = head
    with pytest.raises(CommitteeError, match="occurs 3 times"):
        BayesByBackprop().prepare(twice, head)


# In tasks.


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


class TestTextClassification(TaskSuite):
    @pytest.fixture
    def samples(self, topic_texts):
        return topic_texts[:9]

    @pytest.fixture
    def labels(self, topic_labels):
        return topic_labels[:9]

    @pytest.fixture
    def bad_labels(self):
        return ["Sports", None]

    @pytest.fixture
    def make_task(self, tiny_bert, samples, labels, trained):
        def make():
            task = TextClassification(tiny_bert, committee=BayesByBackprop(4), training_args=FAST)
            if (trained / "text").exists():
                task.load(trained / "text")
            else:
                task.fit(samples, labels, seed=0)
                task.save(trained / "text")
            return task

        return make

    def test_scores_do_not_depend_on_the_batch_size(self, make_task, samples):
        task = make_task()
        scores = [al.score(task, samples, "bald", batch_size=b, progress=False) for b in (2, 9)]
        np.testing.assert_allclose(scores[0].values, scores[1].values, atol=1e-5)
        assert (scores[0].values > 0).all()
        batches = al.score(task, samples, "bald", keep=["draws"], progress=False)
        assert batches.draws.shape == (9, 4, 3)

    def test_weights_of_a_plain_head_are_refused(self, tiny_bert, make_task, tmp_path):
        TextClassification(tiny_bert).save(tmp_path)
        with pytest.raises(InvalidInputError, match="weight_rho"):
            make_task().load(tmp_path)

    def test_a_folder_read_as_a_checkpoint_has_to_be_fitted(self, make_task, samples, trained):
        make_task()
        task = TextClassification(trained / "text", committee=BayesByBackprop(4))
        with pytest.raises(CommitteeError, match="never trained"):
            task.predict(samples)
        task.load(trained / "text")
        assert same_prediction(task.predict(samples), make_task().predict(samples))


def test_words_are_tagged_by_drawn_weights(tiny_bert):
    names = dict(enumerate(["O", "B-PER", "I-PER"]))
    config = transformers.AutoConfig.from_pretrained(tiny_bert, id2label=names, num_labels=3)
    model = transformers.AutoModelForTokenClassification.from_config(config)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_bert)
    task = NER(model, tokenizer=tokenizer, committee=BayesByBackprop(3), training_args=FAST)
    words = [["fresh", "bread"], ["the", "cook", "salted", "soup"]]
    tags = [["O", "O"], ["O", "B-PER", "O", "O"]]
    assert task._units(task._rows(words, tags, None)) == 6
    assert task._units(task._rows(words, tags, [1.0, 0.5])) == 6
    task.fit(words, tags, seed=0)
    prediction = task.predict(words)
    assert prediction.members == 3
    assert (prediction.units.probs.std(1) > 0).any()


def test_regression_is_least_sure_far_from_what_it_saw():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (60, 1))
    y = 3 * x[:, 0] + rng.normal(size=60) * 0.1
    task = Regression(committee=BayesByBackprop(20), training_args={"max_steps": 250})
    task.fit(x, y, seed=0)
    assert task.evaluate(x, y)["rmse"] < 0.5
    near = float(al.epistemic_variance(task.predict([[0.0]])))
    far = float(al.epistemic_variance(task.predict([[6.0]])))
    assert far > 3 * near > 0


def test_the_divergence_pulls_spreads_to_the_prior_where_nothing_is_learned():
    """With a heavy weight on it the posterior is the prior; with a light one it stays narrow."""
    x = np.linspace(-1, 1, 20)[:, None]
    heads = []
    for weight in (1e-6, 1e3):
        committee = BayesByBackprop(2, kl_weight=weight)
        task = Regression(features=1, committee=committee, training_args={"max_steps": 150})
        task.fit(x, x[:, 0], seed=0)
        heads.append(task._head)
    light, heavy = (float(head.spread()[0].detach().mean() / head.prior) for head in heads)
    assert light < 0.5
    assert 0.8 < heavy < 1.2
    sizes = [float(head.weight.detach().abs().mean()) for head in heads]
    assert sizes[1] < 0.3 * sizes[0]


@pytest.mark.parametrize("accumulated", [1, 4])
def test_the_penalty_does_not_depend_on_how_a_step_is_cut(accumulated):
    """With no other loss to speak of, one SGD step moves by the divergence's gradient alone."""
    x, y = np.zeros((8, 2)), np.array([-1.0, 1.0] * 4)
    x[:, 0] = [0, 1] * 4
    arguments = {
        "max_steps": 1,
        "per_device_train_batch_size": 8 // accumulated,
        "gradient_accumulation_steps": accumulated,
        "learning_rate": 1e-6,
        "optim": "sgd",
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        "weight_decay": 0.0,
    }
    committee = BayesByBackprop(2, kl_weight=1e6)
    task = Regression(features=2, committee=committee, training_args=arguments)
    task.starting_point().restore(task.model, 5)
    task.fit(x, y, seed=5)
    after = task._head.weight.detach().clone()
    task.starting_point().restore(task.model, 5)
    (gradient,) = torch.autograd.grad(task._head.divergence() * 1e6 / 8, task._head.weight)
    torch.testing.assert_close(after - task._head.weight, -1e-6 * gradient, rtol=1e-3, atol=1e-4)


def test_label_smoothing_and_weights_take_the_penalty_too(tiny_bert, topic_texts, topic_labels):
    task = TextClassification(
        tiny_bert,
        committee=BayesByBackprop(2, kl_weight=1e4),
        training_args={"max_steps": 40, "learning_rate": 1e-2},
    )
    for weights in (None, [1.0, 2.0] * 6):
        task.fit(topic_texts[:12], topic_labels[:12], seed=0, weights=weights)
        assert float(task._head.spread()[0].detach().mean()) > 0.3 * task._head.prior


def test_half_precision_models_draw(tiny_bert, topic_texts, topic_labels):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        tiny_bert, dtype=torch.bfloat16
    )
    task = TextClassification(model, committee=BayesByBackprop(2), training_args={"max_steps": 2})
    with pytest.warns(UserWarning, match="bfloat16.*float32"):
        task.fit(topic_texts[:6], topic_labels[:6], seed=0)
    assert (task.predict(topic_texts[:3]).probs.std(1) > 0).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_in_half_precision_is_trained_and_saved_in_float32(tiny_bert, dtype, tmp_path):
    texts, labels = ["hot soup", "rain", "the match"], ["food", "weather", "sport"]

    def make(of):
        model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
        return TextClassification(
            model.to(dtype).to(of), tokenizer=str(tiny_bert), labels=["food", "weather", "sport"],
            committee=BayesByBackprop(4), training_args=FAST,
        )  # fmt: skip

    half, whole = make(dtype), make(torch.float32)
    with pytest.warns(UserWarning, match="brought to float32"):
        half.fit(texts, labels, seed=0)
    whole.fit(texts, labels, seed=0)
    found = half.predict(texts)
    # The spreads it begins with are rounded like the weights.
    assert same_prediction(found, whole.predict(texts), 0.02)
    assert found.probs.std(1).max() > 0
    half.save(tmp_path)
    again = make(dtype)
    again.load(tmp_path)
    assert same_prediction(found, again.predict(texts), 0)
