"""Labels there and back, for every type of job, through the JSON text that a server would keep."""

import json

import numpy as np
import pytest
from drawn_labels import (
    LETTERS,
    MASKS,
    NAMES,
    as_browsers_count,
    image,
    images_and_boxes,
    texts_and_spans,
    words_and_span,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from altasks.data import decode_mask, encode_mask
from altasks.data.kili import (
    BoxConverter,
    CategoryConverter,
    EntityConverter,
    MaskConverter,
    TranscriptionConverter,
    counted_labels,
)
from altasks.data.tagging.tags import tags_of
from altasks.errors import InvalidInputError


def through(converter, label, sample=None):
    """Write a label as JSON, and read it again."""
    text = json.dumps(converter.response(label, sample), allow_nan=False)
    return converter.label(json.loads(text), sample)


def polygon(*rings, name="A", kind="semantic", field="normalizedVertices"):
    """Return an annotation as Kili writes it, of rings of (x, y)."""
    poly = [{field: [{"x": x, "y": y} for x, y in ring]} for ring in rings]
    return {"boundingPoly": poly, "categories": [{"name": name, "confidence": 100}], "type": kind}


@settings(max_examples=30)
@given(names=NAMES, data=st.data())
def test_categories(names, data):
    one = CategoryConverter(names)
    assert all(through(one, name) == name for name in names)
    some = CategoryConverter(names, multiple=True)
    chosen = [name for name in names if data.draw(st.booleans())]
    assert through(some, chosen[::-1]) == chosen
    for converter in (one, some):
        interface = json.loads(json.dumps(converter.interface()))
        assert converter.attached(interface).codes == converter.codes


def test_class_names_keep_their_type():
    converter = CategoryConverter([1, True, "x"])
    assert [type(through(converter, name)) for name in (1, True, "x")] == [int, bool, str]
    with pytest.raises(InvalidInputError, match="differ as texts"):
        CategoryConverter([1, "1"])
    with pytest.raises(InvalidInputError, match="people can see"):
        CategoryConverter(["a", " "])
    with pytest.raises(InvalidInputError, match="label: expected one of 1, True, 'x', found '1'"):
        converter.response("1")


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({}, "one category, found none"),
        (None, "jsonResponse: expected an object"),
        ({"JOB_0": []}, "JOB_0: expected an object"),
        ({"JOB_0": {"categories": "A"}}, "categories: expected a list"),
        ({"JOB_0": {"categories": [{"name": "C"}]}}, "one of 'A', 'B', found 'C'"),
        ({"JOB_0": {"categories": [{"name": "A"}, {"name": "B"}]}}, "one category"),
        ({"OTHER": {"categories": [{"name": "A"}]}}, "none"),
        ({"0": {"JOB_0": {}}, "1": {}}, "frames of a video"),
    ],
)
def test_responses_that_are_no_category(response, message):
    with pytest.raises(InvalidInputError, match=message):
        CategoryConverter(["a", "b"]).label(response)


def test_nested_jobs_and_other_jobs_are_left_out():
    chosen = {"name": "A", "confidence": 100, "children": {"COLOUR": {"categories": []}}}
    response = {"JOB_0": {"categories": [chosen]}, "REMARK": {"text": "?"}}
    assert CategoryConverter(["a", "b"]).label(response) == "a"


def job(task="CLASSIFICATION", kind="radio", names=("a", "b"), **more):
    categories = {f"C{i}": {"name": name, "children": []} for i, name in enumerate(names)}
    return {"mlTask": task, "content": {"categories": categories, "input": kind}, **more}


def test_categories_are_found_by_the_name_people_see_or_by_code():
    interface = {"jobs": {"SORT": job(), "BELOW": job(isChild=True)}}
    converter = CategoryConverter(["a", "b"]).attached(interface)
    assert converter.response("b") == {"SORT": {"categories": [{"name": "C1"}]}}
    assert CategoryConverter(["C0", "C1"]).attached(interface).codes == {"C0": "C0", "C1": "C1"}
    twice = {"jobs": {"SORT": job(), "AGAIN": job()}}
    assert CategoryConverter(["a", "b"]).attached(twice, job="AGAIN").job == "AGAIN"


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (None, "jsonInterface with jobs"),
        ({"jobs": {}}, "no jobs"),
        ({"jobs": {"X": job("TRANSCRIPTION")}}, "a job of CLASSIFICATION, found X: TRANSCRIPTION"),
        ({"jobs": {"X": job(), "Y": job()}}, "just one: a job of CLASSIFICATION, found X, Y"),
        ({"jobs": {"X": job(names="a")}}, "one without 'b'"),
        ({"jobs": {"X": job(names="abc")}}, "one with 'C2'"),
        ({"jobs": {"X": job(names="aab")}}, "with 'C0' and 'C1', both 'a'"),
        ({"jobs": {"X": job(kind="checkbox")}}, "one category, found input 'checkbox'"),
    ],
)
def test_interfaces_that_do_not_fit(interface, message):
    with pytest.raises(InvalidInputError, match=message):
        CategoryConverter(["a", "b"]).attached(interface)


