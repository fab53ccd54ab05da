"""Outlines of COCO files as editors and models write them."""

import json

import numpy as np
import pytest
from fuzzing import edited_json, fuzz
from hypothesis import given
from hypothesis import strategies as st

from altasks.data import decode_mask, read_coco_masks
from altasks.data.masks.run_lengths import covered_pixels, expand_counts
from altasks.errors import AltasksError, DataWarning, InvalidInputError

image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]


@pytest.fixture
def read(tmp_path):
    def read(*outlines, size=(12, 10), exif=None, stated=None, options=None, **fields):
        picture = image.fromarray(np.zeros((size[1], size[0], 3), np.uint8))
        picture.save(tmp_path / "a.jpg", **({} if exif is None else {"exif": exif}))
        entry = {"id": 1, "file_name": "a.jpg"}
        if stated:
            entry.update(width=stated[0], height=stated[1])
        content = {
            "images": [entry],
            "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
            "annotations": [
                {"id": i, "image_id": 1, "category_id": 1 + i % 2, "iscrowd": 0,
                 "segmentation": outline, **fields}
                for i, outline in enumerate(outlines)
            ],
        }  # fmt: skip
        path = tmp_path / "coco.json"
        path.write_text(json.dumps(content))
        return read_coco_masks(path, tmp_path, **(options or {}))

    return read


def count(found, value):
    return int((decode_mask(found.masks["a"]) == value).sum())


@pytest.mark.parametrize(
    "outline",
    [
        [SQUARE],
        SQUARE,  # flat
        [SQUARE, [5.0, 5.0]],  # a stray point
        [[1, 1, 3, 3], SQUARE, []],
        [[2, 2], [8, 2], [8, 8], [2, 8]],  # pairs
        [[[2, 2], [8, 2], [8, 8], [2, 8]]],
        [[2, 2, 5, 2, 5, 8, 2, 8], [5, 2, 8, 2, 8, 8, 5, 8]],  # two pieces
        [SQUARE, [4, 4, 6, 4, 6, 6, 4, 6]],  # COCO's pieces are added up: this is no hole
    ],
)
def test_forms_of_a_polygon(read, outline):
    assert count(read(outline), 1) == 36


@pytest.mark.parametrize(
    ("outline", "says"),
    [
        ([], "3 corners or more, found none"),
        (None, "3 corners or more, found none"),
        ([[]], "found one of 0"),
        ([[1, 1, 2, 2]], "found one of 2"),
        ([[1, 1, 2, 2, 3]], "an x and a y .*found 5 numbers"),
        (["x"], "polygons"),
        ({"size": [10, 12]}, "counts of pixels, compressed or not, found None"),
        ({"size": [10, 12], "counts": "P"}, "a text that is cut off"),
        ({"size": [10, 12], "counts": "~"}, "the sign '~' at 0"),
        ({"size": [10, 12], "counts": [10, 12]}, "10 x 12 = 120, found a sum of 22"),
        ({"size": [10, 12], "counts": [60, -1, 61]}, "counts of pixels"),
        ({"size": [12, 10], "counts": [120]}, r"10 x 12 \(height x width\), found 12 x 10"),
        ({"size": [20, 24], "counts": [480]}, "found 20 x 24"),
        ({"size": "10 x 12", "counts": [120]}, "10 x 12"),
    ],
)
def test_outlines_that_cannot_be_drawn(read, outline, says):
    with pytest.raises(InvalidInputError, match=says) as caught:
        read([SQUARE], outline)
    assert "annotation 1" in str(caught.value)
    box = {"bbox": [0, 0, 4, 3], "area": 0}
    with pytest.warns(DataWarning, match=r"1 objects are left out.*annotation 1"):
        found = read([SQUARE], outline, options={"bad_polygons": "skip"}, **box)
    assert list(found.passed_over) == ["annotation 1"]
    # Something is in its box, and nobody knows where.
    assert (count(found, 1), count(found, 2), count(found, 255)) == (36, 0, 10)


def test_the_option_is_checked(read):
    with pytest.raises(InvalidInputError, match="bad_polygons: expected 'error' or 'skip'"):
        read([SQUARE], options={"bad_polygons": "clip"})
    with pytest.raises(InvalidInputError, match="'iscrowd' 0 or 1, found 'no'"):
        read([SQUARE], iscrowd="no")


def test_a_crowd_written_as_text_is_what_it_says(read):
    assert count(read([SQUARE], iscrowd="0"), 1) == 36
    assert count(read([SQUARE], iscrowd="1", options={"crowds": "void"}), 255) == 36
    assert count(read([SQUARE], iscrowd=1, options={"crowds": "class"}), 1) == 36
    # CVAT and datumaro write masks as crowds; COCO itself has crowds among other objects.
    with pytest.raises(InvalidInputError, match=r"coco\.json: .*crowds alone.*crowds='class'"):
        read([SQUARE], [SQUARE], iscrowd=1)
    with pytest.raises(InvalidInputError, match="crowds: expected 'void' or 'class'"):
        read([SQUARE], options={"crowds": "skip"})


