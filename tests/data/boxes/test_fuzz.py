"""Whatever stands in a file of boxes: images and boxes that lie in them, or an AltasksError.

A short run by default; `fuzzing.py` says how it is kept up for longer.
"""

import json
import warnings

import numpy as np
import pytest
from fuzzing import edited, edited_json, fuzz
from hypothesis import strategies as st

from altasks.data import count_yolo, read_coco, read_voc, read_yolo
from altasks.data.boxes.classes import names_by_number
from altasks.data.boxes.voc import count_voc
from altasks.data.folders import list_images
from altasks.errors import AltasksError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

pytestmark = pytest.mark.timeout(0)
WORDS = ["clip", "error", "skip"]

numbers = st.one_of(
    st.sampled_from(["0", "1", "0.5", "-0.5", "1e999", "nan", "0.0", "64", "1_0", "", "٠", "-1"]),
    st.integers(-5, 200).map(str),
    st.floats().map(str),
)
PATHS = [
    "a.jpg", "./a.jpg", "../a.jpg", "images\\a.jpg", "", "/", "a", "a.txt", "..", ".", "b/a.jpg",
    "x" * 300, "\0", "C:\\a.jpg", "labels", "a.jpg/a.jpg", "~", "con", "a.jpg ",
]  # fmt: skip
names = st.one_of(st.sampled_from(PATHS), st.text(max_size=8))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), names,
    st.sampled_from([10**400, -1, 1, "1", 1.0, 64, 48]),
)  # fmt: skip
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
choices = st.sampled_from(WORDS)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("images/a.jpg", "images/b/a.jpg", "images/c.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path, exif=exif)
    for name in ("labels", "xml"):
        (folder / name).mkdir()
    return folder


def judge(read):
    """Call a reader: boxes inside their images, or an error of ours, which is True."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read()
        except AltasksError:
            return True
    if isinstance(found, list):
        return False
    for name, label in found.labels.items():
        assert name in found.images
        for entry in label:
            x1, y1, x2, y2 = entry["box"]
            assert entry["label"] in found.names
            assert 0 <= x1 < x2 <= 64
            assert 0 <= y1 < y2 <= 64
    return False


def write(path, content):
    """Write a text as it is, whole or torn, in UTF-8 as far as it goes."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))


rows = st.lists(
    st.one_of(st.lists(numbers, min_size=3, max_size=8).map(" ".join), st.text(max_size=12)),
    max_size=4,
).map("\n".join)


def test_rows_of_yolo(root):
    place = root / "rows"
    place.mkdir(exist_ok=True)

    def run(text, raw, bad_boxes, sixth):
        write(place / "a.txt", raw if raw is not None else text)
        options = {"bad_boxes": bad_boxes, "sixth_column": sixth}
        judge(lambda: count_yolo(place, 2, sixth_column=sixth))
        judge(lambda: count_yolo(place, ["a", "b"]))
        return judge(lambda: read_yolo(place, images=root / "images", names=["a", "b"], **options))

    fuzz(
        run, rows, st.none() | st.binary(max_size=30), choices, st.sampled_from(["error", "ignore"])
    )


YAML_VALUES = [
    "images", "../images", "[images]", "[a, no]", "{0: a}", "list.txt", "~", "&a [*a]", "!!x 1",
    "- a", "&x [a, a]", "{? [a] : b}", "'[\"a\"]'", '"{"', "1:30", "[[a]]", "|\n a",
    "!!python/object:os.system x",
]  # fmt: skip
yaml_values = st.one_of(names, st.sampled_from(YAML_VALUES))


def test_data_yamls(root):
    def run(entries, listed, tail, split, whole):
        text = "".join(f"{key}: {value}\n" for key, value in entries) + tail
        write(root / "data.yaml", text if whole is None else whole)
        write(root / "list.txt", "\n".join(listed))
        judge(lambda: read_yolo(root / "data.yaml", root=root, names=["a"]))
        return judge(lambda: read_yolo(root / "data.yaml", split=split))

    keys = st.sampled_from(["train", "val", "names", "path", "nc", "test", "validation", "x"])
    likely = st.tuples(st.just(("names", "[a, b]")), st.just(("train", "list.txt")))
    drawn = st.lists(st.tuples(keys, yaml_values), max_size=4)
    entries = st.one_of(drawn, st.tuples(likely, drawn).map(lambda pair: [*pair[0], *pair[1]]))
    tails = st.one_of(st.just(""), st.text(max_size=10))
    splits = st.sampled_from(["train", "train", "val", "x"])
    whole = st.none() | edited(
        "path: .\ntrain: images\nval: list.txt\nnames:\n  0: a\n  1: no\n", MARKS
    )
    listed = st.lists(names, max_size=3) | st.just(["images/a.jpg", "./images/c.png"])
    fuzz(run, entries, listed, tails, splits, whole)


MARKS = [*"\n :-#[]{}\"'<>/&0~\0\t\ufeff", "64", "a", "-1", "1e9", "nan", "name", "images", "1:30"]
GOOD_XML = (
    "<annotation><filename>a.jpg</filename><size><width>48</width><height>64</height></size>"
    "<object><name>a</name><difficult>0</difficult><bndbox><xmin>3</xmin><ymin>4</ymin>"
    "<xmax>20</xmax><ymax>30</ymax></bndbox></object></annotation>"
)
XML_PARTS = [
    "<object/>", "<object><name>b</name></object>", "<size/>", "<Object/>", "<part><x/></part>",
    "<object><name/><bndbox/></object>", "&amp;", "&x;", "<!--c-->", "<a", "<![CDATA[x]]>",
]  # fmt: skip


def test_voc(root):
    def run(parts, size, corners, filename, raw, bad_boxes, turned):
        box = "".join(
            f"<{tag}>{plain_xml(value)}</{tag}>"
            for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=False)
        )
        body = f"<filename>{plain_xml(filename)}</filename>" if filename is not None else ""
        if size is not None:
            width, height = map(plain_xml, size)
            body += f"<size><width>{width}</width><height>{height}</height></size>"
        body += f"<object><name>a</name><bndbox>{box}</bndbox></object>" + "".join(parts)
        write(
            root / "xml" / "a.xml", raw if raw is not None else f"<annotation>{body}</annotation>"
        )
        options = {"bad_boxes": bad_boxes, "turned": turned}
        judge(lambda: count_voc(root / "xml", ["a"]))
        return judge(lambda: read_voc(root / "xml", root / "images", **options))

    parts = st.lists(st.sampled_from(XML_PARTS), max_size=3)
    torn = st.text(max_size=20) | st.binary(max_size=40)
    raw = st.none() | edited(GOOD_XML, MARKS) | edited(GOOD_XML, MARKS) | torn
    sizes = st.none() | st.tuples(numbers, numbers) | st.sampled_from([("64", "48"), ("48", "64")])
    corners = st.lists(numbers, min_size=4, max_size=4)
    turns = st.sampled_from(["error", "stored", "upright"])
    fuzz(run, parts, sizes, corners, st.none() | names, raw, choices, turns)


