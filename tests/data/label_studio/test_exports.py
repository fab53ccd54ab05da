"""Label Studio's JSON exports read as boxes, masks, choices, numbers and text lines."""

import json
import warnings

import numpy as np
import pytest
from fuzzing import edited_json, fuzz
from hypothesis import strategies as st
from peers import run_with

from altasks.data import (
    decode_mask,
    read_label_studio_boxes,
    read_label_studio_choices,
    read_label_studio_lines,
    read_label_studio_masks,
    read_label_studio_numbers,
)
from altasks.data.label_studio import encode_brush
from altasks.errors import AltasksError, DataWarning, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

SIZE = (20, 10)


def region(kind, value, *, name="label", size=SIZE, **more):
    sizes = {} if size is None else {"original_width": size[0], "original_height": size[1]}
    return {
        "id": "r",
        "type": kind,
        "from_name": name,
        "to_name": "s",
        "value": value,
        **sizes,
    } | more


def rectangle(x, y, width, height, label="cat", *, rotation=0, **more):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation}
    return region("rectanglelabels", value | {"rectanglelabels": [label]}, **more)


def stroke(mask, label="cat", size=None):
    value = {"format": "rle", "rle": encode_brush(mask), "brushlabels": [label]}
    return region("brushlabels", value, size=size or mask.shape[::-1])


def outline(points, label="cat", **more):
    value = {"points": points, "polygonlabels": [label], "closed": True}
    return region("polygonlabels", value, name="outline", **more)


def choice(*names, control="label", **value):
    return region("choices", {"choices": list(names), **value}, name=control, size=None)


def number(value, control="label"):
    return region("number", {"number": value}, name=control, size=None)


def text(*lines, **value):
    return region("textarea", {"text": list(lines), **value}, size=None)


def annotation(*regions, **more):
    return {"result": list(regions), "was_cancelled": False, **more}


def task(number, *annotations, image=None, **data):
    shown = data or {"image": image or f"/data/upload/1/0c5bc2ab-{number}.png"}
    return {"id": number, "data": shown, "annotations": list(annotations), "predictions": []}


@pytest.fixture
def folder(tmp_path):
    for name in ("1.png", "2.png", "3.png", "4.png", "b/1.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(path)
    return tmp_path


@pytest.fixture
def write(folder):
    def write(*tasks):
        path = folder / "export.json"
        path.write_text(json.dumps(list(tasks)))
        return path

    return write


def boxes(folder, path, **options):
    return read_label_studio_boxes(path, folder / "images", **options)


def test_rectangles_also_turned_ones_and_what_nobody_submitted(folder, write):
    path = write(
        task(1, annotation(rectangle(10, 20, 50, 40), rectangle(0, 0, 5, 10, "dog"))),
        task(2, annotation(rectangle(50, 0, 10, 40, rotation=90))),
        task(3, annotation()),
        task(4),
    )
    found = boxes(folder, path)
    assert found.names == ["cat", "dog"]
    assert found.labels == {
        "1.png": [
            {"label": "cat", "box": [2.0, 2.0, 12.0, 6.0]},
            {"label": "dog", "box": [0.0, 0.0, 1.0, 1.0]},
        ],
        "2.png": [{"label": "cat", "box": [6.0, 0.0, 10.0, 2.0]}],  # the frame around it
        "3.png": [],
    }
    assert list(found.images) == ["1.png", "2.png", "3.png", "4.png"]
    assert boxes(folder, path, names=["dog", "cat"]).names == ["dog", "cat"]


def test_skipped_tasks_are_no_labels_and_are_named(folder, write):
    skipped = annotation(rectangle(0, 0, 10, 10), was_cancelled=True)
    path = write(task(1, annotation(rectangle(0, 0, 10, 10))), task(2, skipped))
    with pytest.warns(DataWarning, match=r"1 tasks have no label: skipped .* \(2\.png\)"):
        found = boxes(folder, path)
    assert list(found.labels) == ["1.png"]
    assert found.passed_over == {"2.png": "skipped in Label Studio"}
    both = write(task(1, skipped, annotation(rectangle(0, 0, 20, 20))))
    assert boxes(folder, both).labels["1.png"][0]["box"] == [0, 0, 4, 2]


def test_of_several_annotations_the_truth_the_latest_or_what_all_say(folder, write):
    one, other = rectangle(0, 0, 10, 10), rectangle(50, 50, 10, 10)
    agree = write(task(1, annotation(one, other), annotation(other, one)))
    assert len(boxes(folder, agree).labels["1.png"]) == 2
    differ = write(task(1, annotation(one), annotation(other)))
    with pytest.raises(InvalidInputError, match=r"task 1: annotations: .*several='latest'"):
        boxes(folder, differ)
    truth = write(task(1, annotation(one), annotation(other, ground_truth=True)))
    assert boxes(folder, truth).labels["1.png"][0]["box"][0] == 10
    early, late = "2026-01-02T10:00:00Z", "2026-01-02T09:30:00-02:00"
    path = write(
        task(1, annotation(other, updated_at=late), annotation(one, updated_at=early)),
        task(2, annotation(one)),
    )
    assert boxes(folder, path, several="latest").labels["1.png"][0]["box"][0] == 10
    with pytest.raises(InvalidInputError, match="'error' or 'latest'"):
        boxes(folder, path, several="first")
    path = write(task(1, annotation(one), annotation(other)))
    with pytest.raises(InvalidInputError, match="task 1: updated_at"):
        boxes(folder, path, several="latest")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/1/0c5bc2ab-1.png", "1.png"),
        ("http://localhost:8080/data/upload/7/0c5bc2ab-1.png?x=1", "1.png"),
        ("/data/local-files/?d=photos%2Fb%2F1.png", "b/1.png"),
        ("/data/local-files/?d=photos\\b\\1.png", "b/1.png"),
        ("s3://bucket/photos/b/1.png", "b/1.png"),
        ("b/1.png", "b/1.png"),
        ("/mnt/elsewhere/1.png", "1.png"),
    ],
)
def test_addresses_lead_to_the_folder(folder, write, address, name):
    found = boxes(folder, write(task(1, annotation(rectangle(0, 0, 9, 9)), image=address)))
    assert list(found.images) == [name]


