"""Images into classes: Hugging Face checkpoints of several families, and plain torch modules."""

from __future__ import annotations

import json
import random
import threading
import time
import warnings

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import altasks as al
from altasks._internal.random import isolated
from altasks.committees import BayesByBackprop, Ensemble, MCDropout, Views
from altasks.errors import CommitteeError, InvalidInputError, UnreadableSampleError
from altasks.predictions import Bernoulli, Categorical
from altasks.tasks import ImageClassification
from altasks.tasks._shared.images import PixelNet
from altasks.testing.tasks import TaskSuite, generator_states, same_prediction

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

CLASSES = ["bars", "blobs", "checks"]
FAST = {"max_steps": 2}
SIZE = 32


def draw(kind, seed):
    """A noisy 40 x 36 picture of vertical bars, a blob, or a chessboard."""
    rng = np.random.default_rng([CLASSES.index(kind), seed])
    rows, columns = np.mgrid[0:36, 0:40]
    if kind == "bars":
        pattern = (columns // 4) % 2
    elif kind == "checks":
        pattern = (columns // 4 + rows // 4) % 2
    else:
        y, x = rng.integers(8, 28, 2)
        pattern = ((rows - y) ** 2 + (columns - x) ** 2 < 60).astype(int)
    grey = 60 + 130 * pattern + rng.normal(0, 25, pattern.shape)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, 2)


@pytest.fixture(scope="module")
def images():
    return [draw(CLASSES[i % 3], i // 3) for i in range(12)]


@pytest.fixture(scope="module")
def names():
    return [CLASSES[i % 3] for i in range(12)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, images):
    """The images as files of several kinds."""
    root = tmp_path_factory.mktemp("pictures")
    for i, pixels in enumerate(images):
        place = root / CLASSES[i % 3]
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02d}{('.png', '.bmp')[i % 2]}")
    return root


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Untrained classifiers of four families, each with its image processor beside it."""
    tf = transformers
    shared = {
        "num_labels": 3,
        "id2label": dict(enumerate(CLASSES)),
        "label2id": {name: i for i, name in enumerate(CLASSES)},
    }
    sides = {"size": {"height": SIZE, "width": SIZE}}
    configs = {
        "vit": tf.ViTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=SIZE,
            patch_size=8,
            **shared,
        ),
        "resnet": tf.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **shared
        ),
        "convnext": tf.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, **shared),
        "mobilenet": tf.MobileNetV2Config(image_size=SIZE, depth_multiplier=0.1, **shared),
    }
    tf.utils.logging.disable_progress_bar()
    root = tmp_path_factory.mktemp("checkpoints")
    for name, config in configs.items():
        with isolated(0):
            model = tf.AutoModelForImageClassification.from_config(config)
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.ndim > 1:
                        parameter.mul_(3)
        model.save_pretrained(root / name)
        tf.ViTImageProcessor(**sides).save_pretrained(root / name)
    return root


def cnn(channels=3, classes=3, dropout=0.3):
    with isolated(1):
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(64, classes),
        )


def make_cnn(**options):
    settings = {"labels": CLASSES, "input_size": 16, "training_args": FAST, **options}
    return ImageClassification(cnn(), **settings)


class _Suite(TaskSuite):
    @pytest.fixture
    def samples(self, images):
        return images

    @pytest.fixture
    def labels(self, names):
        return names

    @pytest.fixture
    def bad_labels(self):
        return ["bar", "", 0, None, ["bars"]]


class TestCheckpoint(_Suite):
    @pytest.fixture
    def make_task(self, checkpoints):
        return lambda: ImageClassification(checkpoints / "vit", training_args=FAST)


class TestTorchModule(_Suite):
    @pytest.fixture
    def make_task(self):
        return make_cnn


class TestHeadDropout(_Suite):
    @pytest.fixture
    def make_task(self):
        return lambda: make_cnn(committee=MCDropout(5, layers="head"), redraw="all")


class TestFullDropout(_Suite):
    batch_invariant = False

    @pytest.fixture
    def make_task(self):
        return lambda: make_cnn(committee=MCDropout(3))


class TestViews(_Suite):
    @pytest.fixture
    def make_task(self):
        return lambda: make_cnn(committee=Views())


class TestMultiLabel(_Suite):
    @pytest.fixture
    def make_task(self):
        return lambda: make_cnn(multi_label=True)

    @pytest.fixture
    def labels(self):
        return [["bars"], [], ["checks", "blobs"]] * 4

    @pytest.fixture
    def bad_labels(self):
        return ["bars", ["bar"], None, 1]


# Models and labels.


@pytest.mark.parametrize("family", ["vit", "resnet", "convnext", "mobilenet"])
def test_predictions_are_the_models_own(checkpoints, family, images, names):
    task = ImageClassification(checkpoints / family, training_args=FAST)
    assert task.labels == CLASSES
    assert not task._new_parameters
    prediction = task.predict(images)
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoints / family)
    for row, image in enumerate(images):
        inputs = processor(images=Image.fromarray(image), return_tensors="pt")
        with torch.no_grad():
            expected = task.model(**inputs).logits.softmax(-1)[0]
        assert torch.allclose(prediction.probs[row, 0], expected, atol=1e-5)
    assert task.embed(images).shape == (12, task._head.in_features)
    task.fit(images, names, seed=0)
    assert not same_prediction(prediction, task.predict(images))


def test_a_head_for_other_classes_is_made_and_says_that_it_is_new(checkpoints, images):
    for family in ("vit", "resnet"):
        task = ImageClassification(checkpoints / family, labels=["a", "b", "c", "d"])
        with pytest.warns(UserWarning, match="until fit"):
            assert task.predict(images).probs.shape == (12, 1, 4)
    with pytest.raises(InvalidInputError, match="the order of the checkpoint's outputs"):
        ImageClassification(checkpoints / "vit", labels=CLASSES[::-1])


def test_a_model_object_needs_a_processor_or_a_size(checkpoints, images):
    config = transformers.AutoConfig.from_pretrained(checkpoints / "vit")
    model = transformers.AutoModelForImageClassification.from_pretrained(checkpoints / "vit")
    expected = ImageClassification(checkpoints / "vit").predict(images)
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoints / "vit")
    for given in (None, processor, str(checkpoints / "vit")):
        task = ImageClassification(model, processor=given)
        assert same_prediction(task.predict(images), expected, 1e-6)
    nameless = transformers.AutoModelForImageClassification.from_config(config)
    nameless.config._name_or_path = nameless.name_or_path = ""
    with pytest.raises(InvalidInputError, match="processor: expected the image processor"):
        ImageClassification(nameless)
    task = ImageClassification(nameless, input_size=SIZE)
    assert task.predict(images).probs.shape == (12, 1, 3)


def test_a_torch_module_gives_its_own_logits(images):
    net = cnn()
    seen = []

    def transform(image):
        seen.append((image.mode, image.size))
        return torch.from_numpy(np.array(image, np.float32)).permute(2, 0, 1)[:, :32, :32] / 255

    task = ImageClassification(net, labels=CLASSES, transform=transform)
    prediction = task.predict(images)
    assert seen == [("RGB", (40, 36))] * 12
    net.eval()
    batch = torch.stack([torch.from_numpy(i).permute(2, 0, 1)[:, :32, :32] / 255 for i in images])
    assert torch.allclose(prediction.probs[:, 0], net(batch).softmax(-1), atol=1e-6)


def test_a_net_of_one_channel_is_given_greyscale(images, names):
    task = ImageClassification(
        cnn(channels=1), labels=CLASSES, input_size=(16, 20), training_args=FAST
    )
    batch = next(task._reader.batches(images, 12))
    assert batch.shape == (12, 1, 16, 20)
    task.fit(images, names, seed=0)
    forced = ImageClassification(cnn(), labels=CLASSES, input_size=16, channels="RGB")
    assert next(forced._reader.batches(images, 12)).shape == (12, 3, 16, 16)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_the_networks_of_timm_and_torchvision(library, images, names):
    pytest.importorskip(library, reason="needs the extra vision")
    with isolated(0):
        if library == "timm":
            import timm

            net = timm.create_model("mobilenetv3_small_050", num_classes=3)
        else:
            import torchvision

            net = torchvision.models.googlenet(num_classes=3, init_weights=False, aux_logits=True)
    task = ImageClassification(net, labels=CLASSES, input_size=64, training_args={"max_steps": 1})
    assert task.predict(images[:4]).probs.shape == (4, 1, 3)
    task.fit(images[:4], names[:4], seed=0)  # googlenet says three things while it trains
    assert task.predict(images[:4]).probs.shape == (4, 1, 3)
    if library == "timm":
        sized = ImageClassification(net, labels=CLASSES)
        assert sized._reader.transform.size == (224, 224)  # as timm noted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": None}, "labels: expected the class names, which a Sequential doesn't have"),
        ({"labels": ["a", "b"]}, "an nn.Linear with 2 outputs"),
        ({"labels": ["a"]}, "at least 2 class names"),
        ({"input_size": 0}, "input_size: expected"),
        ({"input_size": (8, 8, 3)}, "input_size: expected"),
        ({"transform": abs}, "one of processor, transform and input_size"),
        ({"input_size": None, "transform": 3}, "transform: expected a function"),
        ({"augment": "flip"}, "augment: expected a function"),
        ({"channels": "BGR"}, "channels: expected"),
        ({"redraw": "some"}, "redraw: expected"),
        ({"workers": -1}, "workers: expected"),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"head": "net.0"}, "head: expected the dotted name"),
        ({"training_args": {"learning_rte": 1}}, "Did you mean 'learning_rate'"),
    ],
)
def test_bad_settings_are_named(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ImageClassification(cnn(), **{"labels": CLASSES, "input_size": 16, **options})


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda image: np.zeros((3, 8, 8)), "float tensors.*found ndarray"),
        (lambda image: torch.zeros(8, 8), r"found torch.float32 of shape \[8, 8\]"),
        (lambda image: torch.zeros(3, 8, 8, dtype=torch.uint8), "found torch.uint8"),
        (lambda image: torch.zeros(3, image.height, image.width), "tensors of one shape"),
    ],
)
def test_what_a_transform_must_return(transform, message, images):
    task = ImageClassification(cnn(), labels=CLASSES, transform=transform)
    with pytest.raises(InvalidInputError, match=message):
        task.predict([images[0], images[1][:20]])


# Reading.


def test_paths_images_arrays_and_rows_are_the_same(folder, images):
    task = make_cnn()
    expected = task.predict(images)
    pool = al.as_pool(folder, suffixes=(".png", ".bmp"))
    order = sorted(
        range(12), key=lambda i: pool.ids.index(next(n for n in pool.ids if f"{i:02d}" in n))
    )
    paths = [pool.at(row) for row in np.argsort(order)]
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"image": list(map(str, paths))}).cast_column(
        "image", datasets.Image()
    )
    for samples in (paths, [Image.fromarray(i) for i in images], list(rows), rows["image"]):
        assert same_prediction(task.predict(list(samples)), expected)


@pytest.mark.parametrize("workers", [0, 3])
def test_every_unreadable_row_is_named(folder, images, workers, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    task = make_cnn(workers=workers, batch_size=2)
    samples = [images[0], broken, images[1], images[2], None, images[3], tmp_path / "no.png"]
    with pytest.raises(UnreadableSampleError, match=r"broken\.png.*2 more rows") as caught:
        task.predict(samples)
    assert list(caught.value.rows) == [1, 4, 6]
    assert "FileNotFoundError" in caught.value.rows[6]
    with pytest.raises(UnreadableSampleError):
        task.embed([broken])


def test_scoring_leaves_out_what_cannot_be_read(folder, tmp_path, images):
    pool = {f"image {i}": pixels for i, pixels in enumerate(images)}
    cut = tmp_path / "cut.jpg"
    Image.effect_noise((90, 90), 80).save(cut)
    cut.write_bytes(cut.read_bytes()[:1000])
    pool["cut"] = cut
    task = make_cnn(batch_size=4)
    scores = al.score(task, pool, batch_size=5, unreadable="skip", progress=False)
    assert list(scores.skipped) == ["cut"]
    assert "truncated" in scores.skipped["cut"]
    assert (
        scores.values.tolist()
        == al.score(task, pool | {"cut": images[0]}, progress=False).values[:-1].tolist()
    )
    with pytest.raises(UnreadableSampleError, match=r"1 of 13 samples can't be read: 'cut'"):
        al.score(task, pool, progress=False)


def test_a_data_set_that_breaks_while_it_decodes_is_no_crash(tmp_path, images):
    datasets = pytest.importorskip("datasets")
    files = []
    for i, pixels in enumerate(images[:4]):
        files.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(pixels).save(files[-1])
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    rows = datasets.Dataset.from_dict({"image": files}).cast_column("image", datasets.Image())
    scores = al.score(make_cnn(), rows, unreadable="skip", progress=False)
    assert scores.ids == ["0", "1", "3"]
    assert set(scores.skipped) == {"2"}  # in what words is up to whoever opens images here
    assert scores.skipped["2"]


def odd_images(folder):
    """Images of every odd kind, by name."""
    yield "grey", np.full((9, 7), 80, np.uint8)
    yield "rgba", np.full((9, 7, 4), 80, np.uint8)
    yield "deep", np.full((9, 7), 30_000, np.uint16)
    yield "one pixel", np.full((1, 1, 3), 80, np.uint8)
    yield "a line", np.full((1, 300, 3), 80, np.uint8)
    path = folder / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((9, 7, 3), 80, np.uint8)).save(path, exif=exif)
    yield "turned", path


@pytest.mark.parametrize("kind", ["vit", "convnext", "cnn"])
def test_odd_images_are_classified(kind, checkpoints, tmp_path):
    task = make_cnn() if kind == "cnn" else ImageClassification(checkpoints / kind)
    for _, sample in odd_images(tmp_path):
        prediction = task.predict([sample])
        assert torch.isfinite(prediction.probs).all()
        shown = task.describe(sample, prediction)
        assert task.picture(sample, shown).mode == "RGB"


def test_an_image_on_which_the_transform_fails_is_unreadable(images):
    def transform(image):
        if image.width < 30:
            raise ValueError("too small for the crop")
        return torch.zeros(3, 8, 8)

    task = ImageClassification(cnn(), labels=CLASSES, transform=transform)
    with pytest.raises(UnreadableSampleError, match=r"10 x 36.*too small for the crop") as caught:
        task.predict([images[0], images[1][:, :10]])
    assert list(caught.value.rows) == [1]


def test_memory_holds_one_batch(folder, images):
    """A batch's pixels are let go before the next are read."""
    task = make_cnn(batch_size=3)
    alive = []

    class Counting(nn.Module):
        def forward(self, pixels):
            alive.append(pixels.shape[0])
            return pixels

    task.model.net.insert(0, Counting())
    task.predict(images)
    assert alive == [3, 3, 3, 3]


def test_no_samples_are_an_empty_prediction():
    for committee in (None, Views(), MCDropout(3, layers="head")):
        task = make_cnn(committee=committee)
        members = 1 if committee is None else committee.members
        assert task.predict([]).probs.shape == (0, members, 3)
    assert task.embed([]).shape == (0, 64)


# Training.


def test_a_fit_learns(images, names):
    task = make_cnn(redraw="all", training_args={"num_train_epochs": 40, "learning_rate": 1e-2})
    task.fit(images, names, seed=0)
    assert task.evaluate(images, names)["accuracy"] > 0.9
    fresh = [draw(CLASSES[i % 3], 50 + i) for i in range(30)]
    assert task.evaluate(fresh, [CLASSES[i % 3] for i in range(30)])["accuracy"] > 0.6


def test_augmentation_sees_training_images_alone_and_is_reproducible(images, names):
    seen = []

    def augment(image):
        seen.append(image.size)
        shade = random.randrange(3) + int(torch.randint(3, ())) + int(np.random.randint(3))  # noqa: NPY002
        return image.point(lambda value: value * (10 - shade) // 10)

    first, second = (make_cnn(augment=augment) for _ in range(2))
    before = generator_states()
    first.fit(images, names, seed=3)
    assert len(seen) == 2 * 12  # one step an epoch, no image kept
    second.fit(images, names, seed=3)
    assert generator_states() == before
    count = len(seen)
    assert same_prediction(first.predict(images), second.predict(images), 1e-6)
    assert len(seen) == count
    plain = make_cnn()
    plain.fit(images, names, seed=3)
    assert not same_prediction(first.predict(images), plain.predict(images), 1e-6)


def test_what_is_not_augmented_is_read_once(images, names, monkeypatch):
    from altasks.tasks._shared import image_rows
    from altasks.tasks._shared import images as _images

    task, opened = make_cnn(), []
    original = _images.open_image
    monkeypatch.setattr(
        _images, "open_image", lambda *args, **kw: opened.append(1) or original(*args, **kw)
    )
    task.fit(images, names, seed=0)
    assert len(opened) == 12
    monkeypatch.setattr(image_rows, "KEPT", 5 * 3 * 16 * 16 * 4)
    opened.clear()
    task.fit(images, names, seed=0)
    assert len(opened) == 12 + 7  # five fit into what may be kept


@pytest.mark.parametrize("augmented", [False, True])
def test_a_fit_that_reads_ahead_learns_the_same(folder, augmented, monkeypatch):
    """Files are decoded on threads; what draws at random does so in the caller's, in turn."""
    from altasks.tasks._shared import images as _images

    def shifted(image):
        from PIL import ImageChops

        return ImageChops.offset(image, int(torch.randint(0, 9, ()).item()))

    files = sorted(folder.rglob("*.*"))
    names = [file.parent.name for file in files]
    threads = set()
    before = set(threading.enumerate())  # an error that another test keeps may keep some
    original = _images.open_image
    monkeypatch.setattr(
        _images,
        "open_image",
        lambda *args, **kw: threads.add(threading.current_thread().name) or original(*args, **kw),
    )
    found = []
    for workers in (0, 1, 3):
        threads.clear()
        task = make_cnn(workers=workers, augment=shifted if augmented else None)
        task.fit(files, names, seed=3, valid=(files[:4], names[:4]))
        ahead = {name for name in threads if name.startswith("altasks-ahead")}
        assert bool(ahead) == bool(workers)
        found.append(task.predict(files))
        assert task.evaluate(files, names)
    assert same_prediction(found[0], found[1])
    assert same_prediction(found[0], found[2])
    deadline = time.monotonic() + 10
    while any(one.name.startswith("altasks-ahead") for one in {*threading.enumerate()} - before):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_damaged_file_is_named_before_or_while_training(images, names, tmp_path):
    task = make_cnn()
    task.fit(images, names, seed=0)
    expected = task.predict(images)
    with pytest.raises(UnreadableSampleError, match="nowhere") as caught:
        task.fit([*images[:-1], tmp_path / "nowhere.png"], names, seed=0)
    assert list(caught.value.rows) == [11]
    assert same_prediction(task.predict(images), expected)  # nothing was lost
    cut = tmp_path / "cut.jpg"
    Image.effect_noise((90, 90), 80).save(cut)
    cut.write_bytes(cut.read_bytes()[:1000])
    with pytest.raises(UnreadableSampleError, match=r"cut\.jpg"):
        task.fit([*images[:-1], cut], names, seed=0)
    fresh = make_cnn()
    fresh.fit(images, names, seed=0)
    task.fit(images, names, seed=0)
    assert same_prediction(task.predict(images), fresh.predict(images), 1e-6)


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_weights_count(kind, images, checkpoints):
    labels = ["bars", "blobs"] * 6
    weights = [1.0, 0.0] * 6
    settings = {"training_args": {"max_steps": 20, "learning_rate": 2e-2}}
    make = {
        "cnn": lambda: make_cnn(**settings),
        "vit": lambda: ImageClassification(checkpoints / "vit", **settings),
    }[kind]
    task = make()
    task.fit(images, labels, seed=0, weights=weights)
    guesses = task.predict(images).mean_probs.argmax(-1)
    assert (guesses == 0).all()


def test_validation_while_training(images, names):
    seen = []

    class Keeper(transformers.TrainerCallback):
        def on_evaluate(self, args, state, control, metrics=None, **kwargs):
            seen.append(metrics)

    for multi, labels in ((False, names), (True, [[name] for name in names])):
        task = make_cnn(
            multi_label=multi,
            training_args={"max_steps": 8, "eval_strategy": "epoch", "learning_rate": 0.03},
            callbacks=[Keeper()],
        )
        task.fit(images, labels, seed=0, valid=(images[:6], labels[:6]))
        assert 0 < task.predict(images[:6]).mean_probs.round().mean() < 1  # not all, not none
        measured = task.evaluate(images[:6], labels[:6])  # by the weights of the last step
        assert len(measured) >= 2
        for name, value in measured.items():
            assert seen[-1][f"eval_{name}"] == pytest.approx(value)


def test_the_last_layer_goes_by_the_name_it_has_in_the_network(images):
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
            self.label = nn.Linear(4, 3)
            self.other = nn.Linear(4, 3)  # the last with three outputs

        def forward(self, pixels):
            return self.label(self.trunk(pixels).flatten(1))

    for head in ("label", "net.label"):
        task = ImageClassification(TwoHeads(), labels=CLASSES, input_size=16, head=head)
        assert task._head is task.model.net.label
        assert task._new_parameters == {"net.label.weight", "net.label.bias"}
        assert task.embed(images[:2]).shape == (2, 4)


def test_training_arguments_pass_through(images, names, tmp_path):
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=2, report_to=[], use_cpu=True, save_strategy="no"
    )
    task = make_cnn(training_args=arguments)
    assert task._arguments(12) is arguments
    task.fit(images, names, seed=0)
    assert make_cnn(training_args=None)._arguments(12) == {"learning_rate": 3e-4}
    assert make_cnn(training_args=None, redraw="all")._arguments(12) == {"learning_rate": 1e-3}


def test_warm_start_goes_on(images, names):
    cold, warm = make_cnn(), make_cnn(warm_start=True)
    for task in (cold, warm):
        task.fit(images, names, seed=0)
        task.fit(images, names, seed=0)
    assert not same_prediction(cold.predict(images), warm.predict(images), 1e-5)
    warm.start_over()
    warm.fit(images, names, seed=0)
    assert same_prediction(cold.predict(images), warm.predict(images), 1e-5)


# Committees.


def test_head_dropout_equals_masking_by_hand(images):
    committee = MCDropout(4, layers="head", seed=5)
    task = make_cnn(committee=committee)
    prediction = task.predict(images)
    features = task.embed(images)
    masks = committee.masks(64, 0.3)
    for k in range(4):
        logits = (features * masks[k]) @ task._head.weight.T + task._head.bias
        assert torch.allclose(prediction.probs[:, k], logits.softmax(-1), atol=1e-5)


def test_views_are_the_views_one_by_one(images):
    committee = Views(places=["whole", "bottom_right"], flips=["mirror"], scale=0.5)
    task = make_cnn(committee=committee)
    prediction = task.predict(images)
    assert prediction.members == 4
    pixels = next(task._reader.batches(images, 12))
    part = torch.nn.functional.interpolate(pixels[..., 8:, 8:], (16, 16), mode="bilinear")
    task.model.eval()
    for k, view in enumerate([pixels, pixels.flip(-1), part, part.flip(-1)]):
        expected = task.model(view)["logits"].softmax(-1)
        assert torch.allclose(prediction.probs[:, k], expected, atol=1e-6)
    assert task.default_acquisition == "bald"
    assert (al.bald(prediction) > 0).all()
    # What is measured is the model on the whole image.
    assert torch.equal(task._draws(images, None).logits, make_cnn()._draws(images, None).logits)


def test_an_ensemble_of_seeds(images, names):
    task = make_cnn(committee=Ensemble(2), redraw="all")
    with pytest.raises(CommitteeError, match="copies of one model"):
        task.predict(images)
    task.fit(images, names, seed=0)
    prediction = task.predict(images)
    assert prediction.members == 2
    assert not torch.allclose(prediction.probs[:, 0], prediction.probs[:, 1], atol=1e-4)
    assert set(task.evaluate(images, names)) == {"accuracy", "macro_f1"}


def test_an_ensemble_of_checkpoints_one_at_a_time(images, names, checkpoints, tmp_path):
    for seed in range(2):
        task = ImageClassification(checkpoints / "vit", training_args=FAST)
        task.fit(images, names, seed=seed)
        task.save(tmp_path / str(seed))
    places = [tmp_path / "0", tmp_path / "1"]
    together = ImageClassification(committee=Ensemble(places)).predict(images)
    single = ImageClassification(committee=Ensemble(places, one_at_a_time=True)).predict(images)
    assert together.members == 2
    assert same_prediction(together, single, 1e-6)


def test_bayes_by_backprop(images, names, tmp_path):
    def make():
        return make_cnn(committee=BayesByBackprop(4))

    task = make()
    with pytest.raises(CommitteeError, match="never trained"):
        task.predict(images)
    task.fit(images, names, seed=0)
    prediction = task.predict(images)
    assert prediction.members == 4
    task.save(tmp_path / "weights")
    other = make()
    other.load(tmp_path / "weights")
    assert same_prediction(prediction, other.predict(images), 1e-6)


def test_a_vit_without_dropout_says_so(checkpoints, images):
    task = ImageClassification(checkpoints / "vit", committee=MCDropout(3))
    with pytest.raises(CommitteeError, match="dropout probabilities in it are 0"):
        task.predict(images)
    small = ImageClassification(checkpoints / "vit", committee=MCDropout(3, p=0.1))
    assert small.predict(images).members == 3


# Keeping, describing, measuring.


def test_saved_weights_are_a_hugging_face_checkpoint(checkpoints, images, names, tmp_path):
    task = ImageClassification(checkpoints / "resnet", training_args=FAST)
    task.fit(images, names, seed=0)
    task.save(tmp_path)
    assert (tmp_path / "preprocessor_config.json").is_file()
    again = ImageClassification(tmp_path)
    assert same_prediction(again.predict(images), task.predict(images), 1e-6)


def test_weights_of_other_classes_or_sizes_are_refused(tmp_path):
    make_cnn().save(tmp_path)
    for options, key in (
        ({"labels": ["a", "b", "c"]}, "labels"),
        ({"input_size": 20}, "input_size"),
    ):
        with pytest.raises(InvalidInputError, match=f"weights for {key}"):
            make_cnn(**options).load(tmp_path)
    other = ImageClassification(cnn(), labels=CLASSES, input_size=16, multi_label=True)
    with pytest.raises(InvalidInputError, match="multi_label"):
        other.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match="a damaged file"):
        make_cnn().load(tmp_path)


def test_describe_names_path_and_classes(folder, images):
    task = make_cnn()
    path = next(folder.rglob("*.png"))
    for sample, expected in (
        (path, str(path)),
        ({"image": str(path), "label": 2}, str(path)),
        ({"image": {"bytes": path.read_bytes(), "path": "far/away.png"}}, "far/away.png"),
        (images[0], None),
    ):
        prediction = task.predict([sample])
        shown = task.describe(sample, prediction)
        assert shown.get("path") == expected
        assert shown["predicted"] == shown["classes"][0]["label"]
        probabilities = [entry["probability"] for entry in shown["classes"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        json.dumps(shown)


def test_of_many_classes_the_likeliest_are_described(images):
    many = [f"class {i}" for i in range(100)]
    task = ImageClassification(cnn(classes=100), labels=many, input_size=16)
    assert len(task.describe(images[0], task.predict(images[:1]))["classes"]) == 20


def test_pictures_are_drawn_and_leave_the_sample_alone(images, folder):
    task = make_cnn()
    path = next(folder.rglob("*.png"))
    mine = Image.fromarray(images[0])
    for sample in (images[0], mine, path):
        picture = task.picture(sample, task.describe(sample, task.predict([sample])))
        assert picture.width >= 120
        assert picture.height > 36
    np.testing.assert_array_equal(np.asarray(mine), images[0])


def test_metrics_by_hand(images):
    task = make_cnn()
    guesses = [task.labels[i] for i in task.predict(images).mean_probs.argmax(-1).tolist()]
    assert task.evaluate(images, guesses) == {"accuracy": 1.0, "macro_f1": 1.0}
    wrong = [task.labels[(task.labels.index(name) + 1) % 3] for name in guesses]
    assert task.evaluate(images, wrong)["accuracy"] == 0.0
    assert isinstance(task.predict(images), Categorical)


def test_several_labels_at_once(images):
    labels = [["bars", "checks"], ["blobs"], []] * 4
    task = make_cnn(multi_label=True, training_args={"max_steps": 2})
    prediction = task.predict(images)
    assert isinstance(prediction, Bernoulli)
    task.fit(images, labels, seed=0)
    assert set(task.evaluate(images, labels)) == {"micro_f1", "macro_f1", "subset_accuracy"}
    shown = task.describe(images[0], task.predict(images[:1]))
    assert isinstance(shown["predicted"], list)


def test_a_loop_over_a_folder(folder, tmp_path):
    pool = al.as_pool(folder, suffixes=(".png", ".bmp"))
    truth = {name: name.partition("/")[0] for name in pool.ids}
    task = make_cnn(committee=MCDropout(4, layers="head"))
    loop = al.ActiveLoop(task, pool, store=tmp_path / "store.db", seed=1)
    held = [pool[name] for name in pool.ids[:4]], [truth[name] for name in pool.ids[:4]]
    rounds = list(loop.run(al.Simulated(truth), budget=9, batch=3, test=held))
    assert [done.labelled for done in rounds] == [3, 6, 9]
    query = al.ActiveLoop(task, pool, store=tmp_path / "store.db", seed=1).ask(2)
    assert all(query.descriptions[name]["path"].endswith(name) for name in query.ids)


def test_embeddings_serve_the_strategies(images):
    task = make_cnn()
    loop = al.ActiveLoop(task, images, strategy="k_center")
    loop.tell({"0": "bars", "1": "blobs"})
    loop.fit()
    assert len(loop.ask(3).ids) == 3


def test_bfloat16_says_nearly_the_same(images):
    exact = make_cnn().predict(images).probs
    mixed = make_cnn(autocast="bfloat16").predict(images).probs
    assert mixed.dtype == torch.float32
    assert torch.allclose(exact, mixed, atol=0.05)


def test_a_wrapped_net_is_not_wrapped_again(images):
    net = PixelNet(cnn())
    task = ImageClassification(net, labels=CLASSES, input_size=16)
    assert task.model is net
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.predict(images)
