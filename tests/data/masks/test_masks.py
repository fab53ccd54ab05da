import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from altasks.data import decode_mask, encode_mask, masks
from altasks.data.masks.masks import MaskReader
from altasks.errors import InvalidInputError


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int64, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 200),
    )
)
def test_run_lengths_are_exact_json_and_the_same_for_equal_masks(mask):
    kept = json.loads(json.dumps(encode_mask(mask)))
    assert kept == encode_mask(mask)
    np.testing.assert_array_equal(decode_mask(kept), mask)
    assert encode_mask(decode_mask(kept)) == kept


@pytest.mark.parametrize(
    "label",
    [
        {"size": [1, 2], "classes": [0, 1], "counts": [2]},
        {"size": [1, 2], "classes": [0], "counts": [1]},
        {"size": [1, 2], "classes": [0, 0], "counts": [3, -1]},
        {"size": [1, 2], "classes": [0.5], "counts": [2]},
        {"size": [1], "classes": [0], "counts": [1]},
        {"size": [1, 2], "classes": [-1], "counts": [2]},
        {"size": [10**10, 10**10], "classes": [0], "counts": [10**20]},
        [[0.5]],
        [[-1]],
        [0, 1],
        [],
        "missing.png",
        3,
    ],
)
def test_what_is_no_mask_is_refused(label):
    with pytest.raises(InvalidInputError):
        decode_mask(label)


def test_images_of_numbers_are_masks_and_colours_are_not(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs the extra vision")
    mask = np.array([[0, 3], [7, 255]], np.uint8)
    paletted = image.fromarray(mask).convert("P")
    paletted.putdata(mask.ravel().tolist())
    paletted.putpalette([i for i in range(256) for _ in range(3)])
    for name, one in (("l.png", image.fromarray(mask)), ("p.png", paletted)):
        one.save(tmp_path / name)
        np.testing.assert_array_equal(decode_mask(tmp_path / name), mask)
    wide = image.fromarray(np.array([[0, 70_000]], np.int32))
    assert decode_mask(wide).tolist() == [[0, 70_000]]
    image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "rgb.png")
    with pytest.raises(InvalidInputError, match="classes="):
        decode_mask(tmp_path / "rgb.png")


def test_pixels_are_counted_without_void(tmp_path):
    reader = MaskReader(3, void=9)
    masks = [np.array([[0, 1, 9], [9, 1, 1]]), encode_mask(np.array([[0, 0]]))]
    assert reader.counts(masks) == [3, 3, 0]
    assert reader.counts([]) == [0, 0, 0]
    with pytest.raises(InvalidInputError, match=r"classes 0 to 2.*found 4.*row 1"):
        reader.counts([masks[0], np.array([[4]])])


def test_run_lengths_of_another_size_are_not_written_out(monkeypatch):
    huge = {"size": [50_000, 50_000], "classes": [0], "counts": [2_500_000_000]}
    monkeypatch.setattr(masks.masks.np, "repeat", lambda *_: pytest.fail("written out"))
    for call in (MaskReader(2, 255).read, MaskReader(2, 255).check):
        with pytest.raises(InvalidInputError, match=r"4 x 5 .*found 50000 x 50000 \(row 3\)"):
            call(huge, (4, 5), "row 3")


def test_a_mask_of_another_size_is_named_once(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs the extra vision")
    image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "m.png")
    for label in (tmp_path / "m.png", np.zeros((2, 3), np.uint8)):
        with pytest.raises(InvalidInputError, match=r"4 x 5 .*found 2 x 3") as caught:
            MaskReader(2, 255).read(label, (4, 5))
        assert str(caught.value).count("m.png") <= 1
