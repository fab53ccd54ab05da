"""Queues to doccano, Prodigy and Argilla, and the labels that come back."""

import json

import pytest
from peers import run_with

from altasks.data import (
    read_argilla,
    read_argilla_spans,
    read_doccano,
    read_prodigy,
    read_tagged_jsonl,
    write_argilla,
    write_doccano,
    write_prodigy,
)
from altasks.errors import DataWarning, InvalidInputError
from altasks.loop.query import Query

TEXT = "😀 Ada wrote"
SPANS = {"spans": [{"start": 2, "end": 5, "label": "PER", "text": "Ada", "probability": 0.5}]}
WORD_SPANS = {"spans": [{"start": 1, "end": 2, "label": "PER", "probability": 0.5}]}


def query(samples, descriptions=None, scores=None):
    """A query as a loop returns it, in the order in which the samples stand."""
    return Query(
        list(samples), list(samples.values()), scores or [0.5] * len(samples), 1, descriptions or {}
    )


def of_texts():
    descriptions = {"b": {"predicted": "food"}, "a": {"predicted": "rain"}}
    return query({"b": "soup", "a": "fog", "c": "?"}, descriptions, [0.9, 0.5, None])


def of_spans():
    return query({"x": TEXT, "w": ["😀", "Ada"]}, {"x": SPANS, "w": WORD_SPANS})


@pytest.fixture
def lines(tmp_path):
    def write(*records, name="all.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
        return path

    return write


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_doccano_keeps_ids_and_order(tmp_path, lines):
    rows = read_lines(write_doccano(of_texts(), tmp_path / "queue.jsonl"))
    assert [(row["altasks_id"], row["altasks_rank"], row["label"]) for row in rows] == [
        ("b", 1, ["food"]), ("a", 2, ["rain"]), ("c", 3, [])
    ]  # fmt: skip
    # doccano numbers anew, keeps other fields, and people correct one.
    rows[1]["label"] = ["food"]
    back = read_doccano(lines(*({"id": 70 + i, **row} for i, row in enumerate(rows))))
    assert back.ids == ["b", "a", "c"]
    assert back.labels == {"b": "food", "a": "food"}
    assert back["a"] == "fog"


def test_doccanos_spans_are_code_points(tmp_path):
    rows = read_lines(write_doccano(of_spans(), tmp_path / "queue.jsonl"))
    assert rows[0]["label"] == [[2, 5, "PER"]]
    assert rows[1] | {"altasks_score": None} == {
        "text": "😀 Ada", "label": [[2, 5, "PER"]], "altasks_id": "w", "altasks_rank": 2,
        "altasks_score": None,
    }  # fmt: skip
    back = read_tagged_jsonl(tmp_path / "queue.jsonl")
    assert (back.ids, back.tags) == (["x", "w"], [["O", "B-PER", "O"], ["O", "B-PER"]])


def test_several_classes_of_doccano(lines):
    path = lines({"text": "a", "label": ["y", "x"]}, {"data": "b", "label": []})
    with pytest.raises(
        InvalidInputError, match=r"all\.jsonl: .*'y', 'x' \(line 1\).*multiple=True"
    ):
        read_doccano(path)
    assert read_doccano(path, multiple=True).labels == {"0": ["y", "x"]}
    assert read_doccano(path, multiple=True, empty="nothing").labels == {"0": ["y", "x"], "1": []}
    with pytest.raises(InvalidInputError, match="empty: "):
        read_doccano(path, empty="nothing")
    with pytest.raises(InvalidInputError, match="line 1: expected one of the classes 'z'"):
        read_doccano(path, multiple=True, names=["z"])


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"text": "a"}, "the classes as label, found the fields 'text'"),
        ({"text": "a", "label": [[0, 1, "PER"]]}, "Spans are read as 'tagged_jsonl'"),
        ({"text": "a", "label": [3]}, "label as a list of names, found .3."),
        ({"text": 3, "label": ["x"]}, "a text of whole characters, found 3"),
        ({"text": "\ud83d", "label": ["x"]}, "a text of whole characters"),
        ({"text": "a", "label": ["x", "x"]}, "distinct classes"),
        ({"text": "a", "label": [" "]}, "a class name, found none"),
        ({"text": "a", "label": ["x"], "id": 1.5}, "an id that is a text or a number, found 1.5"),
    ],
)
def test_faults_of_doccano_name_the_line(lines, record, says):
    with pytest.raises(InvalidInputError, match=rf"all\.jsonl.*{says}|{says}.*line 1"):
        read_doccano(lines(record), multiple=True)
    with pytest.raises(InvalidInputError, match="'7' twice"):
        read_doccano(
            lines({"id": 7, "text": "a", "label": []}, {"id": 7, "text": "b", "label": []})
        )