def plain_xml(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def test_coco(root):
    def run(content, options, torn):
        text = json.dumps(content)
        write(root / "c.json", text[: len(text) // 2] if torn else text)
        return judge(lambda: read_coco(root / "c.json", root / "images", **options))

    def entry(**fields):
        known = st.fixed_dictionaries({}, optional={k: v | anything for k, v in fields.items()})
        whole = st.fixed_dictionaries(dict(fields))
        return st.one_of(whole, whole, known, anything)

    one, files = (
        st.sampled_from([1, "1", 2, 1.0]),
        st.sampled_from(["a.jpg", "images/a.jpg", "c.png"]),
    )
    sides = st.sampled_from([64, 48, None, 0, "64", 128, 96])
    images = entry(id=one, file_name=files | names, width=sides, height=sides)
    boxes = st.lists(st.integers(-3, 70) | st.floats(-3, 70), min_size=4, max_size=4)
    flags = st.sampled_from([0, 0, 1, None])
    annotations = entry(id=one, image_id=one, category_id=one, bbox=boxes, iscrowd=flags)
    categories = entry(
        id=one, name=st.sampled_from(["a", "b"]), supercategory=st.sampled_from(["none", "b"])
    )
    content = st.one_of(
        st.fixed_dictionaries(
            {
                "images": st.lists(images, max_size=2),
                "annotations": st.lists(annotations, max_size=3),
                "categories": st.lists(categories, max_size=3),
            }
        ),
        anything,
    )
    good = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 48, "height": 64},
            {"id": "2", "file_name": "c.png", "width": 48, "height": 64},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [3, 4, 9, 9], "iscrowd": 0},
            {"id": 2, "image_id": "2", "category_id": 2, "bbox": [3.5, 4, 9, 50], "area": 450},
        ],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "supercategory": "none"}],
    }
    edits = edited_json(good, anything | sides | one | files | boxes)
    content = st.one_of(edits, edits, content)
    options = st.fixed_dictionaries(
        {
            "bad_boxes": choices,
            "turned": st.sampled_from(["error", "stored", "upright"]),
            "skip_crowds": st.booleans(),
            "names": st.none()
            | st.just(["a", "b"])
            | st.lists(st.sampled_from(["a", "b"]), max_size=2),
        }
    )
    fuzz(run, content, options, st.integers(0, 9).map(lambda i: i == 0))


def test_names(root):
    def run(value):
        judge(lambda: names_by_number(json.dumps(value)))
        return judge(lambda: names_by_number(value))

    fuzz(run, anything)


def test_folders(root, tmp_path):
    def run(name, head):
        try:
            (tmp_path / name).write_bytes(head)
        except (OSError, ValueError):
            return
        judge(lambda: list(list_images(tmp_path).files))
        (tmp_path / name).unlink()

    fuzz(run, names.filter(lambda name: "/" not in name), st.binary(max_size=20))
