"""Object detection: real YOLOs of three families against what Ultralytics itself reports."""

import importlib.util
import json
import math
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

# Not imported to find out: that would be the library's own import, with its side effects.
if importlib.util.find_spec("ultralytics") is None:
    pytest.skip("needs the extra detection", allow_module_level=True)
pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")

import yolo_nets

import altasks as al
from altasks.data.samples.digit_canvases import digit_canvases
from altasks.errors import CommitteeError, InvalidInputError, UnreadableSampleError
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load
from altasks.testing.tasks import TaskSuite, same_prediction

FAMILIES = ["yolov8n.yaml", "yolo11n.yaml", "yolo26n.yaml"]
KINDS = ["kind0", "kind1", "kind2", "kind3", "kind4"]


@pytest.fixture(scope="module")
def model():
    return yolo_nets.yolo()


@pytest.fixture(scope="module")
def photographs():
    return yolo_nets.photographs(4)


class TestConformance(TaskSuite):
    @pytest.fixture
    def make_task(self, model):
        training = {"epochs": 1, "batch": 4}
        return lambda: al.ObjectDetection(
            model, imgsz=64, conf=0.001, max_det=6, training_args=training
        )

    @pytest.fixture
    def samples(self):
        made = digit_canvases(4, seed=0, size=64, most=1)
        wide = np.concatenate([made.images["0"], made.images["1"]], 1)
        return [*made.images.values(), Image.fromarray(wide)]

    @pytest.fixture
    def labels(self):
        box = {"label": "kind1", "box": [3.5, 4.0, 30.0, 40.0]}
        return [[box], [], [box, {"label": "kind4", "box": [30, 5, 60, 60]}], [box], [box]]

    @pytest.fixture
    def bad_labels(self):
        return [
            "kind1",
            [{"label": "kind9", "box": [0, 0, 1, 1]}],
            [{"label": "kind1", "box": [5, 0, 1, 1]}],
            [{"label": "kind1", "box": [0, 0, 1]}],
            [{"label": "kind1", "box": [0, 0, 1, float("nan")]}],
            [{"label": "kind1"}],
            [{"label": "kind1", "box": [-1, 0, 1, 1]}],
            [{"label": "kind1", "box": [0, 0, 1, 1], "colour": "red"}],
        ]


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_ultralytics_reports(family, batch):
    """None, one and 300 boxes: the row's maximum is the confidence, its argmax the class."""
    model = yolo_nets.yolo(family)
    images = yolo_nets.photographs(batch)
    counts = set()
    floors = ((0.01, 300), (0.05, 1), (0.999999, 300))
    for conf, most in floors if batch == 1 else floors[:1]:
        own = yolo_nets.own_prediction(
            model, images, conf=conf, iou=0.7, max_det=most, imgsz=320, batch=batch
        )
        task = al.ObjectDetection(model, conf=conf, max_det=most, imgsz=320, batch_size=batch)
        found = task.predict(images)
        assert found.lengths.tolist() == [len(confs) for _, confs, _ in own]
        for n, (boxes, confs, classes) in enumerate(own):
            one = found[n]
            scores = one.fields["scores"]
            counts.add(len(scores))
            assert np.allclose(one.fields["boxes"], boxes, atol=1e-3)
            if len(scores):
                assert np.allclose(scores.amax(1), confs, atol=1e-6)
                assert scores.argmax(1).tolist() == classes.tolist()
                assert one.units.probs[:, 0, :5].argmax(1).tolist() == classes.tolist()
    assert {0, 1} <= counts or batch > 1
    assert max(counts) > 100


def test_three_hundred_boxes_are_kept(photographs):
    model = yolo_nets.yolo("yolo26n.yaml")
    found = al.ObjectDetection(model, conf=0.0, iou=0.95, imgsz=320).predict(photographs)
    assert found.lengths.tolist() == [300] * 4


def test_no_time_limit_empties_images(model, photographs, monkeypatch):
    """Ultralytics' NMS leaves the images that remain empty when its time is up."""
    clock = iter(range(0, 10**9, 1000))
    monkeypatch.setattr(load("ultralytics.utils.nms").time, "time", lambda: next(clock))
    own = yolo_nets.own_prediction(model, photographs, conf=0.01, imgsz=320)
    assert [len(confs) for _, confs, _ in own][1:] == [0, 0, 0]
    found = al.ObjectDetection(model, conf=0.01, imgsz=320).predict(photographs)
    assert found.lengths.min() > 0


