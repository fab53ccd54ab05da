"""The built-in pictures behave: each task's own `describe` is what they draw."""

import numpy as np
import pytest

import altasks as al
from altasks.errors import UnknownNameError
from altasks.registry import PICTURES, get_picture
from altasks.report import contact_sheet
from altasks.testing.pictures import PictureSuite

pytest.importorskip("PIL.Image")

IMAGE = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)


class TestImageClassification(PictureSuite):
    @pytest.fixture
    def picture(self):
        return get_picture("image-classification")

    @pytest.fixture
    def drawn(self):
        return [
            (IMAGE, {"classes": [{"label": name, "probability": p}]})
            for name, p in (("cat", 0.75), ("a\nb\x00" + "long " * 40, 0.5))
        ]


class TestObjectDetection(PictureSuite):
    @pytest.fixture
    def picture(self):
        return get_picture("object-detection")

    @pytest.fixture
    def drawn(self):
        box = {"label": "cat", "box": [2, 3, 20, 18], "probability": 0.8}
        return [(IMAGE, {"boxes": boxes}) for boxes in ([], [box], [{**box, "label": "dog"}])]

    @pytest.fixture
    def classes(self):
        return ("bird", "cat", "dog")


class TestOCR(PictureSuite):
    @pytest.fixture
    def picture(self):
        return get_picture("ocr")

    @pytest.fixture
    def drawn(self):
        return [
            (IMAGE, {"predicted": text, "readings": [text, other]})
            for text, other in (("one", "ore"), ("two\n", ""))
        ]


class TestSegmentation(PictureSuite):
    @pytest.fixture
    def picture(self):
        return get_picture("segmentation")

    @pytest.fixture
    def drawn(self):
        from altasks.data import encode_mask

        masks = [np.zeros((24, 32), np.uint8), np.full((24, 32), 255, np.uint8)]
        masks[0][4:9, 6:20] = 2
        doubt = {"mean": 0.1, "max": 0.2, "cell": 8, "means": np.full((3, 4), 0.1).tolist()}
        return [
            (IMAGE, {"mask": {**encode_mask(mask), "step": 1}, "entropy": doubt}) for mask in masks
        ]

    @pytest.fixture
    def classes(self):
        return ("sky", "road", "car")


def test_every_picture_is_of_a_task_and_every_task_that_draws_has_one():
    assert {*PICTURES.builtin} <= {*al.registry.TASKS.builtin}
    draws = {name for name in al.registry.TASKS.builtin if hasattr(al.get_task(name), "picture")}
    assert draws == {*PICTURES.builtin}


def test_a_sheet_is_drawn_by_the_name_of_a_picture_without_a_model(tmp_path):
    box = {"label": "cat", "box": [2, 3, 20, 18], "probability": 0.8}
    rows = [{"id": "a", "rank": 1, "score": 0.5, "prediction": {"boxes": [box]}}]
    pool = {"a": IMAGE}
    plain = contact_sheet(rows, path=tmp_path / "plain.png", pool=pool).read_bytes()
    named = [
        contact_sheet(
            rows, "object-detection", tmp_path / "named.png", pool=pool, classes=classes
        ).read_bytes()
        for classes in (["cat", "dog"], ["dog", "cat"])
    ]
    assert plain not in named
    assert named[0] != named[1], "a class's colour is by its place among the classes"
    with pytest.raises(UnknownNameError, match="No picture"):
        contact_sheet(rows, "object", tmp_path / "named.png", pool=pool)
