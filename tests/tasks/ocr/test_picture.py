"""The picture of a line with its readings: what differs is red, what is missing a bar."""

import numpy as np
import pytest

from altasks.tasks.ocr.picture import _DIFFERENT, _INK, draw_readings

Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")
pytest.importorskip("rapidfuzz", reason="needs the extra ocr")


def reds(picture):
    """Return how many pixels are exactly the colour of what differs."""
    return int((np.asarray(picture) == _DIFFERENT).all(-1).sum())


def drawn(*readings, predicted="vntil", size=(200, 40)):
    line = Image.new("L", size, 255)
    return draw_readings(line, {"predicted": predicted, "readings": list(readings)})


def test_nothing_is_red_where_all_agree():
    picture = drawn("vntil", "vntil", "vntil")
    assert picture.mode == "RGB"
    assert reds(picture) == 0
    assert (np.asarray(picture) == _INK).all(-1).any()


def test_what_differs_is_red_and_more_of_it_more():
    one, three = reds(drawn("vntil", "vntiI")), reds(drawn("vntil", "vMMMl"))
    assert 0 < one < three


def test_a_missing_character_is_a_red_bar():
    assert reds(drawn("vnil")) > 0
    assert reds(drawn("")) > 0


def test_each_reading_has_a_row_and_long_ones_fit():
    heights = [drawn(*["vntil"] * count).height for count in (1, 2, 5)]
    assert heights[1] - heights[0] > 15
    assert heights[2] - heights[1] == 3 * (heights[1] - heights[0])
    assert drawn("w" * 100).width > drawn("w" * 50).width > 200


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (2000, 2)])
def test_odd_lines_and_texts_are_drawn(size):
    picture = drawn("<b>&\U0001f600", "e\u0301\u0644", predicted="", size=size)
    assert picture.width >= 1
    assert reds(picture) > 0


@pytest.mark.parametrize("odd", ["a\nb", "a\r\nb", "a\x00b", "a\u2028b", "a\x0cb"])
def test_what_breaks_a_line_is_drawn_as_a_mark(odd):
    assert reds(drawn(odd, "ab", predicted=odd)) > 0
    assert drawn(odd, "ab").height == drawn("ab", "ab").height
