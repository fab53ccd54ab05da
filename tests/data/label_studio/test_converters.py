"""Labels there and back, for every kind, through the JSON text that a server would keep."""

import json

import numpy as np
import pytest
from drawn_labels import (
    LETTERS,
    MASKS,
    NAMES,
    SIDES,
    as_browsers_count,
    image,
    images_and_boxes,
    texts_and_spans,
    words_and_span,
)
from hypothesis import given
from hypothesis import strategies as st

from altasks.data import decode_mask, encode_mask
from altasks.data.label_studio import (
    BoxConverter,
    ChoiceConverter,
    MaskConverter,
    NumberConverter,
    RoleConverter,
    SpanConverter,
    TranscriptionConverter,
)
from altasks.data.tagging.tags import tags_of
from altasks.data.tagging.words import word_offsets
from altasks.errors import InvalidInputError


def through(converter, label, sample=None):
    """Write a label as JSON, and read it again."""
    return converter.label(json.loads(json.dumps(converter.result(label, sample))), sample)


@given(names=NAMES, data=st.data())
def test_choices(names, data):
    one = ChoiceConverter(names)
    assert all(through(one, name) == name for name in names)
    some = ChoiceConverter(names, multiple=True)
    chosen = [name for name in names if data.draw(st.booleans())]
    assert through(some, chosen[::-1]) == chosen
    for converter in (one, some):
        assert converter.attached(converter.config()).control.values == tuple(names)


def test_class_names_keep_their_type():
    converter = ChoiceConverter([1, True, "x"], of="image")
    assert [type(through(converter, name)) for name in (1, True, "x")] == [int, bool, str]
    with pytest.raises(InvalidInputError, match="differ as texts"):
        ChoiceConverter([1, "1"])
    with pytest.raises(InvalidInputError, match="XML can hold"):
        ChoiceConverter(["a", "\x00"])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([], "one choice, found none"),
        (None, "list of regions"),
        ([{"from_name": "label", "value": []}], "value"),
        ([{"from_name": "label", "value": {"choices": "a"}}], "choices: expected a list"),
        ([{"from_name": "label", "value": {"choices": ["c"]}}], "one of 'a', 'b', found 'c'"),
        ([{"from_name": "label", "value": {"choices": ["a", "b"]}}], "one choice"),
        ([{"from_name": "remark", "value": {"choices": ["a"]}}], "none"),
    ],
)
def test_results_that_are_no_choice(result, message):
    with pytest.raises(InvalidInputError, match=message):
        ChoiceConverter(["a", "b"]).label(result)


@given(number=st.floats(allow_nan=False, allow_infinity=False), other=st.integers(-(2**53), 2**53))
def test_numbers(number, other):
    assert through(NumberConverter(), number) == number
    pair = NumberConverter(["width", "height"])
    assert through(pair, [number, other]) == [number, other]
    assert [one.name for one in pair.attached(pair.config()).controls] == ["label_0", "label_1"]


@pytest.mark.parametrize("value", [None, "3", True, float("nan"), float("inf"), 10**400, [1]])
def test_what_is_no_number(value):
    with pytest.raises(InvalidInputError, match="number: expected"):
        NumberConverter().label([{"from_name": "label", "value": {"number": value}}])


@given(text=LETTERS)
def test_transcriptions(text):
    assert through(TranscriptionConverter(), text) == text


def test_a_line_has_one_text():
    region = {"from_name": "label", "value": {"text": ["a", "b"]}}
    with pytest.raises(InvalidInputError, match="the text of one line, found 2"):
        TranscriptionConverter().label([region])
    assert TranscriptionConverter().label([{**region, "value": {"text": "a"}}]) == "a"


@given(drawn=images_and_boxes())
def test_boxes_come_back_to_a_millionth_of_a_pixel(drawn):
    sample, label = drawn
    assert through(BoxConverter(["a", "b"]), label, {"image": sample}) == label


def corners_of(value, width, height):
    """Return the corners of a turned rectangle by complex numbers, another way to turn."""
    start = complex(value["x"] * width, value["y"] * height) / 100
    right = complex(value["width"] * width / 100, 0)
    down = complex(0, value["height"] * height / 100)
    turn = np.exp(1j * np.deg2rad(value["rotation"]))
    return [start + turn * corner for corner in (0, right, right + down, down)]


