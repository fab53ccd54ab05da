"""Label Studio's exports of named entities."""

import json

import pytest
from fuzzing import edited_json, fuzz
from hypothesis import strategies as st

from altasks.data import read_label_studio
from altasks.errors import AltasksError, DataWarning, InvalidInputError

TEXT = "Ada saw Paris"


def region(start, end, text, label="LOC", kind="labels"):
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"id": "x", "from_name": "label", "to_name": "text", "type": kind, "value": value}


PARIS = region(8, 13, "Paris")


def task(*results, name=1, text=TEXT, **more):
    annotations = [{"result": result, "was_cancelled": False, **more} for result in results]
    return {"id": name, "data": {"text": text}, "annotations": annotations}


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "export.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return read_label_studio(path, **options)

    return read


def test_regions_become_spans(read):
    choice = {"type": "choices", "value": {"choices": ["news"]}}
    sentences = read([task([PARIS, choice], name=4), task([], name=9)])
    assert (sentences.ids, sentences.positional) == (["4", "9"], False)
    assert sentences.tags == [["O", "O", "B-LOC"], ["O", "O", "O"]]
    assert sentences.extra["offsets"][0] == [(0, 3), (4, 7), (8, 13)]


def test_offsets_of_browsers(read):
    text = f"😀 {TEXT}"
    for start in (10, 11):  # code points, UTF-16
        sentences = read([task([region(start, start + 5, "Paris")], text=text)])
        assert sentences.tags == [["O", "O", "O", "B-LOC"]]


def test_tasks_without_an_annotation_are_named(read):
    skipped = task([PARIS], name=2, was_cancelled=True)
    with pytest.warns(DataWarning, match=r"left out 2 tasks without an annotation \(2, 3\)"):
        assert read([task([PARIS]), skipped, task(name=3)]).ids == ["1"]
    with (
        pytest.warns(DataWarning),
        pytest.raises(InvalidInputError, match="1 tasks without an annotation"),
    ):
        read([skipped])


def test_annotators_agree_or_one_is_the_truth(read):
    ada = region(0, 3, "Ada", "PER")
    assert read([task([PARIS, ada], [ada, PARIS])]).tags == [["B-PER", "O", "B-LOC"]]
    both = task([PARIS], [ada])
    with pytest.raises(InvalidInputError, match=r"task 1: annotations: .*2 that differ.*ground"):
        read([both])
    both["annotations"][1]["ground_truth"] = True
    assert read([both]).tags == [["B-PER", "O", "O"]]


def test_the_short_export(read):
    short = {"id": 5, "text": TEXT, "label": [PARIS["value"]], "annotator": 1, "annotation_id": 3}
    empty = {"id": 6, "text": TEXT, "annotator": 1, "annotation_id": 4}
    assert read([short, empty]).tags == [["O", "O", "B-LOC"], ["O", "O", "O"]]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ({}, {}, "a list of tasks, found dict"),
        ([3], {}, "task #0: task: expected an object, found int"),
        ([{"id": 1, "data": 3}], {}, "task 1: data"),
        ([{"id": 1, "data": {}, "annotations": []}], {}, "text_key: .*such as none"),
        ([{"id": 1, "data": {"a": "x", "b": "y"}, "annotations": []}], {}, "such as 'a', 'b'"),
        ([task([PARIS])], {"text_key": "body"}, "text_key: .*'text', found 'body'"),
        ([{"id": 1, "data": {"text": TEXT}}], {}, "task 1: annotations"),
        ([task(3)], {}, "result: expected a list of regions"),
        ([task([3])], {}, "result: expected a list of regions"),
        ([task([{"type": "labels"}])], {}, "value: expected an object"),
        ([task([region(0, 3, "Ada", kind="hypertextlabels")])], {}, "labels of plain text"),
        ([task([region(7, 12, "Paris")])], {}, r"task 1: spans: expected 'Paris' at \(7, 12\)"),
        ([task([PARIS, region(4, 13, "saw Paris")])], {}, "don't overlap"),
        ([task([PARIS]), task([PARIS])], {}, "distinct ids of tasks, found '1' twice"),
    ],
)
def test_faults_name_the_task(read, content, options, says):
    with pytest.raises(InvalidInputError, match=says):
        read(content, **options)


def test_what_is_no_json(tmp_path):
    path = tmp_path / "export.json"
    for content, says in ((b"[", "expected JSON"), (b'[{"id": 1, "id": 2}]', "'id' twice")):
        path.write_bytes(content)
        with pytest.raises(InvalidInputError, match=says):
            read_label_studio(path)


NAMES = ["id", "data", "annotations", "result", "value", "start", "end", "text", "labels", "type",
         "was_cancelled", "ground_truth", "annotation_id", "label"]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-2, 15) | st.sampled_from(
    ["labels", "choices", "Paris", TEXT, ""]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES | st.just(task([PARIS])) | st.just(PARIS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=15,
)


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore::altasks.errors.DataWarning")
def test_any_json_is_read_or_refused_by_name(read):
    def run(content):
        try:
            sentences = read(content)
        except AltasksError as error:
            message = str(error)
            assert "export.json" in message
            return True
        assert list(map(len, sentences.tokens)) == list(map(len, sentences.tags))
        return False

    good = [task([PARIS]), task([region(0, 3, "Ada", "PER"), PARIS], name=2), task([], name="x")]
    fuzz(run, edited_json(good, VALUES) | st.lists(VALUES, max_size=3) | VALUES)
