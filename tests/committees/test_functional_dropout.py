"""Dropout that a model calls as a function, in models that people really use."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional

from altasks.committees import MCDropout, Network
from altasks.committees.dropout_calls import DropoutCalls
from altasks.committees.head import find_head
from altasks.committees.modes import dropout_firing, dropout_probabilities
from altasks.errors import CommitteeError


def seeded(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


def efficientnet(drop_rate=0.0, drop_path_rate=0.0):
    return timm.create_model(
        "efficientnet_b0", num_classes=3, drop_rate=drop_rate, drop_path_rate=drop_path_rate
    )


def mobilenet(drop_rate=0.0):
    return timm.create_model("mobilenetv3_small_050", num_classes=3, drop_rate=drop_rate)


def densenet(drop_rate=0.0):
    return torchvision.models.DenseNet(4, (2, 2), 8, num_classes=3, drop_rate=drop_rate)


def swin(attention_dropout=0.0):
    return torchvision.models.SwinTransformer(
        [4, 4], 8, [1, 1], [2, 2], [4, 4], attention_dropout=attention_dropout, num_classes=3,
        stochastic_depth_prob=0.0,
    )  # fmt: skip


def network_of(model):
    return Network(model, model, find_head(model, 3), 3)


def images(count=2, side=32):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def everything_of(model):
    """Whatever a committee might have left on a model."""
    plain = [
        {
            name: value
            for name, value in vars(module).items()
            if isinstance(value, bool | int | float | str)
        }
        for module in model.modules()
    ]
    return plain, {name: value.clone() for name, value in model.state_dict().items()}


def same(before, after):
    return before[0] == after[0] and all(
        torch.equal(value, after[1][name]) for name, value in before[1].items()
    )


class WithModule(nn.Module):
    """A classifier whose head dropout is a layer: what the functional call is compared with."""

    def __init__(self, model, p):
        super().__init__()
        self.model, self.drop, self.head = model, nn.Dropout(p), model.get_classifier()

    def forward(self, x):
        pooled = self.model.forward_head(self.model.forward_features(x), pre_logits=True)
        return self.head(self.drop(pooled))


@pytest.mark.parametrize("make", [efficientnet, mobilenet])
@pytest.mark.parametrize("own", [0.0, 0.2])
def test_p_reaches_the_functional_dropout_of_timm_as_it_would_a_layer(make, own):
    """The draws are those of the same network with nn.Dropout(p) in the place of the call."""
    committee = MCDropout(5, p=0.4, seed=3)
    got = committee.draw(network_of(seeded(lambda: make(own))), [images()])[0].logits
    explicit = WithModule(seeded(make), 0.4).eval()
    twin = MCDropout(5, seed=3).draw(network_of(explicit), [images()])[0].logits
    assert torch.equal(got, twin)
    assert not torch.equal(got[:, 0], got[:, 1])


@pytest.mark.parametrize("make", [efficientnet, mobilenet])
def test_head_masks_are_those_of_a_layer_in_front_of_the_head(make):
    committee = MCDropout(4, layers="head")
    model = seeded(lambda: make(0.3))
    got = committee.draw(network_of(model), [images(), images(1)])
    twin = committee.draw(network_of(WithModule(model, 0.3).eval()), [images(), images(1)])
    for mine, theirs in zip(got, twin, strict=True):
        assert torch.equal(mine.logits, theirs.logits)
        assert torch.equal(mine.features, theirs.features)
        assert not torch.equal(mine.logits[:, 0], mine.logits[:, 1])


def test_head_masks_have_the_rate_of_the_call_and_not_that_of_another_dropout():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.early = nn.Linear(4, 2000), nn.Dropout(0.9)
            self.head = nn.Linear(2000, 3)

        def forward(self, x):
            hidden = self.early(self.first(x)) + 0
            return self.head(functional.dropout(hidden, 0.25, self.training))

    model = seeded(Two)
    committee = MCDropout(2, layers="head")
    weights = []
    committee.masks = lambda width, p: weights.append(p) or MCDropout.masks(committee, width, p)
    committee.draw(network_of(model), [torch.randn(3, 4)])
    assert weights == [0.25]


def test_the_head_of_a_model_whose_call_is_at_rate_0_has_nothing_to_mask():
    with pytest.raises(CommitteeError, match="nothing to draw"):
        MCDropout(4, layers="head").draw(network_of(seeded(mobilenet)), [images()])


def test_a_functional_dropout_that_ignores_the_mode_does_not_disturb_the_head_pass():
    class Careless(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(4, 64), nn.Linear(64, 3)

        def forward(self, x):
            return self.head(functional.dropout(self.first(x), 0.5))  # training=True by default

    model = seeded(Careless)
    x = torch.randn(3, 4)
    committee = MCDropout(6, layers="head")
    got = committee.draw(network_of(model), [x])[0]
    assert torch.equal(got.features, model.first(x))
    masks = committee.masks(64, 0.5)
    want = torch.stack([model.head(model.first(x) * mask) for mask in masks], 1)
    torch.testing.assert_close(got.logits, want)


def test_p_reaches_densenet_in_every_layer_and_changes_how_much_members_differ():
    model = seeded(lambda: densenet(0.01))
    spread = {}
    for p in (None, 0.05, 0.5):
        logits = MCDropout(12, p=p).draw(network_of(model), [images(4)])[0].logits
        spread[p] = float(logits.std(1).mean())
    assert spread[None] < spread[0.05] < spread[0.5]


def test_p_of_densenet_is_what_dropout_layers_would_draw():
    """Each dense layer's call replaced by an nn.Dropout behind the layer."""
    functional_one, with_layers = seeded(lambda: densenet(0.2)), seeded(densenet)
    for module in with_layers.modules():
        if isinstance(module, torchvision.models.densenet._DenseLayer):
            module.conv2 = nn.Sequential(module.conv2, nn.Dropout(0.35))
    got = MCDropout(4, p=0.35).draw(network_of(functional_one), [images()])[0].logits
    want = MCDropout(4).draw(network_of(with_layers), [images()])[0].logits
    assert torch.equal(got, want)


