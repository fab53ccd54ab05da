"""The `members` argument of OCR."""

import json

import pytest
from torch import nn

import altasks as al
from altasks.errors import InvalidInputError
from altasks.tasks.ocr.crnn import CRNN
from altasks.tasks.ocr.member_sources import build_of, saved_networks, sources_of

pytest.importorskip("PIL.Image", reason="needs the extra ocr")


def tiny(seed=0):
    return CRNN("abc", height=32, channels=8, hidden=4, seed=seed)


def reads(images):
    return ["a"] * len(images)


def test_copies_of_one_network_are_of_their_own():
    model = tiny()
    copies = sources_of(model, None, 3, None)
    assert len(copies) == 3
    assert len({id(one) for one in [model, *copies]}) == 4
    assert len({one.output.weight.data_ptr() for one in [model, *copies]}) == 4


def test_an_alphabet_alone_makes_a_network():
    (made,) = sources_of(None, None, None, "ab")
    assert made.alphabet == ("a", "b")


def test_members_stay_in_their_order():
    first, second = tiny(1), tiny(2)
    assert sources_of(None, [first, reads, second], None, None) == [first, reads, second]


def test_a_saved_committee_is_all_its_networks(tmp_path):
    al.OCR(members=[tiny(1), reads, tiny(2)]).save(tmp_path)
    found = sources_of(tmp_path, None, None, None)
    assert [build_of(one) for one in found] == [(32, 8, 4)] * 2
    assert [len(one.alphabet) for one in saved_networks(tmp_path)] == [3, 3]


def test_another_tasks_folder_is_refused(tmp_path):
    (tmp_path / "altasks.json").write_text(json.dumps({"task": "ner"}), encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"OCR.save.*'ner'"):
        sources_of(tmp_path, None, None, None)


@pytest.mark.parametrize("content", ["{", "[]", "", '{"task": "ocr"}'])
def test_a_damaged_folder_is_named(tmp_path, content):
    (tmp_path / "altasks.json").write_text(content, encoding="utf-8")
    with pytest.raises(
        InvalidInputError, match=r"a folder (that OCR.save wrote|written by save)"
    ) as raised:
        sources_of(tmp_path, None, None, None)
    assert str(tmp_path) in str(raised.value)


def test_a_committee_of_functions_leaves_nothing_to_read(tmp_path):
    task = al.OCR(members=[reads, reads])
    task.save(tmp_path)
    task.load(tmp_path)  # a loop that resumes has them
    with pytest.raises(InvalidInputError, match=r"at least one network.*give them again"):
        al.OCR(tmp_path)
    with pytest.raises(InvalidInputError, match=r"at least one network.*member 1"):
        al.OCR(members=[reads, tmp_path])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, None, None, None), "model: expected a member"),
        ((reads, [reads], None, None), "members: expected None beside"),
        ((None, "path", None, None), "members: expected a list"),
        ((None, [], None, None), "at least one member"),
        ((reads, None, 3, None), "committee: expected one CRNN"),
        ((None, [reads, 3], None, None), r"found int \(?.*member 1|member 1.*found int"),
        ((nn.Linear(1, 1), None, None, None), "ImageToText"),
    ],
)
def test_what_is_no_member_is_an_error(given, message):
    with pytest.raises(InvalidInputError, match=message):
        sources_of(*given)


@pytest.mark.parametrize("committee", [1, 0, True, 2.0])
def test_a_committee_has_two_at_least(committee):
    with pytest.raises(InvalidInputError, match="at least 2"):
        sources_of(tiny(), None, committee, None)
