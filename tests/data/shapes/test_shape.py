"""Shapes against a drawing pixel by pixel."""

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from altasks.data.boxes.frames import Frame
from altasks.data.shapes.shape import Shape

WIDTH, HEIGHT = 17, 13
sides = st.floats(-5, 20).map(lambda side: round(side, 2))
halves = st.floats(0.1, 9).map(lambda side: round(side, 2))
turns = st.sampled_from([0.0, 90.0, -45.0, 30.0, 359.3])


def painted(shape, frame=None):
    canvas = np.zeros((HEIGHT, WIDTH), np.int32)
    frame = frame or Frame((WIDTH, HEIGHT), (WIDTH, HEIGHT))
    covers = shape.fill(canvas, 1, frame, Path("a"))
    assert covers == bool(canvas.any())
    return canvas.astype(bool)


def by_hand(inside):
    """Which pixels have a centre for which `inside(x, y)` is below 0, and which are near 0."""
    values = np.array([[inside(x + 0.5, y + 0.5) for x in range(WIDTH)] for y in range(HEIGHT)])
    return values < 0, np.abs(values) < 1e-6


def back(x, y, cx, cy, degrees):
    """Turn a point back, counter-clockwise where y points down."""
    angle = math.radians(degrees)
    right, down = x - cx, y - cy
    return (
        right * math.cos(angle) + down * math.sin(angle),
        -right * math.sin(angle) + down * math.cos(angle),
    )


@settings(max_examples=40)
@given(cx=sides, cy=sides, rx=halves, ry=halves, turn=turns)
def test_ellipses(cx, cy, rx, ry, turn):
    shape = Shape("a", "ellipse", "ellipse", np.array([[cx, cy], [rx, ry]]), turn)

    def inside(x, y):
        right, down = back(x, y, cx, cy, turn)
        return (right / rx) ** 2 + (down / ry) ** 2 - 1

    wanted, edge = by_hand(inside)
    assert ((painted(shape) == wanted) | edge).all()
    x1, y1, x2, y2 = shape.frame()
    angles = np.linspace(0, 2 * math.pi, 720)
    points = [(rx * math.cos(a), ry * math.sin(a)) for a in angles]
    turned = np.array([back(x, y, 0, 0, -turn) for x, y in points]) + np.array([cx, cy])
    assert np.allclose([x1, y1, x2, y2], [*turned.min(0), *turned.max(0)], atol=1e-3)


@settings(max_examples=40)
@given(cx=sides, cy=sides, rx=halves, ry=halves, turn=turns)
def test_turned_boxes(cx, cy, rx, ry, turn):
    corners = np.array([[cx - rx, cy - ry], [cx + rx, cy + ry]])
    shape = Shape("a", "box", "box", corners, turn)

    def inside(x, y):
        right, down = back(x, y, cx, cy, turn)
        return max(abs(right) - rx, abs(down) - ry)

    wanted, _ = by_hand(inside)
    # Corners are rounded to a millionth of a pixel.
    near = by_hand(lambda x, y: inside(x, y) * 1e-1)[1]
    assert ((painted(shape) == wanted) | near).all()


@settings(max_examples=40)
@given(left=st.integers(-6, 20), top=st.integers(-6, 20), data=st.data())
def test_masks_lie_where_they_say(left, top, data):
    mask = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=3))
    )
    shape = Shape("a", "mask", "mask", np.array([[left, top]], float), mask=mask)
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    for y, x in np.argwhere(mask):
        if 0 <= y + top < HEIGHT and 0 <= x + left < WIDTH:
            wanted[y + top, x + left] = True
    assert (painted(shape) == wanted).all()
    rows, columns = np.nonzero(mask)
    if len(rows):
        box = [
            columns.min() + left,
            rows.min() + top,
            columns.max() + left + 1,
            rows.max() + top + 1,
        ]
        assert shape.frame() == [float(edge) for edge in box]


def test_an_ellipse_of_an_image_that_was_made_smaller():
    shape = Shape("a", "ellipse", "ellipse", np.array([[16.0, 12.0], [8.0, 4.0]]), 90)
    half = Shape("a", "ellipse", "ellipse", np.array([[8.0, 6.0], [4.0, 2.0]]), 90)
    frame = Frame((WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT))
    assert (painted(shape, frame) == painted(half)).all()
