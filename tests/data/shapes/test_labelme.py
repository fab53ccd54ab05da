"""labelme's JSON files: boxes and masks."""

import base64
import io
import json

import numpy as np
import pytest
from fuzzing import edited_json, fuzz
from hypothesis import strategies as st

from altasks.data import decode_mask, read_labelme, read_labelme_masks
from altasks.errors import DataWarning, InvalidInputError

pytest.importorskip("PIL.Image", reason="needs the extra vision")
from drawings import SIZE, judge, save_images
from PIL import Image


def shape(kind, points, label="cat", **more):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


def png(mask):
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


CUT = np.array([[1, 0, 1], [1, 1, 0]], bool)
RECTANGLE = shape("rectangle", [[5.5, 6], [1, 2]])  # in whatever order it was drawn
POLYGON = shape("polygon", [[0, 0], [10, 0], [10, 10], [0, 10]], "dog")
CIRCLE = shape("circle", [[10, 5], [10, 8]], "dog")
TURNED = shape("oriented_rectangle", [[10, 1], [12, 3], [10, 5], [8, 3]])
MASK = shape("mask", [[3, 4], [5, 5]], mask=png(CUT))


def content(*shapes, name="1.png", size=SIZE, **more):
    sizes = {} if size is None else {"imageWidth": size[0], "imageHeight": size[1]}
    return (
        {"version": "5.5.0", "shapes": list(shapes), "imagePath": name, "imageData": None}
        | sizes
        | more
    )


@pytest.fixture
def folder(tmp_path):
    save_images(tmp_path / "images")
    (tmp_path / "json").mkdir()
    return tmp_path


@pytest.fixture
def write(folder):
    def write(name, *shapes, image=None, **more):
        path = folder / "json" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content(*shapes, name=image or f"{name}.png", **more)))
        return path

    return write


def boxes(folder, **options):
    return read_labelme(folder / "json", folder / "images", **options)


def test_boxes_and_which_images_are_labelled(folder, write):
    write("1", RECTANGLE)
    write("2", imageData="aGVsbG8=")
    found = boxes(folder)
    assert found.names == ["cat"]
    assert found.labels == {"1.png": [{"label": "cat", "box": [1, 2, 5.5, 6]}], "2.png": []}
    assert sorted(found.images) == ["1.png", "2.png", "3.png", "b/1.png"]
    assert found.passed_over == {}


def test_files_may_lie_beside_their_images(folder):
    path = folder / "images/b/1.json"
    path.write_text(json.dumps(content(RECTANGLE)))
    found = read_labelme(folder / "images")
    assert list(found.labels) == ["b/1.png"]
    assert len(found) == 4
    assert found.passed_over == {}


@pytest.mark.parametrize(
    "named", ["..\\images\\2.png", "../images/2.png", "2.jpg", "C:\\x\\2.png", ""]
)
def test_images_are_found_by_their_end(folder, write, named):
    (folder / "json/2.json").write_text(json.dumps(content(RECTANGLE, name=named)))
    assert list(boxes(folder).labels) == ["2.png"]


def test_a_file_that_names_another_image(folder, write):
    write("1", RECTANGLE, image="2.png")
    with pytest.raises(
        InvalidInputError, match=r"imagePath and its own name to mean one image, '1"
    ):
        boxes(folder)
    write("1", RECTANGLE, image="../secret.png")
    (folder / "json/1.json").rename(folder / "json/x.json")
    with pytest.raises(InvalidInputError, match="an image that is there"):
        boxes(folder)


def test_outlines_and_points(folder, write):
    write("1", RECTANGLE, POLYGON, CIRCLE, TURNED, MASK)
    with pytest.raises(InvalidInputError, match=r"1\.json: .*shapes\[1\] a box, found a polygon"):
        boxes(folder)
    found = boxes(folder, outlines="frame").labels["1.png"]
    assert [one["box"] for one in found] == [
        [1, 2, 5.5, 6], [0, 0, 10, 10], [7, 2, 13, 8], [8, 1, 12, 5], [3, 4, 6, 6]
    ]  # fmt: skip
    write("1", shape("point", [[1, 1]]), RECTANGLE)
    with pytest.raises(InvalidInputError, match=r"shapes\[0\] a shape with an area, found a point"):
        boxes(folder)
    assert len(boxes(folder, others="skip").labels["1.png"]) == 1


def test_shapes_of_early_versions_and_of_x_anylabeling(folder, write):
    corners = [[1, 2], [5, 2], [5, 6], [1, 6]]
    write("1", shape("rectangle", corners), shape("rectangle", corners[1:] + corners[:1]),
          shape("rotation", [[10, 1], [12, 3], [10, 5], [8, 3]]), shape(None, corners))  # fmt: skip
    found = boxes(folder, outlines="frame").labels["1.png"]
    assert [one["box"] for one in found] == [
        [1, 2, 5, 6], [1, 2, 5, 6], [8, 1, 12, 5], [1, 2, 5, 6]
    ]  # fmt: skip


