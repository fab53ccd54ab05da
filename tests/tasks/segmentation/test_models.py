"""Segmentation networks in the forms people have them."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from PIL import Image
from torch import nn

import altasks as al
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.tasks.segmentation.loss import cross_entropy_and_dice

# What is compared here needs no training.
pytestmark = pytest.mark.filterwarnings("ignore:The head of this DeepSupervised is new")

SMALL = {"decoder_channels": (16, 8, 8, 4, 4), "encoder_weights": None}


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def unet(classes=2, **settings):
    return seeded(lambda: smp.Unet("resnet18", classes=classes, **SMALL, **settings))


def convolutions(*last, classes=2, channels=3):
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(channels, 4, 3, padding=1),
            nn.ReLU(),
            nn.Dropout2d(0.5),
            nn.Conv2d(4, classes, 3, padding=1),
            *last,
        )
    )


def segmentation(model, **settings):
    settings = {"labels": ["ground", "polyp"], "training_args": {"max_steps": 1}, **settings}
    return al.Segmentation(model, **settings)


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (48, 40, 3), dtype=np.uint8) for _ in range(2)]


@pytest.fixture(scope="module")
def masks(images):
    return [(image[:, :, 0] > 128).astype(np.uint8) for image in images]


# One output.


def test_one_output_is_the_probability_of_the_second_class(images):
    model = unet(classes=1)
    task = segmentation(model)
    probs = task.predict(images[:1]).units.probs[:, -1]  # of the model's own output
    with torch.no_grad():
        logit = model.eval()(torch.nn.functional.pad(
            task.normalise(images[0])[None], (0, 24, 0, 16), mode="replicate"
        ))[0, 0, :48, :40]  # fmt: skip
    torch.testing.assert_close(probs[:, 1].reshape(48, 40), logit.sigmoid())
    torch.testing.assert_close(probs.sum(1), torch.ones(48 * 40))


def test_the_loss_of_one_output_is_binary_cross_entropy():
    logit, target = torch.randn(2, 1, 5, 4), torch.randint(0, 2, (2, 5, 4))
    pair = torch.cat([torch.zeros_like(logit), logit], 1)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logit[:, 0], target.float())
    dice = cross_entropy_and_dice(pair, target) - torch.nn.functional.cross_entropy(pair, target)
    torch.testing.assert_close(cross_entropy_and_dice(pair, target) - dice, entropy)


@pytest.mark.parametrize("given", ["module", "mapping"])
def test_a_network_of_one_output_learns_is_saved_and_read(images, masks, tmp_path, given):
    spec = {"arch": "unet", "encoder_name": "resnet18", "classes": 1, **SMALL}
    task = segmentation(unet(classes=1) if given == "module" else spec)
    task.fit(images, masks, seed=0)
    assert set(task.evaluate(images, masks)) >= {"iou_ground", "iou_polyp"}
    task.save(tmp_path)
    again = al.Segmentation(tmp_path)
    assert torch.equal(again.predict(images[:1]).units.probs, task.predict(images[:1]).units.probs)
    segmentation(unet(classes=1)).load(tmp_path)


def test_one_output_needs_the_name_of_what_is_not_it():
    with pytest.raises(InvalidInputError, match="Name the background too"):
        segmentation(unet(classes=1), labels=["polyp"])
    with pytest.raises(InvalidInputError, match=r"One output .* is read as two classes"):
        segmentation(unet(classes=1), labels=["ground", "polyp", "tool"])


# Four channels.


def test_four_channels_come_as_arrays_or_pictures(images, masks, tmp_path):
    layered = [np.dstack([image, image[:, :, :1]]) for image in images]
    Image.fromarray(layered[0]).save(tmp_path / "a.png")
    task = segmentation(convolutions(channels=4), stages=["0"], stride=1)
    assert task.channels == 4
    want = task.predict(layered[:1]).units.probs
    for sample in (Image.fromarray(layered[0]), tmp_path / "a.png", {"image": layered[0]}):
        assert torch.equal(task.predict([sample]).units.probs, want)
        assert task.size(sample) == 48 * 40
    task.fit([Image.fromarray(layered[0])], masks[:1], seed=0)
    for sample in (Image.fromarray(images[0]), images[0], Image.fromarray(images[0]).convert("L")):
        with pytest.raises(UnreadableSampleError):
            task.predict([sample])


# Outputs that are no logits.


class FunctionalSoftmax(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = convolutions()

    def forward(self, x):
        return {"out": self.net(x).softmax(1)}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: unet(activation="softmax"), "Softmax"),
        (lambda: unet(activation="softmax2d"), "Softmax"),
        (lambda: unet(classes=1, activation="sigmoid"), "Sigmoid"),
        (lambda: unet(activation="sigmoid"), "Sigmoid"),
        (lambda: convolutions(nn.Softmax(1)), "Softmax"),
        (lambda: convolutions(nn.Softmax(1)).half(), "Softmax"),
        (lambda: convolutions(nn.Softmax2d()), "Softmax2d"),
        (lambda: convolutions(nn.Sigmoid()), "Sigmoid"),
        (FunctionalSoftmax, "a softmax"),
        (lambda: FunctionalSoftmax().bfloat16(), "a softmax"),
        (lambda: torch.compile(convolutions(nn.Softmax(1)), backend="eager"), "Softmax"),
    ],
)
def test_a_network_that_ends_in_probabilities_is_refused(make, named):
    with pytest.raises(InvalidInputError, match=f"logits, found one that ends in {named}"):
        segmentation(make(), stages=0, stride=1)


def test_what_looks_like_a_softmax_and_is_none_is_taken(images):
    class Gated(nn.Module):
        """Attention and gates inside a network are no output."""

        def __init__(self):
            super().__init__()
            self.net, self.gate, self.soft = convolutions(), nn.Sigmoid(), nn.Softmax(1)

        def forward(self, x):
            logits = self.net(x)
            return logits * self.gate(logits) + self.soft(logits)

    segmentation(Gated(), stages=0, stride=1).predict(images[:1])
    logs = segmentation(convolutions(nn.LogSoftmax(1)), stages=0, stride=1)
    plain = segmentation(convolutions(), stages=0, stride=1)
    torch.testing.assert_close(
        logs.predict(images[:1]).units.probs, plain.predict(images[:1]).units.probs
    )


# Precision.

PRECISIONS = [torch.float16, torch.bfloat16, torch.float64]


@pytest.mark.parametrize("kind", PRECISIONS)
@pytest.mark.parametrize("how", ["stages", "dropout", "ensemble"])
def test_a_network_of_another_precision_predicts_as_in_float32(images, kind, how):
    def make(kind):
        if how == "ensemble":
            both = [convolutions().to(kind), unet().to(kind)]
            return segmentation(None, committee=al.Ensemble(both))
        committee = al.MCDropout(3) if how == "dropout" else None
        stages = ["0"] if how == "stages" else None
        return segmentation(convolutions().to(kind), stages=stages, committee=committee, stride=1)

    close = {torch.float16: 5e-3, torch.bfloat16: 4e-2, torch.float64: 1e-5}[kind]
    task, exact = make(kind), make(torch.float32)
    probs = task.predict(images).units.probs
    assert probs.dtype == torch.float32
    if how != "dropout":  # other numbers of bits, other masks
        torch.testing.assert_close(probs, exact.predict(images).units.probs, atol=close, rtol=0)
    torch.testing.assert_close(task.embed(images), exact.embed(images), atol=10 * close, rtol=0.1)
    assert len(al.score(task, images, progress=False)) == 2


@pytest.mark.filterwarnings("ignore:The weights are")
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_a_network_of_another_precision_learns(images, masks, kind):
    task = segmentation(
        convolutions().to(kind), stages=["0"], stride=1,
        training_args={"max_steps": 60, "learning_rate": 0.02},
    )  # fmt: skip
    task.fit(images, masks, seed=0)
    assert task.evaluate(images, masks)["pixel_accuracy"] > 0.8


# Wrapped.


@pytest.mark.parametrize("called", [False, True])
def test_a_compiled_network_has_its_stages_and_is_saved_as_itself(images, tmp_path, called):
    compiled = torch.compile(unet().eval(), backend="eager")
    if called:
        with torch.no_grad():
            compiled(torch.zeros(1, 3, 64, 64))
    task, plain = segmentation(compiled), segmentation(unet())
    assert task.stages == plain.stages
    assert torch.equal(task.predict(images).units.probs, plain.predict(images).units.probs)
    task.save(tmp_path)
    again = al.Segmentation(tmp_path)
    assert torch.equal(again.predict(images).units.probs, plain.predict(images).units.probs)


def test_a_network_compiled_in_place_has_its_stages(images):
    model = unet().eval()
    model.compile(backend="eager")
    with torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    got = segmentation(model).predict(images).units.probs
    assert torch.equal(got, segmentation(unet()).predict(images).units.probs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: unet(aux_params={"classes": 3}),
        lambda: seeded(lambda: smp.UnetPlusPlus("resnet18", classes=2, **SMALL)),
    ],
)
def test_networks_with_a_second_output_or_nested_stages(images, masks, make):
    task = segmentation(make())
    task.fit(images, masks, seed=0)
    assert task.predict(images).members == len(task.stages) + 1 > 2


# Masks.


def test_a_mask_of_another_size_is_refused_with_both_sizes(images, masks):
    task = segmentation(convolutions(), stages=0, stride=1)
    small, turned = masks[1][:20], masks[1].T
    for wrong, found in ((small, "20 x 40"), (turned, "40 x 48")):
        for label in (wrong, al.data.encode_mask(wrong)):
            with pytest.raises(InvalidInputError, match=rf"48 x 40 .*found {found}.*row 1"):
                task.fit(images, [masks[0], label], seed=0)
            with pytest.raises(InvalidInputError, match=rf"48 x 40 .*found {found}"):
                task.check_label(label, images[0])


# Turns.


def test_a_pass_at_rest_waits_for_another_threads_dropout(images):
    """Members of one model never run with the modes that another's pass has set."""
    model = convolutions()
    dropping = segmentation(model, committee=al.MCDropout(3), stride=1)
    at_rest = segmentation(dropping.model.model, stages=0, stride=1)
    shared = at_rest.committee_runner._model = dropping.model  # one module, asked both ways
    want = at_rest.predict(images[:1]).units.probs
    inside, go_on = threading.Event(), threading.Event()

    def pause(*_):
        if shared.training:
            inside.set()
            go_on.wait(10)

    handle = shared.register_forward_pre_hook(pause)
    found = []
    first = threading.Thread(target=lambda: dropping.predict(images[:1]))
    second = threading.Thread(target=lambda: found.append(at_rest.predict(images[:1]).units.probs))
    first.start()
    assert inside.wait(10)
    second.start()
    second.join(0.3)
    assert not found  # it waits
    go_on.set()
    first.join()
    second.join()
    handle.remove()
    assert torch.equal(found[0], want)


