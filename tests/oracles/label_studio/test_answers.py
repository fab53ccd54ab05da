"""What needs no server: annotations as answers, kinds of tasks, addresses, and what is missing."""

import importlib.util

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, MissingExtraError
from altasks.oracles.label_studio.kinds import converter_for
from altasks.oracles.label_studio.people import answers_of
from altasks.oracles.label_studio.server import Server


def annotation(number, who, result="x", **others):
    return {"id": number, "completed_by": who, "result": result, "lead_time": 1,
            "updated_at": f"2026-01-0{number}T00:00:00Z"} | others  # fmt: skip


def read(result):
    if result == "bad":
        raise InvalidInputError("result: bad.")
    return result


def said(*tasks):
    found = answers_of([{"annotations": one} for one in tasks], str, read)
    return [(one.annotator, one.label, one.seconds) for one in found]


def test_the_last_word_of_each_person_the_last_speaker_last():
    tasks = [
        annotation(3, "a", "new"),
        annotation(1, "a", "old"),
        annotation(2, "b", lead_time=None),
    ]
    assert said(tasks) == [("b", "x", None), ("a", "new", 1.0)]
    assert said(tasks[:1], tasks[2:]) == [("b", "x", None), ("a", "new", 1.0)]
    assert said([], []) == said() == []


def test_a_ground_truth_counts_alone_unless_it_is_cancelled():
    tasks = [annotation(1, "a", ground_truth=True), annotation(2, "b", "y")]
    assert said(tasks) == [("a", "x", 1.0)]
    tasks[0]["was_cancelled"] = True
    assert said(tasks) == [("a", None, 1.0), ("b", "y", 1.0)]


def test_skips_and_faults():
    given = [annotation(1, "a", [], was_cancelled=True), annotation(2, "b", "bad")]
    skip, fault = answers_of([{"annotations": given}], str, read)
    assert (skip.skipped, fault.skipped) == (True, False)
    assert fault.fault == "annotation 2: result: bad."
    for seconds in (-1, float("nan"), "3", True):
        expected = 1.0 if seconds is True else None
        assert said([annotation(1, "a", lead_time=seconds)]) == [("a", "x", expected)]


@pytest.mark.parametrize(
    ("name", "others", "sample", "control"),
    [
        ("text-classification", {"labels": ["a"], "multi_label": False}, "x", "Choices"),
        ("image-classification", {"labels": ["a"], "multi_label": True}, "x.png", "Choices"),
        ("ner", {"labels": ["a"]}, "x", "Labels"),
        ("srl", {"labels": ["a"]}, {}, "Labels"),
        ("object-detection", {"labels": ["a"]}, "x.png", "RectangleLabels"),
        ("segmentation", {"labels": ["a", "b"], "void": 9}, "x.png", "BrushLabels"),
        ("ocr", {}, "x.png", "TextArea"),
        ("regression", {"targets": ["0"]}, [1.0], "Number"),
        ("regression", {"targets": ["0"]}, np.zeros((4, 4, 3), np.uint8), "Number"),
    ],
)
def test_every_built_in_task_has_a_converter(name, others, sample, control):
    task = type("Task", (), {"name": name, **others})()
    assert converter_for(task, sample).control.tag == control


def test_a_task_of_ones_own_says_how_it_is_labelled():
    with pytest.raises(InvalidInputError, match=r"converter: expected .*Known by themselves are"):
        converter_for(object(), "x")


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://a", None, "http://"])
def test_what_is_no_address(url):
    with pytest.raises(InvalidInputError, match="url: expected the address"):
        Server(url, "t")


def test_a_password_in_the_address_is_refused_and_not_shown():
    with pytest.raises(InvalidInputError, match="without a user") as caught:
        Server("https://ann:sesame@example.org", "t")
    assert "sesame" not in str(caught.value)


def test_it_is_known_by_name_and_says_what_it_needs(monkeypatch):
    assert al.get_oracle("label_studio") is al.LabelStudio
    task = type("Task", (), {"name": "ocr"})()
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    with pytest.raises(InvalidInputError, match="LABEL_STUDIO_API_KEY"):
        al.LabelStudio(task, ["a.png"], "title")
    if importlib.util.find_spec("label_studio_sdk") is None:
        with pytest.raises(MissingExtraError, match=r"'\.\[label-studio\]'"):
            al.LabelStudio(task, ["a.png"], "title", token="t")
