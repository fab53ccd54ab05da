"""Tables that people fill in: hostile cells, wrong rows, and what a spreadsheet does to them."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_files import read_table

import altasks as al
from altasks.data.spreadsheets import csv_text, plain_cell, safe_cell

FORMULAS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\uff1d1", "'=1", "''-x"]


@given(st.text() | st.sampled_from(FORMULAS))
def test_a_safe_cell_is_no_formula_and_comes_back(text):
    safe = safe_cell(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert plain_cell(safe) == text


def test_numbers_are_no_formulas():
    assert [safe_cell(one) for one in (-1, -1.5, None, True)] == [-1, -1.5, None, True]
    assert csv_text([{"a": -1.5, "b": "-1.5"}]).splitlines()[1] == "-1.5,'-1.5"


def test_a_query_as_a_table(tmp_path):
    pool = {"=a": "=cmd|' /C calc'!A0", "b": 'a, "quoted"\nline', "c": "-3"}
    with al.ActiveLoop(None, pool) as loop:
        query = loop.ask(3, scores={"=a": 3.0, "b": -2.0, "c": -5.0})
    path = query.to_csv(tmp_path / "queue.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = read_table(path)
    assert [row["id"] for row in rows] == ["'=a", "b", "c"]
    assert rows[0]["text"] == "'=cmd|' /C calc'!A0"
    assert rows[1]["text"] == 'a, "quoted"\nline'
    assert [row["score"] for row in rows] == ["3.0", "-2.0", "-5.0"]
    assert query.rows()[0] == {
        "rank": 1, "id": "=a", "score": 3.0, "text": "=cmd|' /C calc'!A0", "label": None,
    }  # fmt: skip


def test_frames(tmp_path):
    pandas = pytest.importorskip("pandas")
    with al.ActiveLoop(None, {"a": {"x": 1.5, "id": 9}, "b": {"x": 2.5, "id": 8}}) as loop:
        frame = loop.ask(2, scores={"a": 1.0, "b": 2.0}).to_frame()
    assert frame["id"].tolist() == ["b", "a"]  # the loop's, not the sample's
    assert frame["x"].tolist() == [2.5, 1.5]
    import numpy as np

    scores = al.scoring.Scores(["a", "b"], np.array([0.25, 0.5])).to_frame()
    pandas.testing.assert_frame_equal(
        scores, pandas.DataFrame({"id": ["a", "b"], "score": [0.25, 0.5]})
    )
    empty = al.loop.Query([], [], [], 0).to_frame()
    assert list(empty.columns) == ["rank", "id", "score", "label"]


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    import sys

    import numpy as np

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(al.errors.MissingExtraError, match="pip install"):
        al.loop.Query(["a"], ["x"], [None], 1).to_frame()
    with pytest.raises(al.errors.MissingExtraError, match="pip install"):
        al.scoring.Scores(["a"], np.array([1.0])).to_frame()


def test_ids_and_texts_that_look_like_formulas_go_there_and_back(shell):
    from centroids import CLASSES

    rows = [{"id": name, "text": i / 3} for i, name in enumerate(FORMULAS)]
    lines = [json.dumps({**row, "text": str(row["text"])}) for row in rows]
    (shell.folder / "n.jsonl").write_text("\n".join(lines))
    words = [word for name in CLASSES for word in ("--label", name)]
    shell.run("init", "--task", "centroids", "--pool", "n.jsonl", *words)
    shell.run("ask", "--out", "q.csv")
    text = (shell.folder / "q.csv").read_text(encoding="utf-8-sig")
    cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    shell.fill("q.csv", dict.fromkeys([row["id"] for row in read_table(shell.folder / "q.csv")],
                                      "low"))  # fmt: skip
    assert shell.json("tell", "q.csv")["labels"] == len(FORMULAS)
    rows = [json.loads(line) for line in shell.run("export").stdout.splitlines()]
    assert sorted(row["id"] for row in rows) == sorted(FORMULAS)
    shell.run("export", "--out", "raw.csv", "--raw")
    assert {row["id"] for row in read_table(shell.folder / "raw.csv")} == set(FORMULAS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,label\nn0,lwo\n", ["line 2", "'lwo'"]),
        ("id,label\nn0,low\nn99,low\n", ["line 3", "'n99'"]),
        ("id,label\nn0,low\nn0,high\n", ["line 3", "another label", "line 2"]),
        ("id,label,skip\nn0,low,x\n", ["line 2", "both"]),
        ("id,label,skip\nn0,,maybe\n", ["line 2", "'maybe'"]),
        ("id,label,seconds\nn0,low,soon\n", ["line 2", "seconds"]),
        ("id,label\n,low\n", ["line 2", "an id"]),
        ("name,label\nn0,low\n", ["--id-column"]),
        ("id,class\nn0,low\n", ["--label-column"]),
        ("id,label\nn0\n", ["line 2", "2 cells"]),
        ("id;label\nn0;low;x\n", ["line 2", "2 cells"]),
        ('id;label\nn0;"low\n', ["line 2", "quoted"]),
        ("id,id,label\nn0,n0,low\n", ["distinct column names"]),
        ("", ["header"]),
        ("id,text,label\nn0,99.5,low\n", ["line 2", "another pool"]),
    ],
)
def test_rows_that_cannot_be_taken_leave_the_store_as_it_is(project, text, words):
    project.run("ask", "--out", "batch.csv")
    (project.folder / "bad.csv").write_text(text)
    refused = project.run("tell", "bad.csv", ok=False)
    assert refused.exit_code == 2
    for word in words:
        assert word in refused.output, refused.output
    assert project.json("status")["labelled"] == 0


def test_other_bad_files(project):
    for name, content in [
        ("a.txt", b"x"), ("a.csv", b"\xff\xfe\x00"), ("a.jsonl", b'{"id": "n0", "id": "n1"}'),
        ("b.jsonl", b"[1]"), ("c.jsonl", b'{"id": 1e999, "label": "low"}'), ("d.csv", b"id,la\0"),
    ]:  # fmt: skip
        (project.folder / name).write_bytes(content)
        assert project.run("tell", name, ok=False).exit_code == 2
    assert project.run("tell", "none.csv", ok=False).exit_code == 2


def test_all_bad_rows_are_named_at_once(project):
    lines = ["id,label", *(f"n{i},wrong" for i in range(12))]
    (project.folder / "bad.csv").write_text("\n".join(lines))
    refused = project.run("tell", "bad.csv", ok=False)
    assert "12 rows can't be" in refused.output
    assert "line 2" in refused.output
    assert "and 2 more" in refused.output


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_semicolons_as_spreadsheets_of_half_the_world_write_them(project, mark):
    asked = [row["id"] for row in project.json("ask")["rows"]]
    lines = ["rank;id;text;label;skip", f'1;{asked[0]};;"low";', f"2;{asked[1]};;;x", ""]
    (project.folder / "l.csv").write_bytes(mark + "\r\n".join(lines).encode())
    told = project.json("tell", "l.csv")
    assert (told["labels"], told["skips"]) == (1, 1)