@given(
    value=st.fixed_dictionaries(
        {name: st.floats(20, 40) for name in ("x", "y", "width", "height")}
        | {"rotation": st.floats(-360, 360)}
    ),
    size=st.tuples(SIDES, SIDES),
)
def test_the_frame_of_a_rotated_box_holds_its_corners_and_touches_them(value, size):
    region = {"from_name": "label", "original_width": size[0], "original_height": size[1]}
    region["value"] = {**value, "rectanglelabels": ["a"]}
    (found,) = BoxConverter(["a"]).label([region])
    corners = corners_of(value, *size)
    xs, ys = [c.real for c in corners], [c.imag for c in corners]
    frame = [max(0, min(xs)), max(0, min(ys)), min(size[0], max(xs)), min(size[1], max(ys))]
    assert found["box"] == pytest.approx(frame, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"original_width": 100}, "100 x 50 and 200 x 50"),
        ({"image_rotation": 90}, "turned by 90"),
        ({"value": {"x": None}}, "x: expected a number"),
        ({"value": {"x": 1, "y": 1, "width": 1, "height": 1e300}}, "finite number of percent"),
        ({"value": {"rectanglelabels": []}}, "one class for each region"),
    ],
)
def test_regions_that_are_no_box(change, message):
    region = {"from_name": "label", "original_width": 200, "original_height": 50}
    region["value"] = {"x": 1, "y": 1, "width": 1, "height": 1}
    value = {"rectanglelabels": ["a"]} | region["value"] | change.get("value", {})
    with pytest.raises(InvalidInputError, match=message):
        BoxConverter(["a"]).label([region | change | {"value": value}], image(200, 50))


@given(mask=MASKS, shape=st.sampled_from(["brush", "polygon"]))
def test_masks_come_back_to_the_pixel(mask, shape):
    converter = MaskConverter(["ground", "a", "b", "c"], shape=shape)
    height, width = mask.shape
    found = through(converter, encode_mask(mask), image(width, height))
    assert (decode_mask(found) == mask).all()
    void = MaskConverter(["ground", "a", "b", "c"], shape=shape, unpainted="void")
    some = np.where(mask == 3, 255, mask)
    assert (decode_mask(through(void, some, image(width, height))) == some).all()


def test_later_regions_cover_earlier_ones_and_ground_makes_holes():
    converter = MaskConverter(["ground", "a", "b"])
    square = [[20, 20], [80, 20], [80, 80], [20, 80]]
    frame = {"original_width": 10, "original_height": 10}
    outer = {"from_name": "outline", "value": {"points": square, "polygonlabels": ["a"]}, **frame}
    hole = [[40, 40], [60, 40], [60, 60], [40, 60]]
    inner = {
        "from_name": "outline",
        "value": {"points": hole, "polygonlabels": ["ground"]},
        **frame,
    }
    stroke = np.zeros((10, 10), bool)
    stroke[0:3, 0:3] = True
    brushed = converter.result(np.where(stroke, 2, 0))
    expected = np.zeros((10, 10), int)
    expected[2:8, 2:8] = 1
    expected[4:6, 4:6] = 0
    expected[stroke] = 2
    assert (decode_mask(converter.label([outer, inner, *brushed])) == expected).all()
    expected[2, 2] = 1
    assert (decode_mask(converter.label([*brushed, outer, inner])) == expected).all()


def test_nothing_painted_is_ground_and_needs_a_size():
    converter = MaskConverter(["ground", "a"])
    assert decode_mask(converter.label([], image(3, 2))).tolist() == [[0] * 3] * 2
    with pytest.raises(InvalidInputError, match="size of the image"):
        converter.label([])


def test_a_thinned_description_is_filled_out():
    converter, mask = MaskConverter(["ground", "a"]), np.array([[0, 1], [1, 0]])
    description = {"mask": {**encode_mask(mask), "step": 2}}
    found = decode_mask(converter.guess(description, image(3, 4)))
    assert found.tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0], [1, 1, 0]]


@given(case=texts_and_spans())
def test_spans_to_the_character_with_emoji_and_overlaps(case):
    text, spans = case
    converter = SpanConverter(["PER", "LOC"])
    assert through(converter, spans, text) == spans
    assert through(converter, spans, {"text": text}) == spans


@given(case=texts_and_spans(), word=st.sampled_from(["zoë", "z😀"]))
def test_offsets_of_browsers_are_known_by_the_text(case, word):
    text = case[0] + word + case[0]
    start = len(case[0])
    units, end = as_browsers_count(case[0], word)
    value = {"start": units, "end": end, "text": word, "labels": ["PER"]}
    (found,) = SpanConverter(["PER"]).label([{"from_name": "label", "value": value}], text)
    assert text[found["start"] : found["end"]] == word
    assert found["start"] == start


@given(drawn=words_and_span())
def test_spans_of_words_and_tags(drawn):
    words, start, end = drawn
    label = [{"start": start, "end": end, "label": "PER"}]
    converter = SpanConverter(["PER"])
    for sample in (words, {"tokens": words}):
        assert through(converter, label, sample) == label
        assert through(converter, tags_of([(start, end, "PER")], len(words)), sample) == label