def test_masks(folder, write):
    write("1", POLYGON, RECTANGLE, MASK)
    write("2")
    found = read_labelme_masks(folder / "json", folder / "images")
    assert found.classes == ["background", "cat", "dog"]
    wanted = np.zeros(SIZE[::-1], int)
    wanted[:, :10] = 2
    wanted[2:6, 1:5] = 1  # the centre of column 5 is at 5.5, the right edge: not inside
    wanted[4:6, 3:6][CUT] = 1
    assert (decode_mask(found.masks["1"]) == wanted).all()
    assert not decode_mask(found.masks["2"]).any()
    assert "3" not in found.masks
    assert sorted(found.images) == ["1", "2", "3", "b/1"]
    write("1", shape("circle", [[10, 5], [10, 8]]), shape("rectangle", [[50, 50], [60, 60]]))
    with pytest.warns(DataWarning, match="1 shapes cover no pixel"):
        found = read_labelme_masks(folder / "json", folder / "images")
    xs, ys = np.meshgrid(np.arange(20) + 0.5, np.arange(10) + 0.5)
    assert (decode_mask(found.masks["1"]) == ((xs - 10) ** 2 + (ys - 5) ** 2 <= 9)).all()


def test_sizes_that_contradict_the_image(folder, write):
    write("1", RECTANGLE, size=(40, 20))
    with pytest.warns(DataWarning, match="another size"):
        assert boxes(folder).labels["1.png"][0]["box"] == [0.5, 1, 2.75, 3]
    write("1", RECTANGLE, size=(30, 20))
    with pytest.raises(InvalidInputError, match="in other proportions"):
        boxes(folder)
    write("1", RECTANGLE, size=None)
    assert boxes(folder).labels["1.png"][0]["box"] == [1, 2, 5.5, 6]


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (3, r"shapes\[0\] to be an object"),
        (shape("rectangle", [[0, 0]]), r"with 2 points \[x, y\], found 1 points"),
        (shape("rectangle", [[0, 0], [1, 1], [2, 2], [3, 3]]), "found 4 points"),
        (shape("polygon", [[0, 0], [1, 1]]), "three or more points"),
        (shape("rectangle", [[0, 0], [float("nan"), 1]]), "with 2 points"),
        (shape("rectangle", [[0, 0], [1e30, 1]]), "with 2 points"),
        (shape("blob", []), "a shape_type among rectangle, .*'blob'"),
        (shape("rectangle", [[0, 0], [1, 1]], label=None), "with a label, found None"),
        (shape("rectangle", [[0, 0], [1, 1]], label=" "), "a class name, found none"),
        (shape("rectangle", [[0, 0], [1, 1]], label="cow"), "one of the classes 'cat', 'dog'"),
        (shape("rectangle", [[1, 1], [1, 5]]), "x1 < x2"),
        (shape("mask", [[0, 0], [1, 1]], mask="%%"), "2 x 2, found no base64"),
        # Where Ultralytics was imported, PIL looks for a plugin first, and misses that.
        (shape("mask", [[0, 0], [1, 1]], mask="aGVsbG8="), "2 x 2, found (Unidentified|ModuleNot)"),
        (shape("mask", [[0, 0], [1, 1]], mask=png(CUT)), "2 x 2, found one of 3 x 2"),
        (shape("mask", [[0, 0], [1, 1]]), "2 x 2"),
    ],
)
def test_shapes_that_are_damaged_are_named(folder, write, one, says):
    write("1", one)
    with pytest.raises(InvalidInputError, match=rf"1\.json: .*{says}"):
        boxes(folder, names=["cat", "dog"])


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "JSON"),
        (b"[]", "list of shapes, found list"),
        (b'{"images": []}', "list of shapes, found 'images'"),
        (b'{"shapes": [], "shapes": []}', "'shapes' twice"),
        (b'{"shapes": [], "imagePath": 3}', "imagePath, found 3"),
        (b'{"shapes": [], "imagePath": "1.png", "imageWidth": -3, "imageHeight": 3}', "imageWidth"),
    ],
)
def test_what_is_none_of_it(folder, raw, says):
    (folder / "json/1.json").write_bytes(raw)
    with pytest.raises(InvalidInputError, match=rf"1\.json: .*{says}"):
        boxes(folder)
    (folder / "json/1.json").unlink()
    with pytest.raises(InvalidInputError, match="a folder with JSON files"):
        boxes(folder)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 30), st.floats(), st.text(max_size=4),
    st.sampled_from([
        "circle", "rectangle", "polygon", "mask", "point", "oriented_rectangle", 10**400, 1e30,
        "b/1.png", "../x.png", png(CUT), [], {}, [[1, 2], [3, 4]], RECTANGLE, POLYGON, CIRCLE, MASK,
    ]),
)  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_any_json_is_read_or_named(folder, kind):
    path, place, pictures = folder / "json/1.json", folder / "json", folder / "images"

    def run(document, variant):
        path.write_text(json.dumps(document))
        others = ["skip", "error"][variant % 2]
        options = {"outlines": ["frame", "skip", "error"][variant % 3], "others": others}
        options["bad_boxes"] = ["error", "clip", "skip"][variant % 3]
        background = [None, "ground"][variant % 2]
        readers = {
            "boxes": lambda: read_labelme(place, pictures, **options),
            "masks": lambda: read_labelme_masks(
                place, pictures, background=background, others=others
            ),
        }
        return judge(readers[kind], place)

    good = content(RECTANGLE, POLYGON, CIRCLE, TURNED, MASK)
    assert not all(run(good, variant) for variant in range(6))
    fuzz(run, edited_json(good, VALUES) | VALUES, st.integers(0, 5), examples=50)
