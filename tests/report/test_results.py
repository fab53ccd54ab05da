import importlib
import json

import pytest

from altasks.errors import InvalidInputError
from altasks.report import ResultRows, code_version


def test_rows_are_found_again_by_configuration_and_code(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    rows = ResultRows(path, code="one")
    rows.add({"arm": "bald", "seed": 0}, {"accuracy": [0.5, 0.75]})
    again = ResultRows(path, code="one")
    assert again.get({"seed": 0, "arm": "bald"})["accuracy"] == [0.5, 0.75]
    assert again.get({"seed": 1, "arm": "bald"}) is None
    assert again.get({"seed": 0, "arm": "bald", "more": None}) is None
    assert ResultRows(path, code="two").get({"seed": 0, "arm": "bald"}) is None


def test_the_file_is_json_lines(tmp_path):
    rows = ResultRows(tmp_path / "rows.jsonl", code="c")
    rows.add({"seed": 0}, {"x": 1})
    rows.add({"seed": 1}, {"x": "\u00e9\n"})
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"config": {"seed": 0}, "code": "c", "x": 1},
        {"config": {"seed": 1}, "code": "c", "x": "\u00e9\n"},
    ]
    assert list(rows) == list(ResultRows(tmp_path / "rows.jsonl", code="c"))


def test_a_killed_write_loses_only_its_own_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = ResultRows(path, code="c")
    rows.add({"seed": 0}, {"x": "\u00e9"})
    rows.add({"seed": 1}, {"x": "\u00e9\u00e9"})
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):  # every place at which the second write can stop
        path.write_bytes(whole[:cut])
        rows = ResultRows(path, code="c")
        assert rows.get({"seed": 0}) is not None
        assert rows.get({"seed": 1}) is None
        assert rows.unfinished == whole[first:cut]
        rows.add({"seed": 1}, {"x": "\u00e9\u00e9"})
        assert path.read_bytes() == whole
        assert len(ResultRows(path, code="c")) == 2


def test_two_processes_that_go_on_after_a_kill_keep_each_others_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    ResultRows(path, code="c").add({"seed": 0}, {"x": 1})
    with path.open("ab") as file:
        file.write(b'{"config": {"se')
    one, other = ResultRows(path, code="c"), ResultRows(path, code="c")
    one.add({"seed": 1}, {"x": 1})
    other.add({"seed": 2}, {"x": 1})
    one.add({"seed": 3}, {"x": 1})
    found = ResultRows(path, code="c")
    assert all(found.get({"seed": seed}) is not None for seed in range(4))


@pytest.mark.parametrize("line", ["not json", "[]", '{"config": {}}', '{"config": 3, "code": ""}'])
def test_a_foreign_line_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"config": {}, "code": "c"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="line 2") as error:
        ResultRows(path, code="c")
    assert "rows.jsonl" in str(error.value)
    assert line[:10] in str(error.value)


def test_what_json_cannot_hold_is_refused_and_not_written(tmp_path):
    rows = ResultRows(tmp_path / "rows.jsonl", code="c")
    for values in ({"x": float("nan")}, {"x": object()}, {"config": 1}, {"code": "1"}):
        with pytest.raises(InvalidInputError):
            rows.add({"seed": 0}, values)
    with pytest.raises(InvalidInputError, match="config"):
        rows.add({"seed": float("inf")}, {"x": 1})
    assert not (tmp_path / "rows.jsonl").exists()


def test_the_code_version_follows_the_source(tmp_path, monkeypatch):
    package = tmp_path / "some_measured_code"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    before = code_version("some_measured_code")
    assert code_version("some_measured_code") == before
    (package / "notes.txt").write_text("no code")
    assert code_version("some_measured_code") == before
    (package / "part.py").write_text("x = 2\n")
    changed = code_version("some_measured_code")
    assert changed != before
    assert code_version("some_measured_code.part") != changed
    with pytest.raises(InvalidInputError, match="no_such_module_here"):
        code_version("no_such_module_here")
    assert len(code_version()) == 12
