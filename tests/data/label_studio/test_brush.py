"""Brush strokes against a reading bit by bit, and against Label Studio's own package."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from peers import run_with

from altasks.data.label_studio import decode_brush, encode_brush
from altasks.errors import InvalidInputError

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


def packed(values, word=8, sizes=(3, 4, 8, 16), literal=False):
    """Write numbers in the form of rle-pack by its description, one block a number or run."""
    bits = f"{len(values):032b}{word - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    place = 0
    while place < len(values):
        run = 1
        while (
            not literal
            and place + run < len(values)
            and values[place + run] == values[place]
            and run < 1 << sizes[0]
        ):
            run += 1
        if literal:
            run = min(1 << sizes[0], len(values) - place)
            bits += f"000{run - 1:0{sizes[0]}b}"
            bits += "".join(f"{value:0{word}b}" for value in values[place : place + run])
        else:
            bits += f"100{run - 1:0{sizes[0]}b}{values[place]:0{word}b}"
        place += run
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def rgba(alpha):
    return np.stack([np.zeros_like(alpha)] * 3 + [alpha], -1).ravel().tolist()


@given(mask=MASKS)
def test_there_and_back(mask):
    assert (decode_brush(encode_brush(mask), mask.shape[::-1]) == mask).all()


@given(mask=MASKS, top=st.sampled_from([1, 255, 7]), literal=st.booleans(), word=st.integers(8, 16))
def test_the_fourth_channel_decides_whatever_it_counts_to(mask, top, literal, word):
    rle = packed(rgba(mask * top), word, literal=literal)
    assert (decode_brush(rle, mask.shape[::-1]) == mask).all()


def test_softened_edges_count_from_the_middle():
    alpha = np.array([[0, 127, 128, 255]])
    assert decode_brush(packed(rgba(alpha)), (4, 1)).tolist() == [[False, False, True, True]]


def test_runs_beyond_every_count():
    mask = np.zeros((400, 300), bool)
    mask[150:380] = True  # 276,000 equal numbers, more than one count can say
    assert (decode_brush(encode_brush(mask), (300, 400)) == mask).all()


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ([], "cut off"),
        ("AAAA", "list of bytes"),
        ([0, 0, 300], "0 to 255"),
        ([1.5], "0 to 255"),
        (encode_brush(np.ones((3, 3), bool)), "16 numbers"),
        (encode_brush(np.ones((2, 2), bool))[:-1], "cut off"),
        ([255, 255, 255, 255, 0, 0, 0, 0], "16 numbers"),  # says 4 thousand million
    ],
)
def test_bad_bytes(rle, message):
    with pytest.raises(InvalidInputError, match=message):
        decode_brush(rle, (2, 2))


@pytest.mark.slow
def test_label_studio_own_package_reads_and_writes_the_same():
    mask = np.random.default_rng(0).random((17, 23)) < 0.4
    code = """
import json, sys
import numpy as np
from label_studio_sdk.converter.brush import decode_rle, encode_rle
ours, mask = json.loads(sys.argv[1])
mask = np.array(mask, bool)
read = decode_rle(ours).reshape(*mask.shape, 4)[:, :, 3] > 0
theirs = [encode_rle(np.repeat(mask.ravel(), 4).astype(np.uint8) * top) for top in (1, 255)]
print(json.dumps([read.tolist(), theirs]))
"""
    asked = json.dumps([encode_brush(mask), mask.tolist()])
    read, theirs = json.loads(run_with("label_studio_sdk", "-c", code, asked))
    assert read == mask.tolist()
    for rle in theirs:
        assert (decode_brush(rle, (23, 17)) == mask).all()