def test_an_uploaded_name_is_first_taken_as_it_is(folder, write):
    Image.new("RGB", SIZE).save(folder / "images" / "0c5bc2ab-1.png")
    path = write(task(1, annotation(rectangle(0, 0, 9, 9))))
    assert list(boxes(folder, path).images) == ["0c5bc2ab-1.png"]


@pytest.mark.parametrize(
    "address",
    ["/data/local-files/?d=../secret.png", "..%2F1.png", "/data/upload/1/x.png", "", "a\0"],
)
def test_no_address_leads_out_of_the_folder_or_to_nothing(folder, write, address):
    Image.new("RGB", SIZE).save(folder / "secret.png")
    with pytest.raises(InvalidInputError, match=r"export\.json, task 1: image"):
        boxes(folder, write(task(1, image=address or "\0")), names=["cat"])


def test_sizes_that_contradict_the_image(folder, write):
    path = write(task(1, annotation(rectangle(10, 20, 50, 40, size=(40, 20)))))
    with pytest.warns(DataWarning, match=r"another size.*1\.png: 40 x 20 to 20 x 10"):
        assert boxes(folder, path).labels["1.png"][0]["box"] == [2, 2, 12, 6]
    path = write(task(1, annotation(rectangle(10, 20, 50, 40, size=(20, 20)))))
    with pytest.raises(InvalidInputError, match=r"20 x 10 .*found 20 x 20, in other proportions"):
        boxes(folder, path)
    path = write(task(1, annotation(rectangle(10, 20, 50, 40, size=None))))
    assert boxes(folder, path).labels["1.png"][0]["box"] == [2, 2, 12, 6]


def test_boxes_out_of_their_image(folder, write):
    path = write(task(1, annotation(rectangle(50, 50, 100, 10))))
    with pytest.raises(InvalidInputError, match=r"export\.json: .*task 1 \[10, 5, 30, 6\].*clip"):
        boxes(folder, path)
    assert boxes(folder, path, bad_boxes="clip").labels["1.png"][0]["box"] == [10, 5, 20, 6]
    with pytest.warns(DataWarning, match="stay unlabelled"):
        assert boxes(folder, path, bad_boxes="skip").labels == {}


