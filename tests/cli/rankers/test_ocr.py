"""`altasks rank --task ocr`: the same numbers as from Python, from a folder and from a table."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.testing.rankers import RankerSuite

pytest.importorskip("transformers", reason="needs the extra ocr")
Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")


@pytest.fixture
def lines(tmp_path):
    folder = tmp_path / "lines"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, width in (("a", 60), ("b", 100), ("c", 40)):
        Image.fromarray(rng.integers(0, 256, (32, width), dtype=np.uint8)).save(
            folder / f"{name}.png"
        )
    (folder / "a.gt.txt").write_text("not an image")
    return folder


@pytest.fixture
def committee(tmp_path):
    networks = [al.CRNN("abc", height=32, channels=8, hidden=8, seed=seed) for seed in range(2)]
    al.OCR(members=networks).save(tmp_path / "two")
    al.CRNN("abc", height=32, channels=8, hidden=8, seed=5).save(tmp_path / "one")
    return tmp_path / "two", tmp_path / "one"


@pytest.fixture
def rank(tmp_path):
    def run(pool, *options):
        out = tmp_path / "queue.jsonl"
        arguments = ["rank", "--task", "ocr", "--pool", pool, "--out", out, "--force", *options]
        result = CliRunner().invoke(app, [*map(str, arguments)])
        rows = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
        return result, [json.loads(row) for row in rows]

    return run


def test_the_queue_is_what_python_gives(rank, lines, committee):
    result, rows = rank(lines, "--member", committee[0], "--member", committee[1])
    assert result.exit_code == 0, result.output
    task = al.OCR(members=list(committee))
    scores = al.score(
        task, al.as_pool(lines, suffixes=[".png"]), "edit_disagreement", progress=False
    )
    value_of = dict(zip(scores.ids, scores.values, strict=True))
    assert {row["id"]: row["score"] for row in rows} == pytest.approx(value_of)
    assert [row["score"] for row in rows] == sorted(value_of.values(), reverse=True)
    assert len(rows[0]["prediction"]["readings"]) == 3
    assert rows[0]["path"].endswith(rows[0]["id"])
    assert "edit_disagreement" in result.output


def test_the_sheet_has_the_readings_coloured(rank, lines, committee, tmp_path):
    from altasks.tasks.ocr.picture import _DIFFERENT

    sheet = tmp_path / "sheet.png"
    members = ("--member", committee[0], "--member", committee[1])
    result, rows = rank(lines, *members, "--sheet", sheet)
    assert result.exit_code == 0, result.output
    assert any(len(set(row["prediction"]["readings"])) > 1 for row in rows)
    with Image.open(sheet) as page:
        pixels = np.asarray(page.convert("RGB")).astype(int)
    assert pixels.shape[1] > 1200  # two columns of wide tiles
    red, others = pixels[..., 0], pixels[..., 1:].max(-1)
    assert ((red - others) > (_DIFFERENT[0] - _DIFFERENT[1]) // 3).any()


def test_a_table_of_paths(rank, lines, committee):
    table = lines.parent / "lines.csv"
    table.write_text("image,id\nlines/a.png,first\nlines/b.png,second\n")
    result, rows = rank(table, "--model", committee[0], "--id-column", "id")
    assert result.exit_code == 0, result.output
    assert {row["id"] for row in rows} == {"first", "second"}


def test_one_member_is_ranked_by_its_own_doubt(rank, lines, committee):
    result, rows = rank(lines, "--member", committee[1])
    assert result.exit_code == 0, result.output
    assert "by mnlp" in result.output
    assert len(rows) == 3


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs the program tesseract")
def test_tesseract_is_a_member(rank, lines, committee):
    result, rows = rank(lines, "--member", "tesseract:eng", "--member", committee[1])
    assert result.exit_code == 0, result.output
    assert {row["prediction"]["members"] for row in rows} == {2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--member: expected a reader"),
        (("--member", "./nowhere"), "--member: expected tesseract:LANGUAGE"),
        (("--member", "kraken:deu"), "--member: expected tesseract:LANGUAGE"),
        (("--member", "x", "--truncate"), "--truncate: not an option of ocr"),
    ],
)
def test_what_is_no_member(rank, lines, options, message):
    result, rows = rank(lines, *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not rows


def test_other_tasks_have_a_model_and_no_members(lines, tmp_path):
    arguments = ["rank", "--task", "ner", "--pool", str(lines), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, "--model: expected" in result.output) == (2, True)
    result = CliRunner().invoke(app, [*arguments, "--model", "x", "--member", "y"])
    assert result.exit_code == 2
    assert "--member: not an option of ner, only of ocr" in result.output


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, lines, committee):
        shutil.copy(lines / "a.png", lines / "d.png")
        return ["--task", "ocr", "--member", str(committee[0]), "--pool", str(lines)]

    @pytest.fixture
    def labelled(self, committee, tmp_path):
        folder = tmp_path / "read"
        folder.mkdir()
        for name in "abcd":
            Image.new("L", (60, 32), 200).save(folder / f"{name}.png")
            (folder / f"{name}.gt.txt").write_text(f"{name}{name}")
        task = ["--task", "ocr", "--member", str(committee[1]), "--data", str(folder)]
        return [*task, "--training-arg", "max_steps=1"]
