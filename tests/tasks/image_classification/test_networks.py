"""Networks as people have them: probabilities for logits, other channels, other precisions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from torch import nn

from altasks.committees import MCDropout
from altasks.errors import InvalidInputError
from altasks.tasks import ImageClassification

pytest.importorskip("PIL.Image", reason="needs the extra vision")

CLASSES = ["dark", "light"]
FAST = {"max_steps": 2}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (20, 24, 3), dtype=np.uint8) for _ in range(4)]


def net(*last, channels=3, width=6):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(channels, width, 3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(width, 2),
            *last,
        )


class Functional(nn.Module):
    """A network that calls its softmax as a function."""

    def __init__(self, function):
        super().__init__()
        self.inside = net()
        self.function = function

    def forward(self, pixels):
        return self.function(self.inside(pixels))


def task(model, **options):
    settings = {"labels": CLASSES, "input_size": 16, "training_args": FAST, "workers": 0}
    return ImageClassification(model, **{**settings, **options})


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (net(nn.Softmax(1)), "a softmax"),
        (net(nn.LogSoftmax(1)), "a log-softmax"),
        (net(nn.Sigmoid()), "a sigmoid"),
        (Functional(lambda x: torch.softmax(x, -1)), "a softmax"),
        (Functional(torch.sigmoid), "a sigmoid"),
        (net(nn.Softmax(1)).bfloat16(), "a softmax"),
    ],
)
def test_probabilities_are_not_taken_for_logits(images, model, name):
    expected = rf"returns logits.*found one that ends in {name}"
    for several in (False, True):
        with pytest.raises(InvalidInputError, match=expected):
            task(model, multi_label=several).predict(images)
    with pytest.raises(InvalidInputError, match=expected):
        task(model, committee=MCDropout(3, layers="head")).predict(images)
    with pytest.raises(InvalidInputError, match=expected):
        task(model, committee=MCDropout(3)).predict(images[:1])
    before = [one.clone() for one in model.parameters()]
    with pytest.raises(InvalidInputError, match=expected):
        task(model).fit(images, CLASSES * 2, seed=0)
    assert all(map(torch.equal, before, model.parameters()))


def test_what_only_scales_logits_is_taken(images):
    scaled = task(Functional(lambda x: 2 * x)).predict(images)
    plain = task(net()).predict(images)
    assert torch.allclose(scaled.probs, torch.softmax(2 * plain.probs.log(), -1), atol=1e-6)


def test_four_channels_need_a_transform_of_ones_own(images):
    with pytest.raises(InvalidInputError, match="first convolution reads 4"):
        task(net(channels=4))

    def with_brightness(image):
        pixels = torch.from_numpy(np.array(image.resize((16, 16)), np.float32)).permute(2, 0, 1)
        return torch.cat([pixels, pixels.mean(0, keepdim=True)]) / 255

    made = task(net(channels=4), input_size=None, transform=with_brightness)
    assert made.predict(images).probs.shape == (4, 1, 2)


def test_one_output_is_one_label_that_is_there_or_not(images):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)
    )
    made = task(model, labels=["scratch"], multi_label=True)
    assert made.predict(images).probs.shape == (4, 1, 1)
    made.fit(images, [["scratch"], [], [], ["scratch"]], seed=0)
    with pytest.raises(InvalidInputError, match="at least 2 class names"):
        task(model, labels=["scratch"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["vit", "net"])
def test_half_precision_predicts_and_is_trained_in_float32(images, dtype, kind):
    def build(of):
        if kind == "net":
            return task(net().to(of))
        config = transformers.ViTConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            image_size=16, patch_size=8, id2label=dict(enumerate(CLASSES)),
        )  # fmt: skip
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return task(transformers.ViTForImageClassification(config).eval().to(of))

    half, whole = build(dtype), build(torch.float32)
    assert torch.allclose(half.predict(images).probs, whole.predict(images).probs, atol=0.02)
    with pytest.warns(UserWarning, match="brought to float32"):
        half.fit(images, CLASSES * 2, seed=0)
    assert all(one.dtype is torch.float32 for one in half.model.parameters())
    assert bool(torch.isfinite(half.predict(images).probs).all())


def test_a_compiled_network(images):
    for called in (False, True):
        inside = net()
        compiled = torch.compile(inside, backend="eager")
        if called:
            compiled(torch.zeros(1, 3, 16, 16))
        made = task(compiled, committee=MCDropout(4, layers="head"))
        expected = task(net(), committee=MCDropout(4, layers="head"))
        assert torch.equal(made.predict(images).probs, expected.predict(images).probs)
        made.fit(images, CLASSES * 2, seed=0)
        expected.fit(images, CLASSES * 2, seed=0)
        assert torch.equal(made.predict(images).probs, expected.predict(images).probs)


def test_frames_are_their_rows(images):
    made = task(net())
    frame = pd.DataFrame({"image": images}, index=list("abcd"))
    labels = pd.Series(CLASSES * 2, index=frame.index)
    assert torch.equal(made.predict(frame).probs, made.predict(images).probs)
    assert made.evaluate(frame, labels[::-1]) == made.evaluate(images, CLASSES * 2)
    made.fit(frame["image"], labels[::-1], seed=0)
    again = task(net())
    again.fit(images, CLASSES * 2, seed=0)
    assert torch.equal(made.predict(images).probs, again.predict(images).probs)


def test_a_failed_fit_leaves_no_trace(images):
    class Stops(transformers.TrainerCallback):
        def on_step_end(self, *args, **kwargs):
            raise KeyboardInterrupt

    made = task(net(nn.Identity()), warm_start=True, callbacks=[Stops()])
    before = made.predict(images).probs
    with pytest.raises(KeyboardInterrupt):
        made.fit(images, CLASSES * 2, seed=0)
    with pytest.warns(UserWarning, match=r"fit\(\) failed"):
        assert torch.equal(made.predict(images).probs, before)
