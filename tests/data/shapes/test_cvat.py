"""CVAT's XML for images: boxes, masks, tags, and back."""

import json

import numpy as np
import pytest
from fuzzing import edited, fuzz
from hypothesis import strategies as st
from peers import run_with

from altasks.data import (
    BoxedImages,
    decode_mask,
    read_cvat,
    read_cvat_masks,
    read_cvat_tags,
    write_cvat,
)
from altasks.errors import DataWarning, InvalidInputError

pytest.importorskip("PIL.Image", reason="needs the extra vision")
from drawings import SIZE, judge, save_images
from PIL import Image

BOX = '<box label="cat" occluded="0" xtl="1.00" ytl="2.00" xbr="5.50" ybr="6.00" z_order="0"/>'
POLYGON = '<polygon label="dog" points="0,0;10,0;10,10;0,10" z_order="1"/>'
MASK = '<mask label="cat" rle="1, 2, 1, 2" left="3" top="4" width="3" height="2" z_order="2"/>'
ELLIPSE = '<ellipse label="dog" cx="10" cy="5" rx="4" ry="2" rotation="90" z_order="0"/>'
META = (
    "<meta><task><labels><label><name>dog</name></label><label><name>cat</name></label></labels>"
    "</task></meta>"
)


def image(name, *shapes, width=20, height=10, number=0):
    size = f'width="{width}" height="{height}"' if width else ""
    return f'<image id="{number}" name="{name}" {size}>{"".join(shapes)}</image>'


@pytest.fixture
def folder(tmp_path):
    save_images(tmp_path / "images")
    return tmp_path


@pytest.fixture
def write(folder):
    def write(*images, meta=META):
        path = folder / "annotations.xml"
        path.write_text(f"<annotations><version>1.1</version>{meta}{''.join(images)}</annotations>")
        return path

    return write


def boxes(folder, path, **options):
    return read_cvat(path, folder / "images", **options)


def masks(folder, path, **options):
    return read_cvat_masks(path, folder / "images", **options)


def test_boxes_also_turned_ones_with_the_tasks_classes(folder, write):
    turned = BOX.replace("<box", '<box rotation="90"')
    found = boxes(folder, write(image("1.png", BOX, turned), image("b\\1.png", BOX)))
    assert found.names == ["dog", "cat"]
    assert found.labels["1.png"] == [
        {"label": "cat", "box": [1.0, 2.0, 5.5, 6.0]},
        {"label": "cat", "box": [1.25, 1.75, 5.25, 6.25]},
    ]
    assert list(found.images) == ["1.png", "b/1.png"]
    assert boxes(folder, write(image("1.png", BOX), meta="")).names == ["cat"]


def test_images_without_a_shape_are_not_nothing_by_accident(folder, write):
    path = write(image("1.png", BOX), image("2.png"))
    with pytest.raises(
        InvalidInputError, match=r"none on 1: 2\.png\. empty='nothing'.*'unlabelled'"
    ):
        boxes(folder, path)
    assert boxes(folder, path, empty="nothing").labels["2.png"] == []
    later = boxes(folder, path, empty="unlabelled")
    assert list(later.labels) == ["1.png"]
    assert list(later.images) == ["1.png", "2.png"]
    assert later.passed_over == {"2.png": "no shape on it"}
    with pytest.raises(InvalidInputError, match="empty: expected 'error' or"):
        boxes(folder, path, empty="none")


def test_frames_of_a_video_are_named_without_their_suffix(folder, write):
    for name in ("frame_000000.PNG", "b/frame_000001.jpg", "frame_000002.png", "frame_000002.jpg"):
        Image.new("RGB", SIZE).save(folder / "images" / name)
    found = boxes(folder, write(image("frame_000000", BOX), image("b/frame_000001", BOX)))
    assert list(found.images) == ["frame_000000.PNG", "b/frame_000001.jpg"]
    for name in ("frame_000002", "frame_000003", "../frame_000000"):
        with pytest.raises(InvalidInputError, match=r"an image that is there|leads out"):
            boxes(folder, write(image(name, BOX)))


def test_the_folder_is_not_listed_for_each_image(folder, write, monkeypatch):
    def fail(*_):
        raise AssertionError("a hint was sought")

    monkeypatch.setattr("altasks.data.near_names.look_alike_of", fail)
    assert len(boxes(folder, write(image("1.png", BOX), image("2.png", BOX)))) == 2


