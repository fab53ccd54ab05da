import numpy as np
import pytest
import torch

from altasks.errors import UnreadableSampleError
from altasks.tasks.ocr.lines import (
    Line,
    LineCollator,
    batch_of,
    describe_characters,
    open_lines,
    to_pixels,
    width_at,
)

Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")


@pytest.mark.parametrize(
    ("size", "width"), [((100, 50), 64), ((99, 50), 64), ((97, 50), 64), ((3, 50), 8), ((1, 1), 32)]
)
def test_a_line_keeps_its_aspect(size, width):
    pixels = to_pixels(Image.new("RGB", size, "white"), 32)
    assert pixels.shape == (32, width)
    assert pixels.dtype == torch.uint8
    assert width_at(Image.new("L", size), 32) <= width


def test_the_last_column_is_repeated_to_a_whole_step():
    columns = np.tile(np.arange(9, dtype=np.uint8) * 20, (32, 1))
    pixels = to_pixels(Image.fromarray(columns), 32)
    assert pixels.shape == (32, 12)
    assert pixels[0].tolist() == [*range(0, 180, 20), 160, 160, 160]


def test_a_batch_is_padded_with_what_convolutions_see_beyond_an_edge():
    pixels, widths = batch_of([torch.full((32, 8), 255), torch.full((32, 12), 0)])
    assert widths.tolist() == [8, 12]
    assert pixels[0, 0, 0].tolist() == [1.0] * 8 + [0.0] * 4
    assert pixels[1, 0, 0].tolist() == [-1.0] * 12


def test_held_out_lines_are_not_augmented():
    image = Image.new("RGB", (32, 32), "white")
    white = to_pixels(image, 32)
    collate = LineCollator(32, lambda one: Image.new("RGB", one.size, "black"))
    rows = [
        {"pixels": Line(image, white), "labels": [1, 2]},
        {"pixels": Line(image, white, held_out=True), "labels": []},
    ]
    batch = collate(rows)
    assert batch["pixels"].mean((1, 2, 3)).tolist() == [-1.0, 1.0]
    assert batch["labels"].tolist() == [[1, 2], [-100, -100]]
    assert "weights" not in batch
    weighted = collate([{**row, "weights": 0.5} for row in rows])
    assert weighted["weights"].tolist() == [0.5, 0.5]


def test_all_unreadable_lines_are_named():
    bad = [np.zeros((4, 4), np.uint8), "none.png", Image.new("L", (0, 5)), 7]
    with pytest.raises(UnreadableSampleError) as error:
        open_lines(bad)
    assert sorted(error.value.rows) == [1, 2, 3]
    assert "row 2: no pixels (0 x 5)" in str(error.value)
    many = dict.fromkeys(range(7), "x")
    with pytest.raises(UnreadableSampleError, match="and 2 more"):
        open_lines(list(many))


def test_characters_are_named():
    assert describe_characters(["\u0303"]).endswith("(U+0303 COMBINING TILDE)")
    assert describe_characters([*"abcdefghij"]).endswith("and 2 more")