def test_attention_that_drops_by_a_call_is_reached():
    model = seeded(swin)
    with pytest.raises(CommitteeError, match="same result"):
        MCDropout(3).draw(network_of(model), [images()])
    logits = MCDropout(3, p=0.3).draw(network_of(model), [images()])[0].logits
    assert not torch.equal(logits[:, 0], logits[:, 1])


def test_stochastic_depth_of_torchvision_and_timm_gets_p():
    tv = seeded(lambda: torchvision.models.efficientnet_b0(num_classes=3))
    with_path = seeded(lambda: efficientnet(drop_path_rate=0.2))
    for model, kind, attribute in (
        (tv, torchvision.ops.StochasticDepth, "p"),
        (with_path, timm.layers.DropPath, "drop_prob"),
    ):
        layers = [module for module in model.modules() if isinstance(module, kind)]
        before = [getattr(layer, attribute) for layer in layers]
        with dropout_firing(model, 0.45):
            assert {getattr(layer, attribute) for layer in layers} == {0.45}
        assert [getattr(layer, attribute) for layer in layers] == before
        assert len(set(before)) > 1


@pytest.mark.parametrize(
    "make", [lambda: efficientnet(0.2, 0.1), lambda: mobilenet(), lambda: densenet(0.1), swin]
)
@pytest.mark.parametrize("training", [False, True])
def test_the_model_keeps_its_modes_and_rates(make, training):
    model = seeded(make).train(training)
    before = everything_of(model)
    MCDropout(2, p=0.3).draw(network_of(model), [images()])
    assert same(before, everything_of(model))

    class Boom(RuntimeError):
        pass

    def fails(batch):
        model(batch)
        raise Boom

    with pytest.raises(Boom):
        MCDropout(2, p=0.3).draw(Network(model, fails, find_head(model, 3), 3), [images()])
    assert same(before, everything_of(model))
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_hard_coded_call_without_p_is_known_to_drop_and_with_p_obeys_it():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(functional.dropout(self.first(x), 0.05, self.training))

    model = seeded(Fixed)
    x = torch.randn(1, 4)
    assert not dropout_probabilities(model)
    # At this rate two draws are equal two times in five: that settles nothing.
    for seed in range(8):
        MCDropout(20, seed=seed).draw(network_of(model), [x])
    logits = MCDropout(400, p=0.5).draw(network_of(model), [x])[0].logits[0]
    hidden = model.first(x)
    # Var[sum w m h] of masks that are 0 or 2 with equal chances: sum (w h)^2.
    want = (model.head.weight * hidden).square().sum(1)
    torch.testing.assert_close(logits.var(0), want, rtol=0.25, atol=0)