@given(text=LETTERS)
def test_transcriptions(text):
    assert through(TranscriptionConverter(), text) == text


def test_what_is_no_transcription():
    assert TranscriptionConverter().label({}) == ""
    with pytest.raises(InvalidInputError, match="text: expected a text"):
        TranscriptionConverter().label({"JOB_0": {"text": 3}})
    with pytest.raises(InvalidInputError, match="type text, found input 'number'"):
        TranscriptionConverter().attached({"jobs": {"X": job("TRANSCRIPTION", "number")}})


@settings(max_examples=30)
@given(drawn=images_and_boxes())
def test_boxes_come_back_to_a_millionth_of_a_pixel(drawn):
    sample, label = drawn
    assert through(BoxConverter(["a", "b"]), label, {"image": sample}) == label


@given(
    corners=st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)), min_size=4, max_size=4),
    turn=st.sampled_from([0, 90, 180, 270]),
)
def test_boxes_of_a_turned_image_by_turning_its_pixels(corners, turn):
    """A corner lies on the same pixel of the photograph, however that was turned on the screen."""
    width, height = 40, 30
    shown = np.rot90(np.arange(width * height).reshape(height, width), -turn // 90)
    x, y = (min(max(share, 0), 0.999) for share in corners[0])
    number = shown[int(y * shown.shape[0]), int(x * shown.shape[1])]
    # The pixel's middle on the screen, which no rounding takes to another pixel.
    x, y = (
        (int(x * shown.shape[1]) + 0.5) / shown.shape[1],
        (int(y * shown.shape[0]) + 0.5) / (shown.shape[0]),
    )
    response = {
        "JOB_0": {"annotations": [polygon([(x, y), (x, y)], kind="rectangle")]},
        "ROTATION_JOB": {"rotation": turn},
    }
    (found,) = BoxConverter(["a"]).label(response, image(width, height))
    assert found["box"] == pytest.approx([number % width + 0.5, number // width + 0.5] * 2)


def test_pixels_slants_and_any_order_of_corners():
    corners = [(10, 20), (30, 20), (30, 5), (10, 5)]
    drawn = polygon(corners[2:] + corners[:2], kind="rectangle", field="vertices")
    converter, sample = BoxConverter(["a"]), image(40, 30)
    assert converter.label({"JOB_0": {"annotations": [drawn]}}, sample) == [
        {"label": "a", "box": [10.0, 5.0, 30.0, 20.0]}
    ]
    slant = polygon([(20, -5), (35, 10), (20, 25), (5, 10)], kind="rectangle", field="vertices")
    (found,) = converter.label({"JOB_0": {"annotations": [slant]}}, sample)
    assert found["box"] == [5.0, 0.0, 35.0, 25.0]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (polygon([(0, 0), (1, 1)], name="B", kind="rectangle"), "one of 'A', found 'B'"),
        (polygon([(0, 0), (1, 1)], kind="marker"), "type: expected 'rectangle', found 'marker'"),
        ({"type": "rectangle", "categories": [{"name": "A"}]}, "a list of outlines"),
        (polygon([], kind="rectangle"), "normalizedVertices or vertices"),
        (polygon([(0, "1")], kind="rectangle"), "numbers"),
        (polygon([(0, float("inf"))], kind="rectangle"), "finite corners"),
        (polygon([(0, 10**400)], kind="rectangle"), "finite corners"),
        (polygon([(0, 0)], kind="rectangle"), "corners of a rectangle"),
        ({**polygon([(0, 0), (1, 1)], kind="rectangle"), "categories": []}, "one for each"),
        ("box", "a list of objects"),
    ],
)
def test_annotations_that_are_no_box(annotation, message):
    with pytest.raises(InvalidInputError, match=message):
        BoxConverter(["a"]).label({"JOB_0": {"annotations": [annotation]}}, image(9, 9))


def test_boxes_need_the_image_and_quarter_turns():
    response = {"JOB_0": {"annotations": [polygon([(0, 0), (1, 1)], kind="rectangle")]}}
    with pytest.raises(InvalidInputError, match="sample: expected the image"):
        BoxConverter(["a"]).label(response, "https://example.org/a.png")
    with pytest.raises(InvalidInputError, match="0, 90, 180 or 270"):
        BoxConverter(["a"]).label(response | {"ROTATION_JOB": {"rotation": 45}}, image(9, 9))
    assert BoxConverter(["a"]).label({}) == []


@settings(max_examples=30)
@given(mask=MASKS, tool=st.sampled_from(["semantic", "polygon"]))
def test_masks_come_back_to_the_pixel(mask, tool):
    converter = MaskConverter(["ground", "a", "b", "c"], tool=tool)
    height, width = mask.shape
    found = through(converter, encode_mask(mask), image(width, height))
    assert (decode_mask(found) == mask).all()
    void = MaskConverter(["ground", "a", "b", "c"], tool=tool, unpainted="void")
    some = np.where(mask == 3, 255, mask)
    assert (decode_mask(through(void, some, image(width, height))) == some).all()


def square(low, high):
    return [(low, low), (high, low), (high, high), (low, high)]


def test_holes_islands_second_pieces_and_what_lies_on_top():
    converter, sample = MaskConverter(["ground", "a", "b"]), image(10, 10)
    rings = [square(0.1, 0.8), square(0.2, 0.7), square(0.3, 0.5), square(0.9, 1.0)]
    expected = np.zeros((10, 10), int)
    expected[1:8, 1:8] = 1
    expected[2:7, 2:7] = 0
    expected[3:5, 3:5] = 1
    expected[9, 9] = 1
    one = converter.label({"JOB_0": {"annotations": [polygon(*rings)]}}, sample)
    assert (decode_mask(one) == expected).all()
    # The same as contours in one list, and in pixels.
    corners = [[{"x": 10 * x, "y": 10 * y} for x, y in ring] for ring in rings]
    nested = {**polygon([(0, 0)]), "boundingPoly": [{"vertices": corners}]}
    assert converter.label({"JOB_0": {"annotations": [nested]}}, sample) == one
    top = polygon(square(0, 0.2), name="B", kind="polygon")
    expected[:2, :2] = 2
    both = converter.label({"JOB_0": {"annotations": [polygon(*rings), top]}}, sample)
    assert (decode_mask(both) == expected).all()


def test_masks_of_a_turned_image():
    mask = np.zeros((4, 6), int)
    mask[0, 4:] = 1
    shown = np.rot90(mask, -1)  # a quarter turn clockwise: the upper row is the right column
    converter = MaskConverter(["ground", "a"])
    response = converter.response(shown) | {"ROTATION_JOB": {"rotation": 90}}
    assert (decode_mask(converter.label(response, image(6, 4))) == mask).all()


def test_nothing_painted_is_ground_and_a_project_may_lack_it():
    converter = MaskConverter(["ground", "a"])
    assert decode_mask(converter.label({}, image(3, 2))).tolist() == [[0] * 3] * 2
    interface = {"jobs": {"PAINT": job("OBJECT_DETECTION", names="a", tools=["polygon"])}}
    attached = converter.attached(interface)
    (one,) = attached.response([[0, 1]])["PAINT"]["annotations"]
    assert (one["type"], one["categories"]) == ("polygon", [{"name": "C0"}])
    with pytest.raises(InvalidInputError, match="without 'ground'"):
        MaskConverter(["ground", "a"], unpainted="void").attached(interface)
    with pytest.raises(InvalidInputError, match="tool rectangle, found PAINT"):
        BoxConverter(["a"]).attached(interface)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unpainted": "x"}, "'ground' or 'void'"),
        ({"tool": "brush"}, "'semantic' or 'polygon'"),
    ],
)
def test_options_of_masks(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        MaskConverter(["a"], **arguments)


def test_masks_that_do_not_fit():
    converter = MaskConverter(["ground", "a"])
    with pytest.raises(InvalidInputError, match="classes 0 to 1, found 2"):
        converter.response([[2]])
    with pytest.raises(InvalidInputError, match=r"a mask of \(9, 9\)"):
        converter.response([[1]], image(9, 9))
    with pytest.raises(InvalidInputError, match="3 corners or more"):
        converter.label({"JOB_0": {"annotations": [polygon([(0, 0), (1, 1)])]}}, image(9, 9))


@given(case=texts_and_spans())
def test_entities_to_the_character_with_emoji_and_overlaps(case):
    text, spans = case
    converter = EntityConverter(["PER", "LOC"])
    assert through(converter, spans, text) == spans
    response = converter.response(spans, {"text": text})
    for one in response["JOB_0"]["annotations"]:
        one.pop("endOffset")  # an entity ends where its content does
    assert converter.label(response, text) == spans


@given(case=texts_and_spans(), word=st.sampled_from(["zoë", "z😀"]))
def test_offsets_of_browsers_are_known_by_the_content(case, word):
    text = case[0] + word + case[0]
    start = len(case[0])
    units, _ = as_browsers_count(case[0], word)
    one = {"beginOffset": units, "content": word, "categories": [{"name": "PER"}]}
    (found,) = EntityConverter(["PER"]).label({"JOB_0": {"annotations": [one]}}, text)
    assert text[found["start"] : found["end"]] == word
    assert found["start"] == start


@given(drawn=words_and_span())
def test_entities_of_words_and_tags(drawn):
    words, start, end = drawn
    label = [{"start": start, "end": end, "label": "PER"}]
    converter = EntityConverter(["PER"])
    for sample in (words, {"tokens": words}):
        assert through(converter, label, sample) == label
        assert through(converter, tags_of([(start, end, "PER")], len(words)), sample) == label


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"content": "Bob"}, "'Bob' at"),
        ({"content": "Ada King and more"}, "'Ada King and more' at"),
        ({"content": ""}, "content: expected the text"),
        ({"content": None}, "content: expected the text"),
        ({"content": None, "endOffset": 99}, "8 characters"),
        ({"beginOffset": "0"}, "beginOffset: expected a whole number"),
        ({"beginOffset": -1}, "beginOffset"),
        ({"beginOffset": True}, "beginOffset"),
        ({"content": "Ad"}, "spans of whole words"),
        ({"categories": [{"name": "DOG"}]}, "one of 'PER', found 'DOG'"),
        ({"annotations": []}, "entities of a PDF"),
    ],
)
def test_annotations_that_are_no_entity(change, message):
    one = {"beginOffset": 0, "content": "Ada", "categories": [{"name": "PER"}]} | change
    with pytest.raises(InvalidInputError, match=message):
        EntityConverter(["PER"]).label({"JOB_0": {"annotations": [one]}}, ["Ada", "King"])


