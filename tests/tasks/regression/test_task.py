from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import altasks as al
from altasks.committees import Ensemble, MCDropout
from altasks.data.images import open_image
from altasks.errors import (
    CommitteeError,
    InvalidInputError,
    TrainingError,
    UnreadableSampleError,
    UnsupportedPredictionError,
    VarianceCollapseWarning,
)
from altasks.tasks import Regression
from altasks.tasks.regression.network import gaussian_nll, regression_metrics
from altasks.testing.tasks import TaskSuite, same_prediction

FAST = {"max_steps": 25}


def table(n: int = 24, seed: int = 0, targets: int = 1):
    """Rows of three columns; targets far from standardised, noisier where column 0 is large."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 100.0]
    y = 200 + 30 * x[:, 0] - 2 * x[:, 1]
    y = y + rng.normal(size=n) * np.exp(1 + x[:, 0])
    several = np.column_stack([y, *(y * (t + 2) - t for t in range(targets - 1))])
    return x, (y if targets == 1 else several)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


class _Suite(TaskSuite):
    tolerance = 1e-3  # of targets around 200

    @pytest.fixture
    def samples(self):
        return list(table(12)[0])

    @pytest.fixture
    def labels(self):
        return table(12)[1].tolist()

    @pytest.fixture
    def bad_labels(self):
        return ["1.0", None, float("nan"), float("inf"), True, [1.0], [1.0, 2.0]]

    @pytest.fixture
    def options(self):
        return {}

    @pytest.fixture
    def make_task(self, options, samples, labels, trained):
        folder = trained / type(self).__name__

        def make():
            task = Regression(**{"training_args": {"max_steps": 5}, **options})
            # A network that was never trained says so, and an ensemble of copies refuses.
            if folder.exists():
                task.load(folder)
            else:
                task.fit(samples, labels, seed=1)
                task.save(folder)
            return task

        return make


class TestPlain(_Suite):
    pass


class TestEnsemble(_Suite):
    @pytest.fixture
    def options(self):
        return {"committee": Ensemble(2)}


class TestHeadDropout(_Suite):
    @pytest.fixture
    def options(self):
        return {"committee": MCDropout(4, layers="head"), "dropout": 0.2}


class TestTwoTargetsByName(_Suite):
    @pytest.fixture
    def options(self):
        return {"targets": ["strength", "cost"], "features": ["b", "a"], "loss": "beta_nll"}

    @pytest.fixture
    def samples(self):
        return [{"a": a, "b": b, "note": "not read"} for a, b, _ in table(12)[0].tolist()]

    @pytest.fixture
    def labels(self):
        return table(12, targets=2)[1].tolist()

    @pytest.fixture
    def bad_labels(self):
        return [1.0, [1.0], [1.0, 2.0, 3.0], [1.0, float("nan")], [1.0, "2"], None]


class TestTexts(_Suite):
    @pytest.fixture
    def samples(self, topic_texts):
        return topic_texts[:12]

    @pytest.fixture
    def options(self, tiny_encoder):
        return {"model": tiny_encoder}


@pytest.fixture(scope="module")
def tiny_vit(tmp_path_factory):
    """A checkpoint of an image model without a head, on 16 x 16 pixels, with its processor."""
    pytest.importorskip("PIL", reason="needs the extra vision")
    pytest.importorskip("torchvision", reason="needs the extra vision")
    folder = tmp_path_factory.mktemp("vit")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=16,
        patch_size=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def pictures(n: int = 12, seed: int = 0):
    """Grey images of several sizes, and how bright they are, in percent."""
    rng = np.random.default_rng(seed)
    bright = rng.uniform(0, 1, n)
    sizes = rng.integers(12, 30, (n, 2))
    return [np.full(size, b) for size, b in zip(sizes, bright, strict=True)], 100 * bright


class TestImages(_Suite):
    @pytest.fixture
    def samples(self):
        return pictures()[0]

    @pytest.fixture
    def labels(self):
        return pictures()[1].tolist()

    @pytest.fixture
    def options(self, tiny_vit):
        return {"model": tiny_vit}


# What is predicted.


def test_it_learns_mean_and_noise_in_the_targets_units():
    x, y = table(200)
    task = Regression(committee=Ensemble(2), training_args={"max_steps": 200})
    task.fit(x, y, seed=0)
    held, truth = table(300, seed=1)
    metrics = task.evaluate(held, truth)
    assert metrics["rmse"] < 0.4 * truth.std()
    assert 0.8 < metrics["coverage_90"] < 0.98
    assert metrics["nll"] < 0.5 * math.log(2 * math.pi * math.e * truth.var()) - 0.7
    noise = task.predict(held).variance.mean(1)[:, 0].numpy()
    calm, wild = noise[held[:, 0] < -1].mean(), noise[held[:, 0] > 1].mean()
    assert wild > 4 * calm


def test_units_of_inputs_and_targets_change_nothing():
    x, y = table()
    plain, moved = (Regression(training_args=FAST) for _ in range(2))
    plain.fit(x, y, seed=0)
    moved.fit(x * [1e3, 1e-3, 1.0] - 7, y * 1000 + 5e5, seed=0)
    one, other = plain.predict(x), moved.predict(x * [1e3, 1e-3, 1.0] - 7)
    torch.testing.assert_close(other.mean, one.mean * 1000 + 5e5, rtol=1e-4, atol=1)
    torch.testing.assert_close(other.variance, one.variance * 1e6, rtol=1e-3, atol=1)
    torch.testing.assert_close(al.variance(other), al.variance(one), rtol=1e-3, atol=1e-6)


def test_scores_average_over_targets_in_standardised_units():
    x, y = table(targets=2)
    task = Regression(targets=2, training_args=FAST)
    task.fit(x, y, seed=0)
    prediction = task.predict(x)
    assert prediction.mean.shape == (24, 1, 2)
    np.testing.assert_allclose(prediction.scale, y.std(0))
    expected = (prediction.variance[:, 0] / prediction.scale.square()).mean(-1)
    torch.testing.assert_close(al.variance(prediction), expected)


def test_an_ensemble_keeps_the_scale_and_its_members_differ():
    x, y = table()
    task = Regression(committee=Ensemble(3), training_args=FAST)
    with pytest.raises(CommitteeError, match="copies of one model"):
        Regression(features=3, committee=Ensemble(3)).predict(x)
    task.fit(x, y, seed=0)
    prediction = task.predict(x)
    assert prediction.members == 3
    np.testing.assert_allclose(prediction.scale, [y.std()])
    assert (prediction.mean.std(1) > 0).all()
    assert (al.epistemic_variance(prediction) < al.variance(prediction)).all()


@pytest.mark.parametrize("way", ["list", "rows", "mappings", "frame", "tensor"])
def test_rows_come_in_many_forms(way):
    x, y = table()
    pandas = pytest.importorskip("pandas") if way == "frame" else None
    forms = {
        "list": lambda: x.tolist(),
        "rows": lambda: list(x),
        "mappings": lambda: [dict(zip("abc", row, strict=True)) for row in x.tolist()],
        "frame": lambda: [row for _, row in pandas.DataFrame(x, columns=list("abc")).iterrows()],
        "tensor": lambda: list(torch.from_numpy(x)),
    }
    task, plain = Regression(training_args=FAST), Regression(training_args=FAST)
    task.fit(forms[way](), y, seed=0)
    plain.fit(x, y, seed=0)
    assert same_prediction(task.predict(forms[way]()), plain.predict(x))
    assert task.size(forms[way]()[0]) == 1
    shown = task.describe(forms[way]()[0], task.predict(forms[way]()[:1]))
    named = way in ("mappings", "frame")
    assert (
        (shown["row"] == dict(zip("abc", x[0], strict=True))) if named else shown["row"] == [*x[0]]
    )


@pytest.mark.parametrize("names", [["a", "b", "c"], [0, 1, 2]])
def test_a_frame_is_its_rows_by_name(names):
    x, y = table()
    frame = pytest.importorskip("pandas").DataFrame(x, columns=names, index=range(100, 124))
    task, plain = Regression(training_args=FAST), Regression(training_args=FAST)
    task.fit(frame, y, seed=0)
    plain.fit(x, y, seed=0)
    expected = plain.predict(x)
    assert same_prediction(expected, task.predict(frame[names[::-1]]))
    assert same_prediction(expected, task.predict([row for _, row in frame.iterrows()]))
    assert task.evaluate(frame, y) == plain.evaluate(x, y)
    assert set(task.describe(frame.iloc[0], expected[0])["row"]) == set(map(str, names))
    frame.columns = ["a", "b", "a"]
    for samples in (frame, [row for _, row in frame.iterrows()]):
        with pytest.raises(InvalidInputError, match="distinct column names"):
            Regression().check_samples(samples)


def test_nothing_is_read_behind_a_mask():
    x, _ = table()
    masked = np.ma.array(x, mask=np.zeros(x.shape, bool))
    masked.mask[3, 1] = True
    for samples in (masked, list(masked)):
        with pytest.raises(
            InvalidInputError, match=r"masked ones \(row 3\)|NaN\) \(row 3, column 1\)"
        ):
            Regression().check_samples(samples)


def test_columns_are_read_by_name_in_any_order():
    x, y = table()
    rows = [dict(zip("abc", row, strict=True)) for row in x.tolist()]
    task = Regression(training_args=FAST)
    task.fit(rows, y, seed=0)
    turned = [dict(reversed(row.items())) for row in rows]
    assert same_prediction(task.predict(rows), task.predict(turned))


def test_description_splits_the_standard_deviation():
    x, y = table()
    task = Regression(committee=Ensemble(2), training_args=FAST)
    task.fit(x, y, seed=0)
    prediction = task.predict(x[:1])
    shown = task.describe(x[0], prediction)
    (target,) = shown["targets"]
    assert target["sd"] ** 2 == pytest.approx(target["aleatoric"] ** 2 + target["epistemic"] ** 2)
    assert target["epistemic"] == pytest.approx(float(prediction.mean[0, :, 0].std(correction=0)))
    assert shown["predicted"] == target["mean"] == pytest.approx(float(prediction.mean.mean()))
    low, high = target["interval_90"]
    assert (high - low) / 2 == pytest.approx(1.6448536 * target["sd"])


# Models.


def net(features: int = 3, outputs: int = 2) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.BatchNorm1d(features), nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, outputs)
        )


def test_any_torch_module_is_taken_as_it_is():
    x, y = table()
    module = net()
    task = Regression(module, training_args=FAST)
    trunk = module[1].weight.detach().clone()
    assert same_prediction(task.predict(x), Regression(module).predict(x))
    task.fit(x, y, seed=0)
    assert not torch.equal(module[1].weight, trunk)
    assert task.embed(x).shape == (24, 8)
    assert task._new_parameters == {"net.3.weight", "net.3.bias"}
    everything = Regression(net(), redraw="all")
    assert "net.0.weight" in everything._new_parameters
    assert "net.1.weight" in everything._new_parameters


def test_a_module_that_cannot_be_redrawn_is_named():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.gain

    with pytest.raises(InvalidInputError, match=r"redraw: .*Scale 'net.0' without"):
        Regression(nn.Sequential(Scale(), nn.Linear(3, 2)), redraw="all")


def test_an_ensemble_of_modules_from_a_factory():
    x, y = table()
    task = Regression(
        committee=Ensemble.from_factory(lambda seed: nn.Linear(3, 2), seeds=2), training_args=FAST
    )
    task.fit(x, y, seed=0)
    assert (task.predict(x).mean.std(1) > 0).any()


def test_one_member_in_memory_at_a_time_gives_the_same(tmp_path):
    x, y = table()
    both = []
    for alone in (False, True):
        task = Regression(committee=Ensemble(2, one_at_a_time=alone), training_args=FAST)
        task.fit(x, y, seed=0)
        both.append(task.predict(x))
    assert same_prediction(*both)


def test_a_head_of_the_wrong_size_is_refused(tiny_bert):
    with pytest.raises(InvalidInputError, match=r"an nn\.Linear with 2 outputs"):
        Regression(net(outputs=1))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
    with pytest.raises(InvalidInputError, match="num_labels=2, a mean and a variance"):
        Regression(model)


def test_a_head_for_two_classes_is_not_taken_for_a_mean_and_a_variance(
    tiny_bert, tmp_path, topic_texts
):
    config = transformers.AutoConfig.from_pretrained(tiny_bert, num_labels=2)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(tmp_path / "two")
    task = Regression(tmp_path / "two", tokenizer=str(tiny_bert), training_args={"max_steps": 2})
    assert task._new_parameters
    task.fit(topic_texts[:4], [1.0, 2.0, 3.0, 4.0], seed=0)
    task.save(tmp_path / "saved")
    again = Regression(tmp_path / "saved")
    assert not again._new_parameters
    again.load(tmp_path / "saved")
    assert same_prediction(task.predict(topic_texts), again.predict(topic_texts))


def test_brightness_is_read_off_images(tiny_vit, tmp_path):
    from PIL import Image

    images, bright = pictures(40)
    task = Regression(
        tiny_vit, committee=MCDropout(4, layers="head", p=0.1), training_args={"max_steps": 150}
    )
    task.fit(images, bright, seed=0)
    metrics = task.evaluate(*pictures(20, seed=1))
    assert metrics["rmse"] < 0.6 * pictures(20, seed=1)[1].std()
    path = tmp_path / "one.png"
    Image.fromarray((images[0] * 255).astype(np.uint8)).save(path)
    described = task.describe(path, task.predict([path]))
    assert described["image"] == str(path)
    assert task.describe(images[0], task.predict(images[:1]))["image"] == "x".join(
        [f"{images[0].shape[1]} ", f" {images[0].shape[0]}"]
    )
    task.save(tmp_path / "saved")
    again = Regression(tmp_path / "saved", committee=task.committee)
    again.load(tmp_path / "saved")
    assert same_prediction(task.predict(images), again.predict(images))


def test_images_that_cannot_be_read_are_named_all(tiny_vit, tmp_path):
    config = transformers.ViTConfig.from_pretrained(tiny_vit, num_labels=2)
    model = transformers.ViTForImageClassification(config)
    with pytest.raises(InvalidInputError, match="processor: expected the image processor"):
        Regression(model)
    task = Regression(model, processor=str(tiny_vit), training_args=FAST)
    images, bright = pictures(4)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    bad = [images[0], broken, images[1], tmp_path / "absent.png"]
    for refused in (
        lambda: task.predict(bad),
        lambda: task.check_samples(bad),
        lambda: task.fit(bad, bright, seed=0),
    ):
        with pytest.raises(UnreadableSampleError, match=r"broken\.png.* 1 more") as caught:
            refused()
        assert sorted(caught.value.rows) == [1, 3]


def test_images_are_opened_when_it_is_their_turn(tiny_vit, monkeypatch):
    task = Regression(
        tiny_vit, committee=MCDropout(2, layers="head", p=0.1), batch_size=4, training_args=FAST
    )
    images, bright = pictures(10)
    task.fit(images, bright, seed=0)
    expected = task.predict(images)
    opened = []

    def count(sample, *, row=0, **options):
        opened.append(row)
        return open_image(sample, row=row, **options)

    monkeypatch.setattr("altasks.tasks._shared.images.open_image", count)
    before = []
    hook = task.model.register_forward_pre_hook(lambda *_: before.append(len(opened)))
    found = task.predict(images)
    hook.remove()
    assert before == [4, 8, 10]
    assert opened == list(range(10))
    assert torch.allclose(found.mean, expected.mean)


def test_an_image_damaged_behind_its_head_is_named_by_its_row_in_the_training_set(
    tiny_vit, tmp_path
):
    from PIL import Image

    images, bright = pictures(6)
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-9000])
    task = Regression(tiny_vit, training_args={"max_steps": 12, "per_device_train_batch_size": 1})
    task.check_samples([path])  # its head is whole
    with pytest.raises(UnreadableSampleError, match=r"cut\.png") as caught:
        task.fit([*images[:4], path, images[5]], bright, seed=0)
    assert list(caught.value.rows) == [4]


def test_as_many_samples_at_once_as_their_kind_allows(tiny_vit, tiny_bert):
    assert Regression(features=3).batch_size == 1024
    for model in (tiny_vit, tiny_bert):
        task = Regression(model, committee=Ensemble(2))
        assert task.batch_size == task.replica(task.model).batch_size == 32
        assert Regression(model, batch_size=5).batch_size == 5


# Losses and metrics.


def test_the_loss_is_the_normal_likelihood():
    rng = torch.Generator().manual_seed(0)
    mean, truth = torch.randn(2, 5, generator=rng)
    variance = torch.rand(5, generator=rng) + 0.1
    expected = -torch.distributions.Normal(mean, variance.sqrt()).log_prob(truth)
    found = gaussian_nll(mean, variance, truth) + 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(found, expected)


def test_with_beta_1_the_mean_learns_as_by_squared_error():
    mean = torch.zeros(3, requires_grad=True)
    variance = torch.tensor([0.01, 1.0, 100.0], requires_grad=True)
    truth = torch.tensor([1.0, -2.0, 3.0])
    (gradient,) = torch.autograd.grad(
        gaussian_nll(mean, variance, truth, beta=1.0).sum(), mean, retain_graph=False
    )
    torch.testing.assert_close(gradient, -truth)


def test_metrics_are_those_of_the_moment_matched_mixture():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(50, 4, 2)), rng.uniform(0.5, 2, (50, 4, 2))
    truth = rng.normal(size=(50, 2)) * 2
    metrics = regression_metrics(al.Normal(mean, variance), truth, ["a", "b"])
    middle, total = mean.mean(1), variance.mean(1) + mean.var(1)
    for t, name in enumerate("ab"):
        normal = torch.distributions.Normal(
            torch.tensor(middle[:, t]), torch.tensor(np.sqrt(total[:, t]))
        )
        y = torch.tensor(truth[:, t])
        assert metrics[f"nll_{name}"] == pytest.approx(float(-normal.log_prob(y).mean()))
        inside = ((normal.cdf(y) >= 0.05) & (normal.cdf(y) <= 0.95)).double().mean()
        assert metrics[f"coverage_90_{name}"] == pytest.approx(float(inside))
        assert metrics[f"rmse_{name}"] == pytest.approx(
            np.sqrt(((truth - middle)[:, t] ** 2).mean())
        )
    assert metrics["mae"] == pytest.approx(np.abs(truth - middle).mean())
    assert metrics["rmse"] == pytest.approx((metrics["rmse_a"] + metrics["rmse_b"]) / 2)


def test_weights_count():
    """Rows of weight 0 might as well not be there."""
    x, y = table(40)
    wrong = y.copy()
    wrong[20:] += 1e3
    with_zeros, without = (Regression(features=3, training_args={"max_steps": 200}) for _ in "ab")
    with_zeros.fit(x, wrong, seed=0, weights=[1.0] * 20 + [0.0] * 20)
    without.fit(x, wrong, seed=0)
    near = np.abs(with_zeros.predict(x[:20]).mean[:, 0, 0].numpy() - y[:20]).mean()
    far = np.abs(without.predict(x[:20]).mean[:, 0, 0].numpy() - y[:20]).mean()
    assert near < far / 2


# Saving.


def test_constants_come_back_with_the_weights(tmp_path):
    x, y = table()
    task = Regression(committee=Ensemble(2), training_args=FAST)
    task.fit([dict(zip("abc", row, strict=True)) for row in x.tolist()], y, seed=0)
    task.save(tmp_path / "here")
    other = Regression(committee=Ensemble(2))  # knows nothing of the columns yet
    other.load(tmp_path / "here")
    assert same_prediction(task.predict(x), other.predict(x))
    single = Regression()
    with pytest.raises(InvalidInputError, match=r"no altasks\.json"):
        single.load(tmp_path)
    single.load(tmp_path / "here" / "member-1")
    assert torch.equal(single.predict(x).mean[:, 0], task.predict(x).mean[:, 1])
    with pytest.raises(InvalidInputError, match="weights for targets"):
        Regression(features=3, targets=2).load(tmp_path / "here" / "member-1")
    with pytest.raises(InvalidInputError, match="weights for features 4"):
        Regression(features=4).load(tmp_path / "here" / "member-1")
    with pytest.raises(InvalidInputError, match="Fit first"):
        Regression().save(tmp_path)


def test_a_loop_resumes_on_a_table(tmp_path):
    x, y = table(40)
    frame = pytest.importorskip("pandas").DataFrame(x, columns=list("abc"))
    oracle = al.Simulated({str(i): float(value) for i, value in enumerate(y)})

    def run(budget):
        task = Regression(committee=Ensemble(2), training_args=FAST)
        loop = al.ActiveLoop(task, frame, store=f"sqlite:///{tmp_path / 'run.db'}", seed=0)
        return [done.labelled for done in loop.run(oracle, budget=budget, batch=6)]

    assert run(12) == [6, 12]
    assert run(18) == [18]  # the pool is known again, the weights are read, nothing is repeated


# What is wrong is named.


def test_samples_that_are_no_rows_of_numbers_are_named():
    x, y = table()
    task = Regression(training_args=FAST)
    task.fit(x, y, seed=0)
    good = x[0].tolist()
    for bad, message in [
        ([1.0, 2.0], r"3 features, found 2 \(row 1\)"),
        ([1.0, 2.0, float("nan")], r"a missing value \(NaN\) \(row 1, column 2\)"),
        ([1.0, None, 3.0], r"a missing value \(NaN\) \(row 1, column 1\)"),
        ([1.0, float("inf"), 3.0], r"an infinite one \(row 1, column 1\)"),
        ([1.0, "2", 3.0], r"numbers, found '2' \(str\) \(row 1, column 1\)"),
        ("abc", r"rows of numbers .*'abc' \(str\) \(row 1\)"),
        (5, r"rows of numbers .*5 \(int\) \(row 1\)"),
    ]:
        for act in (task.predict, task.check_samples, task.embed):
            with pytest.raises(InvalidInputError, match=f"^samples: .*{message}"):
                act([good, bad])
    named = Regression(features=["a", "b"])
    with pytest.raises(InvalidInputError, match=r"columns 'a', 'b', found no 'b' \(row 0\)"):
        named.check_samples([{"a": 1, "c": 2}])
    free = Regression()
    with pytest.raises(InvalidInputError, match=r"found 'c' as well \(row 1\)"):
        free.check_samples([{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}])


def test_a_misspelt_column_is_answered_by_the_nearest():
    task = al.Regression(features=["height", "width"])
    with pytest.raises(InvalidInputError, match=r"no 'height' .*Did you mean 'hieght'\?"):
        task.check_samples([{"hieght": 1.0, "width": 2.0}])


def test_labels_that_are_no_numbers_are_named():
    x, y = table()
    y[3] = np.nan
    task = Regression(training_args=FAST)
    with pytest.raises(InvalidInputError, match=r"label: expected a finite number.*\(row 3\)"):
        task.fit(x, y, seed=0)
    with pytest.raises(InvalidInputError, match=r"label: expected a number, found '5'.*\(row 1\)"):
        task.fit(x[:2], [1.0, "5"], seed=0)
    with pytest.raises(InvalidInputError, match=r"targets that vary, found 24 times 7"):
        task.fit(x, [7.0] * 24, seed=0)
    with pytest.raises(InvalidInputError, match=r"targets that vary.*target 'b'"):
        Regression(targets=["a", "b"]).fit(x, [[i, 1.1] for i in range(24)], seed=0)


def test_what_is_refused_leaves_a_trained_task_as_it_was(tmp_path):
    x, y = table()
    task = Regression(features=["a", "b", "c"], training_args=FAST)
    task.fit(x, y, seed=0)
    before = task.predict(x)
    missing = x.copy()
    missing[3, 1] = np.nan
    other = Regression(features=["d", "e", "f"], training_args=FAST)
    other.fit(7 * x, 10 * y, seed=1)
    other.save(tmp_path)
    for act, message in [
        (lambda: task.fit(missing, 10 * y, seed=0), "a missing value"),
        (lambda: task.fit(7 * x, 10 * y, seed=0, valid=(missing, y)), "a missing value"),
        (lambda: task.fit(7 * x, 10 * y, seed=0, valid=(x, ["high"] * len(x))), "found 'high'"),
        (lambda: task.load(tmp_path), r"weights for \['a', 'b', 'c'\], found for \['d'"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            act()
        assert same_prediction(before, task.predict(x))


def test_settings_that_cannot_be_are_named():
    for options in (
        {"features": 0},
        {"features": "abc"},
        {"features": ["a", "a"]},
        {"targets": 0},
        {"targets": True},
        {"hidden": 50},
        {"dropout": 1.0},
        {"loss": "mse"},
        {"beta": 2},
        {"variance_floor": 0.0},
        {"redraw": "none"},
        {"too_long": "cut"},
        {"committee": "ensemble"},
        {"batch_size": 0},
        {"frozen_layers": 0.5},
        {"autocast": "int8"},
        {"training_args": {"max_step": 5}},
    ):
        (name,) = options
        with pytest.raises(InvalidInputError, match=f"^{name}: expected"):
            Regression(**options)


def test_a_committee_of_one_has_no_epistemic_variance():
    x, y = table()
    task = Regression(training_args=FAST)
    task.fit(x, y, seed=0)
    assert task.default_acquisition == "variance"
    with pytest.raises(UnsupportedPredictionError, match="K"):
        al.score(task, x, "epistemic_variance", progress=False)


def test_weights_that_blow_up_are_an_error_and_not_a_prediction():
    x, y = table()
    task = Regression(features=3, training_args={"max_steps": 20, "learning_rate": 1e30})
    with pytest.raises(TrainingError, match="no longer finite"):
        task.fit(x, y, seed=0)
    with pytest.warns(UserWarning, match="never trained"):
        prediction = task.predict(x)
    # Neither constant of that fit is left: as before any training, rows are read as they are.
    assert prediction.scale is None
    outputs = task.model.net(torch.tensor(x, dtype=torch.float32))
    assert torch.allclose(prediction.mean[:, 0, 0].float(), outputs[:, 0])


def test_a_mask_of_minus_infinities_is_no_weight_that_blew_up():
    class Masked(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))

    x, y = table()
    task = Regression(Masked(), training_args=FAST)
    task.fit(x, y, seed=0)
    assert len(task.predict(x)) == len(x)


def test_collapse_of_the_variance_is_said():
    x = np.linspace(-1, 1, 12)[:, None]
    task = Regression(variance_floor=0.5, training_args={"max_steps": 300, "weight_decay": 0.0})
    with pytest.warns(VarianceCollapseWarning, match="fell to its floor"):
        task.fit(x, 3 * x[:, 0], seed=0)


def test_a_constant_column_is_left_out_until_it_varies():
    x, y = table()
    x[:, 1] = 4.0
    task = Regression(training_args=FAST)
    task.fit(x, y, seed=0)
    far = x.copy()
    far[:, 1] = 1e6
    assert same_prediction(task.predict(x), task.predict(far))


def test_saved_settings_are_json_without_loss(tmp_path):
    x, y = table()
    task = Regression(training_args=FAST)
    task.fit(x, y, seed=0)
    task.save(tmp_path)
    kept = json.loads((tmp_path / "altasks.json").read_text())
    assert kept["scaling"]["mean"] == [y.mean()]
    assert kept["inputs"]["scale"] == x.std(0).tolist()
    assert {path.name for path in tmp_path.iterdir()} == {"altasks.json", "model.safetensors"}
