"""Boxes from files and into them: what is written comes back, what can't be is named."""

import json

import numpy as np
import pytest

from altasks.data import (
    BoxedImages,
    count_yolo,
    read_coco,
    read_voc,
    read_yolo,
    write_coco,
    write_voc,
    write_yolo,
)
from altasks.errors import DataWarning, InvalidInputError, UnknownNameError

PIL = pytest.importorskip("PIL.Image", reason="needs the extra vision")

NAMES = ["cat: old", "dog"]


@pytest.fixture
def boxed(tmp_path):
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    images = {}
    for name, size in (("a.png", (40, 30)), ("b/c.png", (20, 50)), ("d.png", (8, 8))):
        array = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        PIL.fromarray(array).save(folder / name)
        images[name] = folder / name
    labels = {
        "a.png": [
            {"label": "dog", "box": [1.0, 2.0, 11.5, 22.25]},
            {"label": "cat: old", "box": [0.0, 0.0, 40.0, 30.0]},
        ],
        "b/c.png": [],
    }
    return BoxedImages(NAMES, images, labels)


def same(one, other):
    assert one.names == other.names
    assert set(one.labels) == set(other.labels)
    for name, label in one.labels.items():
        assert [e["label"] for e in label] == [e["label"] for e in other.labels[name]]
        for entry, again in zip(label, other.labels[name], strict=True):
            assert entry["box"] == pytest.approx(again["box"], abs=1e-4)
    return True


def test_what_a_set_says_of_itself(boxed):
    assert len(boxed) == 3
    assert boxed.counts() == [1, 1]
    assert boxed.pool().ids == ["a.png", "b/c.png", "d.png"]
    assert set(boxed.pool().labels) == {"a.png", "b/c.png"}
    assert [path.name for path in boxed.pairs()[0]] == ["a.png", "c.png"]
    assert len(boxed.subset(["d.png"])) == 1
    with pytest.raises(UnknownNameError):
        boxed.subset(["z.png"])