def test_regions_of_other_kinds_are_not_lost(folder, write):
    odd = outline([[0, 0], [50, 0], [50, 50]])
    path = write(task(1, annotation(rectangle(0, 0, 10, 10), odd)))
    with pytest.raises(
        InvalidInputError, match=r"task 1: type: .*'polygonlabels' by 'outline'.*control="
    ):
        boxes(folder, path)
    assert len(boxes(folder, path, control="label").labels["1.png"]) == 1
    two = write(task(1, annotation(rectangle(0, 0, 9, 9), rectangle(0, 0, 9, 9, name="more"))))
    with pytest.raises(InvalidInputError, match="'label' and 'more'"):
        boxes(folder, two)
    with pytest.raises(InvalidInputError, match=r"a control 'none', found .*'label'"):
        boxes(folder, two, control="none")
    for nameless in (None, []):
        with pytest.raises(InvalidInputError, match="task 1: from_name: "):
            boxes(folder, write(task(1, annotation(rectangle(0, 0, 9, 9, name=nameless)))))
    beside = write(task(1, annotation(rectangle(0, 0, 9, 9), choice("sharp", control="quality"))))
    assert len(boxes(folder, beside).labels["1.png"]) == 1


def test_masks_by_brush_and_polygon(folder, write):
    mask = np.zeros(SIZE[::-1], bool)
    mask[2:5, 3:9] = True
    hole = [
        [0, 0],
        [50, 0],
        [50, 100],
        [0, 100],
        [0, 0],
        [10, 20],
        [10, 80],
        [40, 80],
        [40, 20],
        [10, 20],
    ]
    path = write(
        task(
            1,
            annotation(stroke(mask), outline([[50, 50], [100, 50], [100, 100], [50, 100]], "dog")),
        ),
        task(2, annotation(outline(hole))),
        task(3, annotation()),
        task(4),
    )
    found = read_label_studio_masks(path, folder / "images")
    assert found.classes == ["background", "cat", "dog"]
    first = mask.astype(int)
    first[5:, 10:] = 2
    assert (decode_mask(found.masks["1"]) == first).all()
    second = np.zeros(SIZE[::-1], int)
    second[:, :10] = 1
    second[2:8, 2:8] = 0
    assert (decode_mask(found.masks["2"]) == second).all()
    assert not decode_mask(found.masks["3"]).any()
    assert sorted(found.images) == ["1", "2", "3", "4"]
    assert "4" not in found.masks
    bare = read_label_studio_masks(path, folder / "images", background=None)
    assert bare.classes == ["cat", "dog"]
    assert (decode_mask(bare.masks["3"]) == 255).all()
    assert (decode_mask(bare.masks["1"])[2:5, 3:9] == 0).all()


def test_masks_of_another_size(folder, write):
    big = write(task(1, annotation(outline([[0, 0], [50, 0], [50, 100], [0, 100]], size=(40, 20)))))
    with pytest.warns(DataWarning, match="another size"):
        found = read_label_studio_masks(big, folder / "images")
    assert decode_mask(found.masks["1"])[:, :10].all()
    big = write(task(1, annotation(stroke(np.ones((20, 40), bool)))))
    with pytest.raises(InvalidInputError, match=r"task 1: rle: .*20 x 10, found 40 x 20"):
        read_label_studio_masks(big, folder / "images")