def test_what_is_outside_is_not_there(folder, write):
    path = write(image("1.png", BOX, BOX.replace("<box", '<box outside="1"')))
    assert len(boxes(folder, path).labels["1.png"]) == 1


def test_outlines_and_lines_are_a_choice(folder, write):
    path = write(image("1.png", BOX, POLYGON, ELLIPSE, MASK))
    with pytest.raises(
        InvalidInputError, match=r"a box, found a polygon \(line 1\).*outlines='frame'"
    ):
        boxes(folder, path)
    found = boxes(folder, path, outlines="frame").labels["1.png"]
    assert [one["box"] for one in found] == [
        [1, 2, 5.5, 6], [0, 0, 10, 10], [8, 1, 12, 9], [4, 4, 6, 6]
    ]  # fmt: skip
    assert len(boxes(folder, path, outlines="skip").labels["1.png"]) == 1
    lines = write(image("1.png", '<polyline label="cat" points="1,1;2,2"/>'))
    with pytest.raises(InvalidInputError, match="an area, found a polyline"):
        boxes(folder, lines)
    with pytest.warns(DataWarning, match="stay unlabelled"):
        assert boxes(folder, lines, others="skip").labels == {}


def test_masks_by_their_order(folder, write):
    found = masks(folder, write(image("1.png", MASK, POLYGON, ELLIPSE)))
    assert found.classes == ["background", "dog", "cat"]
    mask = decode_mask(found.masks["1"])
    wanted = np.zeros(SIZE[::-1], int)
    for y in range(10):
        for x in range(20):
            if ((x + 0.5 - 10) / 2) ** 2 + ((y + 0.5 - 5) / 4) ** 2 <= 1:
                wanted[y, x] = 1
    wanted[:, :10] = 1
    wanted[4, 4:6] = wanted[5, 4:6] = 2  # 1, 2, 1, 2: row by row of the box, uncovered first
    assert (mask == wanted).all()
    bare = masks(folder, write(image("1.png", MASK)), background=None)
    assert set(np.unique(decode_mask(bare.masks["1"]))) == {1, 255}
    assert not decode_mask(masks(folder, write(image("2.png")), empty="nothing").masks["2"]).any()
    own = masks(folder, write(image("1.png", MASK)), background="dog")
    assert own.classes == ["dog", "cat"]


def test_sizes_that_contradict_the_image(folder, write):
    path = write(image("1.png", BOX, width=40, height=20))
    with pytest.warns(DataWarning, match="another size"):
        assert boxes(folder, path).labels["1.png"][0]["box"] == [0.5, 1, 2.75, 3]
    with pytest.raises(InvalidInputError, match="in other proportions"):
        boxes(folder, write(image("1.png", BOX, width=10)))
    path = write(image("1.png", MASK, width=40, height=20))
    with pytest.raises(InvalidInputError, match=r"20 x 10, found one of 40 x 20 \(line 1\)"):
        masks(folder, path)


