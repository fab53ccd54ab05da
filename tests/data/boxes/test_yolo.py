"""Data sets in YOLO's format as other tools lay them out on the disk."""

import json

import numpy as np
import pytest

from altasks.data import count_yolo, read_yolo
from altasks.data.boxes.classes import names_by_number
from altasks.errors import InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

ROW = "0 0.5 0.5 0.25 0.5\n"
BOX = [{"label": "cell", "box": [24.0, 12.0, 40.0, 36.0]}]


@pytest.fixture
def lay(tmp_path):
    """Return a function that writes images (64 x 48), and texts, by their paths."""

    def run(*images, **texts):
        for name in images:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return run


class TestWhereThingsAre:
    @pytest.mark.parametrize(
        ("head", "yaml"),
        [
            ("train: ../train/images", "data.yaml"),  # Roboflow's
            ("train: [../train/images]", "data.yaml"),
            ("train: ..\\train\\images", "data.yaml"),
            ("path: ./\ntrain: ./train/images", "data.yaml"),
            ("path: {root}\ntrain: train/images", "data.yaml"),
            ("path: train\ntrain: images", "data.yaml"),
            ("path: train/images\ntrain: .", "data.yaml"),
            ("train: images", "train/data.yaml"),
            ("train: .", "train/images/data.yaml"),
            ("train: {root}/train/images", "data.yaml"),
        ],
    )
    def test_images_and_labels_are_found(self, lay, head, yaml):
        root = lay("train/images/a.jpg", **{"train/labels/a.txt": ROW})
        (root / yaml).write_text(head.format(root=root) + "\nnames: [cell]\n")
        assert read_yolo(root / yaml).labels == {"a.jpg": BOX}

    @pytest.mark.parametrize(
        ("head", "message"),
        [
            ("path: /content/data\ntrain: images", r"'path', found /content/data.*isn't.*root="),
            ("train: C:\\data\\images", r"isn't there.*root="),
            ("train: ../elsewhere", "isn't there"),
            ("train: {a: b}", r"a list of paths, as 'train', found a mapping \(line 1\)"),
            ("train: [[a]]", "found a sequence"),
            ("train:", "a part 'train', found the parts"),
        ],
    )
    def test_where_they_are_not_there_is_a_way_out(self, lay, head, message):
        root = lay("train/images/a.jpg", **{"data.yaml": head + "\nnames: [cell]\n"})
        with pytest.raises(InvalidInputError, match=f"data.yaml.*{message}"):
            read_yolo(root / "data.yaml")

    def test_a_sibling_that_is_there_is_not_replaced(self, lay):
        """`../images` leads out, and isn't taken for `images` although that is there as well."""
        root = lay("images/a.jpg", "set/images/a.jpg")
        (root / "set" / "data.yaml").write_text("train: ../images\nnames: [cell]\n")
        with pytest.raises(InvalidInputError, match=r"leads out of it.*root="):
            read_yolo(root / "set" / "data.yaml")
        assert list(read_yolo(root / "set/data.yaml", root=root / "set" / "..").images) == ["a.jpg"]

    @pytest.mark.parametrize(
        "line", ["images/a.jpg", "./../images/a.jpg", "../images/a.jpg", ".\\..\\images\\a.jpg"]
    )
    def test_lists_are_read_relative_to_themselves_or_the_set(self, lay, line):
        root = lay("images/a.jpg", **{"labels/a.txt": ROW, "lists/train.txt": f"{line}\n\n{line}"})
        (root / "data.yaml").write_text("train: lists/train.txt\nnames: [cell]\n")
        assert read_yolo(root / "data.yaml").labels == {"images/a.jpg": BOX}

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("images/b.jpg", "isn't there"),
            ("/content/images/a.jpg", r"isn't there.*root="),
            ("../../etc/passwd", "isn't there|leads out"),
            ("images/notes.txt", "the path of an image"),
            ("images", "the path of an image"),
            ("x" * 5000, "the name of a file"),
            ("x" * 300, "isn't there"),
        ],
    )
    def test_a_bad_line_of_a_list_is_named(self, lay, line, message):
        root = lay("images/a.jpg", **{"images/notes.txt": "x", "t.txt": f"images/a.jpg\n{line}\n"})
        (root / "data.yaml").write_text("train: t.txt\nnames: [cell]\n")
        with pytest.raises(InvalidInputError, match=rf"(?s)t\.txt.*({message})") as caught:
            read_yolo(root / "data.yaml")
        assert "line 2" in str(caught.value)

    def test_folders_with_the_same_names_in_them(self, lay):
        labels = {"a/labels/1.txt": ROW, "b/labels/1.txt": ""}
        root = lay("a/images/1.jpg", "b/images/1.jpg", **labels)
        (root / "data.yaml").write_text("train: [a/images, b/images, a/images]\nnames: [cell]\n")
        found = read_yolo(root / "data.yaml")
        assert found.labels == {"a/images/1.jpg": BOX, "b/images/1.jpg": []}

    def test_a_link_is_an_image_of_its_own(self, lay):
        yaml = "train: images\nnames: [cell]"
        root = lay("images/a.jpg", **{"labels/a.txt": ROW, "labels/b.txt": "", "data.yaml": yaml})
        (root / "images/b.jpg").symlink_to(root / "images/a.jpg")
        assert read_yolo(root / "data.yaml").labels == {"a.jpg": BOX, "b.jpg": []}

    def test_suffixes_of_labels_in_any_case(self, lay):
        root = lay(
            "images/a.JPG", **{"labels/a.TXT": ROW, "data.yaml": "train: images\nnames: [cell]"}
        )
        assert read_yolo(root / "data.yaml").labels == {"a.JPG": BOX}
        assert count_yolo(root / "labels", 1) == [1]

    def test_validation_is_val(self, lay):
        root = lay("v/a.jpg", **{"data.yaml": "train: v\nvalidation: v\nnames: [cell]"})
        assert list(read_yolo(root / "data.yaml", split="val").images) == ["a.jpg"]