def test_background_is_what_the_best_class_leaves(model, photographs):
    both = [
        al.ObjectDetection(model, imgsz=320, background=background).predict(photographs)
        for background in (True, False)
    ]
    s = both[0].fields["scores"].double().numpy()
    rest = 1 - s.max(1, keepdims=True)
    whole = np.concatenate([s, rest], 1)
    assert np.allclose(both[0].units.probs[:, 0], whole / whole.sum(1, keepdims=True), atol=1e-6)
    assert np.allclose(both[1].units.probs[:, 0], s / s.sum(1, keepdims=True), atol=1e-6)


def test_a_detector_of_one_class_needs_a_background(photographs):
    model = yolo_nets.yolo(classes=1)
    found = al.ObjectDetection(model, imgsz=320).predict(photographs)
    assert found.units.probs.shape[1:] == (1, 2)
    with pytest.raises(InvalidInputError, match="background: expected True"):
        al.ObjectDetection(model, background=False)


class TestImages:
    @pytest.fixture
    def task(self, model):
        return al.ObjectDetection(model, imgsz=320, conf=0.01)

    def test_every_kind_is_read(self, task, tmp_path):
        picture = yolo_nets.photographs(1)[0]
        kinds = {
            "grey.png": picture.convert("L"),
            "alpha.png": picture.convert("RGBA"),
            "one.png": picture.resize((1, 1)),
        }
        for name, image in kinds.items():
            image.save(tmp_path / name)
        deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
        Image.fromarray(deep).save(tmp_path / "deep.png")
        paths = [tmp_path / name for name in (*kinds, "deep.png")]
        found = task.predict(paths)
        assert len(found) == 4
        grey, alpha, one, deeper = (task.predict([path]).fields["boxes"] for path in paths)
        # Opaque, and the same grey in 8 bits and 16: the same picture.
        assert torch.equal(alpha, task.predict([picture]).fields["boxes"])
        assert torch.equal(grey, deeper)
        assert one.numel() == 0 or one.max() <= 1

    def test_boxes_are_those_of_the_upright_photograph(self, task, tmp_path):
        picture = yolo_nets.photographs(1)[0]
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees
        picture.save(tmp_path / "lying.png", exif=exif)
        upright = picture.transpose(Image.Transpose.ROTATE_270)
        found = task.predict([tmp_path / "lying.png"])
        expected = task.predict([upright])
        assert torch.equal(found.fields["boxes"], expected.fields["boxes"])
        assert found.fields["boxes"][:, 3].max() > 240  # below what the file's own height is
        assert task.size(tmp_path / "lying.png") == 320 * 240

    def test_all_damaged_files_are_named(self, task, tmp_path, photographs):
        (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
        samples = [tmp_path / "torn.jpg", photographs[0], tmp_path / "gone.png"]
        with pytest.raises(UnreadableSampleError, match=r"torn\.jpg.*1 more") as caught:
            task.predict(samples)
        assert sorted(caught.value.rows) == [0, 2]

    def test_shapes_may_differ_in_a_batch(self, task):
        samples = [
            yolo_nets.photographs(1, size=size)[0] for size in ((320, 240), (240, 320), (64, 64))
        ]
        together = task.predict(samples)
        for n, sample in enumerate(samples):
            alone = task.predict([sample])
            assert torch.allclose(together[n].fields["boxes"], alone.fields["boxes"], atol=1e-3)

    def test_nothing_is_found_in_nothing(self, task):
        found = task.predict([])
        assert len(found) == 0
        assert found.units.probs.shape == (0, 1, 6)


class TestSources:
    def test_a_checkpoint_is_read_without_pickle(self, model, photographs, tmp_path):
        path = tmp_path / "best.pt"
        arguments = {"imgsz": 320, "task": "detect"}
        torch.save({"ema": None, "model": model.model.half(), "train_args": arguments}, path)
        model.model.float()
        task = al.ObjectDetection(path)
        assert task.labels == KINDS
        assert task.imgsz == 320
        # Ultralytics stores halves.
        expected = al.ObjectDetection(model).predict(photographs[:1])
        found = task.predict(photographs[:1])
        assert abs(found.fields["conf"].max() - expected.fields["conf"].max()) < 0.05

    def test_a_hostile_checkpoint_runs_nothing(self, tmp_path):
        class Hostile:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "ran"),)

        torch.save({"model": Hostile()}, tmp_path / "zip.pt")
        (tmp_path / "plain.pt").write_bytes(pickle.dumps({"model": Hostile()}))
        for name in ("zip.pt", "plain.pt"):
            with pytest.raises(InvalidInputError, match="weights as safetensors"):
                al.ObjectDetection(tmp_path / name)
        assert not (tmp_path / "ran").exists()

    def test_a_description_runs_nothing(self, tmp_path):
        description = yolo_nets.description()
        description["activation"] = f"__import__('os').mkdir({str(tmp_path / 'ran')!r})"
        with pytest.raises(InvalidInputError, match="model description"):
            al.ObjectDetection(description, labels=["a", "b"])
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("name", ["yolov8n-cls.yaml", "yolov8n-seg.yaml", "yolov8n-pose.yaml"])
    def test_other_models_are_refused(self, name):
        with pytest.raises(InvalidInputError, match="detection head"):
            al.ObjectDetection(name, labels=["a", "b"])
        with isolated_ultralytics():
            other = load().YOLO(name)
        with pytest.raises(InvalidInputError, match="detector"):
            al.ObjectDetection(other)

    def test_what_is_no_model_is_refused(self, tmp_path):
        (tmp_path / "a.safetensors").write_bytes(b"")
        for source, message in (
            (torch.nn.Linear(2, 2), "a Linear"),
            (tmp_path / "gone.pt", "an existing file"),
            ("https://example.org/yolo.pt", "a local file"),
            ("yolo99z.yaml", "model YAML"),
            (tmp_path / "a.safetensors", "weights="),
            (tmp_path, "a folder written by save"),
            (None, "Ensemble of models"),
        ):
            with pytest.raises(InvalidInputError, match=message):
                al.ObjectDetection(source, labels=["a", "b"])

    def test_a_fused_model_is_refused(self):
        model = yolo_nets.yolo("yolo26n.yaml")
        with isolated_ultralytics():
            model.model.fuse(verbose=False)
        with pytest.raises(InvalidInputError, match="fused for inference"):
            al.ObjectDetection(model)

    def test_labels_in_another_order_are_refused(self, model):
        with pytest.raises(InvalidInputError, match="model's order"):
            al.ObjectDetection(model, labels=KINDS[::-1])

    def test_other_classes_take_what_fits(self, model, photographs):
        task = al.ObjectDetection(model, labels=["cat", "dog"], imgsz=64)
        first = "model.0.conv.weight"
        assert torch.equal(task.model.state_dict()[first], model.model.state_dict()[first])
        with pytest.warns(UserWarning, match="not trained for these classes"):
            task.predict(photographs[:1])

    def test_weights_beside_a_description(self, model, tmp_path):
        from safetensors.torch import save_file

        save_file(
            {name: value.contiguous() for name, value in model.model.state_dict().items()},
            tmp_path / "w.safetensors",
        )
        task = al.ObjectDetection(
            yolo_nets.description(), labels=["a"], weights=tmp_path / "w.safetensors"
        )
        first = "model.0.conv.weight"
        assert torch.equal(task.model.state_dict()[first], model.model.state_dict()[first])
        with pytest.raises(InvalidInputError, match="weights: expected"):
            al.ObjectDetection(yolo_nets.description(), labels=["a"], weights="gone.safetensors")
        others = {f"net.{name}": value.clone() for name, value in task.model.state_dict().items()}
        save_file(others, tmp_path / "others.safetensors")
        with pytest.raises(InvalidInputError, match=r"such as 'model\.0\..*but 'net\.model"):
            al.ObjectDetection(
                yolo_nets.description(), labels=["a"], weights=tmp_path / "others.safetensors"
            )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"conf": 1.0}, "conf"),
            ({"iou": 0}, "iou"),
            ({"max_det": 0}, "max_det"),
            ({"imgsz": 100}, "multiple of 32.*Such as 96"),
            ({"batch_size": True}, "batch_size"),
            ({"training_args": {"imgsz": 64}}, "imgsz=..."),
            ({"training_args": {"epoch": 3}}, "arguments of ultralytics"),
            ({"callbacks": {"on_epoch_end": print}}, "events of Ultralytics.*Did you mean"),
            ({"callbacks": {"on_val_end": 3}}, "functions of a trainer"),
            ({"committee": al.MCDropout(5)}, "YOLO has no dropout"),
            ({"committee": al.BoxViews(), "background": False}, "says background"),
            ({"committee": al.BoxViews(), "imgsz": 64}, "the scales 1 and 0.75, both 64 pixels"),
        ],
    )
    def test_settings_are_checked(self, model, options, message):
        with pytest.raises(InvalidInputError, match=message):
            al.ObjectDetection(model, **options)

    def test_a_loaded_folder_is_a_model(self, model, tmp_path, photographs):
        task = al.ObjectDetection(model, imgsz=64)
        task._counts = [50, 0, 10, 10, 10]
        task.save(tmp_path / "weights")
        again = al.ObjectDetection(tmp_path / "weights")
        assert again.imgsz == 64
        assert again.class_weights == task.class_weights
        renamed = al.ObjectDetection(tmp_path / "weights", labels=["a", "b", "c", "d", "e"])
        assert renamed.class_weights == al.class_weights_from_counts([0] * 5)
        assert torch.equal(
            again.predict(photographs).fields["boxes"], task.predict(photographs).fields["boxes"]
        )
        other = al.ObjectDetection(model, labels=["cat", "dog"], imgsz=64)
        with pytest.raises(InvalidInputError, match="classes"):
            other.load(tmp_path / "weights")
        settings = json.loads((tmp_path / "weights/altasks.json").read_text())
        assert "/" not in json.dumps(settings["yaml"])


