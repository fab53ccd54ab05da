"""Every scheme against the others, and against seqeval, which the tasks are evaluated with."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altasks.data.tagging.tags import (
    SCHEMES,
    Span,
    convert,
    find_fault,
    find_scheme,
    scheme_found,
    spans_of,
    tags_of,
)
from altasks.errors import InvalidInputError

LABELS = ["PER", "LOC", "ARGM-TMP", "C-ARG1", "名"]
LETTERS = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU"}


@st.composite
def sentences(draw):
    """(spans in order, length): gaps and spans of random widths, so neighbours often touch."""
    pieces = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(LABELS)), max_size=6
        )
    )
    spans, end = [], 0
    for gap, width, label in pieces:
        start = end + gap
        end = start + width
        spans.append(Span(start, end, label))
    return spans, end + draw(st.integers(0, 2))


def sequences_of(letters):
    tag = st.builds("{}-{}".format, st.sampled_from(letters), st.sampled_from(["PER", "LOC"]))
    return st.lists(st.one_of(st.just("O"), tag), max_size=8)


any_tags = st.sampled_from(SCHEMES).flatmap(
    lambda scheme: st.tuples(st.just(scheme), sequences_of(LETTERS[scheme]))
)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(sentence=sentences())
def test_spans_come_back_from_their_tags(scheme, sentence):
    spans, length = sentence
    tags = tags_of(spans, length, scheme)
    assert len(tags) == length
    assert find_fault(tags, scheme) is None
    assert spans_of(tags, scheme) == spans
    assert spans_of(tags, scheme, repair=True) == spans
    assert tags_of(reversed(spans), length, scheme) == tags


@given(sentence=sentences(), source=st.sampled_from(SCHEMES), target=st.sampled_from(SCHEMES))
def test_converting_keeps_the_spans(sentence, source, target):
    spans, length = sentence
    tags = tags_of(spans, length, source)
    assert convert(tags, source, target) == tags_of(spans, length, target)


@given(scheme_and_tags=any_tags)
def test_a_sequence_is_well_formed_when_writing_its_spans_gives_it_back(scheme_and_tags):
    """So what is refused is exactly what the scheme would never write."""
    scheme, tags = scheme_and_tags
    written = tags_of(spans_of(tags, scheme, repair=True), len(tags), scheme)
    fault = find_fault(tags, scheme)
    assert (fault is None) == (written == tags)
    if fault is not None:
        with pytest.raises(InvalidInputError) as caught:
            spans_of(tags, scheme)
        assert f"word {fault.word})" in str(caught.value)
        assert repr(tags[fault.word]) in str(caught.value)


@pytest.fixture(scope="module")
def seqeval_reader():
    return pytest.importorskip("seqeval.metrics.sequence_labeling", reason="needs the extra text")


@pytest.fixture(scope="module")
def seqeval_schemes():
    return pytest.importorskip("seqeval.scheme", reason="needs the extra text")


@given(scheme_and_tags=any_tags)
def test_repair_reads_as_seqeval_does(seqeval_reader, scheme_and_tags):
    scheme, tags = scheme_and_tags
    # seqeval's default reader knows the letters of BIOES.
    theirs = seqeval_reader.get_entities(
        [
            tag.replace("L-", "E-", 1).replace("U-", "S-", 1) if scheme == "BILOU" else tag
            for tag in tags
        ]
    )
    ours = spans_of(tags, scheme, repair=True)
    assert ours == [(start, last + 1, label) for label, start, last in theirs]


@given(sentence=sentences(), scheme=st.sampled_from(SCHEMES))
def test_strict_reading_agrees_with_the_schemes_of_seqeval(seqeval_schemes, sentence, scheme):
    tags = tags_of(*sentence, scheme)
    theirs = getattr(seqeval_schemes, {"BIOES": "IOBES"}.get(scheme, scheme))
    entities = seqeval_schemes.Tokens(tags, theirs).entities
    assert spans_of(tags, scheme) == [(found.start, found.end, found.tag) for found in entities]


@given(sentence=sentences(), scheme=st.sampled_from(SCHEMES))
def test_one_span_is_enough_to_find_the_scheme(sentence, scheme):
    spans, length = sentence
    found = find_scheme([["O"], tags_of(spans, length, scheme)])
    letters = {tag[0] for tag in tags_of(spans, length, scheme)} - {"O"}
    assert found == (scheme if letters else "IOB2")


def test_what_each_scheme_writes():
    spans = [Span(0, 1, "A"), Span(1, 4, "A"), Span(5, 7, "B"), Span(7, 8, "A")]
    assert " ".join(tags_of(spans, 9, "IOB1")) == "I-A B-A I-A I-A O I-B I-B I-A O"
    assert " ".join(tags_of(spans, 9, "IOB2")) == "B-A B-A I-A I-A O B-B I-B B-A O"
    assert " ".join(tags_of(spans, 9, "BIOES")) == "S-A B-A I-A E-A O B-B E-B S-A O"
    assert " ".join(tags_of(spans, 9, "BILOU")) == "U-A B-A I-A L-A O B-B L-B U-A O"
    for alias, scheme in (("BIO", "IOB2"), ("IOBES", "BIOES"), ("BILUO", "BILOU")):
        assert tags_of(spans, 9, alias) == tags_of(spans, 9, scheme)
        assert spans_of(tags_of(spans, 9, scheme), alias) == spans


@pytest.mark.parametrize(
    ("scheme", "tags", "word", "says"),
    [
        ("IOB2", ["O", "I-PER"], 1, "'I-PER' after 'O'"),
        ("IOB2", ["I-PER"], 0, "'I-PER' at the start"),
        ("IOB2", ["B-PER", "I-LOC"], 1, "'I-LOC' after 'B-PER'"),
        ("IOB1", ["O", "B-PER"], 1, "'B-PER' after 'O'"),
        ("IOB1", ["I-PER", "B-LOC"], 1, "'B-LOC' after 'I-PER'"),
        ("BIOES", ["B-PER", "O"], 0, "'B-PER' before 'O'"),
        ("BIOES", ["O", "B-PER", "I-PER"], 2, "'I-PER' at the end"),
        ("BIOES", ["O", "E-PER"], 1, "'E-PER' after 'O'"),
        ("BIOES", ["S-PER", "I-PER", "E-PER"], 1, "'I-PER' after 'S-PER'"),
        ("BILOU", ["B-PER", "L-LOC"], 1, "'L-LOC' after 'B-PER'"),
        ("BILOU", ["B-PER", "U-PER"], 0, "'B-PER' before 'U-PER'"),
    ],
)
def test_ill_formed_sequences_name_the_word_and_the_tag(scheme, tags, word, says):
    with pytest.raises(InvalidInputError) as caught:
        spans_of(tags, scheme)
    assert says in str(caught.value)
    assert f"(word {word})" in str(caught.value)
    assert scheme in str(caught.value)
    assert "repair=True" in str(caught.value)
    with pytest.raises(InvalidInputError):
        convert(tags, scheme, "IOB2")


@pytest.mark.parametrize("tag", ["X-PER", "B-", "B", "", "PER", "b-PER", "E-PER", "o", "-PER", 3])
@pytest.mark.parametrize("repair", [False, True])
def test_what_is_no_tag_is_never_repaired(tag, repair):
    with pytest.raises(InvalidInputError, match=r"IOB2, found .* \(word 1\)") as caught:
        spans_of(["O", tag], "IOB2", repair=repair)
    assert repr(tag) in str(caught.value)
    if tag != "E-PER":
        with pytest.raises(InvalidInputError, match=r"\(sentence 1, word 0\)"):
            find_scheme([["O"], [tag]])


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([(0, 2, "PER"), (1, 3, "LOC")], r"\(0, 2, 'PER'\) and \(1, 3, 'LOC'\)"),
        ([(1, 3, "LOC"), (1, 3, "LOC")], r"\(1, 3, 'LOC'\) and \(1, 3, 'LOC'\)"),
        ([(0, 4, "A"), (1, 2, "B"), (3, 4, "C")], r"\(0, 4, 'A'\) and \(1, 2, 'B'\)"),
        ([(0, 1, "A"), (2, 2, "B")], r"\(2, 2, 'B'\) \(span 1\)"),
        ([(3, 2, "B")], r"\(3, 2, 'B'\)"),
        ([(3, 5, "B")], r"4 words, found \(3, 5, 'B'\)"),
        ([(-1, 1, "B")], r"\(-1, 1, 'B'\)"),
        ([(0, 1, "")], "a label in every span, found ''"),
        ([(0, 1, None)], "a label in every span, found None"),
        ([(0, 1.5, "B")], "whole numbers"),
        ([(0, 1)], "whole numbers"),
        ([7], "whole numbers"),
    ],
)
def test_spans_that_cannot_be_written(spans, says):
    with pytest.raises(InvalidInputError, match=says):
        tags_of(spans, 4)


def test_schemes_that_contradict_each_other_are_named_with_both_places():
    mixed = [["B-PER", "O"], ["O", "O", "I-PER"]]
    with pytest.raises(InvalidInputError) as caught:
        find_scheme(mixed)
    for part in ("'I-PER'", "IOB1", "sentence 1, word 2", "'B-PER'", "IOB2", "sentence 0, word 0"):
        assert part in str(caught.value)
    assert find_scheme(mixed, repair=True) == "IOB2"
    assert find_scheme(mixed[1:], repair=True) == "IOB1"
    with pytest.raises(InvalidInputError, match="line 7"):
        scheme_found([["S-PER"], ["U-PER"]], lambda s, w: f"line {6 + s}")


def test_slips_in_bioes_do_not_hide_the_scheme():
    assert find_scheme([["O", "I-PER"], ["S-PER"]]) == "BIOES"
    assert find_scheme([["B-PER", "L-PER"], ["I-PER"]]) == "BILOU"


def test_an_unknown_scheme_lists_the_known():
    for call in (spans_of, find_fault):
        with pytest.raises(InvalidInputError, match="IOB1, IOB2, BIOES, BILOU, BIO"):
            call(["O"], "IOB")
    with pytest.raises(InvalidInputError, match="'iob2'"):
        tags_of([], 1, "iob2")


def test_a_string_is_no_sequence_of_tags():
    with pytest.raises(InvalidInputError, match="the string 'OOO'"):
        spans_of("OOO")


def test_nothing_is_well_formed():
    for scheme in SCHEMES:
        assert spans_of([], scheme) == []
        assert tags_of([], 0, scheme) == []
    assert find_scheme([]) == find_scheme([[], ["O"]]) == "IOB2"


@given(sentence=sentences(), scheme=st.sampled_from(["BMES", "BMEWO", "BMESO", "BMEOW"]))
def test_schemes_with_m_write_and_read_all_spans(sentence, scheme):
    spans, length = sentence
    tags = tags_of(spans, length, scheme)
    assert spans_of(tags, scheme) == sorted(spans)
    assert {tag[0] for tag in tags} <= set("OBMESW")
    if any(tag[0] in "MW" for tag in tags):  # else they are BIOES as well
        assert spans_of(tags, find_scheme([tags])) == sorted(spans)


@given(sentence=sentences(), scheme=st.sampled_from(["IO", "PLAIN"]))
def test_schemes_that_cannot_part_neighbours_refuse_them(sentence, scheme):
    spans, length = sentence
    ordered = sorted(spans)
    touching = any(a.end == b.start and a.label == b.label for a, b in pairwise(ordered))
    if touching:
        with pytest.raises(InvalidInputError, match=f"spans that {scheme} can write.*IOB2"):
            tags_of(spans, length, scheme)
    else:
        assert spans_of(tags_of(spans, length, scheme), scheme) == ordered


def test_plain_tags_are_labels():
    assert tags_of([(0, 1, "B-1"), (1, 2, "PER")], 3, "PLAIN") == ["B-1", "PER", "O"]
    with pytest.raises(InvalidInputError, match="O or a label of PLAIN, found ' '"):
        spans_of(["PER", " "], "PLAIN")
    with pytest.raises(InvalidInputError, match=r"can write, found .*'O'"):
        tags_of([(0, 1, "O")], 1, "PLAIN")


def test_earlier_names_still_import():
    from altasks.data.tags import Fault, find_fault

    assert isinstance(find_fault(["I-A"]), Fault)
