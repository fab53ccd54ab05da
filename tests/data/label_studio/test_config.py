"""Interfaces of projects that exist: those that fit, and why the others don't."""

import pytest

from altasks.data.label_studio import (
    BoxConverter,
    ChoiceConverter,
    MaskConverter,
    NumberConverter,
    RoleConverter,
    SpanConverter,
    TranscriptionConverter,
)
from altasks.data.label_studio.config import controls_of
from altasks.errors import InvalidInputError

OTHERS = """<View><Style>.a {color: red}</Style><Header value="Read this"/>
<Text name="doc" value="$body"/><Image name="photo" value="$url"/>
<TextArea name="remark" toName="doc"/>
<Choices name="topic" toName="doc" choice="single-radio"><Choice value="Dogs" alias="dog"/>
<Choice value="cat"/></Choices>
<View visibleWhen="choice-selected"><Labels name="who" toName="doc"><Label value="PER"/></Labels>
</View>
<RectangleLabels name="where" toName="photo"><Label value="cat"/></RectangleLabels>
<PolygonLabels name="cut" toName="photo"><Label value="cat"/></PolygonLabels>
<Number name="age" toName="photo"/><TextArea name="read" toName="photo"/></View>"""


@pytest.mark.parametrize(
    ("converter", "name", "field"),
    [
        (ChoiceConverter(["dog", "cat"]), "topic", "body"),
        (SpanConverter(["PER"]), "who", "body"),
        (BoxConverter(["cat"]), "where", "url"),
        (MaskConverter(["ground", "cat"]), "cut", "url"),
        (NumberConverter(of="image"), "age", "url"),
        (TranscriptionConverter(), "read", "url"),
    ],
)
def test_the_right_tag_is_found_among_others(converter, name, field):
    found = converter.attached(OTHERS)
    assert (found.control.name, found.control.field) == (name, field)
    assert converter.control.name in ("label", "outline")  # the first is as it was


@pytest.mark.parametrize(
    ("converter", "message"),
    [
        (ChoiceConverter(["dog", "cow"]), "without 'cow' and with 'cat'"),
        (ChoiceConverter(["dog", "cat"], multiple=True), "choice='multiple'"),
        (ChoiceConverter(["dog", "cat"], of="image"), "<Choices> for <Image"),
        (MaskConverter(["ground", "cat"], unpainted="void"), "without 'ground'"),
        (NumberConverter(["a", "b"], of="image"), "each of the 2 targets, found 1"),
        (RoleConverter(["ARG0"]), "without 'V', 'ARG0'"),
    ],
)
def test_what_does_not_fit(converter, message):
    with pytest.raises(InvalidInputError, match=message):
        converter.attached(OTHERS)


def test_of_several_one_must_be_named():
    twice = OTHERS.replace("</View>", "", 1).replace(
        '<Number name="age"', '<RectangleLabels name="w2" toName="photo"><Label value="cat"/>'
        '</RectangleLabels><Number name="age"',
    )  # fmt: skip
    twice = twice.replace('<View visibleWhen="choice-selected">', "")
    with pytest.raises(InvalidInputError, match="one <RectangleLabels>, found 2: 'where', 'w2'"):
        BoxConverter(["cat"]).attached(twice)
    assert BoxConverter(["cat"]).attached(twice, control="w2").control.name == "w2"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "XML of a labelling interface"),
        ("<View>", "XML of a labelling interface"),
        (None, "NoneType"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "DOCTYPE"),
        ("<View/>", "found none"),
    ],
)
def test_what_is_no_interface(config, message):
    with pytest.raises(InvalidInputError, match=message):
        TranscriptionConverter().attached(config)


@pytest.mark.parametrize(
    "converter",
    [
        ChoiceConverter(["a", 'b"<&']), ChoiceConverter(["a"], multiple=True, of="image"),
        NumberConverter(), NumberConverter(["x", "y"]), TranscriptionConverter(),
        BoxConverter(["a"]), MaskConverter(["a", "b"]), SpanConverter(["a"]), RoleConverter(["a"]),
    ],
    ids=repr,
)  # fmt: skip
def test_our_own_interfaces_fit(converter):
    found = converter.attached(converter.config())
    assert found.control == converter.control or found.control.choice
    assert len(controls_of(converter.config())) in (1, 2)
