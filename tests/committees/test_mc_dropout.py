from __future__ import annotations

import random
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from altasks.committees import MCDropout, Network
from altasks.errors import CommitteeError, InvalidInputError
from altasks.tasks import TextClassification

# BERT-likes with dropout right in front of their last layer.
WITH_HEAD_DROPOUT = ["bert", "roberta", "distilbert", "electra"]


def make_network(*layers: nn.Module, classes: int = 3) -> Network:
    model = nn.Sequential(*layers).eval()
    return Network(model, model, model[-1], classes)


def plain(p: float = 0.5, width: int = 16) -> Network:
    torch_layers = [nn.Linear(4, width), nn.ReLU(), nn.Dropout(p), nn.Linear(width, 3)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for layer in torch_layers:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
    return make_network(*torch_layers)


@pytest.fixture
def batch() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def global_state():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), name, keys.tolist(), rest, torch.get_rng_state().tolist()


# The arguments.


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"passes": 1}, "passes"),
        ({"passes": 2.5}, "passes"),
        ({"passes": True}, "passes"),
        ({"layers": "some"}, "layers"),
        ({"p": 0.0}, "p"),
        ({"p": 1.0}, "p"),
    ],
)
def test_bad_arguments_are_named(options, named):
    with pytest.raises(InvalidInputError, match=f"^{named}: expected"):
        MCDropout(**options)


def test_only_head_draws_are_joint():
    assert MCDropout(layers="head").joint
    assert not MCDropout(layers="all").joint


# Every dropout.


def test_attention_dropout_fires(tiny_models, topic_texts):
    """The only dropout left is attention's: flipping nn.Dropout modules alone draws nothing."""
    for name in ("bert", "roberta", "distilbert", "electra"):
        for attention in ("sdpa", "eager"):
            task = TextClassification(tiny_models[name], committee=MCDropout(4))
            task.model.set_attn_implementation(attention)
            inside_attention = set()
            for path, module in task.model.named_modules():
                if isinstance(module, nn.Dropout):
                    if "attention" in path and "output" not in path:
                        inside_attention.add(path)
                    else:
                        module.p = 0.0
            assert inside_attention
            probs = task.predict(topic_texts[:4]).probs  # 4 x 4 x 3
            assert (probs.std(1) > 0).all(), (name, attention)


