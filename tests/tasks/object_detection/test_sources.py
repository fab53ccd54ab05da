"""Detectors as people have them: names in any form, halves, compiled models, damaged folders."""

import copy
import importlib.util
import json

import numpy as np
import pytest
import torch

# Not imported to find out: that would be the library's own import, with its side effects.
if importlib.util.find_spec("ultralytics") is None:
    pytest.skip("needs the extra detection", allow_module_level=True)
pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")

import yolo_nets

import altasks as al
from altasks.errors import InvalidInputError

KINDS = [f"kind{i}" for i in range(12)]


@pytest.fixture(scope="module")
def model():
    return yolo_nets.yolo(classes=12)


@pytest.fixture
def named(model):
    """Return a function that gives the model names in another form."""

    def run(names):
        other = copy.deepcopy(model)
        other.model.names = names
        return other

    return run


@pytest.mark.parametrize(
    "names",
    [
        KINDS,
        tuple(KINDS),
        {str(i): name for i, name in enumerate(KINDS)},
        dict(sorted((str(i), name) for i, name in enumerate(KINDS))),  # "10" before "2"
        json.dumps(KINDS),
        json.dumps(dict(enumerate(KINDS))),
    ],
)
def test_names_are_read_in_the_order_of_their_numbers(named, names):
    assert al.ObjectDetection(named(names), imgsz=64).labels == KINDS


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (KINDS[:-1], "a name for each of its 12 classes, found 11 names"),
        ({i + 1: name for i, name in enumerate(KINDS)}, r"numbered from 0.*model\.model\.names ="),
        ("kind0, kind1", r"class names as JSON.*model\.model\.names ="),
        ([*KINDS[:-1], "kind0"], "'kind0' twice"),
    ],
)
def test_names_that_fit_nothing_are_refused(named, names, message):
    with pytest.raises(InvalidInputError, match=message):
        al.ObjectDetection(named(names), imgsz=64)


