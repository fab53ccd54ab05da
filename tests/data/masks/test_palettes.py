"""Numbers in a palette of greys: class numbers, greys to look at, or levels numbered anew."""

import numpy as np
import pytest

from altasks.data import decode_mask, read_masks
from altasks.errors import InvalidInputError

image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

STEPS = np.zeros((6, 8), np.uint8)
STEPS[1:3, 2:5] = 1
STEPS[3:5, 2:5] = 2
LEVELS = np.array([0, 128, 255], np.uint8)


@pytest.fixture
def read(tmp_path):
    """Return a function that saves an image as a mask, and reads that."""

    def run(mask, name="a.png", classes=("ground", "thing", "other"), **options):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
        image.new("RGB", (8, 6)).save(tmp_path / "images/a.jpg")
        mask.save(tmp_path / "masks" / name, **options)
        found = read_masks(tmp_path / "images", tmp_path / "masks", classes=classes)
        return decode_mask(found.masks["a"])

    return run


def paletted(numbers, greys):
    mask = image.fromarray(numbers).convert("P")
    mask.putdata(numbers.ravel().tolist())
    mask.putpalette([level for level in greys for _ in range(3)])
    return mask


@pytest.mark.parametrize("levels", [(0, 2), (0, 1, 255), (255,), (3,), (1, 2)])
def test_levels_that_a_gif_numbers_anew_are_refused(read, levels):
    mask = image.fromarray(np.array(levels, np.uint8)[STEPS.clip(0, len(levels) - 1)])
    with pytest.raises(InvalidInputError, match=r"a\.gif, row \d.*grey PNG"):
        read(mask, "a.gif")


@pytest.mark.parametrize("greys", [(255, 0), (2, 1, 0), (255, 128, 0), (0, 2, 1), (0, 1, 255)])
def test_numbers_against_their_greys_are_refused(read, greys):
    numbers = STEPS.clip(0, len(greys) - 1)
    with pytest.raises(InvalidInputError, match=r"number \d, shown as grey \d+"):
        read(paletted(numbers, greys))


@pytest.mark.parametrize("greys", [(0, 1, 2), (0, 128, 255), (0, 99, 200), (0, 0, 0), (0, 255)])
def test_greys_to_look_at_leave_the_numbers(read, greys):
    numbers = STEPS.clip(0, len(greys) - 1)
    np.testing.assert_array_equal(read(paletted(numbers, greys)), numbers)


def test_a_palette_of_colours_may_hold_greys(read):
    """VOC's colours: number 7 is grey 128, number 56 is grey 64."""
    numbers = np.where(STEPS == 1, 7, np.where(STEPS == 2, 56, 0)).astype(np.uint8)
    mask = image.fromarray(numbers).convert("P")
    mask.putdata(numbers.ravel().tolist())
    colours = np.zeros((57, 3), int)
    for bit in range(3):
        for channel in range(3):
            colours[:, channel] |= ((np.arange(57) >> (channel + 3 * bit)) & 1) << (7 - bit)
    mask.putpalette(colours.ravel().tolist())
    names = [f"c{i}" for i in range(57)]
    np.testing.assert_array_equal(read(mask, classes=names), numbers)


@pytest.mark.parametrize("kind", ["gif", "palette", "reversed"])
def test_classes_by_grey_level_go_by_what_is_shown(read, kind):
    classes = {"ground": 0, "thing": 128, "other": 255}
    if kind == "gif":
        mask, name = image.fromarray(LEVELS[STEPS]), "a.gif"
    elif kind == "palette":
        mask, name = paletted(STEPS, LEVELS), "a.png"
    else:
        mask, name = paletted(2 - STEPS, LEVELS[::-1]), "a.png"
    np.testing.assert_array_equal(read(mask, name, classes), STEPS)


@pytest.mark.parametrize("white", [1, 255])
def test_one_bit_is_known_by_either_level(read, white):
    mask = image.fromarray(STEPS.clip(0, 1) * 255).convert("1")
    classes = {"ground": 0, "thing": white}
    np.testing.assert_array_equal(read(mask, "a.png", classes), STEPS.clip(0, 1))
