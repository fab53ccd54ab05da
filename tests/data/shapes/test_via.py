"""VGG Image Annotator's JSON: boxes, masks and attributes of files."""

import json
import math

import numpy as np
import pytest
from fuzzing import edited_json, fuzz
from hypothesis import strategies as st

from altasks.data import decode_mask, read_via, read_via_files, read_via_masks
from altasks.errors import InvalidInputError

pytest.importorskip("PIL.Image", reason="needs the extra vision")
from drawings import SIZE, judge, save_images

RECT = {"name": "rect", "x": 1, "y": 2, "width": 4.5, "height": 4}
CIRCLE = {"name": "circle", "cx": 10, "cy": 5, "r": 3}
ELLIPSE = {"name": "ellipse", "cx": 10, "cy": 5, "rx": 4, "ry": 2, "theta": math.pi / 2}
POLYGON = {"name": "polygon", "all_points_x": [0, 10, 10, 0], "all_points_y": [0, 0, 10, 10]}
LINE = {"name": "polyline", "all_points_x": [0, 10], "all_points_y": [0, 0]}


def region(shape, label="cat", **more):
    return {"shape_attributes": shape, "region_attributes": {"class": label, **more}}


def entry(name, *regions, **attributes):
    return {
        "filename": name, "size": 123, "regions": list(regions), "file_attributes": attributes
    }  # fmt: skip


def project(*entries):
    return {one["filename"] + "123": one for one in entries}


@pytest.fixture
def folder(tmp_path):
    save_images(tmp_path / "images")
    return tmp_path


@pytest.fixture
def write(folder):
    def write(content):
        path = folder / "via.json"
        path.write_text(json.dumps(content))
        return path

    return write


def boxes(folder, path, **options):
    return read_via(path, folder / "images", **options)


def whole(images):
    return {"_via_settings": {"ui": {}}, "_via_attributes": {}, "_via_img_metadata": images}


@pytest.mark.parametrize("version", ["export", "project", "1"])
def test_boxes_of_versions_1_and_2(folder, write, version):
    images = project(
        entry("1.png", region(RECT), region(RECT, "dog")), entry("b/1.png", region(RECT))
    )
    if version == "1":  # regions by number
        for one in images.values():
            one["regions"] = {str(i): part for i, part in enumerate(one["regions"])}
    found = boxes(folder, write(whole(images) if version == "project" else images))
    assert found.names == ["cat", "dog"]
    assert found.labels["1.png"][1] == {"label": "dog", "box": [1, 2, 5.5, 6]}
    assert list(found.images) == ["1.png", "b/1.png"]


def three(*spaces, files=("1.png", "b/1.png")):
    """A project of version 3: spaces are (number of the view, xy, av)."""
    return {
        "project": {"pid": "x"},
        "config": {},
        "attribute": {
            "1": {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": 4,
                  "options": {"0": "cat", "1": "dog"}},
            "2": {"aname": "light", "anchor_id": "FILE1_Z0_XY0", "type": 2,
                  "options": {"0": "day", "1": "lamp"}},
            "3": {"aname": "note", "anchor_id": "FILE1_Z0_XY1", "type": 1, "options": {}},
        },
        "file": {
            str(i): {"fid": str(i), "fname": name, "type": 2, "loc": 1, "src": ""}
            for i, name in enumerate(files, 1)
        },
        "metadata": {
            f"{view}_x{i}": {"vid": str(view), "flg": 0, "z": [], "xy": xy, "av": av}
            for i, (view, xy, av) in enumerate(spaces)
        },
        "view": {str(i): {"fid_list": [str(i)]} for i, _ in enumerate(files, 1)},
    }  # fmt: skip


def test_boxes_of_version_3(folder, write):
    content = three(
        (1, [2, 1, 2, 4.5, 4], {"1": "1"}), (2, [8, 3, 1, 9, 4, 3, 9, 0, 5], {"1": "0"})
    )
    found = boxes(folder, write(content))
    assert found.labels["1.png"] == [{"label": "dog", "box": [1, 2, 5.5, 6]}]
    assert found.labels["b/1.png"] == [{"label": "cat", "box": [0, 1, 9, 9]}]
    content = three((1, [4, 10, 5, 4, 2], {"1": "1"}))
    found = boxes(folder, write(content), outlines="frame", empty="unlabelled")
    assert found.labels == {"1.png": [{"label": "dog", "box": [6, 3, 14, 7]}]}
    video = three((1, [2, 1, 2, 4, 4], {"1": "1"}))
    video["metadata"]["1_x0"]["z"] = [1.5]
    with pytest.raises(InvalidInputError, match=r"via\.json: .*metadata '1_x0' of an image"):
        boxes(folder, write(video))


def test_masks(folder, write):
    content = project(entry("1.png", region(POLYGON), region(ELLIPSE, "dog")))
    found = read_via_masks(write(content), folder / "images")
    wanted = np.zeros(SIZE[::-1], int)
    wanted[:, :10] = 1
    xs, ys = np.meshgrid(np.arange(20) + 0.5, np.arange(10) + 0.5)
    wanted[((xs - 10) / 2) ** 2 + ((ys - 5) / 4) ** 2 <= 1] = 2
    assert found.classes == ["background", "cat", "dog"]
    assert (decode_mask(found.masks["1"]) == wanted).all()