class TestFitting:
    def test_a_box_outside_its_image_is_named(self, model):
        task = al.ObjectDetection(model, imgsz=64)
        image = np.zeros((64, 48, 3), np.uint8)
        with pytest.raises(InvalidInputError, match=r"48 x 64.*row 1, box 0"):
            task.fit([image] * 2, [[], [{"label": "kind0", "box": [0, 0, 49, 10]}]], seed=0)
        with pytest.raises(InvalidInputError, match="inside its image"):
            task.check_label([{"label": "kind0", "box": [0, 0, 49, 10]}], sample=image)
        with pytest.raises(InvalidInputError, match="Did you mean 'kind0'"):
            task.evaluate([image], [[{"label": "kind_0", "box": [0, 0, 9, 9]}]])

    def test_what_ultralytics_would_drop_is_named(self, model):
        task = al.ObjectDetection(model, imgsz=64)
        small = np.zeros((9, 40, 3), np.uint8)
        with pytest.raises(InvalidInputError, match=r"10 x 10.*40 x 9 \(row 1\)"):
            task.fit([np.zeros((64, 64), np.uint8), small], [[], []], seed=0)

    def test_sample_weights_are_refused(self, model):
        task = al.ObjectDetection(model, imgsz=64)
        with pytest.raises(InvalidInputError, match="no sample weights"):
            task.fit([np.zeros((64, 64), np.uint8)], [[]], seed=0, weights=[1.0])

    def test_without_a_set_to_choose_by_the_last_epoch_is_kept(self):
        made = digit_canvases(2, seed=0, size=64, most=1)
        measured = []
        task = al.ObjectDetection(
            yolo_nets.description(),
            labels=made.names,
            imgsz=64,
            training_args={"epochs": 3, "val": True},
            callbacks={"on_val_end": lambda validator: measured.append(validator.training)},
        )
        task.fit(list(made.images.values()), list(made.labels.values()), seed=0)
        assert measured.count(True) == 1  # Ultralytics measures the last epoch in any case

    @pytest.mark.slow
    def test_it_learns_and_counts_classes(self, tmp_path):
        made = digit_canvases(24, seed=0, size=64, digits=(0, 1), rare=(), most=1)
        training = {
            "epochs": 40, "batch": 4, "nbs": 4, "optimizer": "AdamW", "lr0": 0.003,
            "mosaic": 0.0, "fliplr": 0.0,
        }  # fmt: skip
        heard = []
        task = al.ObjectDetection(
            yolo_nets.description(),
            labels=made.names,
            imgsz=64,
            training_args=training,
            callbacks={"on_train_epoch_end": lambda trainer: heard.append(trainer.epoch)},
        )
        threads = torch.get_num_threads()
        images, labels = list(made.images.values()), list(made.labels.values())
        assert task.class_weights == [2, 2]  # nothing labelled: all classes the same
        task.fit(images, labels, seed=0, valid=(images[:4], labels[:4]))
        assert torch.get_num_threads() == threads
        assert len(heard) == 40
        metrics = task.evaluate(images, labels)
        assert metrics["map50"] > 0.3
        assert {"map50", "map50_95", "ap50_0", "ap50_1"} <= set(metrics)
        counts = [sum(e["label"] == n for label in labels for e in label) for n in made.names]
        assert task.class_weights == al.class_weights_from_counts(counts)
        task.save(tmp_path)
        again = al.ObjectDetection(tmp_path)
        assert again.class_weights == task.class_weights
        again.load(tmp_path)
        assert again.class_weights == task.class_weights