def test_prodigy_keeps_ids_and_order(tmp_path, lines):
    with pytest.raises(InvalidInputError, match=r"options: .*task\.labels"):
        write_prodigy(of_texts(), tmp_path / "queue.jsonl")
    path = write_prodigy(of_texts(), tmp_path / "queue.jsonl", options=["food", "rain"])
    rows = read_lines(path)
    assert rows[0] == {
        "text": "soup", "accept": ["food"], "meta": {"rank": 1, "score": 0.9}, "altasks_id": "b",
        "options": [{"id": "food", "text": "food"}, {"id": "rain", "text": "rain"}],
    }  # fmt: skip
    assert "accept" not in rows[2]
    answers = ({"answer": "accept"}, {"answer": "ignore"}, {"answer": "accept", "accept": []})
    done = lines(*(row | {"_input_hash": 5 + i} | answers[i] for i, row in enumerate(rows)))
    with pytest.warns(DataWarning, match="no label"):
        back = read_prodigy(done)
    assert (back.ids, back.labels) == (["b", "a", "c"], {"b": "food"})
    assert back.passed_over == {"a": "the answer 'ignore'", "c": "no class was chosen"}


def test_prodigys_spans_and_tokens(tmp_path):
    rows = read_lines(write_prodigy(of_spans(), tmp_path / "queue.jsonl"))
    assert rows[0]["spans"] == [{"start": 2, "end": 5, "label": "PER"}]
    assert "tokens" not in rows[0]
    assert rows[1]["tokens"][0] == {"text": "😀", "start": 0, "end": 1, "id": 0, "ws": True}
    assert rows[1]["spans"][0] | {"start": 0} == {
        "start": 0, "end": 5, "label": "PER", "token_start": 1, "token_end": 1
    }  # fmt: skip
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps(row | {"answer": "accept"}) + "\n" for row in rows))
    back = read_tagged_jsonl(path)
    assert back.ids == ["x", "w"]
    assert back.tokens[1] == ["😀", "Ada"]
    assert back.tags[1] == ["O", "B-PER"]


def test_prodigys_questions_of_yes_or_no(lines):
    def asked(label, answer, text="a", number=1):
        return {"text": text, "label": label, "answer": answer, "_input_hash": number}

    path = lines(asked("x", "accept"), asked("y", "reject"), asked("z", "accept"))
    with pytest.raises(
        InvalidInputError, match=r"one answer for a text, found 'z' after 'x' \(line 3\)"
    ):
        read_prodigy(path)
    assert read_prodigy(path, multiple=True).labels == {"1": ["x", "z"]}
    same = lines(asked("x", "accept"), asked("x", "accept"), asked("x", "reject", "b", 2))
    with pytest.warns(DataWarning, match="'reject'"):
        assert read_prodigy(same).labels == {"1": "x"}


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"text": "a", "accept": ["x"]}, "an answer, 'accept', 'reject', 'ignore', found None"),
        ({"text": "a", "answer": "accept"}, "accept, or a label, found the fields"),
        ({"text": "a", "answer": "accept", "spans": [{}]}, "classes of whole texts, found spans"),
        ({"text": "a", "answer": "accept", "accept": ["x", "y"]}, "one class for a text"),
        ({"text": "a", "answer": "accept", "accept": [1]}, "accept as a list of names"),
    ],
)
def test_faults_of_prodigy_name_the_line(lines, record, says):
    with pytest.raises(InvalidInputError, match=rf"all\.jsonl: .*{says}.*\(line 1\)"):
        read_prodigy(lines(record))


def answered(name, *values, text="a", status="completed", **more):
    responses = [{"value": value, "user_id": str(i)} for i, value in enumerate(values)]
    return {
        "id": name, "fields": {"text": text}, "metadata": {}, "suggestions": {},
        "responses": {"label": responses} if values else {}, "status": status, **more,
    }  # fmt: skip


def test_argilla_there_and_back(tmp_path):
    path = write_argilla(of_texts(), tmp_path / "queue.json")
    records = json.loads(path.read_text())
    assert records[0] == {
        "id": "b", "fields": {"text": "soup"}, "vectors": {}, "responses": {},
        "metadata": {"altasks_rank": 1, "altasks_score": 0.9},
        "suggestions": {"label": {"value": "food", "score": None, "agent": "altasks"}},
    }  # fmt: skip
    assert records[2]["suggestions"] == {}
    assert records[2]["metadata"] == {"altasks_rank": 3}
    assert read_argilla(path).labels == {}  # suggestions are nobody's answer
    for record in records:
        record["responses"] = {"label": [{"value": "rain", "user_id": "u"}]}
        record["status"] = "completed" if record["id"] != "a" else "pending"
    path.write_text(json.dumps(records))
    back = read_argilla(path)
    assert (back.ids, back.labels) == (["b", "a", "c"], {"b": "rain", "c": "rain"})
    lines = write_argilla(of_texts(), tmp_path / "queue.jsonl")
    assert read_argilla(lines).ids == ["b", "a", "c"]
    with pytest.raises(InvalidInputError, match=r"a \.json or \.jsonl file"):
        write_argilla(of_texts(), tmp_path / "queue.csv")