def test_tags(folder, write):
    path = write(image("1.png", '<tag label="cat"/>'), image("2.png"))
    found = read_cvat_tags(path, folder / "images")
    assert (found.ids, found.labels) == (["1.png", "2.png"], {"1.png": "cat"})
    two = write(image("1.png", '<tag label="cat"/>', '<tag label="dog"/>'), image("2.png"))
    with pytest.raises(
        InvalidInputError, match=r"one tag for an image, found 'cat', 'dog'.*multiple"
    ):
        read_cvat_tags(two, folder / "images")
    both = read_cvat_tags(two, folder / "images", multiple=True, empty="nothing")
    assert both.labels == {"1.png": ["cat", "dog"], "2.png": []}
    with pytest.raises(InvalidInputError, match=r"every image, found none for '2.png'"):
        read_cvat_tags(two, folder / "images", multiple=True, empty="error")
    with pytest.raises(InvalidInputError, match="empty: "):
        read_cvat_tags(path, folder / "images", empty="nothing")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04....", "a zip archive"),
        (b"<annotations><track id='0'/></annotations>", "CVAT for images 1.1"),
        (b"<annotation/>", "Pascal VOC"),
        (b"<annotations/>", "an <image>, found none"),
        (b"<annotations>", "XML, found no element"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><annotations>&b;</annotations>", "a DOCTYPE"),
        (b"<annotations><image name='../secret.png'/></annotations>", "leads out of it"),
        (b"<annotations><image name='x.png'/></annotations>", "which isn't there"),
        (b"<annotations><image name='b'/></annotations>", "the name of an image"),
        (b"\xff\xfe\x00", "XML"),
    ],
)
def test_what_is_none_of_it(folder, content, says):
    save_images(folder)
    (folder / "secret.png").write_bytes((folder / "1.png").read_bytes())
    path = folder / "annotations.xml"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=rf"annotations\.xml: .*{says}"):
        boxes(folder, path)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (BOX.replace("5.50", "1e999"), "pixels as xbr, found '1e999'"),
        (BOX.replace('xtl="1.00"', ""), "pixels as xtl, found ''"),
        (BOX.replace("cat", "cow"), "one of the classes 'dog', 'cat'"),
        (BOX.replace('z_order="0"', 'z_order="x"'), "z_order"),
        (BOX.replace("5.50", "0.50"), "x1 < x2"),
        (BOX.replace("5.50", "55.0"), "inside its image"),
        (BOX.replace("<box", '<box rotation="nan"'), "degrees"),
        (POLYGON.replace("0,0;10,0;", ""), "three corners"),
        (POLYGON.replace("10,0", "10"), "points 'x,y;x,y"),
        (ELLIPSE.replace('rx="4"', 'rx="-4"'), "half axes"),
        (MASK.replace("1, 2, 1, 2", "1, 2, 1, 3"), "sum to 3 x 2 = 6, found a sum of 7"),
        (MASK.replace("1, 2, 1, 2", "1, -2"), "run lengths"),
        (MASK.replace('width="3"', 'width="99999999999"'), "a width and a height"),
        (MASK.replace('left="3"', 'left="3.5"'), "whole pixels"),
        ("<blob/>", "found <blob>"),
    ],
)
def test_shapes_that_are_damaged_are_named_by_line(folder, write, shape, says):
    path = write(image("1.png", BOX, "\n", shape))
    with pytest.raises(InvalidInputError, match=rf"annotations\.xml: .*{says}.*\(line 2\)"):
        boxes(folder, path, outlines="frame")


def boxed(folder):
    labels = {
        "2.png": [{"label": "cat", "box": [1.0, 2.5, 12.0, 6.0]}],
        "1.png": [{"label": "dog", "box": [0.0, 0.0, 20.0, 10.0]}],
    }
    files = {name: folder / "images" / name for name in ("2.png", "b/1.png", "1.png")}
    return BoxedImages(["dog", "cat"], files, labels)


def test_a_batch_keeps_its_order_there_and_back(folder):
    out = write_cvat(boxed(folder), folder / "batch")
    there = sorted(path.relative_to(out / "images").as_posix() for path in out.rglob("*.png"))
    assert there == ["000001_2.png", "000002_b/1.png", "000003_1.png"]
    back = read_cvat(out / "annotations.xml", folder / "images", numbered=True, empty="unlabelled")
    assert list(back.images) == ["2.png", "b/1.png", "1.png"]
    assert (back.names, back.labels) == (["dog", "cat"], boxed(folder).labels)
    beside = read_cvat(out / "annotations.xml", out / "images", empty="unlabelled")
    assert list(beside.images) == ["000001_2.png", "000002_b/1.png", "000003_1.png"]
    write_cvat(boxed(folder), folder / "plain", numbered=False, copy_images=False)
    with pytest.raises(InvalidInputError, match=r"a name such as '000001_a.png', found '2.png'"):
        read_cvat(folder / "plain/annotations.xml", folder / "images", numbered=True)
    odd = BoxedImages(["dog"], {"../1.png": folder / "images/1.png"})
    with pytest.raises(InvalidInputError, match="ids that stay inside"):
        write_cvat(odd, folder / "odd", numbered=False)


