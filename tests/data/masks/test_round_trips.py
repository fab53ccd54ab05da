"""Masks there and back through the tools' own packages."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers import run_with

from altasks.data import decode_mask, read_coco_masks, read_masks

image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

MASK = np.zeros((20, 24), bool)
MASK[4:10, 5:15] = MASK[8:14, 12:20] = True


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    image.fromarray(np.zeros((20, 24, 3), np.uint8)).save(tmp_path / "images" / "a.jpg")
    return tmp_path


def write(folder, segmentation, **fields):
    one = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": segmentation}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 24, "height": 20}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [{**one, **fields}],
    }
    path = folder / "coco.json"
    path.write_text(json.dumps(content))
    return path


corners = st.lists(st.integers(0, 20), min_size=2, max_size=2, unique=True).map(sorted)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(xs=corners, ys=corners)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rectangles_are_pycocotools_own(folder, xs, ys):
    tool = pytest.importorskip("pycocotools.mask", reason="needs the extra detection")
    (x1, x2), (y1, y2) = xs, ys
    outline = [[x1, y1, x2, y1, x2, y2, x1, y2]]
    ours = decode_mask(read_coco_masks(write(folder, outline), folder / "images").masks["a"])
    theirs = tool.decode(tool.merge(tool.frPyObjects(outline, 20, 24)))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*cover no pixel:altasks.errors.DataWarning")
@given(points=st.lists(st.tuples(st.floats(0, 24), st.floats(0, 20)), min_size=3, max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_other_polygons_differ_from_pycocotools_at_their_edges_only(folder, points):
    tool = pytest.importorskip("pycocotools.mask", reason="needs the extra detection")
    outline = [[round(value, 2) for point in points for value in point]]
    ours = decode_mask(read_coco_masks(write(folder, outline), folder / "images").masks["a"])
    theirs = tool.decode(tool.merge(tool.frPyObjects(outline, 20, 24)))
    near = np.zeros((20, 24), bool)
    closed = np.array([*outline[0], *outline[0][:2]]).reshape(-1, 2)
    for one, other in pairwise(closed):
        for x, y in np.linspace(one, other, 200):
            top, left = max(0, int(y) - 1), max(0, int(x) - 1)
            near[top : int(y) + 2, left : int(x) + 2] = True
    assert not ((ours != theirs) & ~near).any()


WRITE = """
import sys
import datumaro, numpy as np
folder = sys.argv[1]
pixels = datumaro.Image.from_numpy(np.zeros((20, 24, 3), np.uint8))
mask = datumaro.Mask(np.load(f"{folder}/mask.npy"), label=1, id=1, group=1)
item = datumaro.DatasetItem(id="a", media=pixels, annotations=[mask])
made = datumaro.Dataset.from_iterable([item], categories=["background", "x"])
made.export(f"{folder}/coco", "coco_instances", save_media=True)
made.export(f"{folder}/voc", "voc_segmentation", save_media=True)
"""
READ = """
import sys
import datumaro, numpy as np
folder = sys.argv[1]
again = datumaro.Dataset.import_from(f"{folder}/voc", "voc_segmentation")
masks = [a for one in again for a in one.annotations if a.label == 1]
np.save(f"{folder}/again.npy", np.any([mask.image for mask in masks], axis=0))
"""


@pytest.mark.slow
def test_datumaro_writes_masks_that_are_read(folder):
    np.save(folder / "mask.npy", MASK)
    run_with("datumaro", "-c", WRITE, folder)
    found = read_coco_masks(
        next((folder / "coco").rglob("*.json")), folder / "coco/images/default", crowds="class"
    )
    assert found.classes == ["background", "x"]
    np.testing.assert_array_equal(decode_mask(found.masks["a"]), MASK)
    colours = {"background": (0, 0, 0), "x": (128, 0, 0)}
    found = read_masks(folder / "voc/JPEGImages", folder / "voc/SegmentationClass", classes=colours)
    np.testing.assert_array_equal(decode_mask(found.masks["a"]), MASK)
    # And back: our masks are drawn into VOC's folders, which datumaro reads.
    palette = np.zeros((256, 3), np.uint8)
    palette[1] = 128, 0, 0
    painted = image.fromarray(decode_mask(found.masks["a"]).astype(np.uint8)).convert("L")
    painted = image.fromarray(palette[np.asarray(painted)])
    painted.save(folder / "voc/SegmentationClass/a.png")
    painted.save(folder / "voc/SegmentationObject/a.png")
    run_with("datumaro", "-c", READ, folder)
    np.testing.assert_array_equal(np.load(folder / "again.npy"), MASK)


def test_outlines_through_pixel_centres_lose_a_border(folder):
    supervision = pytest.importorskip("supervision", reason="needs supervision")
    square = np.zeros((20, 24), bool)
    square[4:10, 5:15] = True
    path = str(folder / "images/a.jpg")
    found = supervision.Detections(
        xyxy=np.array([[5.0, 4.0, 15.0, 10.0]]), mask=square[None], class_id=np.array([0])
    )
    made = supervision.DetectionDataset(["x"], [path], {path: found})
    made.as_coco(annotations_path=str(folder / "sv.json"))
    ours = decode_mask(read_coco_masks(folder / "sv.json", folder / "images").masks["a"]) == 1
    # Its polygon runs through the centres of the outermost pixels: 9 x 5 of 10 x 6 are left.
    assert ours.sum() == 45
    assert not (ours & ~square).any()