def test_p_that_reaches_nothing_is_refused():
    class OwnMask(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

        def forward(self, x):
            hidden = self.first(x)
            return self.head(hidden * torch.bernoulli(torch.full_like(hidden, 0.7)))

    network = network_of(seeded(OwnMask))
    assert MCDropout(3).draw(network, [torch.randn(2, 4)])[0].logits.shape == (2, 3, 3)
    with pytest.raises(CommitteeError, match="nothing in it is a dropout that p could be set for"):
        MCDropout(3, p=0.2).draw(network, [torch.randn(2, 4)])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: functional.dropout(x, 0.1),
        lambda x: functional.dropout(x, p=0.1, training=True),
        lambda x: functional.alpha_dropout(x, 0.1, True),
        lambda x: torch.dropout(x, 0.1, True),
        lambda x: torch.dropout(x, p=0.1, train=True),
        lambda x: functional.dropout2d(x[None, :, None, None], training=True),
        lambda x: nn.Dropout(0.1)(x),
        lambda x: torch.native_dropout(x, 0.1, True)[0],
    ],
)
def test_every_way_to_call_dropout_is_seen_and_set(call):
    x = torch.ones(20_000)
    with torch.random.fork_rng(devices=[]), DropoutCalls(p=0.75) as calls:
        dropped = call(x)
    share = float((dropped == dropped.min()).float().mean())
    assert abs(share - 0.75) < 0.02
    assert len(calls.fired) == 1
    with DropoutCalls(at_rest=True):
        assert torch.equal(call(x).flatten(), x)


def test_calls_at_rest_stay_at_rest():
    x = torch.ones(100)
    with DropoutCalls(p=0.75) as calls:
        assert torch.equal(functional.dropout(x, 0.5, training=False), x)
        assert torch.equal(functional.alpha_dropout(x), x)
        functional.scaled_dot_product_attention(*[torch.randn(1, 2, 3)] * 3)
    assert not calls.fired


def test_scaled_attention_that_drops_gets_p():
    q = torch.randn(1, 50, 8)
    with torch.random.fork_rng(devices=[]), DropoutCalls(p=1.0):
        assert not functional.scaled_dot_product_attention(q, q, q, dropout_p=0.1).any()
        assert not functional.scaled_dot_product_attention(q, q, q, None, 0.1).any()


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layers", ["all", "head"])
def test_functional_dropout_in_every_precision(kind, layers):
    model = seeded(lambda: mobilenet(0.3)).to(kind)
    got = MCDropout(3, layers=layers, p=0.4).draw(network_of(model), [images().to(kind)])[0]
    assert got.logits.dtype == kind
    assert not torch.equal(got.logits[:, 0], got.logits[:, 1])


@pytest.mark.parametrize("layers", ["all", "head"])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_compiled_model_that_was_called_before_gives_the_same_draws(layers, in_place):
    plain = seeded(lambda: mobilenet(0.3))
    committee = MCDropout(3, layers=layers, p=0.4)
    want = committee.draw(network_of(plain), [images()])[0]
    if in_place:
        plain.compile(backend="eager")
        compiled = plain
    else:
        compiled = torch.compile(plain, backend="eager")
    with torch.no_grad():
        compiled(images())
    got = committee.draw(Network(compiled, compiled, find_head(plain, 3), 3), [images()])[0]
    assert torch.equal(got.logits, want.logits)
    assert torch.equal(got.features, want.features)
