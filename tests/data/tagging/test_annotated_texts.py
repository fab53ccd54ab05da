"""Texts with spans as annotation tools write them."""

import json

import pytest
from fuzzing import edited_json, fuzz
from hypothesis import strategies as st

from altasks.data import read_tagged_jsonl
from altasks.errors import AltasksError, DataWarning, InvalidInputError

TEXT = "Ada saw Paris"
WORDS = [
    {"text": "Ada", "start": 0, "end": 3, "id": 0, "ws": True},
    {"text": "saw", "start": 4, "end": 7, "id": 1, "ws": True},
    {"text": "Paris", "start": 8, "end": 13, "id": 2, "ws": False},
]
PARIS = {"start": 8, "end": 13, "label": "LOC"}
GOLD = [["O", "O", "B-LOC"]]


@pytest.fixture
def read(tmp_path):
    def read(*records, **options):
        path = tmp_path / "s.jsonl"
        path.write_text("\n".join(json.dumps(one) for one in records), encoding="utf-8")
        return read_tagged_jsonl(path, **options)

    return read


@pytest.mark.parametrize(
    "row",
    [
        {"tokens": WORDS, "spans": [PARIS], "answer": "accept"},  # Prodigy
        {"tokens": WORDS, "spans": [{**PARIS, "token_start": 2, "token_end": 2}]},
        {"tokens": WORDS, "spans": [{"token_start": 2, "token_end": 2, "label": "LOC"}]},
        {"spans": [PARIS], "answer": "accept", "label": "news", "_task_hash": 3},
        {"label": [[8, 13, "LOC"]]},  # doccano
        {"labels": [[8, 13, "LOC"]], "Comments": []},
        {"text": None, "data": TEXT, "label": [[8, 13, "LOC"]]},
        {"spans": [{"start": 8.0, "end": 13.0, "label": "LOC"}]},
        {"entities": [[8, 13, "LOC"]]},
        {"entities": [{"id": 1, "start_offset": 8, "end_offset": 13, "label": "LOC"}],
         "relations": []},
        {"label": [{"start": 8, "end": 13, "text": "Paris", "labels": ["LOC"]}]},  # Label Studio
    ],
)  # fmt: skip
def test_spans_of_every_tool(read, row):
    sentences = read({name: value for name, value in {"text": TEXT, **row}.items() if value})
    assert sentences.tokens == [["Ada", "saw", "Paris"]]
    assert sentences.tags == GOLD
    assert sentences.extra["offsets"] == [[(0, 3), (4, 7), (8, 13)]]


def test_an_accepted_text_without_spans_has_no_entity(read):
    assert read({"text": TEXT, "tokens": WORDS, "answer": "accept"}).tags == [["O"] * 3]
    assert read({"text": TEXT, "answer": "accept"}).tags == [["O"] * 3]
    assert read({"text": TEXT, "label": []}).tags == [["O"] * 3]


def test_rejected_and_ignored_rows_are_left_out_and_named(read):
    row = {"text": TEXT, "spans": [PARIS]}
    rows = [{**row, "answer": answer} for answer in ("reject", "accept", "ignore", "reject")]
    with pytest.warns(DataWarning, match=r"1 with the answer 'ignore' \(line 3\) and 2 .*"
                                                r"'reject' \(line 1, 4\)"):  # fmt: skip
        sentences = read(*rows, extra=["answer"])
    assert (sentences.tags, sentences.extra["answer"]) == (GOLD, ["accept"])
    tagged = {"tokens": ["Ada"], "tags": ["B-PER"]}
    with pytest.warns(DataWarning, match=r"line 2"):
        assert len(read(tagged, {**tagged, "answer": "reject"})) == 1
    with (
        pytest.warns(DataWarning),
        pytest.raises(InvalidInputError, match="found left out 1 with the answer 'reject'"),
    ):
        read(rows[0])
    # A field of that name in another data set.
    assert read({**tagged, "answer": "Ada"}).tags == [["B-PER"]]


def test_tokens_of_white_space_are_no_words(read):
    tokens = [*WORDS[:2], {"text": " ", "start": 7, "end": 8}, WORDS[2]]
    spans = [{"start": 4, "end": 13, "label": "X", "token_start": 1, "token_end": 3}]
    sentences = read({"text": TEXT, "tokens": tokens, "spans": spans})
    assert sentences.tokens == [["Ada", "saw", "Paris"]]
    assert sentences.tags == [["O", "B-X", "I-X"]]