def test_a_model_without_names_keeps_the_numbers(named):
    model = named(None)
    assert al.ObjectDetection(model, imgsz=64).labels == [str(i) for i in range(12)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_is_that_of_the_weights_and_no_more(model, dtype):
    images = yolo_nets.photographs(2)
    other = copy.deepcopy(model)
    other.model.to(dtype)
    rounded = copy.deepcopy(model)
    rounded.model.to(dtype).float()
    found = al.ObjectDetection(other, imgsz=320, conf=0.01).predict(images)
    expected = al.ObjectDetection(rounded, imgsz=320, conf=0.01).predict(images)
    assert len(found.units) > 0
    assert torch.equal(found.fields["scores"], expected.fields["scores"])
    assert next(other.model.parameters()).dtype == dtype  # the user's own is left alone


@pytest.mark.parametrize("wrap", ["compiled", "parallel", "in place", "whole"])
def test_wrapped_models_are_read(model, wrap):
    images = yolo_nets.photographs(1)
    expected = al.ObjectDetection(model, imgsz=320).predict(images)
    other = copy.deepcopy(model)
    if wrap == "compiled":
        other.model = torch.compile(other.model)
    elif wrap == "parallel":
        other.model = torch.nn.DataParallel(other.model)
    elif wrap == "in place":
        other.model.compile()
    else:
        other = torch.compile(other)
    task = al.ObjectDetection(other, imgsz=320)
    assert task.labels == KINDS
    assert torch.equal(task.predict(images).fields["scores"], expected.fields["scores"])


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    al.ObjectDetection(model, imgsz=64).save(folder)
    return folder


class TestDamagedFolders:
    @pytest.mark.parametrize(
        "change",
        [
            {"yaml": None},
            {"yaml": "yolov8n.yaml"},
            {"yaml": {}},
            {"yaml": {"backbone": 1, "head": 2}},
            {"names": None},
            {"names": "kind0"},
            {"names": ["a", "a"]},
            {"imgsz": "64"},
            {"imgsz": True},
            {"imgsz": -64},
            {"counts": [1]},
            {"counts": "12"},
            {"counts": [-1] * 12},
            {"task": "segmentation"},
            {"format": 99},
        ],
    )
    def test_they_are_named(self, saved, tmp_path, change):
        settings = {**json.loads((saved / "altasks.json").read_text()), **change}
        (tmp_path / "altasks.json").write_text(json.dumps(settings))
        (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
        with pytest.raises(InvalidInputError, match=r"directory: expected.*" + str(tmp_path)):
            al.ObjectDetection(tmp_path)

    @pytest.mark.parametrize("key", ["yaml", "names", "task"])
    def test_what_is_missing_is_named(self, saved, tmp_path, key):
        settings = json.loads((saved / "altasks.json").read_text())
        del settings[key]
        (tmp_path / "altasks.json").write_text(json.dumps(settings))
        (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
        with pytest.raises(InvalidInputError, match=r"directory: expected.*" + str(tmp_path)):
            al.ObjectDetection(tmp_path)

    def test_one_that_version_0_1_wrote_opens(self, saved, tmp_path):
        settings = json.loads((saved / "altasks.json").read_text())
        assert settings.pop("format") == 1
        (tmp_path / "altasks.json").write_text(json.dumps(settings))
        (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
        again = al.ObjectDetection(tmp_path)
        assert (again.labels, again.imgsz) == (KINDS, 64)

    def test_torn_weights_are_named(self, saved, tmp_path):
        (tmp_path / "altasks.json").write_bytes((saved / "altasks.json").read_bytes())
        whole = (saved / "model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InvalidInputError, match="a safetensors file"):
            al.ObjectDetection(tmp_path)


def test_a_task_shows_what_it_is(model):
    assert repr(al.ObjectDetection(model, imgsz=64)) == "ObjectDetection(12 classes, imgsz=64)"


def test_photographs_are_turned_in_scoring_training_and_drawing_alike(model, tmp_path):
    """A lying photograph and the same one upright: one prediction, one file, one picture."""
    from PIL import Image

    from altasks.tasks.object_detection.dataset_files import write_dataset
    from altasks.tasks.object_detection.labels import BoxLabels

    picture = yolo_nets.photographs(1)[0]
    exif = Image.Exif()
    exif[0x0112] = 8
    picture.save(tmp_path / "lying.png", exif=exif)
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "upright.png")
    pair = [tmp_path / "lying.png", tmp_path / "upright.png"]
    task = al.ObjectDetection(model, imgsz=320, conf=0.01)
    found = task.predict(pair)
    assert torch.equal(found[0].fields["boxes"], found[1].fields["boxes"])
    label = [{"label": "kind1", "box": [5, 250, 200, 300]}]  # below the stored image's 240 rows
    write_dataset(tmp_path, "train", pair, [label, label], BoxLabels(KINDS))
    written = [(tmp_path / "images/train" / f"{row:06d}.png").read_bytes() for row in (0, 1)]
    assert written[0] == written[1]
    drawn = [task.picture(path, {"boxes": label}) for path in pair]
    np.testing.assert_array_equal(np.asarray(drawn[0]), np.asarray(drawn[1]))
    assert task.check_label(label, sample=pair[0]) == task.check_label(label, sample=pair[1])


def test_a_label_out_by_less_than_a_pixel_is_cut(model):
    """Percent times a width isn't the width to the last digit."""
    task = al.ObjectDetection(model, imgsz=64)
    image = np.zeros((48, 64, 3), np.uint8)

    def box(*corners, **options):
        return task.check_label([{"label": "kind1", "box": list(corners)}], **options)[0]["box"]

    assert box(-1e-9, 2, 64.000001, 48.9, sample=image) == [0, 2, 64, 48]
    assert box(-0.5, 2, 70, 90) == [0, 2, 70, 90]
    for corners in ([0, 2, 65, 48], [-1, 2, 9, 9], [64.2, 2, 64.8, 9], [0, 0, 10**400, 1]):
        with pytest.raises(InvalidInputError, match=r"label: expected .*box 0"):
            box(*corners, sample=image)