def test_a_category_called_background_is_class_0(read):
    found = read([SQUARE], [[0, 0, 4, 0, 4, 4, 0, 4]], options={"background": "y"})
    assert found.classes == ["y", "x"]
    assert (count(found, 1), count(found, 0)) == (36 - 4, 120 - 32)


def test_an_object_without_an_area_is_in_front_of_larger_ones(read):
    found = read([4, 4, 6, 4, 6, 6, 4, 6], SQUARE)
    assert (count(found, 1), count(found, 2)) == (4, 32)


def runs(mask):
    """Return run lengths by the plainest loop."""
    counts, value = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": list(mask.shape), "counts": counts}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_run_lengths_of_a_turned_photograph(read, orientation):
    from PIL import ImageOps

    exif = image.Exif()
    exif[0x0112] = orientation
    stored = (np.random.default_rng(0).random((10, 12)) < 0.4).astype(np.uint8)
    turned = image.fromarray(stored)
    turned.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(turned))
    found = read(runs(stored), exif=exif, stated=(12, 10), options={"turned": "stored"})
    np.testing.assert_array_equal(decode_mask(found.masks["a"]), upright)
    size = upright.shape[::-1]
    found = read(runs(upright), exif=exif, stated=size, options={"turned": "upright"})
    np.testing.assert_array_equal(decode_mask(found.masks["a"]), upright)


def test_polygons_are_scaled_and_run_lengths_are_not(read):
    with pytest.warns(DataWarning, match="24 x 20 to 12 x 10"):
        found = read([[2 * x for x in SQUARE]], stated=(24, 20))
    assert count(found, 1) == 36
    with pytest.raises(InvalidInputError, match=r"10 x 12 .*found 20 x 24.*not resized"):
        read({"size": [20, 24], "counts": [480]}, stated=(24, 20))
    # Run lengths of the image as it is fit, whatever the file says of its size.
    with pytest.warns(DataWarning):
        assert count(read({"size": [10, 12], "counts": [60, 60]}, stated=(24, 20)), 1) == 60


masks = st.integers(1, 30).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 1), min_size=width, max_size=width), min_size=1, max_size=30
    )
)


@given(mask=masks)
def test_compressed_run_lengths_are_pycocotools_own(mask):
    tool = pytest.importorskip("pycocotools.mask", reason="needs the extra detection")
    array = np.array(mask, np.uint8)
    packed = tool.encode(np.asfortranarray(array))
    for label in (packed, {**packed, "counts": packed["counts"].decode()}, runs(array)):
        label = {**label, "size": list(label["size"])}
        np.testing.assert_array_equal(covered_pixels(label, array.shape, ""), array == 1)
    assert expand_counts(packed["counts"]) == runs(array)["counts"]


def test_long_runs_are_exact():
    tool = pytest.importorskip("pycocotools.mask", reason="needs the extra detection")
    array = np.zeros((3000, 3000), np.uint8, order="F")
    array[-1, -1] = array[0, 0] = 1
    assert expand_counts(tool.encode(array)["counts"]) == [0, 1, 8_999_998, 1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from([SQUARE, [SQUARE], "a.jpg", {"size": [10, 12], "counts": [60, 60]}]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["size", "counts", "id", "name", "file_name"]), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


FIELDS = st.sampled_from(["area", "bbox", "iscrowd", "ignore", "category_id", "image_id", "id"])


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore::altasks.errors.DataWarning")
def test_any_json_is_drawn_or_named(read):
    def run(outlines, fields, skip):
        options = {"bad_polygons": "skip" if skip else "error", "crowds": "class" if skip else None}
        try:
            found = read(*outlines, options=options, **fields)
        except AltasksError:
            return True
        assert decode_mask(found.masks["a"]).shape == (10, 12)
        return False

    good = [[SQUARE], {"size": [10, 12], "counts": [60, 60]}, [[1, 1, 4, 1, 4, 4], SQUARE]]
    outlines = edited_json(good, JSON | st.floats(-3, 15)) | st.lists(JSON, max_size=3)
    fields = st.just({}) | st.dictionaries(FIELDS, JSON, max_size=3)
    fuzz(run, outlines, fields, st.booleans())


@pytest.mark.parametrize(
    "outline",
    [
        [[20, 20, 30, 20, 30, 30]],  # outside
        [[0.1, 0.1, 0.4, 0.1, 0.4, 0.4]],  # shares of the image, where pixels belong
        [[-9, -9, -2, -9, -2, -2]],
        {"size": [10, 12], "counts": [120]},
    ],
)
def test_an_object_that_covers_no_pixel_is_named(read, outline):
    with pytest.warns(DataWarning, match="1 objects are left out.*annotation 1"):
        found = read([SQUARE], outline)
    assert found.passed_over == {"annotation 1": "it covers no pixel"}
    assert count(found, 1) == 36