def test_flipping_dropout_layers_alone_would_miss_attention(tiny_bert, topic_texts):
    """What the test above guards against does happen: torch's layers alone change nothing."""
    task = TextClassification(tiny_bert)
    for path, module in task.model.named_modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1 if "attention.self" in path else 0.0
            module.training = True
    inputs = task.tokenizer(topic_texts[:4], padding=True, return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(task.model(**inputs).logits, task.model(**inputs).logits)


@pytest.mark.parametrize("layers", ["all", "head"])
def test_modes_and_buffers_come_back(layers, batch):
    network = make_network(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
    )
    model = network.model
    model.train()
    model[0].training = False
    before = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    MCDropout(4, layers=layers).draw(network, [batch])
    assert [module.training for module in model.modules()] == before
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("layers", ["all", "head"])
def test_everything_comes_back_after_an_exception(layers, batch):
    class Fuse(nn.Module):
        calls = 0

        def forward(self, x):
            Fuse.calls += 1
            if Fuse.calls == 2:
                raise RuntimeError("blown")
            return x

    network = make_network(
        nn.Linear(4, 8), nn.BatchNorm1d(8), Fuse(), nn.Dropout(0.5), nn.Linear(8, 3)
    )
    model = network.model
    model[2].training = True
    before = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    generators = global_state()
    with pytest.raises(RuntimeError, match="blown"):
        MCDropout(3, layers=layers, p=0.3).draw(network, [batch, batch])
    assert [module.training for module in model.modules()] == before
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert model[3].p == 0.5
    assert global_state() == generators
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("layers", ["all", "head"])
def test_seed_and_round_say_what_is_drawn(layers, batch):
    network = plain()

    def draw(seed: int, round: int) -> torch.Tensor:
        committee = MCDropout(5, layers=layers, seed=seed)
        committee.start_round(round)
        return committee.draw(network, [batch])[0].logits

    assert torch.equal(draw(0, 1), draw(0, 1))
    assert not torch.equal(draw(0, 1), draw(1, 1))
    assert not torch.equal(draw(0, 1), draw(0, 2))


@pytest.mark.parametrize("layers", ["all", "head"])
def test_global_generators_stay_as_they_were(layers, batch):
    network = plain()
    before = global_state()
    MCDropout(4, layers=layers).draw(network, [batch])
    assert global_state() == before


def test_all_is_a_net_with_its_dropout_on(batch):
    """The draws are what the network gives in training mode: equal in distribution."""
    network = plain(width=64)
    many = batch[:1].expand(3000, 4)  # each row meets masks of its own
    logits = MCDropout(2).draw(network, [many])[0].logits.flatten(0, 1)  # 6000 x 3
    network.model.train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        direct = network.model(batch[:1].expand(6000, 4))
    assert torch.allclose(logits.mean(0), direct.mean(0), atol=0.03)
    assert torch.allclose(logits.std(0), direct.std(0), atol=0.03)


def test_the_features_of_a_pass_are_added_and_let_go(batch):
    network = plain()
    alive, kept = [], []

    def forward(inputs):
        alive.append(sum(not storage.expired() for storage in kept))
        output = network.model(inputs)  # logits and features, as the probe sees them
        kept.append(StorageWeakRef(output.untyped_storage()))
        return output

    found = MCDropout(12).draw(Network(network.model, forward, network.head, 3), [batch, batch])
    assert max(alive) <= 1  # of the batch before
    assert [part.features.shape for part in found] == [(6, 16)] * 2


def test_p_replaces_every_probability_meanwhile(batch):
    network = plain(p=0.0)
    calm = MCDropout(200, p=0.01).draw(network, [batch])[0].logits.std(1).mean()
    wild = MCDropout(200, p=0.5).draw(network, [batch])[0].logits.std(1).mean()
    assert wild > 3 * calm > 0
    assert network.model[2].p == 0.0


def test_modernbert_ships_with_zeros_and_p_lifts_them(tiny_models, topic_texts):
    task = TextClassification(tiny_models["modernbert"], committee=MCDropout(3))
    with pytest.raises(CommitteeError, match=r"probabilities in it are 0.*MCDropout\(p=0.1\)"):
        task.predict(topic_texts[:3])
    for layers in ("all", "head"):
        task.committee = MCDropout(3, layers=layers, p=0.1)
        assert (task.predict(topic_texts[:3]).probs.std(1) > 0).all()


# Nothing to draw.


def test_zero_dropout_is_refused(batch):
    with pytest.raises(CommitteeError, match="all 1 dropout probabilities in it are 0"):
        MCDropout(3).draw(plain(p=0.0), [batch])
    with pytest.raises(CommitteeError, match="its p is 0"):
        MCDropout(3, layers="head").draw(plain(p=0.0), [batch])


def test_a_model_without_dropout_is_refused(batch):
    network = make_network(nn.Linear(4, 8), nn.Linear(8, 3))
    for p in (None, 0.1):
        with pytest.raises(CommitteeError, match="it has no dropout"):
            MCDropout(3, p=p).draw(network, [batch])
    with pytest.raises(CommitteeError, match="no dropout right in front"):
        MCDropout(3, layers="head").draw(network, [batch])
    assert MCDropout(3, layers="head", p=0.2).draw(network, [batch])[0].logits.shape == (6, 3, 3)


def test_a_dropout_further_back_is_not_taken_for_the_one_in_front():
    """Also where the head's input lies in the memory that the dropout's output has left."""
    for rows in range(1, 41):
        for width in (16, 64, 128):
            network = make_network(
                nn.Linear(width, width),
                nn.Dropout(0.5),
                nn.Linear(width, width),
                nn.ReLU(),
                nn.Linear(width, 3),
            )
            with pytest.raises(CommitteeError, match="no dropout right in front"):
                MCDropout(3, layers="head").draw(network, [torch.randn(rows, width)])


def test_dropout_that_no_layer_shows_still_counts(batch):
    class Hidden(nn.Module):
        def forward(self, x):
            return nn.functional.dropout(x, 0.5, self.training)

    network = make_network(nn.Linear(4, 8), Hidden(), nn.Linear(8, 3))
    assert (MCDropout(4).draw(network, [batch])[0].logits.std(1) > 0).all()


def test_equal_masks_are_refused():
    with pytest.raises(CommitteeError, match="all masks over the 1 inputs"):
        MCDropout(2, layers="head", seed=0).masks(1, 1e-6)


# The head alone.


def brute_force_head(network: Network, committee: MCDropout, batch, p: float) -> torch.Tensor:
    """K plain passes through the layers, each with its mask multiplied in by hand."""
    features = network.model[:-1](batch)
    masks = committee.masks(network.head.in_features, p)
    return torch.stack([network.head(features * mask) for mask in masks], 1)


def test_head_draws_are_masks_on_its_input(batch):
    network = plain(p=0.3)
    committee = MCDropout(7, layers="head", seed=2)
    drawn = committee.draw(network, [batch])[0]
    with torch.no_grad():
        assert torch.allclose(
            drawn.logits, brute_force_head(network, committee, batch, 0.3), atol=1e-6
        )
        assert torch.equal(drawn.features, network.model[:-1](batch))


def test_masks_keep_the_expected_input():
    masks = MCDropout(2000, layers="head").masks(50, 0.2)
    assert masks.shape == (2000, 50)
    assert set(masks.unique().tolist()) == {0.0, 1.25}
    assert torch.allclose(masks.mean(), torch.tensor(1.0), atol=0.01)


@pytest.mark.parametrize("name", [*WITH_HEAD_DROPOUT, "modernbert", "gpt2"])
def test_head_runs_the_trunk_once_a_batch(tiny_models, topic_texts, name):
    p = None if name in WITH_HEAD_DROPOUT else 0.1
    task = TextClassification(
        tiny_models[name], committee=MCDropout(20, layers="head", p=p), batch_size=4
    )
    calls = {"model": 0, "trunk": 0}
    task.model.register_forward_hook(lambda *_: calls.update(model=calls["model"] + 1))
    trunk = getattr(task.model, task.model.base_model_prefix)
    trunk.register_forward_hook(lambda *_: calls.update(trunk=calls["trunk"] + 1))
    prediction = task.predict(topic_texts[:10])  # batches of 4, 4 and 2
    assert calls == {"model": 3, "trunk": 3}
    assert prediction.probs.shape == (10, 20, 3)


@pytest.mark.parametrize("name", [*WITH_HEAD_DROPOUT, "modernbert", "gpt2"])
def test_every_sample_meets_the_same_masks_whatever_the_batching(tiny_models, topic_texts, name):
    p = None if name in WITH_HEAD_DROPOUT else 0.1
    task = TextClassification(tiny_models[name], committee=MCDropout(6, layers="head", p=p))
    whole = task.predict(topic_texts).probs
    for size in (1, 5):
        task.batch_size = size
        assert torch.allclose(task.predict(topic_texts).probs, whole, atol=2e-5)
    alone = torch.cat([task.predict([text]).probs for text in topic_texts])
    assert torch.allclose(alone, whole, atol=2e-5)


@pytest.mark.parametrize("name", WITH_HEAD_DROPOUT)
def test_head_draws_equal_the_models_own_last_dropout(tiny_models, topic_texts, name):
    """With the masks put into the model's own last dropout by hand, the same logits come out."""
    committee = MCDropout(3, layers="head", seed=4)
    task = TextClassification(tiny_models[name], committee=committee)
    drawn = task.predict(topic_texts[:5])
    dropout = [m for m in task.model.modules() if isinstance(m, nn.Dropout)][-1]
    masks = committee.masks(32, dropout.p)
    by_hand = TextClassification(task.model, tokenizer=task.tokenizer)
    # RoBERTa's and ELECTRA's heads use one dropout twice; the second time it is in front.
    last_call = {"roberta": 2, "electra": 2}.get(name, 1)
    for k in range(3):
        calls = []

        def masked(self, x, k=k, calls=calls):
            calls.append(1)
            return x * masks[k] if len(calls) == last_call else x

        dropout.forward = types.MethodType(masked, dropout)
        expected = by_hand.predict(topic_texts[:5]).probs[:, 0]
        assert len(calls) == last_call
        assert torch.allclose(drawn.probs[:, k], expected, atol=1e-5)


def test_features_are_the_heads_input(tiny_bert, topic_texts):
    task = TextClassification(tiny_bert, committee=MCDropout(3, layers="head"))
    prediction = task.predict(topic_texts)
    assert torch.allclose(prediction.features, task.embed(topic_texts))
    logits = task._head(prediction.features)
    task.committee = None
    assert torch.allclose(logits.softmax(-1), task.predict(topic_texts).probs[:, 0], atol=1e-6)


def test_a_head_that_ignores_its_input_is_not_blamed_on_the_dropout(batch):
    network = plain(p=0.5)
    nn.init.zeros_(network.head.weight)
    with pytest.raises(CommitteeError, match="although it has dropouts"):
        MCDropout(3).draw(network, [batch])


@pytest.mark.parametrize("layers", ["all", "head"])
def test_half_precision_models_draw(tiny_bert, topic_texts, layers):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        tiny_bert, dtype=torch.bfloat16
    )
    task = TextClassification(model, committee=MCDropout(4, layers=layers))
    probs = task.predict(topic_texts).probs
    assert probs.dtype == torch.float32
    assert (probs.std(1) > 0).any()
    assert task.embed(topic_texts[:2]).numpy().dtype == np.float32


def test_threads_that_share_a_model_take_turns(tiny_bert, topic_texts):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert).eval()
    plain_task = TextClassification(model)
    drawing = TextClassification(model, committee=MCDropout(3, layers="head"))
    expected = {task: task.predict(topic_texts).probs for task in (plain_task, drawing)}
    jobs = [plain_task, drawing] * 6
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda task: task.predict(topic_texts).probs, jobs))
    for task, probs in zip(jobs, found, strict=True):
        torch.testing.assert_close(probs, expected[task])
    assert not any(module.training for module in model.modules())