class TestCommittees:
    def test_a_view_that_misses_a_box_says_background(self, model, photographs):
        task = al.ObjectDetection(model, imgsz=320, committee=al.BoxViews(scales=(0.75, 1.25)))
        found = task.predict(photographs)
        assert found.members == 4
        assert found.units.classes == 6
        missing = found.fields["member_conf"] == 0
        assert bool(missing.any())
        assert bool((found.units.probs[missing][:, -1] == 1).all())
        assert bool((found.fields["overlap"][missing] == 0).all())
        for function in ("bald", "consensus_kl", "box_disagreement"):
            scores = al.score(task, photographs, function, progress=False)
            assert np.isfinite(scores.values).all()
            assert scores.values.max() > 0

    def test_the_first_view_is_the_detector_alone(self, model, photographs):
        alone = al.ObjectDetection(model, imgsz=320).predict(photographs)
        viewed = al.ObjectDetection(model, imgsz=320, committee=al.BoxViews()).predict(photographs)
        present = viewed.fields["member_conf"][:, 0] > 0
        assert int(present.sum()) == len(alone.units)
        assert set(map(tuple, viewed.fields["member_boxes"][present, 0].tolist())) == set(
            map(tuple, alone.fields["boxes"].tolist())
        )

    def test_a_mirrored_view_puts_boxes_where_they_are(self, model):
        """A picture equal to its mirror image: each view finds the same boxes, mirrored back."""
        half = np.asarray(yolo_nets.photographs(1, size=(160, 240))[0])
        picture = np.concatenate([half, half[:, ::-1]], 1)
        task = al.ObjectDetection(
            model, imgsz=320, committee=al.BoxViews(scales=()), match_iou=0.99, max_det=20
        )
        found = task.predict([picture])
        places = [
            found.fields["member_boxes"][found.fields["member_conf"][:, k] > 0, k] for k in (0, 1)
        ]
        mirrored = places[0].clone()
        mirrored[:, 0], mirrored[:, 2] = 320 - places[0][:, 2], 320 - places[0][:, 0]

        def rounded(boxes):
            return {tuple(np.round(box, 1)) for box in boxes.numpy()}

        assert rounded(mirrored) == rounded(places[1])

    def test_detectors_are_matched(self, photographs):
        models = [yolo_nets.yolo(seed=seed) for seed in (0, 1)]
        tasks = [al.ObjectDetection(model, imgsz=64) for model in models]
        joined = al.Ensemble(tasks).predict(photographs)
        given = al.ObjectDetection(committee=al.Ensemble(models), imgsz=64)
        assert torch.equal(joined.units.probs, given.predict(photographs).units.probs)
        assert joined.members == 2
        assert given.default_acquisition == "bald"
        each = [task.predict(photographs) for task in tasks]
        kept = joined.fields["member_conf"] > 0
        assert kept.sum(0).tolist() == [len(one.units) for one in each]
        # The order of the members changes the order of the columns and nothing else.
        swapped = al.Ensemble(tasks[::-1]).predict(photographs)
        assert torch.equal(swapped.units.probs.flip(1), joined.units.probs)
        assert task_shows(given, photographs[0], joined[0])

    def test_copies_differ_after_a_fit(self, model, tmp_path):
        task = al.ObjectDetection(
            model,
            imgsz=64,
            conf=0.001,
            committee=al.Ensemble(2),
            training_args={"epochs": 1, "batch": 2},
        )
        images = list(digit_canvases(2, seed=0, size=64).images.values())
        with pytest.raises(CommitteeError, match="Fit first"):
            task.predict(images)
        label = [{"label": "kind2", "box": [3, 3, 30, 30]}]
        task.fit(images, [label, label], seed=0)
        assert task.class_weights == al.class_weights_from_counts([0, 0, 2, 0, 0])
        expected = task.predict(images)
        assert not torch.equal(expected.units.probs[:, 0], expected.units.probs[:, 1])
        assert task.evaluate(images, [label, label])["map50"] >= 0
        assert task.embed(images).shape[0] == 2
        task.save(tmp_path)
        task.load(tmp_path)
        assert torch.allclose(task.predict(images).units.probs, expected.units.probs)

    def test_members_need_a_background_to_miss_into(self, model):
        task = al.ObjectDetection(model, imgsz=64, background=False)
        with pytest.raises(InvalidInputError, match="side by side"):
            task.join([])