def test_argillas_classes_ratings_and_spans(tmp_path):
    path = tmp_path / "records.json"

    def write(*records):
        path.write_text(json.dumps(records))
        return path

    assert read_argilla(write(answered("a", 4), answered("b", 5))).labels == {"a": 4, "b": 5}
    several = write(answered("a", ["x", "y"], ["y", "x"]), answered("b", []))
    assert read_argilla(several, multiple=True).labels == {"a": ["x", "y"], "b": []}
    with pytest.raises(InvalidInputError, match=r"'y' after 'x' \(record 1\)"):
        read_argilla(write(answered("a", "x", "y")))
    with pytest.raises(
        InvalidInputError, match=r"annotators that agree, found 4 and 5 \(record 1\)"
    ):
        read_argilla(write(answered("a", 4, 5)))
    draft = answered("a")
    draft["responses"] = {"label": [{"value": "x", "status": "draft"}]}
    assert read_argilla(write(draft)).labels == {}
    span = [{"start": 2, "end": 5, "label": "PER"}]
    found = read_argilla_spans(write(answered("a", span, text=TEXT), answered("b", text="no")))
    assert (found.ids, found.tags) == (["a"], [["O", "B-PER", "O"]])
    with pytest.raises(InvalidInputError, match=r"records\.json, record 1: spans?: "):
        read_argilla_spans(write(answered("a", [{"start": 2, "end": 99, "label": "x"}], text=TEXT)))
    with pytest.raises(InvalidInputError, match="a completed record with an answer"):
        read_argilla_spans(write(answered("a", span, text=TEXT, status="pending")))
    spans = json.loads(write_argilla(of_spans(), tmp_path / "queue.json").read_text())
    assert [one["suggestions"]["label"]["value"] for one in spans] == [span, span]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "a list of records, found dict"),
        ([3], r"a record, found int \(record 1\)"),
        ([{"responses": {"label": []}}], r"a record with fields, found None \(record 1\)"),
        ([answered("a", "x", fields={"a": "1", "b": "2"})], "field= with a text, of 'a', 'b'"),
        ([answered("a", "x") | {"suggestions": {"other": {}}}], "question= among 'label', 'other'"),
        ([answered("a")], "question= among none"),
        ([answered("a", "x"), answered("a", "x")], r"'a' twice \(record 2\)"),
        ([answered("a", {"x": 1})], r"label as a list of names, found .* \(record 1\)"),
        ([answered("a", "x", responses={"label": 3})], "a list of responses"),
    ],
)
def test_faults_of_argilla_name_the_record(tmp_path, content, says):
    path = tmp_path / "records.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInputError, match=rf"records\.json: .*{says}"):
        read_argilla(path)


def test_no_queue_holds_what_is_no_text(tmp_path):
    odd = query({"a": object()})
    for write in (write_doccano, write_prodigy, write_argilla):
        with pytest.raises(InvalidInputError, match=r"samples: .*\(id 'a'\)"):
            write(odd, tmp_path / "queue.jsonl")
    with pytest.raises(InvalidInputError, match="whole characters"):
        write_doccano(query({"a": "\ud83d"}), tmp_path / "queue.jsonl")
    strange = query({"a": "text"}, {"a": {"spans": [{"start": 0, "end": 9, "label": 3}]}})
    assert read_lines(write_doccano(strange, tmp_path / "queue.jsonl"))[0]["text"] == "text"


ARGILLA = """
import json, sys
from argilla import Record
records = [Record.from_dict(one) for one in json.load(open(sys.argv[1]))]
for one in records:
    assert one.suggestions["label"].value is not None
    one.responses.add(__import__("argilla").Response("label", one.suggestions["label"].value,
                      user_id="5f0c2a2e-0000-4000-8000-000000000000"))
json.dump([one.to_dict() | {"status": "completed"} for one in records], open(sys.argv[1], "w"))
"""


@pytest.mark.slow
def test_argilla_itself_takes_the_records_and_gives_them_back(tmp_path):
    two = query({"b": "soup", "a": "fog"}, {"b": {"predicted": "x"}, "a": {"predicted": "y"}})
    path = write_argilla(two, tmp_path / "queue.json")
    run_with("argilla", "-c", ARGILLA, path)
    assert read_argilla(path).labels == {"b": "x", "a": "y"}
    write_argilla(of_spans(), path)
    run_with("argilla", "-c", ARGILLA, path)
    assert read_argilla_spans(path).tags == [["O", "B-PER", "O"], ["O", "B-PER"]]