@pytest.mark.parametrize("text", ["😀 in Paris 😀", "𝒳𝒴 Paris", "👨‍👩‍👧 é Paris"])
@pytest.mark.parametrize("utf16", [False, True])
def test_offsets_of_browsers_are_known_by_their_text(read, text, utf16):
    start = text.index("Paris")
    if utf16:
        start = len(text[:start].encode("utf-16-le")) // 2
    span = {"start": start, "end": start + 5, "label": "LOC", "text": "Paris"}
    sentences = read({"text": text, "spans": [span]})
    assert [sentences.tokens[0][s.start] for s in sentences.spans(0)] == ["Paris"]
    # Prodigy's tokens carry their texts, its spans don't.
    token = {"start": start, "end": start + 5, "text": "Paris"}
    del span["text"]
    sentences = read({"text": text, "tokens": [token], "spans": [span]})
    assert (sentences.tokens, sentences.tags) == ([["Paris"]], [["B-LOC"]])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"spans": [{**PARIS, "text": "paris"}]}, r"'paris' at \(8, 13\), found 'Paris'"),
        ({"spans": [{**PARIS, "start": 7, "text": "Paris"}]}, r"'Paris' at \(7, 13\)"),
        ({"tokens": WORDS, "spans": [{**PARIS, "token_start": 2, "token_end": 3}]},
         r"token_end \(2, 2\) .*found \(2, 3\)"),
        ({"tokens": WORDS, "spans": [{**PARIS, "start": 9}]}, "whole tokens.*'aris'"),
        ({"tokens": WORDS[::-1], "spans": []}, "one behind the other.*token 1"),
        ({"tokens": [{"text": "Ada"}], "spans": []}, "a list of {text, start, end}"),
        ({"tokens": WORDS, "spans": [{"token_start": 2, "token_end": 7, "label": "X"}]},
         "within the sentence's 3 words"),
        ({"tokens": WORDS, "spans": [PARIS, {**PARIS, "start": 4, "label": "X"}]},
         r"don't overlap, found \(1, 3, 'X'\) and \(2, 3, 'LOC'\)"),
        ({"label": [[8, 13, "LOC"], [4, 13, "X"]]}, "don't overlap.*'saw Paris'.*'Paris'"),
        ({"label": [[8, 13]]}, r"\[start, end, label\], found \[8, 13\]"),
        ({"label": ["news"]}, r"label: expected a list of {start, end, label}"),
        ({"label": [[8, 13, 4]]}, "a label in every span"),
        ({"label": [[True, 13, "X"]]}, "whole numbers"),
        ({"spans": [{"start": 8, "end": 13, "labels": ["A", "B"]}]}, "one label for each"),
        ({"spans": [PARIS], "entities": [[0, 3, "PER"]]}, "one field, found 'spans' and 'ent"),
        ({"spans": [PARIS], "answer": "maybe"}, "answer: expected 'accept', 'reject'"),
        ({"spans": [PARIS], "answer": None}, "answer: expected 'accept', 'reject'"),
    ],
)  # fmt: skip
def test_faults_name_the_line(read, row, says):
    with pytest.raises(InvalidInputError, match=says) as caught:
        read({"text": TEXT, "spans": [PARIS]}, {"text": TEXT, **row})
    assert "s.jsonl, line 2" in str(caught.value)


def test_an_offset_inside_a_character_is_refused(read):
    spans = [
        {"start": 3, "end": 6, "label": "X", "text": "Ada"},
        {"start": 1, "end": 2, "label": "Y"},
    ]
    with pytest.raises(InvalidInputError, match="offsets between characters, found 1"):
        read({"text": "😀 Ada", "spans": spans})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 20) | st.floats() | st.sampled_from(
        ["", "a", "😀", "B-X", "accept", "reject", "PER", TEXT]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["start", "end", "label", "labels", "text", "token_start", "token_end",
                         "start_offset", "end_offset"]),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
RECORDS = st.dictionaries(
    st.sampled_from(["text", "tokens", "spans", "label", "labels", "entities", "answer", "tags",
                     "ner_tags", "id"]),
    JSON | st.just(TEXT) | st.just(WORDS) | st.just([PARIS]), max_size=5,
)  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore::altasks.errors.DataWarning")
def test_any_json_is_read_or_refused_by_line(read):
    def run(records, cut):
        try:
            sentences = read(*records, cut=cut)
        except AltasksError as error:
            message = str(error)
            assert "s.jsonl" in message
            return True
        assert len(sentences) <= len(records)
        assert list(map(len, sentences.tokens)) == list(map(len, sentences.tags))
        return False

    good = [
        {"text": TEXT, "tokens": WORDS, "spans": [PARIS], "answer": "accept", "_input_hash": 1},
        {"text": TEXT, "label": [[0, 3, "PER"]], "id": 2},
        {"text": TEXT, "spans": [], "answer": "reject"},
    ]
    edits = edited_json(good, JSON).map(lambda rows: [one for one in rows if isinstance(one, dict)])
    fuzz(run, edits.filter(bool) | st.lists(RECORDS, min_size=1, max_size=2), st.booleans())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Two annotators of one task.
        ({"_task_hash": 7, "_annotator_id": "ada"}, {"_task_hash": 7, "_annotator_id": "bo"}),
        # Two questions about one text.
        ({"_task_hash": 7, "_input_hash": 1}, {"_task_hash": 8, "_input_hash": 1}),
        ({"_input_hash": -5, "answer": "accept"}, {"_input_hash": -5, "answer": "accept"}),
    ],
)
def test_answers_to_one_text_that_contradict_each_other_are_refused(read, first, second):
    other = {"start": 0, "end": 3, "label": "PER"}
    one = {"text": TEXT, "spans": [PARIS], **first}
    with pytest.raises(InvalidInputError, match=r"line 2: spans: .*others than in line 1"):
        read(one, {"text": TEXT, "spans": [other], **second})
    with pytest.raises(InvalidInputError, match=r"line 2: spans"):
        read(one, {"text": TEXT, "spans": [], **second})
    with pytest.warns(DataWarning, match=r"1 with the input of another line \(line 2\)"):
        assert read(one, {"text": TEXT, "spans": [PARIS], **second}).tags == GOLD


def test_one_text_in_two_places_may_have_two_readings(read):
    other = {"start": 8, "end": 13, "label": "PER"}
    found = read({"text": TEXT, "spans": [PARIS]}, {"text": TEXT, "spans": [other]})
    assert [tags[2] for tags in found.tags] == ["B-LOC", "B-PER"]
    hashes = {"_input_hash": 1}, {"_input_hash": 2}
    rows = [
        {"text": TEXT, "spans": [span], **one}
        for span, one in zip((PARIS, other), hashes, strict=True)
    ]
    assert len(read(*rows)) == 2