def task_shows(task, sample, prediction):
    """What a person sees is JSON, can be told as a label, and can be drawn."""
    shown = task.describe(sample, prediction)
    assert json.loads(json.dumps(shown)) == shown
    boxes = prediction.fields["boxes"].double().numpy().round(2)
    assert len(shown["boxes"]) == int((boxes[:, :2] < boxes[:, 2:]).all(1).sum())
    assert len(task.check_label(shown["boxes"], sample=sample)) == len(shown["boxes"])
    drawn = task.picture(sample, shown)
    assert drawn.size == sample.size
    assert not np.array_equal(np.asarray(drawn), np.asarray(sample))
    return True


def test_a_box_of_which_nothing_is_in_the_image_is_not_shown(model, photographs):
    task = al.ObjectDetection(model, imgsz=320)
    found = task.predict(photographs[:1])
    found.fields["boxes"][0] = torch.tensor([0.0, 3, 0, 9])  # in the padding, cut to the image
    assert task_shows(task, photographs[0], found)


def test_a_prediction_costs_the_boxes_it_expects(model, photographs):
    task = al.ObjectDetection(model, imgsz=320)
    found = task.predict(photographs)
    conf = found[0].fields["conf"]
    assert task.cost(photographs[0], found[0]) == max(1.0, float(conf.sum()))
    assert task.cost(photographs[0]) == 1
    assert task.cost(photographs[0], found[:0]) == 1