def turned_photograph(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(folder / "images" / "t.jpg", exif=exif)  # upright: 10 x 20


def test_masks_of_a_photograph_that_is_turned(folder, write):
    turned_photograph(folder)
    mask = np.zeros(SIZE[::-1], bool)
    mask[0, :5] = True
    path = write(task(1, annotation(stroke(mask)), image="t.jpg"))
    with pytest.raises(InvalidInputError, match="before EXIF turns it"):
        read_label_studio_masks(path, folder / "images")
    found = read_label_studio_masks(path, folder / "images", turned="stored")
    upright = decode_mask(found.masks["t"])
    assert upright.shape == (20, 10)
    assert upright[:5, 9].all()
    assert upright.sum() == 5


def test_choices_of_texts_and_images(folder, write):
    path = write(
        task(1, annotation(choice("yes")), text="a"),
        task(2, annotation(), text="b"),
        task(3, annotation(choice("no"), was_cancelled=True), text="c"),
        task(4, text="d"),
    )
    with pytest.warns(DataWarning, match="no label"):
        found = read_label_studio_choices(path)
    assert [found[name] for name in found.ids] == ["a", "b", "c", "d"]
    assert found.labels == {"1": "yes"}
    assert sorted(found.passed_over) == ["2", "3"]
    several = write(
        task(1, annotation(choice("b", "a"))),
        task(2, annotation(choice("a"))),
        task(3, annotation()),
    )
    with pytest.raises(InvalidInputError, match=r"task 1: result: .*multiple=True"):
        read_label_studio_choices(several, images=folder / "images")
    found = read_label_studio_choices(several, images=folder / "images", multiple=True)
    assert found.labels == {"1.png": ["a", "b"], "2.png": ["a"], "3.png": []}
    with pytest.raises(InvalidInputError, match="one of 'a', found 'b'"):
        read_label_studio_choices(several, images=folder / "images", multiple=True, names=["a"])


def test_choices_of_regions_are_none_of_the_sample(write):
    part = choice("sharp", control="each", x=1, y=1, width=5, height=5)
    path = write(task(1, annotation(choice("yes"), part), text="a"))
    assert read_label_studio_choices(path).labels == {"1": "yes"}
    with pytest.raises(
        InvalidInputError, match=r"choices of whole samples.*'choices' by 'each'|'each'"
    ):
        read_label_studio_choices(write(task(1, annotation(part), text="a")))


def test_numbers(folder, write):
    path = write(
        task(1, annotation(number(2.5)), text="a"), task(2, annotation(number(3)), text="b")
    )
    assert read_label_studio_numbers(path).labels == {"1": 2.5, "2": 3.0}
    path = write(
        task(1, annotation(number(2, "width"), number(5, "height"))),
        task(2, annotation(number(3, "height"), number(4, "width"))),
    )
    with pytest.raises(InvalidInputError, match="'width' and 'height'"):
        read_label_studio_numbers(path, images=folder / "images")
    found = read_label_studio_numbers(path, images=folder / "images", controls=["width", "height"])
    assert found.labels == {"1.png": [2.0, 5.0], "2.png": [4.0, 3.0]}
    path.write_text(path.read_text().replace("[", "[", 1).replace(": 5", ": 1e999"))
    with pytest.raises(InvalidInputError, match="task 1: number: expected a finite number"):
        read_label_studio_numbers(path, images=folder / "images", controls=["width", "height"])


def test_lines(folder, write):
    path = write(task(1, annotation(text("No. 5"))), task(2, annotation()), task(3))
    found = read_label_studio_lines(path, folder / "images")
    assert found.labels == {"1.png": "No. 5", "2.png": ""}
    page = write(task(1, annotation(text("No. 5", x=1, y=2, width=3, height=4))))
    with pytest.raises(InvalidInputError, match=r"task 1: value: .*one of a region"):
        read_label_studio_lines(page, folder / "images")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[", "expected JSON"),
        (b"{}", "a list of tasks, found dict"),
        (b"[]", "at least one task"),
        (b"PK\x03\x04...", "a zip archive. Unpack it"),
        (b"\xff\xfe\x00", "utf-16"),
        (b'[{"id": 1, "id": 2}]', "'id' twice"),
        (b'[{"id": 1, "image": "1.png", "label": []}]', "task 1: task: .*Export as JSON"),
        (b'[{"id": 1, "data": 3, "annotations": []}]', "task 1: data"),
        (b'[{"data": {}, "annotations": 3}]', "task #0: annotations"),
        (b'[{"data": {}, "annotations": [{"result": {}}]}]', "task #0: result"),
        (b'[{"id": 1, "data": {"image": "1.png"}, "annotations": []}]', "names: "),
        (b"[" + b"[" * 100_000, "nesting"),
        (b'[{"id": ' + b"9" * 5000 + b"}]", "JSON"),
    ],
)
def test_faults_name_the_file_and_the_task(folder, content, says):
    path = folder / "export.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=rf"(?s)export\.json.*{says}|{says}.*export\.json"):
        boxes(folder, path)


def test_two_tasks_of_one_image_or_one_number(folder, write):
    done = annotation(rectangle(0, 0, 9, 9))
    with pytest.raises(InvalidInputError, match=r"task 2: image: .*which is that of task 1"):
        boxes(folder, write(task(1, done, image="1.png"), task(2, done, image="./1.png")))
    with pytest.raises(InvalidInputError, match="'1' twice"):
        boxes(folder, write(task(1, done), task(1, done)))


MASK = np.zeros(SIZE[::-1], bool)
MASK[2:5, 3:9] = True
GOOD = {
    "boxes": [task(1, annotation(rectangle(10, 20, 50, 40))), task(2, annotation()), task(3)],
    "masks": [
        task(1, annotation(stroke(MASK), outline([[0, 0], [50, 0], [50, 50]], "dog"))),
        task(2, annotation(was_cancelled=True)),
    ],
    "choices": [task(1, annotation(choice("yes"))), task(2, annotation(choice("no", "yes")))],
    "numbers": [task(1, annotation(number(2.5))), task(2, annotation(number(-1)))],
    "lines": [task(1, annotation(text("a b"))), task(2, annotation())],
}
LEAVES = st.none() | st.booleans() | st.integers(-2, 200) | st.floats() | st.sampled_from(
    ["rle", "cat", "1.png", "../1.png", "/data/upload/1/0c5bc2ab-2.png", "", "label", "choices",
     "textarea", "rectanglelabels", "\ud83d", "x" * 300, "http://[", 10**400]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES | st.sampled_from([one for tasks in GOOD.values() for one in tasks]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "data", "image", "annotations", "result", "value", "x", "text"]),
            inner, max_size=4,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", GOOD)
