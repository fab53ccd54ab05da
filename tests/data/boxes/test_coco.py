"""COCO files as other tools write them: categories, ids and flags."""

import json

import numpy as np
import pytest

from altasks.data import read_coco, read_coco_masks
from altasks.errors import DataWarning, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")


def entry(category, image=1, **more):
    ring = [[2, 2, 20, 2, 20, 20, 2, 20]]
    made = {"image_id": image, "category_id": category, "bbox": [2, 2, 18, 18]}
    return {"id": 1, "segmentation": ring, **made, **more}


@pytest.fixture
def coco(tmp_path):
    """Return a function that writes a COCO file of images a.jpg and b.jpg, and reads it."""
    for name in ("a.jpg", "b.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)

    def run(annotations, categories, images=None, read=read_coco, **options):
        images = images or [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (tmp_path / "c.json").write_text(json.dumps(content))
        return read(tmp_path / "c.json", tmp_path / "images", **options)

    return run


ROOT = {"id": 0, "name": "cells", "supercategory": "none"}
TWO = [{"id": 1, "name": "b", "supercategory": "cells"},
       {"id": 2, "name": "a", "supercategory": "cells"}]  # fmt: skip


class TestCategories:
    def test_that_of_a_whole_project_is_left_out(self, coco):
        assert coco([entry(1)], [ROOT, *TWO]).names == ["b", "a"]
        assert coco([entry(1)], [ROOT, *TWO], read=read_coco_masks).classes[1:] == ["b", "a"]
        same = [{**ROOT, "name": "b"}, {**TWO[0], "supercategory": "b"}]
        assert coco([entry(1)], same).names == ["b"]

    def test_others_stay(self, coco):
        """One that is annotated; one of several; one whose parent is itself, as COCO's person."""
        assert coco([entry(0)], [ROOT, *TWO]).names == ["cells", "b", "a"]
        other = {"id": 3, "name": "dish", "supercategory": "none"}
        assert coco([entry(1)], [ROOT, *TWO, other]).names == ["cells", "b", "a", "dish"]
        person = {"id": 1, "name": "person", "supercategory": "person"}
        assert coco([], [person]).names == ["person"]

    def test_names_may_leave_out_what_nothing_has(self, coco):
        assert coco([entry(2)], TWO, names=["a"]).names == ["a"]
        assert coco([entry(2)], TWO, names=["a", "b"]).names == ["a", "b"]
        # A model may have been trained with the project's own as a class.
        trained = ["cells", "b", "a"]
        assert coco([entry(2)], [ROOT, *TWO], names=trained).names == trained
        for names in (["b"], ["a", "c"], [], "a"):
            with pytest.raises(InvalidInputError, match=r"classes|class names"):
                coco([entry(2)], TWO, names=names)

    def test_ids_that_are_text_are_in_numeric_order(self, coco):
        for ids in (["10", "2", "1"], ["c10", "c2", "c1"], [10, 2, 1], ["10", 2, 1.0]):
            categories = [{"id": i, "name": f"n{i}"} for i in ids]
            found = coco([entry(ids[1])], categories)
            assert found.names == [f"n{i}" for i in ids[::-1]]
            assert found.labels["a.jpg"][0]["label"] == f"n{ids[1]}"

    def test_a_number_is_the_same_id_as_its_digits(self, coco):
        images = [{"id": "1", "file_name": "a.jpg"}]
        assert coco([entry("1", 1.0)], TWO, images).counts() == [1, 0]
        with pytest.raises(InvalidInputError, match=r"categories\[1\] with an id of its own"):
            coco([], [{"id": 1, "name": "a"}, {"id": "1", "name": "b"}])

    @pytest.mark.parametrize("number", [True, None, [1], 1.5, {}])
    def test_other_things_are_no_ids(self, coco, number):
        with pytest.raises(InvalidInputError, match=r"annotations\[0\] of a listed image"):
            coco([entry(1, number)], TWO)
        with pytest.raises(InvalidInputError, match=r"annotations\[0\] of a listed category"):
            coco([entry(number)], TWO)
        with pytest.raises(InvalidInputError, match=r"categories\[0\] with 'id'"):
            coco([], [{"id": number, "name": "a"}])


class TestFlags:
    @pytest.mark.parametrize("flag", [{"iscrowd": 1}, {"iscrowd": True}, {"ignore": "1"}])
    def test_what_is_to_be_ignored_is_a_choice(self, coco, flag):
        with pytest.raises(InvalidInputError, match=r"annotations\[0\].*skip_crowds=True"):
            coco([entry(1, **flag)], TWO)
        with pytest.warns(DataWarning, match=r"1 images stay unlabelled.*a\.jpg"):
            found = coco([entry(1, **flag)], TWO, skip_crowds=True)
        assert found.labels == {"b.jpg": []}

    @pytest.mark.parametrize("value", [0, False, "0", None, 0.0])
    def test_what_is_not_is_a_box(self, coco, value):
        assert coco([entry(1, iscrowd=value, ignore=value)], TWO).counts() == [1, 0]

    def test_another_flag_is_named(self, coco):
        with pytest.raises(InvalidInputError, match=r"annotations\[0\] with 'iscrowd' 0 or 1"):
            coco([entry(1, iscrowd="no")], TWO)


class TestBoxes:
    @pytest.mark.parametrize(
        "box", [None, [], [1, 2], "1 2 3 4", [1, 2, 3, "4"], [10**400, 1, 1, 1]]
    )
    def test_what_is_no_box_is_named(self, coco, box):
        with pytest.raises(
            InvalidInputError, match=r"annotations\[0\] with a bbox of four numbers"
        ):
            coco([entry(1, bbox=box)], TWO)

    def test_one_without_a_box_can_be_left_out(self, coco):
        found = coco([entry(1, bbox=[]), entry(2)], TWO, bad_boxes="skip")
        assert found.counts() == [0, 1]

    def test_an_area_is_not_needed(self, coco):
        assert coco([entry(1, area=None)], TWO).counts() == [1, 0]


class TestImages:
    @pytest.mark.parametrize(
        "name", ["images/a.jpg", "images\\a.jpg", "./a.jpg", "../images/a.jpg", "a.jpg"]
    )
    def test_they_are_found_from_the_exports_own_root(self, coco, name):
        found = coco([entry(1)], TWO, [{"id": 1, "file_name": name}])
        assert found.images[name].samefile(found.images[name].parent / "a.jpg")
        assert found.counts() == [1, 0]

    def test_one_file_under_two_names_is_refused(self, coco):
        images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "images/a.jpg"}]
        with pytest.raises(InvalidInputError, match=r"images\[1\] with an image of its own"):
            coco([], TWO, images)

    def test_a_name_that_no_system_holds_is_named(self, coco):
        with pytest.raises(InvalidInputError, match="an image that is there"):
            coco([], TWO, [{"id": 1, "file_name": "x" * 300}])


class TestWhatIsMissing:
    @pytest.mark.parametrize("read", [read_coco, read_coco_masks])
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"images": [], "categories": []}', "no list 'annotations'. If nothing is labelled"),
            ('{"images": [], "annotations": null, "categories": []}', "no list 'annotations'"),
            ('{"images": []}', "no list 'annotations', 'categories'"),
            ('[{"image_id": 1, "score": 0.5}]', "a list. This looks like results"),
            ("", "JSON"),
            ('{"images": [], "annotations": [1], "annotations": [], "categories": []}', "twice"),
        ],
    )
    def test_lists_that_are_missing_or_there_twice(self, tmp_path, read, text, message):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(InvalidInputError, match=rf"c\.json.*{message}"):
            read(tmp_path / "c.json", tmp_path)