def test_weighted_margin_is_margin_with_the_weights_of_the_fit(model, photographs):
    task = al.ObjectDetection(model, imgsz=320)
    task._counts = [50, 0, 10, 10, 10]
    found = task.predict(photographs)
    expected = al.margin(
        found, power=2, reduce="sum", class_weights=al.class_weights_from_counts(task._counts)
    )
    assert torch.equal(task.weighted_margin(found), expected)
    scores = al.score(task, photographs, task.weighted_margin, progress=False)
    assert np.allclose(scores.values, expected)


SCRIPT = """
import json, os, sys
import cv2, numpy as np, torch
from PIL import Image
cv2.setNumThreads(2)
np.set_printoptions(precision=3)
first = sys.argv[1] == "first"
if first:
    import ultralytics
    from ultralytics.utils import SETTINGS
def state():
    return (cv2.getNumThreads(), np.get_printoptions(), torch.get_num_threads(), dict(os.environ),
            Image.open)
before = state()
import altasks as al
from altasks.tasks.object_detection.task import yolo_description
small = yolo_description("yolov8n.yaml", width=0.125)
task = al.ObjectDetection(small, labels=["a", "b"], imgsz=64, conf=0.001,
                          training_args={"epochs": 1, "batch": 2})
images = [np.zeros((64, 64, 3), np.uint8)] * 2
task.fit(images, [[{"label": "a", "box": [3, 3, 30, 30]}]] * 2, seed=0)
task.predict(images)
task.evaluate(images, [[{"label": "a", "box": [3, 3, 30, 30]}]] * 2)
after = state()
from ultralytics.utils import SETTINGS, events
print(json.dumps({"same": [a == b for a, b in zip(before, after)], "sync": SETTINGS["sync"],
                  "file": str(SETTINGS.file)}))
"""