def test_any_export_is_read_or_named(folder, kind):
    path, images = folder / "export.json", folder / "images"
    readers = {
        "boxes": lambda v: read_label_studio_boxes(
            path, images, bad_boxes=["error", "clip", "skip"][v % 3], several=VARIANTS[v % 2]
        ),
        "masks": lambda v: read_label_studio_masks(
            path, images, background=[None, "ground"][v % 2], several=VARIANTS[v % 2]
        ),
        "choices": lambda v: read_label_studio_choices(path, images=images, multiple=v % 3 > 0),
        "numbers": lambda v: read_label_studio_numbers(path, images=[None, images][v % 2]),
        "lines": lambda v: read_label_studio_lines(path, images, control=[None, "label"][v % 2]),
    }

    def run(content, variant):
        path.write_text(json.dumps(content), encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = readers[kind](variant)
            except AltasksError as error:
                message = str(error)
                assert "export.json" in message
                return True
        if kind == "boxes":
            for label in found.labels.values():
                for one in label:
                    x1, y1, x2, y2 = one["box"]
                    assert 0 <= x1 < x2 <= SIZE[0]
                    assert 0 <= y1 < y2 <= SIZE[1]
        elif kind == "masks":
            assert all(decode_mask(mask).shape == SIZE[::-1] for mask in found.masks.values())
        else:
            assert set(found.labels) <= set(found.ids)
        return False

    assert not all(run(GOOD[kind], variant) for variant in range(6))
    fuzz(run, edited_json(GOOD[kind], VALUES) | VALUES, st.integers(0, 5), examples=40)


VARIANTS = ["error", "latest"]

SDK = """
import json, sys
import numpy as np
from label_studio_sdk.converter import brush
source, out, images = sys.argv[1:]
from label_studio_sdk.converter import Converter
config = ('<View><Image name="s" value="$image"/><RectangleLabels name="label" toName="s">'
          '<Label value="cat"/><Label value="dog"/></RectangleLabels></View>')
made = Converter(config, out, upload_dir=images, download_resources=False)
made.convert_to_coco(source, out + "/coco", is_dir=False)
mask = np.zeros((10, 20), np.uint8)
mask[2:5, 3:9] = 255
print(json.dumps({"rle": [int(one) for one in brush.mask2rle(mask)],
                  "coco": json.load(open(out + "/coco/result.json"))}))
"""


@pytest.mark.slow
def test_the_same_export_by_label_studios_own_converter(folder, write):
    # On a square image: on others its COCO export turns percents, and the sides change.
    Image.new("RGB", (20, 20)).save(folder / "images" / "4.png")
    turned = rectangle(50, 0, 10, 40, rotation=30, size=(20, 20))
    path = write(
        task(
            1, annotation(rectangle(12.5, 25, 50, 40), rectangle(0, 0, 5, 10, "dog")), image="1.png"
        ),
        task(4, annotation(turned), image="4.png"),
    )
    printed = run_with("label_studio_sdk", "-c", SDK, path, folder, folder / "images")
    theirs = json.loads(printed.splitlines()[-1])
    found = boxes(folder, path)
    names = {one["id"]: one["name"] for one in theirs["coco"]["categories"]}
    by_image = {one["id"]: one["file_name"].rpartition("/")[2] for one in theirs["coco"]["images"]}
    for name, label in found.labels.items():
        drawn = [
            (names[one["category_id"]], one["bbox"])
            for one in theirs["coco"]["annotations"]
            if by_image[one["image_id"]].endswith(name)
        ]
        assert len(drawn) == len(label)
        for (category, (x, y, width, height)), one in zip(drawn, label, strict=True):
            assert category == one["label"]
            assert one["box"] == pytest.approx([x, y, x + width, y + height], abs=1e-3)
    value = {"format": "rle", "rle": theirs["rle"], "brushlabels": ["cat"]}
    painted = write(task(1, annotation(region("brushlabels", value))))
    masks = read_label_studio_masks(painted, folder / "images").masks
    assert (decode_mask(masks["1"]) == MASK).all()