class TestYolo:
    def test_it_comes_back(self, boxed, tmp_path):
        described = write_yolo(boxed, tmp_path / "out", split="train")
        found = read_yolo(described)
        assert set(found.images) == set(boxed.images) or set(found.labels) == set(boxed.labels)
        assert same(boxed, found)
        assert count_yolo(tmp_path / "out/labels", 2) == [1, 1]
        bare = read_yolo(tmp_path / "out/labels/train", images=tmp_path / "photos", names=NAMES)
        assert same(boxed, bare)

    def test_ultralytics_reads_it_too(self, boxed, tmp_path):
        pytest.importorskip("ultralytics")
        from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load

        described = write_yolo(boxed, tmp_path / "out")
        with isolated_ultralytics():
            found = load("ultralytics.data.utils").check_det_dataset(str(described))
        assert list(found["names"].values()) == NAMES

    @pytest.fixture
    def files(self, boxed, tmp_path):
        write_yolo(boxed, tmp_path / "out")
        return tmp_path / "out"

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("1 0.5 0.5 0.2", "4 fields.*line 2"),
            ("1 0.5 0.5 0.2 0.2 0.3 0.3", "Polygons"),
            ("2 0.5 0.5 0.2 0.2", "a class from 0 to 1, found 2"),
            ("x 0.5 0.5 0.2 0.2", "a class number"),
            ("1 0.5 0.5 nan 0.2", "shares of the image"),
            ("1 1.5 0.5 0.2 0.2", "shares of the image"),
            ("1 0.95 0.5 0.2 0.2", "inside its image of 40 x 30.*line 2"),
            ("1 0.5 0.5 0 0.2", "x1 < x2.*line 2.*bad_boxes='skip'"),
        ],
    )
    def test_a_bad_line_is_named(self, files, line, message):
        (files / "labels/train/a.txt").write_text(f"0 0.5 0.5 0.2 0.2\n{line}\n")
        with pytest.raises(InvalidInputError, match=rf"a\.txt.*{message}"):
            read_yolo(files / "data.yaml")

    def test_bad_boxes_can_be_left_out(self, files):
        (files / "labels/train/a.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0 0.2\n")
        found = read_yolo(files / "data.yaml", bad_boxes="skip")
        assert len(found.labels["images/train/a.png"[13:]]) == 1
        with pytest.raises(InvalidInputError, match="'error' or 'skip'"):
            read_yolo(files / "data.yaml", bad_boxes="drop")

    def test_a_box_that_no_image_has_room_for_can_be_left_out(self, files):
        (files / "labels/train/a.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.5 0.5 1.05 0.2\n")
        with pytest.raises(InvalidInputError, match=r"line 2.*bad_boxes='skip'"):
            read_yolo(files / "data.yaml")
        found = read_yolo(files / "data.yaml", bad_boxes="skip")
        assert [entry["label"] for entry in found.labels["a.png"]] == NAMES[:1]
        (files / "labels/train/a.txt").write_text("0 0.5 0.5 1.000001 1\n")
        assert read_yolo(files / "data.yaml").labels["a.png"][0]["box"] == [0, 0, 40, 30]

    def test_parts_are_written_one_after_the_other(self, boxed, tmp_path):
        test = boxed.subset(["a.png"])
        for part, some in (("test", test), ("train", boxed), ("val", boxed.subset(["b/c.png"]))):
            described = write_yolo(some, tmp_path / "out", split=part)
        assert set(read_yolo(described).labels) == set(boxed.labels)
        assert set(read_yolo(described, split="val").images) == {"b/c.png"}
        assert same(test, read_yolo(described, split="test"))
        other = BoxedImages(NAMES[::-1], test.images, test.labels)
        with pytest.raises(InvalidInputError, match="names: expected the classes of 'train'"):
            write_yolo(other, tmp_path / "out", split="test")
        assert same(test, read_yolo(described, split="test"))

    def test_two_images_do_not_share_a_file_of_labels(self, boxed, tmp_path):
        images = {"a.png": boxed.images["a.png"], "a.jpg": boxed.images["d.png"]}
        for write, labels in (
            (write_yolo, {"a.png": []}),
            (write_voc, {"a.png": [], "a.jpg": boxed.labels["a.png"]}),
        ):
            with pytest.raises(InvalidInputError, match=r"'a\.png' and 'a\.jpg'"):
                write(BoxedImages(NAMES, images, labels), tmp_path / "out")

    @pytest.mark.parametrize("listed", [False, True])
    def test_paths_may_be_absolute(self, files, boxed, listed, monkeypatch):
        monkeypatch.chdir(files)
        place = str(files / "images/train")
        if listed:
            (files / "list.txt").write_text(f"{place}/a.png\n{place}/b/c.png\n")
        content = {"names": NAMES, "train": "list.txt" if listed else place}
        (files / "data.yaml").write_text(json.dumps(content))
        found = read_yolo("data.yaml")
        assert len(found.labels) == 2
        assert found.counts() == boxed.counts()

    def test_rounding_is_no_fault(self, files):
        (files / "labels/train/a.txt").write_text("0 0.166667 0.5 0.333335 1.0\n")
        box = read_yolo(files / "data.yaml").labels["a.png"][0]["box"]
        assert box[0] == 0.0

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"path": "..", "train": "images/train"}, "leads out of it"),
            ({"train": "../photos"}, "leads out of it"),
            ({"train": "/etc"}, "leads out of it"),
            ({"train": "images/none"}, "isn't there"),
            ({"val": "images/train"}, "a part 'train'"),
            ({"train": "list.txt"}, "isn't.*line 1"),
            ({"train": "images/train", "names": ["a", "a"]}, "distinct"),
            ({"train": "images/train", "names": {"1": "a", "2": "b"}}, "numbered from 0"),
            ({"train": "images/train", "names": None}, "a list of class names"),
            ({"train": "images/train", "names": "cat"}, "a list of class names, found 'cat'"),
            ({"train": "images/train", "names": 2}, "a list of class names, found 2"),
        ],
    )
    def test_a_bad_description_is_named(self, files, content, message):
        (files / "list.txt").write_text("images/train/gone.png\n")
        (files / "data.yaml").write_text(json.dumps({"names": NAMES, **content}))
        with pytest.raises(InvalidInputError, match=message):
            read_yolo(files / "data.yaml")

    def test_a_list_of_images(self, files):
        (files / "list.txt").write_text("images/train/a.png\n\n./images/train/d.png\n")
        (files / "data.yaml").write_text(json.dumps({"names": NAMES, "train": "list.txt"}))
        found = read_yolo(files / "data.yaml", names=NAMES)
        assert list(found.images) == ["images/train/a.png", "images/train/d.png"]
        assert list(found.labels) == ["images/train/a.png"]

    def test_other_classes_and_lone_files_are_refused(self, files, tmp_path):
        with pytest.raises(InvalidInputError, match=r"\['cat', 'dog'\]"):
            read_yolo(files / "data.yaml", names=["cat", "dog"])
        (files / "labels/train/z.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        with pytest.raises(InvalidInputError, match=r"z\.txt: expected an image of the same name"):
            read_yolo(files / "data.yaml")
        with pytest.raises(InvalidInputError, match="images, names"):
            read_yolo(files / "labels")
        with pytest.raises(InvalidInputError, match="text files"):
            count_yolo(files / "images", 2)

    def test_nothing_is_written_outside(self, boxed, tmp_path):
        image = boxed.images["a.png"]
        strange = BoxedImages(NAMES, {"../../out.png": image}, {"../../out.png": []})
        for write in (write_yolo, write_voc):
            with pytest.raises(InvalidInputError, match="ids that stay inside"):
                write(strange, tmp_path / "deep" / "er")
        assert not (tmp_path / "out.png").exists()


class TestVoc:
    def test_it_comes_back(self, boxed, tmp_path):
        flat = boxed.subset(["a.png"])
        write_voc(flat, tmp_path / "voc")
        found = read_voc(tmp_path / "voc/Annotations", tmp_path / "voc/JPEGImages", names=NAMES)
        assert same(flat, found)
        (tmp_path / "list.txt").write_text("a\n")
        listed = read_voc(
            tmp_path / "voc/Annotations",
            tmp_path / "voc/JPEGImages",
            listed=tmp_path / "list.txt",
        )
        assert listed.names == NAMES

    def test_images_of_folders_inside_come_back(self, boxed, tmp_path):
        deep = BoxedImages(
            NAMES,
            {**boxed.images, "b/a.png": boxed.images["a.png"]},
            {**boxed.labels, "b/a.png": boxed.labels["a.png"][:1]},
        )
        write_voc(deep, tmp_path / "voc")
        folders = tmp_path / "voc/Annotations", tmp_path / "voc/JPEGImages"
        found = read_voc(*folders, names=NAMES)
        assert same(deep, found)
        assert found.images["b/a.png"] == folders[1] / "b/a.png"
        (tmp_path / "list.txt").write_text("b/a\n")
        assert list(read_voc(*folders, listed=tmp_path / "list.txt").images) == ["b/a.png"]
        # Other tools write the bare name of the file, or none.
        for stem in ("a", "b/a", "b/c"):
            text = (folders[0] / f"{stem}.xml").read_text()
            (folders[0] / f"{stem}.xml").write_text(text.replace("<filename>b/", "<filename>"))
        assert same(deep, read_voc(*folders, names=NAMES))

    def test_a_list_may_name_photographs_with_spaces(self, boxed, tmp_path):
        images = {f"{name} 1.png": boxed.images["a.png"] for name in ("my photo", "other")}
        write_voc(BoxedImages(NAMES, images, {name: [] for name in images}), tmp_path / "voc")
        folders = tmp_path / "voc/Annotations", tmp_path / "voc/JPEGImages"
        (folders[0] / "third.xml").write_bytes((folders[0] / "other 1.xml").read_bytes())
        (tmp_path / "list.txt").write_text("my photo 1\nthird -1\n")
        assert list(read_voc(*folders, listed=tmp_path / "list.txt").images) == list(images)

    @pytest.fixture
    def read(self, tmp_path, boxed):
        folder = tmp_path / "xml"
        folder.mkdir()

        def run(content, **options):
            (folder / "a.xml").write_text(content, encoding="utf-8")
            return read_voc(folder, tmp_path / "photos", **options)

        return run

    BOX = "<bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>9</ymax></bndbox>"

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("<filename>../../etc/passwd</filename>", "leads out of it"),
            ("<filename>/etc/passwd</filename>", "leads out of it"),
            ("\n<object><name>dog</name></object>", "a bndbox.*line 2"),
            (f"\n<object><name>cow</name>\n{BOX.format(1, 5)}</object>", "'cow' .line 2"),
            (f"\n<object><name>dog</name>\n{BOX.format(1, 41)}</object>", "40 x 30.*line 3"),
            (f"\n<object><name>dog</name>\n{BOX.format(5, 5)}</object>", "x1 < x2.*line 3"),
            (f"\n<object><name>dog</name>\n{BOX.format('x', 5)}</object>", "four numbers.*line 3"),
            ("<object>", "XML, found mismatched tag"),
        ],
    )
    def test_a_fault_is_named(self, read, body, message):
        with pytest.raises(InvalidInputError, match=rf"(?s)a\.xml.*{message}"):
            read(f"<annotation>{body}</annotation>", names=NAMES)

    def test_entities_are_not_expanded(self, read):
        bomb = '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY c "&a;&a;">]>\n<annotation>&c;</annotation>'
        with pytest.raises(InvalidInputError, match="document type, found a DOCTYPE"):
            read(bomb)
        stolen = '<!DOCTYPE b SYSTEM "file:///etc/passwd">\n<annotation/>'
        with pytest.raises(InvalidInputError, match="DOCTYPE"):
            read(stolen)

    def test_an_image_without_objects_is_labelled(self, read):
        assert read("<annotation/>").labels == {"a.png": []}

    def test_a_missing_image_is_named(self, tmp_path, boxed):
        (tmp_path / "xml").mkdir()
        (tmp_path / "xml/zz.xml").write_text("<annotation/>")
        with pytest.raises(InvalidInputError, match=r"zz\.xml: expected an image that is there"):
            read_voc(tmp_path / "xml", tmp_path / "photos")
        with pytest.raises(InvalidInputError, match="XML files"):
            read_voc(tmp_path / "photos", tmp_path / "photos")