DATUMARO = """
import json, sys
import datumaro as dm
import numpy as np
from datumaro.components.annotation import RotatedBbox
action, source, out = sys.argv[1:]
if action == "read":
    found = dm.Dataset.import_from(source, "cvat")
    names = [one.name for one in found.categories()[dm.AnnotationType.label]]
    print(json.dumps([
        [item.id, item.attributes["frame"],
         [[names[a.label], a.x, a.y, a.x + a.w, a.y + a.h] for a in item.annotations]]
        for item in found
    ]))
else:
    mask = np.zeros((10, 20), np.uint8)
    mask[4, 4:6] = mask[5, 4:7] = 1
    picture = dm.Image.from_numpy(np.zeros((10, 20, 3), np.uint8))
    one = dm.DatasetItem("1", media=picture, annotations=[
        dm.Bbox(1, 2.5, 4, 5, label=1), RotatedBbox(10, 5, 8, 2, 30, label=0),
        dm.Polygon([0, 0, 10, 0, 10, 10], label=1),
    ] if out.endswith("boxes") else [dm.Mask(mask, label=1)])
    dm.Dataset.from_iterable([one], categories=["dog", "cat"]).export(out, "cvat", save_media=True)
"""


@pytest.mark.slow
def test_datumaro_reads_what_we_write(folder):
    out = write_cvat(boxed(folder), folder / "batch")
    printed = run_with("datumaro", "-c", DATUMARO, "read", out, "-")
    found = json.loads(printed.splitlines()[-1])
    assert sorted((frame, name) for name, frame, _ in found) == [
        (0, "000001_2"), (1, "000002_b/1"), (2, "000003_1")
    ]  # fmt: skip
    assert {name: rows for name, _, rows in found}["000001_2"] == [["cat", 1.0, 2.5, 12.0, 6.0]]


@pytest.mark.slow
def test_we_read_what_datumaro_writes(folder):
    run_with("datumaro", "-c", DATUMARO, "write", "-", folder / "boxes")
    (path,) = (folder / "boxes").glob("*.xml")
    found = read_cvat(path, folder / "boxes/images", outlines="frame")
    label = next(iter(found.labels.values()))
    assert found.names == ["dog", "cat"]
    # 8 x 2 about (10, 5), turned by 30 degrees: 4 cos + sin and 4 sin + cos on each side.
    turned = [10 - 3.9641, 5 - 2.866, 10 + 3.9641, 5 + 2.866]
    for one, box in zip(label, ([1, 2.5, 5, 7.5], turned, [0, 0, 10, 10]), strict=True):
        assert one["box"] == pytest.approx(box, abs=0.01)
    run_with("datumaro", "-c", DATUMARO, "write", "-", folder / "masks")
    (path,) = (folder / "masks").glob("*.xml")
    mask = decode_mask(read_cvat_masks(path, folder / "masks/images").masks["1"])
    wanted = np.zeros((10, 20), int)
    wanted[4, 4:6] = wanted[5, 4:7] = 2
    assert (mask == wanted).all()


PIECES = [
    '"', "<", ">", "/", "&", ";", ",", " ", "0", "-1", "1e999", "nan", "20", '"cow"', "track",
    "box", "mask", "\0", "é", "<track/>", "<tag label='cat'/>", "z_order", "99999999999999", "..",
    'outside="1"', "\\", "<!DOCTYPE a>", "&amp;", "\ud83d",
]  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["boxes", "masks", "tags"])
def test_any_xml_is_read_or_named(folder, kind):
    path, pictures = folder / "annotations.xml", folder / "images"
    tag = '<tag label="cat"/>' if kind == "tags" else ""
    good = (
        f"<annotations>{META}{image('1.png', BOX, MASK, POLYGON, ELLIPSE, tag)}"
        f"{image('b/1.png', BOX, width=40, height=20)}{image('2.png')}</annotations>"
    )
    if kind == "masks":
        good = good.replace(image("b/1.png", BOX, width=40, height=20), "")
    empty = ["error", "nothing", "unlabelled"]
    readers = {
        "boxes": lambda v: read_cvat(
            path, pictures, outlines=["frame", "skip", "error"][v % 3], others="skip",
            bad_boxes=["error", "clip", "skip"][v % 3], empty=empty[(v + 1) % 3],
        ),
        "masks": lambda v: read_cvat_masks(
            path, pictures, background=[None, "ground"][v % 2], empty=empty[1 + v % 2],
            others=["error", "skip"][v % 2],
        ),
        "tags": lambda v: read_cvat_tags(path, pictures, multiple=v % 2 > 0),
    }  # fmt: skip

    def run(content, variant):
        path.write_bytes(content)
        return judge(lambda: readers[kind](variant), path)

    assert not all(run(good.encode(), variant) for variant in range(6))
    fuzz(run, edited(good, PIECES) | st.binary(max_size=40), st.integers(0, 5), examples=50)