# An ensemble of tasks.


@pytest.mark.parametrize("boundary", [0, 2])
def test_an_ensemble_of_segmentations_streams(images, boundary):
    members = [
        segmentation(unet(), boundary=boundary, tile=32, overlap=0),
        segmentation(unet(activation=None), stages=1, boundary=boundary, tile=32, overlap=0),
        segmentation(
            convolutions(), stages=["0"], stride=32, boundary=boundary, tile=32, overlap=0
        ),
    ]
    with torch.no_grad():
        for k, member in enumerate(members):
            for parameter in member.model.parameters():
                parameter.add_(0.02 * k)
    ensemble = al.Ensemble(members)
    large = [np.tile(images[0], (3, 4, 1)), images[1]]
    whole = ensemble.predict(large)
    scores = al.score(ensemble, large, "bald", progress=False)
    np.testing.assert_allclose(scores.values, al.bald(whole).double().numpy(), atol=1e-6)
    widest = max(len(part.units if boundary else part) for _, part in ensemble.iter_predict(large))
    assert widest <= 32 * 32
    if boundary:
        near = al.score(ensemble, large, "near_boundary", progress=False)
        np.testing.assert_allclose(near.values, al.near_boundary(whole).double().numpy(), atol=1e-6)
    described = ensemble.describe_many(images)
    assert [one["size"] for one in described] == [[48, 40], [48, 40]]
    assert described[0]["members"] == whole.members
    assert ensemble.picture(images[0], described[0]).size == (2 * 40 + 4, 48)


def test_segmentations_with_other_tiles_are_joined_too(images):
    members = [segmentation(unet(), tile=side, overlap=0) for side in (32, 64)]
    large = [np.tile(images[0], (3, 4, 1))]
    ensemble = al.Ensemble(members)
    scores = al.score(ensemble, large, "bald", progress=False)
    np.testing.assert_allclose(
        scores.values, al.bald(ensemble.predict(large)).double().numpy(), atol=1e-6
    )


# Damaged folders.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", None),
        ("labels", "ground"),
        ("stages", 3),
        ("stride", "32"),
        ("channels", True),
        ("mean", 0.5),
        ("model", "unet"),
        ("void", [255]),
        ("format", 99),
    ],
)
def test_damaged_settings_are_named(tmp_path, name, value):
    segmentation(unet()).save(tmp_path)
    path = tmp_path / "altasks.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, name: value}))
    with pytest.raises(InvalidInputError) as caught:
        al.Segmentation(tmp_path)
    assert str(path) in str(caught.value)
    if name == "labels":
        del settings[name]
        path.write_text(json.dumps(settings))
        with pytest.raises(InvalidInputError, match="no 'labels' in it"):
            al.Segmentation(tmp_path)