class TestLabelsElsewhere:
    """Labels that Ultralytics wouldn't find are no unlabelled images."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("images/train/a.txt", "them beside the image"),
            ("labels/a.txt", "them here, and for no image there"),
            ("images/labels/a.txt", "them here, and for no image there"),
        ],
    )
    def test_they_are_refused(self, lay, text, message):
        yaml = "train: images/train\nnames: [cell]"
        root = lay("images/train/a.jpg", **{text: ROW, "data.yaml": yaml})
        with pytest.raises(InvalidInputError, match=rf"a\.txt.*{message}.*read_yolo\(folder"):
            read_yolo(root / "data.yaml")

    def test_captions_beside_images_are_none(self, lay):
        root = lay(
            "images/a.jpg", **{"images/a.txt": "a cell\n", "data.yaml": "train: images\nnames: [c]"}
        )
        assert read_yolo(root / "data.yaml").labels == {}

    def test_a_text_without_an_image_is_named_in_any_folder(self, lay):
        root = lay(
            "images/a/1.jpg", "images/b/2.jpg", **{"labels/a/1.txt": ROW, "labels/b/3.txt": ""}
        )
        (root / "data.yaml").write_text("train: [images/a, images/b]\nnames: [cell]\n")
        with pytest.raises(InvalidInputError, match=r"3\.txt: expected an image of the same name"):
            read_yolo(root / "data.yaml")

    def test_notes_are_no_labels(self, lay):
        texts = {"d/a.txt": ROW, "d/README.txt": "Made by us.\n", "d/train.txt": "d/a.jpg\n"}
        root = lay("d/a.jpg", **texts, **{"data.yaml": "train: d\nnames: [cell]"})
        assert read_yolo(root / "data.yaml").labels == {"a.jpg": BOX}
        assert count_yolo(root / "d", 1) == [1]


class TestNames:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("[dk, no, se]", ["dk", "no", "se"]),
            ("[y, n, Yes, OFF]", ["y", "n", "Yes", "OFF"]),
            ("{0: true, 1: null}", ["true", "null"]),
            ("[007, 0x10, 1_000, 1.50]", ["007", "0x10", "1_000", "1.50"]),
            ("[12:30:45, 2026-01-02]", ["12:30:45", "2026-01-02"]),
            ("\n  '1': b\n  0: a", ["a", "b"]),
            ("\n- =\n- a", ["=", "a"]),
            ('\'["a", "b"]\'', ["a", "b"]),
            ('\'{"1": "b", "0": "a"}\'', ["a", "b"]),
        ],
    )
    def test_they_are_the_text_that_is_written(self, lay, names, expected):
        root = lay("i/a.jpg", **{"data.yaml": f"train: i\nnames: {names}\n"})
        assert read_yolo(root / "data.yaml").names == expected

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("[a, ~]", r"a name for class 1, found none \(line 2\).*quotes"),
            ("[a, '']", "a name for class 1"),
            ("[a, [b]]", "each a text, found a sequence"),
            ("[a, a]", "distinct class names, found 'a' twice"),
            ("{0: a, 0: b}", "numbered from 0"),
            ("{0: a, 2: b}", "numbered from 0"),
            ("{x: a}", "numbered from 0, found 'x'"),
            ("{[0]: a}", "numbered from 0, found sequence"),
            ("[]", "found an empty one"),
            ("'[1, '", "class names as JSON"),
            ("[a, b]\nnc: 3", r"nc: 2, as there are names, found nc: 3 \(line 3\)"),
        ],
    )
    def test_what_is_no_name_is_named(self, lay, names, message):
        root = lay("i/a.jpg", **{"data.yaml": f"train: i\nnames: {names}\n"})
        with pytest.raises(InvalidInputError, match=rf"data\.yaml.*{message}"):
            read_yolo(root / "data.yaml")

    def test_a_yaml_without_names_needs_them(self, lay):
        root = lay("i/a.jpg", **{"data.yaml": "train: i\nnc: 2\n"})
        with pytest.raises(InvalidInputError, match=r"names.*Or give names="):
            read_yolo(root / "data.yaml")
        assert read_yolo(root / "data.yaml", names=["a", "b"]).names == ["a", "b"]
        with pytest.raises(InvalidInputError, match="nc: 1, as there are names, found nc: 2"):
            read_yolo(root / "data.yaml", names=["a"])

    @pytest.mark.parametrize("name", ["classes.txt", "labels/classes.txt", "labels/obj.names"])
    def test_a_class_file_may_not_contradict(self, lay, name):
        root = lay("images/a.jpg", **{"labels/a.txt": ROW, name: "cat\ndog\n"})
        folders = {"source": root / "labels", "images": root / "images"}
        with pytest.raises(InvalidInputError, match=r"class 0 is 'cat'.*Label Studio sorts"):
            read_yolo(**folders, names=["dog", "cat"])
        with pytest.raises(InvalidInputError, match="class 0 is 'cat'"):
            count_yolo(root / "labels", ["dog", "cat"])
        assert read_yolo(**folders, names=["cat", "dog"]).counts() == [1, 0]
        # Its order is that of the numbers, so it may stand for the names.
        assert read_yolo(**folders).names == ["cat", "dog"]
        assert read_yolo(**folders, names=["cat", "dog", "cow"]).names == ["cat", "dog", "cow"]

    @pytest.mark.parametrize(
        "names",
        [
            ["a", "b", "c"],
            ("a", "b", "c"),
            {0: "a", 1: "b", 2: "c"},
            {"2": "c", "0": "a", "1": "b"},
            '["a", "b", "c"]',
            json.dumps(dict(enumerate("abc"))),
        ],
    )
    def test_a_models_names_in_any_form(self, names):
        assert names_by_number(names) == ["a", "b", "c"]

    def test_ten_classes_are_in_the_order_of_their_numbers(self):
        names = {str(i): f"c{i}" for i in (0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9)}
        assert names_by_number(names) == [f"c{i}" for i in range(12)]

    @pytest.mark.parametrize(
        "names", [{1: "a"}, {"0": "a", "00": "b"}, "a, b", ["a", "a"], [None], {}, 3, [True]]
    )
    def test_other_things_are_no_names(self, names):
        with pytest.raises(InvalidInputError, match="names"):
            names_by_number(names)


class TestRows:
    @pytest.fixture
    def read(self, lay):
        def run(row, **options):
            root = lay("i/a.jpg", **{"l/a.txt": row})
            return read_yolo(root / "l", images=root / "i", names=["cell", "b"], **options).labels[
                "a.jpg"
            ]

        return run

    @pytest.mark.parametrize(
        "row",
        ["0.0 .5 .5 .25 .5", "0e+00 5e-1 5.E-1 +0.25 0.5", "-0 0.5 0.5 0.25 0.5", f"{ROW}{ROW}"],
    )
    def test_numbers_as_programs_write_them(self, read, row):
        assert read(row) == BOX

    @pytest.mark.parametrize("sixth", ["0.87", "17"])
    def test_a_sixth_column_is_a_choice(self, read, sixth):
        row = f"{ROW.strip()} {sixth}\n"
        with pytest.raises(InvalidInputError, match=r"confidence .*track.*sixth_column='ignore'"):
            read(row)
        assert read(row, sixth_column="ignore") == BOX
        with pytest.raises(InvalidInputError, match="sixth_column: expected 'error' or 'ignore'"):
            read(row, sixth_column="drop")

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("0.5 .5 .5 .25 .5", "a class number"),
            ("1_0 .5 .5 .25 .5", "a class number"),
            ("٠ .5 .5 .25 .5", "a class number"),
            ("-1 .5 .5 .25 .5", "a class number"),
            ("inf .5 .5 .25 .5", "a class number"),
            ("1e400 .5 .5 .25 .5", "a class number"),
            ("9999999999999999999999 .5 .5 .25 .5", "a class from 0 to 1"),
            ("0 0,5 0,5 0,25 0,5", "four shares"),
            ("0 320 240 100 50", "divided by the image's width"),
        ],
    )
    def test_what_is_no_row_is_named(self, read, row, message):
        with pytest.raises(
            InvalidInputError, match=rf"a\.txt.*{message}.*line 2|line 2.*{message}"
        ):
            read(ROW + row + "\n")


class TestWhatWouldBeLost:
    @pytest.mark.parametrize("kind", ["link", "folder"])
    def test_labels_that_cannot_be_reached(self, lay, kind):
        text = "train: images\nnames: [cell]"
        root = lay("images/a.jpg", "images/b.jpg", **{"labels/b.txt": ROW, "d.yaml": text})
        if kind == "link":
            (root / "labels/a.txt").symlink_to(root / "gone/a.txt")
        else:
            (root / "labels/a.txt").mkdir()
        of_folder = {"images": root / "images", "names": ["cell"]}
        for source, options in (("d.yaml", {}), ("labels", of_folder)):
            with pytest.raises(InvalidInputError, match=r"a\.txt: expected a file of labels"):
                read_yolo(root / source, **options)

    @pytest.mark.parametrize("key", ["names: [cell]", "train: images", "nc: 1", "path: ."])
    def test_a_key_twice(self, lay, key):
        text = f"path: .\ntrain: images\nnc: 1\nnames: [cell]\n{key}\n"
        root = lay("images/a.jpg", **{"labels/a.txt": ROW, "d.yaml": text})
        with pytest.raises(InvalidInputError, match=r"d\.yaml: expected one .*line 5"):
            read_yolo(root / "d.yaml")

    @pytest.mark.parametrize(
        ("path", "train"),
        [
            ("/content/data", "/content/data/images"),
            ("C:\\data", "C:\\data\\images"),
            ("/content/data/", "images"),
        ],
    )
    def test_root_stands_for_the_path_in_other_paths_as_well(self, lay, path, train):
        text = f"path: {path}\ntrain: {train}\nnames: [cell]\n"
        root = lay("images/a.jpg", **{"labels/a.txt": ROW, "d.yaml": text})
        assert read_yolo(root / "d.yaml", root=root).labels == {"a.jpg": BOX}

    @pytest.mark.parametrize("text", ["a\n\ncell\n", "\na\ncell\n", "a\n  \n\ncell"])
    def test_an_empty_line_among_the_classes(self, lay, text):
        """Numbers count lines: without the empty one every class after it would be another."""
        row = "1" + ROW[1:]
        root = lay("images/a.jpg", **{"labels/a.txt": row, "labels/classes.txt": text})
        with pytest.raises(InvalidInputError, match=r"classes\.txt: expected a class on each line"):
            read_yolo(root / "labels", images=root / "images")
        (root / "labels/classes.txt").write_text("a\ncell\n\n \n")
        found = read_yolo(root / "labels", images=root / "images")
        assert found.labels == {"a.jpg": BOX}