def test_an_entity_without_its_content_ends_where_it_says():
    one = {"beginOffset": 4, "endOffset": 8, "categories": [{"name": "PER"}]}
    found = EntityConverter(["PER"]).label({"JOB_0": {"annotations": [one]}}, "Ada King")
    assert found == [{"start": 4, "end": 8, "label": "PER"}]


@pytest.mark.parametrize(
    ("converter", "sample", "description", "label"),
    [
        (CategoryConverter(["a", "b"]), "x", {"predicted": "b"}, "b"),
        (TranscriptionConverter(), None, {"predicted": "hi"}, "hi"),
        (
            BoxConverter(["a"]), image(9, 9),
            {"boxes": [{"label": "a", "conf": 1, "box": [0, 0, 9, 9]}]},
            [{"label": "a", "box": [0, 0, 9, 9]}],
        ),
        (
            EntityConverter(["PER"]), "Ada",
            {"spans": [{"start": 0, "end": 3, "label": "PER", "probability": 1}]},
            [{"start": 0, "end": 3, "label": "PER"}],
        ),
        (
            MaskConverter(["ground", "a"]), image(2, 1),
            {"mask": encode_mask(np.array([[0, 1]]))}, encode_mask(np.array([[0, 1]])),
        ),
    ],
)  # fmt: skip
def test_what_is_predicted_is_a_label(converter, sample, description, label):
    assert converter.guess(description, sample) == label
    assert through(converter, label, sample) == label
    assert not converter.guess({}, sample)
    assert "JOB_0" in repr(converter)


def entry(kind, made, who):
    return {"labelType": kind, "createdAt": made, "author": {"email": who}}


KINDS = st.sampled_from(["DEFAULT", "REVIEW", "PREDICTION", "AUTOSAVE", "INFERENCE"])


@given(given_=st.lists(st.tuples(KINDS, st.sampled_from("abc")), max_size=12))
def test_the_label_that_counts_is_the_latest_review_else_the_latest_label(given_):
    labels = [entry(kind, f"{i:03d}", who) for i, (kind, who) in enumerate(given_)]
    found = counted_labels(labels[::-1])
    reviews = [one for one in labels if one["labelType"] == "REVIEW"]
    people = [one for one in labels if one["labelType"] in ("DEFAULT", "REVIEW")]
    assert found[-1:] == (reviews or people)[-1:]
    assert sorted(one["author"]["email"] for one in found) == sorted(
        {one["author"]["email"] for one in people}
    )


def test_labels_say_their_type_and_date():
    with pytest.raises(InvalidInputError, match="labelType and createdAt"):
        counted_labels([{"labelType": "DEFAULT"}])
    assert counted_labels([{"labelType": "DEFAULT", "createdAt": "1", "author": None}])
