"""Labels of every kind, drawn: what a tool's converters must bring back as it was."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

LETTERS = st.text(st.sampled_from("aé😀𝔘\u0301 \n<&\"'漢👩‍👩‍👦"), max_size=12)
#: Names of classes, of which people see something.
NAMES = st.lists(LETTERS.filter(str.strip), min_size=2, max_size=5, unique=True)
SIDES = st.integers(1, 5000)
#: Of four classes.
MASKS = arrays(
    np.int32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)
)


def image(width, height):
    return np.zeros((height, width, 3), np.uint8)


@st.composite
def images_and_boxes(draw):
    """An image, and up to three boxes of the class `a` in it, to a millionth of a pixel."""

    def edges(side):
        share = st.floats(0, side, allow_subnormal=False).map(lambda x: round(x, 6))
        return sorted(draw(st.lists(share, min_size=2, max_size=2, unique=True)))

    width, height = draw(SIDES), draw(SIDES)
    pairs = [(edges(width), edges(height)) for _ in range(draw(st.integers(0, 3)))]
    boxes = [{"label": "a", "box": [x[0], y[0], x[1], y[1]]} for x, y in pairs]
    return image(width, height), boxes


@st.composite
def texts_and_spans(draw):
    """A text with characters of one and two UTF-16 units, and spans that may overlap."""
    text = draw(st.text(st.sampled_from("ab 😀𝔘é"), min_size=1, max_size=20))
    spans = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        spans.append({"start": start, "end": end, "label": draw(st.sampled_from(["PER", "LOC"]))})
    return text, sorted(spans, key=lambda one: tuple(one.values()))


@st.composite
def words_and_span(draw):
    """Words, and where a span of some of them starts and ends."""
    word = st.text(st.sampled_from("ab😀."), min_size=1, max_size=4)
    words = draw(st.lists(word, min_size=1, max_size=6))
    start = draw(st.integers(0, len(words) - 1))
    return words, start, draw(st.integers(start + 1, len(words)))


def as_browsers_count(text, word):
    """Return where a word behind a text starts and ends, in UTF-16 units."""
    start = len(text.encode("utf-16-le")) // 2
    return start, start + len(word.encode("utf-16-le")) // 2