def test_empty_images_outlines_and_lines_are_choices(folder, write):
    path = write(project(entry("1.png", region(RECT), region(CIRCLE)), entry("2.png")))
    with pytest.raises(InvalidInputError, match=r"none on 1: 2\.png"):
        boxes(folder, path, outlines="frame")
    with pytest.raises(InvalidInputError, match=r"1\.png, regions\[1\] a box, found a circle"):
        boxes(folder, path, empty="nothing")
    found = boxes(folder, path, outlines="frame", empty="nothing")
    assert found.labels["1.png"][1]["box"] == [7, 2, 13, 8]
    assert found.labels["2.png"] == []
    path = write(project(entry("1.png", region(LINE), region(RECT))))
    with pytest.raises(InvalidInputError, match="an area, found a polyline"):
        boxes(folder, path)
    assert len(boxes(folder, path, others="skip").labels["1.png"]) == 1


def test_the_attribute_with_the_class(folder, write):
    path = write(project(entry("1.png", region(RECT, colour="red"))))
    with pytest.raises(InvalidInputError, match=r"attribute: .*'class', 'colour', found None"):
        boxes(folder, path)
    assert boxes(folder, path, attribute="colour").names == ["red"]
    checked = region(RECT)
    checked["region_attributes"]["class"] = {"cat": True, "dog": False}
    assert boxes(folder, write(project(entry("1.png", checked)))).names == ["cat"]
    checked["region_attributes"]["class"] = {"cat": True, "dog": True}
    with pytest.raises(
        InvalidInputError, match=r"regions\[0\] with one 'class', found 'cat', 'dog'"
    ):
        boxes(folder, write(project(entry("1.png", checked))))
    with pytest.raises(InvalidInputError, match=r"with one 'class', found none"):
        boxes(folder, write(project(entry("1.png", region(RECT, "")))))


def test_attributes_of_files(folder, write):
    path = write(project(entry("1.png", weather="rain"), entry("2.png")))
    found = read_via_files(path, folder / "images")
    assert (found.ids, found.labels) == (["1.png", "2.png"], {"1.png": "rain"})
    content = three((1, [], {"2": "0,1"}), (2, [], {"2": "1"}), (1, [2, 1, 2, 4, 4], {"1": "0"}))
    with pytest.raises(InvalidInputError, match=r"one 'light' for 1\.png, found 'day', 'lamp'"):
        read_via_files(write(content), folder / "images")
    found = read_via_files(write(content), folder / "images", multiple=True)
    assert found.labels == {"1.png": ["day", "lamp"], "b/1.png": ["lamp"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "images by name"),
        ({}, "images by name"),
        ({"a": 3}, "'a' to have a filename"),
        ({"a": {"filename": "1.png"}}, "regions of '1.png'"),
        (project(entry("1.png", {})), r"regions\[0\] with shape_attributes"),
        (project(entry("1.png", region({"name": "blob"}))), "to be a rect, .*found 'blob'"),
        (project(entry("1.png", region({"name": "rect", "x": 1}))), "numbers of pixels"),
        (project(entry("1.png", region(RECT | {"x": 1e30}))), "numbers of pixels"),
        (project(entry("1.png", region(RECT | {"width": -1}))), "x1 < x2"),
        (project(entry("1.png", region(CIRCLE | {"r": -1}))), "half axes"),
        (project(entry("1.png", region(POLYGON | {"all_points_x": [1]}))), "numbers of pixels"),
        (project(entry("../x.png", region(RECT))), "image: "),
        (project(entry("x.png", region(RECT))), "an image that is in"),
        (project(entry("1.png"), entry("./1.png")), "'1.png' a second time"),
        (three((3, [2, 1, 2, 3, 4], {})), "of a view of one file"),
        (three((1, [2, 1, 2, 3, 4], {"9": "x"})), "'9' with its aname"),
        (three((1, [77, 1], {"1": "0"})), "to be a rect"),
    ],
)
def test_faults_name_the_file(folder, write, content, says):
    with pytest.raises(InvalidInputError, match=rf"via\.json: .*{says}"):
        boxes(folder, write(content), outlines="frame", empty="nothing", names=["cat"])


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 30), st.floats(), st.text(max_size=4),
    st.sampled_from([
        "rect", "polygon", "2.png", "../x.png", 10**400, [], {}, RECT, CIRCLE, POLYGON,
        {"cat": True}, [2, 1, 2, 3, 4], [7, 0, 0, 5, 0, 5, 5], region(RECT), entry("2.png"), "1",
    ]),
)  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["boxes", "masks", "files"])
def test_any_json_is_read_or_named(folder, kind):
    path, pictures = folder / "via.json", folder / "images"
    two = whole(
        project(
            entry("1.png", region(RECT), region(ELLIPSE, "dog"), region(POLYGON), weather="rain"),
            entry("b/1.png", region(CIRCLE), weather={"rain": True}),
        )
    )
    other = three(
        (1, [2, 1, 2, 4, 4], {"1": "0"}), (2, [], {"2": "1"}), (2, [3, 9, 5, 3], {"1": "1"})
    )

    def run(document, variant):
        path.write_text(json.dumps(document))
        empty, others = ["nothing", "unlabelled"][variant % 2], ["skip", "error"][variant % 2]
        readers = {
            "boxes": lambda: read_via(
                path, pictures, outlines=["frame", "skip"][variant % 2], others=others, empty=empty,
                bad_boxes=["error", "clip", "skip"][variant % 3],
            ),
            "masks": lambda: read_via_masks(path, pictures, others=others, empty=empty),
            "files": lambda: read_via_files(path, pictures, multiple=variant % 2 > 0),
        }  # fmt: skip
        return judge(readers[kind], path)

    for good in (two, other):
        assert not all(run(good, variant) for variant in range(6))
    drawn = edited_json(two, VALUES) | edited_json(other, VALUES) | VALUES
    fuzz(run, drawn, st.integers(0, 5), examples=50)
