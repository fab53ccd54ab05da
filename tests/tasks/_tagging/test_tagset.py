from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altasks.data.tagging.tags import SCHEMES, convert, spans_of, tags_of
from altasks.errors import InvalidInputError
from altasks.tasks._tagging.tagset import TagSet


@pytest.mark.parametrize(
    ("labels", "scheme", "tags", "found"),
    [
        (["PER"], None, "O B-PER I-PER", "IOB2"),
        (["PER", "LOC"], "BIOES", "O B-PER I-PER E-PER S-PER B-LOC I-LOC E-LOC S-LOC", "BIOES"),
        (["PER"], "BILOU", "O B-PER I-PER L-PER U-PER", "BILOU"),
        (["O", "I-PER", "I-LOC"], None, "O I-PER I-LOC", "IOB1"),
        (["I-PER", "O", "B-PER"], None, "I-PER O B-PER", "IOB2"),
        (["I-PER", "O", "B-PER"], "IOB1", "I-PER O B-PER", "IOB1"),
        (["O", "S-A-B", "B-A-B", "I-A-B", "E-A-B"], None, "O S-A-B B-A-B I-A-B E-A-B", "BIOES"),
        (["O"], None, "O", "IOB2"),
        (["PER"], "BIO", "O B-PER I-PER", "IOB2"),
        (["B-flat", "PER"], None, "O B-B-flat I-B-flat B-PER I-PER", "IOB2"),
    ],
)
def test_labels_become_tags(labels, scheme, tags, found):
    made = TagSet.of(labels, scheme)
    assert list(made.tags) == tags.split()
    assert made.scheme == found


def test_span_labels_stand_in_the_order_of_the_tags():
    assert TagSet.of(["O", "I-B", "I-A", "B-A", "B-B"]).labels == ("B", "A")
    assert TagSet.of(["ARGM-TMP", "V"]).labels == ("ARGM-TMP", "V")


@pytest.mark.parametrize(
    ("labels", "scheme", "message"),
    [
        ([], None, "at least one label"),
        ("PER", None, "a list of labels"),
        (["PER", "PER"], None, "'PER' twice"),
        (["PER", ""], None, r"'' \(label 1\)"),
        (["PER", 3], None, r"3 \(label 1\)"),
        (None, None, "a list of labels, found None"),
        (["B-PER", "I-PER"], None, "'O' among the tags"),
        (["O", "PER"], None, r"of the form B-PER, .* found 'PER' \(label 1\)"),
        (["O", "X-PER"], None, "'X-PER'"),
        (["O", "B-"], None, "'B-'"),
        (["PER"], "IOB3", "scheme: expected one of IOB1"),
        (["O", "S-PER"], "IOB2", r"the letters BI \(IOB2\), found 'S-PER' \(label 1\)"),
        (["O", "E-PER", "L-PER"], None, "'E-PER'"),
        (["O", "-PER"], None, "'-PER'"),
        (["O", "BI-PER"], None, "'BI-PER'"),
    ],
)
def test_bad_labels_are_named(labels, scheme, message):
    with pytest.raises(InvalidInputError, match=message):
        TagSet.of(labels, scheme)


@given(st.data(), st.sampled_from(SCHEMES))
def test_tags_go_to_classes_and_back(data, scheme):
    count = data.draw(st.integers(1, 12))
    edges = sorted(data.draw(st.sets(st.integers(0, count), max_size=6)))
    spans = [
        (start, end, data.draw(st.sampled_from("AB")))
        for start, end in pairwise(edges)
        if data.draw(st.booleans())
    ]
    tags = tags_of(spans, count)
    letters = {"IOB1": "BI", "IOB2": "BI", "BIOES": "SEIB", "BILOU": "ULIB"}[scheme]
    made = TagSet.of([*(f"{one}-{label}" for one in letters for label in "BA"), "O"], scheme)
    classes = made.encode(tags, "row 0")
    assert [made.tags[c] for c in classes] == convert(tags, "IOB2", scheme)
    assert made.decode(classes) == tags


@given(st.lists(st.integers(0, 8), max_size=12))
def test_whatever_a_model_says_decodes_to_well_formed_tags(classes):
    made = TagSet.of(["A", "B"], "BIOES")
    tags = made.decode(classes)
    assert len(tags) == len(classes)
    spans_of(tags)  # well-formed IOB2
    # A word is in a span if and only if the model said so.
    assert [tag == "O" for tag in tags] == [made.tags[c] == "O" for c in classes]


def test_ill_formed_tags_are_read_as_conlleval_does():
    made = TagSet.of(["A", "B"])
    classes = [made.tags.index(tag) for tag in ("I-A", "I-B", "I-B", "O", "I-A")]
    assert made.decode(classes) == ["B-A", "B-B", "I-B", "O", "B-A"]


def test_an_unknown_label_names_the_closest():
    made = TagSet.of(["PER", "LOC"])
    with pytest.raises(InvalidInputError, match=r"'B-PRE' \(row 4, word 1\)\. Did you mean 'PER'"):
        made.encode(["O", "B-PRE"], "row 4")
    with pytest.raises(InvalidInputError, match=r"'B-XYZ' \(word 0\)\.$"):
        made.check(["B-XYZ"], "")


def test_a_tag_the_model_has_no_output_for_is_named():
    made = TagSet.of(["O", "I-PER", "I-LOC"], "IOB2")  # its names say IOB1
    with pytest.raises(InvalidInputError, match=r"'B-PER' \(row 0, word 0\).*read as IOB2"):
        made.encode(["B-PER"], "row 0")
    # As IOB1, only a span right after another of its label needs the B that isn't there.
    first = TagSet.of(["O", "I-PER", "I-LOC"])
    assert first.encode(["B-PER", "B-LOC"], "") == [1, 2]
    with pytest.raises(InvalidInputError, match=r"'B-PER'.*read as IOB1"):
        first.encode(["B-PER", "B-PER"], "row 0")