def test_tags_of_a_raw_text_are_those_of_its_words():
    text = "(Ada) King 😀!"
    words = word_offsets(text)
    tags = tags_of([(1, 2, "PER")], len(words))
    assert through(SpanConverter(["PER"]), tags, text) == [{"start": 1, "end": 4, "label": "PER"}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"start": 0, "end": 4, "text": "Ada", "labels": ["PER"]}, "'Ada' at"),
        ({"start": 0, "end": 3, "labels": ["DOG"]}, "one of 'PER', found 'DOG'"),
        ({"start": 0, "end": 99, "labels": ["PER"]}, "8 characters"),
        ({"start": 3, "end": 3, "labels": ["PER"]}, "at least one"),
        ({"start": "0", "end": 3, "labels": ["PER"]}, "whole numbers"),
        ({"start": 0, "end": 2, "labels": ["PER"]}, "spans of whole words"),
    ],
)
def test_regions_that_are_no_span(value, message):
    with pytest.raises(InvalidInputError, match=message):
        SpanConverter(["PER"]).label([{"from_name": "label", "value": value}], ["Ada", "King"])


def test_roles_of_two_predicates():
    sample = {"tokens": ["Ada", "sold", "and", "bought", "it"], "verbs": [1, 3]}
    frames = [
        {"verb": 1, "tags": ["B-ARG0", "B-V", "O", "O", "B-ARG1"]},
        {"verb": 3, "tags": ["B-ARG0", "O", "O", "B-V", "B-ARG1"]},
    ]
    converter = RoleConverter(["ARG0", "ARG1"])
    result = converter.result(frames, sample)
    assert through(converter, frames, sample) == frames
    # However a relation was drawn; one span may be an argument of both.
    turned = [
        {**one, "from_id": one["to_id"], "to_id": one["from_id"]} if "from_id" in one else one
        for one in result
    ]
    assert converter.label(turned, sample) == frames
    ada = next(one["id"] for one in result if one["value"]["text"] == "Ada")
    (second,) = (
        one["from_id"] for one in result[::-1]
        if one["type"] == "relation" and result[-2]["id"] == one["to_id"]
    )  # fmt: skip
    assert second != ada
    lost = [one for one in result if one["type"] != "relation"]
    with pytest.raises(InvalidInputError, match="a relation from a predicate"):
        converter.label(lost, sample)


def test_roles_of_one_predicate_need_no_relation():
    sample = {"tokens": ["Ada", "sold", "it"], "frames": [{"verb": 1}]}
    converter = RoleConverter(["ARG0", "ARG1"])
    frames = [{"verb": 1, "tags": ["B-ARG0", "B-V", "B-ARG1"]}]
    bare = [
        one for one in converter.result(frames, sample)
        if one["type"] != "relation" and one["value"]["labels"] != ["V"]
    ]  # fmt: skip
    assert converter.label(bare, sample) == frames
    assert converter.label([], {"tokens": ["hm"], "verbs": []}) == []


@pytest.mark.parametrize(
    ("converter", "sample", "description", "label"),
    [
        (ChoiceConverter(["a", "b"]), "x", {"predicted": "b"}, "b"),
        (NumberConverter(), "x", {"predicted": 1.5}, 1.5),
        (TranscriptionConverter(), None, {"predicted": "hi"}, "hi"),
        (
            BoxConverter(["a"]), image(9, 9),
            {"boxes": [{"label": "a", "conf": 1, "box": [0, 0, 9, 9]}]},
            [{"label": "a", "box": [0, 0, 9, 9]}],
        ),
        (
            SpanConverter(["PER"]), "Ada",
            {"spans": [{"start": 0, "end": 3, "label": "PER", "probability": 1}]},
            [{"start": 0, "end": 3, "label": "PER"}],
        ),
    ],
)  # fmt: skip
def test_what_is_predicted_is_a_label(converter, sample, description, label):
    assert converter.guess(description, sample) == label
    assert through(converter, label, sample) == label
    assert not converter.guess({}, sample)


def test_samples_as_data():
    assert ChoiceConverter(["a"]).data(("one", "two")) == {"text": "one\n\ntwo"}
    assert NumberConverter().data([1.0, 2.5]) == {"text": "1, 2.5"}
    assert SpanConverter(["a"]).data({"tokens": ["a", "b"]}) == {"text": "a b"}
    assert BoxConverter(["a"]).data("https://example.org/a.png")["image"].endswith("a.png")
    with pytest.raises(InvalidInputError, match="address of an image"):
        BoxConverter(["a"]).data("/home/me/a.png")
    with pytest.raises(InvalidInputError, match="Give data="):
        ChoiceConverter(["a"]).data(3)