@pytest.mark.parametrize("who", [pytest.param("first", marks=pytest.mark.slow), "later"])
def test_ultralytics_is_kept_to_itself(who, tmp_path):
    """Loaded here or by the user before: their settings, threads and print options stay."""
    home = tmp_path / "home"
    theirs = home / ".config" / "Ultralytics" / "settings.json"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("YOLO_") and name != "XDG_CONFIG_HOME"
    }
    environment |= {"HOME": str(home), "YOLO_OFFLINE": "1", "TORCHINDUCTOR_CACHE_DIR": str(home)}
    if who == "first":  # the user has a settings file already
        subprocess.run(
            [sys.executable, "-c", "import ultralytics"], env=environment, check=True, cwd=tmp_path
        )
        assert theirs.is_file()
    before = theirs.read_bytes() if theirs.exists() else None
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, who],
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout.splitlines()[-1])
    assert said["same"] == [True] * 5
    if who == "first":
        assert theirs.read_bytes() == before
        assert said["sync"] is True  # in memory too it is what the user has
    else:
        assert not theirs.exists()
        assert said["sync"] is False
        assert not said["file"].startswith(str(home))
    assert "telemetry" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_nothing_is_warned_of_or_printed(model, photographs, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        al.ObjectDetection(model, imgsz=64).predict(photographs)
    assert capfd.readouterr() == ("", "")


def test_a_loop_counts_boxes(model, photographs):
    """Expected ones of an image that is asked, drawn ones of an image that is labelled."""
    task = al.ObjectDetection(model, imgsz=320)
    expected = task.costs(photographs)
    alone = [task.cost(one, task.predict([one])) for one in photographs]
    assert expected == pytest.approx(alone, rel=0.05)  # a batch pads its images
    assert max(expected) > 1.5
    pool = {f"p{i}": photo for i, photo in enumerate(photographs)}
    loop = al.ActiveLoop(task, pool, progress=False)
    query = loop.ask(cost=math.fsum(expected))
    assert query.cost == pytest.approx(sum(expected), rel=1e-4)
    boxes = [{"label": task.labels[0], "box": [1, 1, 20 + i, 30]} for i in range(9)]
    loop.tell({"p0": boxes, "p1": []})
    rest = sum(expected[2:])
    assert loop.spent == pytest.approx(9 + 1 + rest, rel=1e-4)


# Reading ahead.


def test_scoring_reads_each_file_once_and_finds_what_predict_finds(model, tmp_path, monkeypatch):
    from altasks.tasks.object_detection import inference

    made = digit_canvases(9, seed=1, size=96, most=2).images
    for place, image in enumerate(made.values()):
        Image.fromarray(image).resize((96 + 8 * (place % 3), 80)).save(tmp_path / f"{place}.jpg")
    opened = []
    original = inference.open_image
    monkeypatch.setattr(
        inference,
        "open_image",
        lambda sample, **kw: opened.append(sample) or original(sample, **kw),
    )
    pool = al.as_pool(tmp_path)
    options = {"imgsz": 64, "conf": 0.001, "max_det": 6, "batch_size": 2}
    keep = {"batch_size": 4, "keep": {"embeddings"}, "progress": False}
    first = None
    for workers in (0, 1, 3):
        task = al.ObjectDetection(model, workers=workers, **options)
        scores = al.score(task, pool, "margin", **keep)
        assert sorted(opened) == sorted(tmp_path.iterdir())
        opened.clear()
        first = first or scores
        np.testing.assert_array_equal(scores.values, first.values)
        np.testing.assert_array_equal(scores.embeddings, first.embeddings)
        assert same_prediction(
            task.predict([pool[name] for name in pool.ids]),
            task.predict([np.asarray(Image.open(pool[name])) for name in pool.ids]),
        )
        opened.clear()


def test_views_and_copies_see_an_image_that_was_opened_once(model):
    image = yolo_nets.photographs(1)[0]
    options = {"imgsz": 128, "conf": 0.001, "max_det": 6}
    for task in (
        al.ObjectDetection(model, committee=al.BoxViews(scales=(0.5,)), **options),
        al.ObjectDetection(
            committee=al.Ensemble([model, yolo_nets.yolo("yolo11n.yaml")]), **options
        ),
    ):
        opened = task.open_sample(image)
        assert same_prediction(task.predict([image]), task.predict([opened]))
        assert torch.equal(task.embed([image]), task.embed([opened]))