class TestCoco:
    def test_it_comes_back(self, boxed, tmp_path):
        write_coco(boxed, tmp_path / "coco.json")
        assert same(boxed, read_coco(tmp_path / "coco.json", tmp_path / "photos"))

    def test_pycocotools_reads_it_too(self, boxed, tmp_path, capsys):
        coco = pytest.importorskip("pycocotools.coco")
        write_coco(boxed, tmp_path / "coco.json")
        found = coco.COCO(str(tmp_path / "coco.json"))
        assert [category["name"] for category in found.cats.values()] == NAMES
        assert len(found.anns) == 2

    @pytest.fixture
    def read(self, boxed, tmp_path):
        path = write_coco(boxed, tmp_path / "coco.json")

        def run(change, **options):
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))
            return read_coco(path, tmp_path / "photos", **options)

        return run

    @pytest.mark.parametrize(
        ("part", "key", "value", "message"),
        [
            ("images", "file_name", "../secret.png", "leads out of it"),
            ("images", "file_name", "gone.png", "that is there"),
            ("images", "file_name", 5, "'file_name'"),
            ("images", "id", 2, "again"),
            ("annotations", "image_id", 99, "of a listed image"),
            ("annotations", "category_id", [1], "of a listed category"),
            ("annotations", "bbox", [1, 2, 3], "four numbers"),
            ("annotations", "bbox", [30, 2, 30, 3], r"annotations\[0\] \[30"),
            ("annotations", "bbox", [3, 2, -1, 3], "x1 < x2"),
            ("annotations", "iscrowd", 1, "skip_crowds=True"),
            ("categories", "id", 2, "again"),
            ("categories", "name", "dog", "distinct"),
        ],
    )
    def test_a_fault_is_named(self, read, part, key, value, message):
        with pytest.raises(InvalidInputError, match=message):
            read(lambda content: content[part][0].update({key: value}))

    def test_crowds_and_bad_boxes_can_be_left_out(self, read):
        found = read(lambda c: c["annotations"][0].update(iscrowd=1), skip_crowds=True)
        assert found.counts() == [1, 0]
        with pytest.warns(DataWarning, match=r"1 images stay unlabelled.*a\.png"):
            found = read(
                lambda c: c["annotations"][1].update(bbox=[0, 0, 0, 0]),
                skip_crowds=True,
                bad_boxes="skip",
            )
        assert found.labels == {"b/c.png": []}

    def test_the_order_of_classes_can_be_given(self, read):
        assert read(lambda content: None, names=NAMES[::-1]).counts() == [1, 1]
        with pytest.raises(InvalidInputError, match="classes"):
            read(lambda content: None, names=["cat", "dog"])

    def test_a_label_of_no_class_is_not_written(self, boxed, tmp_path):
        with pytest.raises(InvalidInputError, match="'dog'"):
            write_coco(BoxedImages(NAMES[:1], boxed.images, boxed.labels), tmp_path / "c.json")

    def test_what_is_no_coco_file_is_named(self, tmp_path, boxed):
        for content, message in (("[]", "the lists"), ("{", "JSON"), ('{"images": []}', "lists")):
            (tmp_path / "c.json").write_text(content)
            with pytest.raises(InvalidInputError, match=message):
                read_coco(tmp_path / "c.json", tmp_path / "photos")


def test_a_set_may_be_written_again_where_it_lies(boxed, tmp_path):
    def voc():
        return read_voc(tmp_path / "voc" / "Annotations", tmp_path / "voc" / "JPEGImages")

    described = write_yolo(boxed, tmp_path / "yolo")
    write_voc(boxed, tmp_path / "voc")
    for read, write, folder in (
        (lambda: read_yolo(described), write_yolo, "yolo"),
        (voc, write_voc, "voc"),
    ):
        known = read()
        before = {name: path.read_bytes() for name, path in known.images.items()}
        write(known, tmp_path / folder)
        assert same(known, read())
        assert {name: path.read_bytes() for name, path in read().images.items()} == before
