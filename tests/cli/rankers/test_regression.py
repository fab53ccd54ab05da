"""`altasks rank --task regression`: rows of numbers, or texts, in; means and variances out."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.testing.rankers import RankerSuite

pytest.importorskip("transformers", reason="needs the extra text")

ROWS = [{"width": i / 7, "height": float(i * i % 5)} for i in range(30)]
SIZES = [row["width"] * 2 - row["height"] for row in ROWS]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Folders that `Regression.save` wrote: one network, and an ensemble of three."""
    root = tmp_path_factory.mktemp("networks")
    for name, committee in (("one", None), ("three", al.Ensemble(3))):
        task = al.Regression(
            targets=["size"], hidden=(8, 4), committee=committee, training_args={"max_steps": 5}
        )
        task.fit(ROWS, SIZES, seed=0)
        task.save(root / name)
    return root


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pool.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "id", "note", "width"])
        writer.writerows([row["height"], f"r{i}", "x", row["width"]] for i, row in enumerate(ROWS))
    return path


@pytest.fixture
def rank(tmp_path):
    def run(model, pool, *options):
        out = tmp_path / "queue.jsonl"
        arguments = ["rank", "--task", "regression", "--model", model, "--pool", pool, "--out", out]
        result = CliRunner().invoke(app, [*map(str, arguments), "--force", *options])
        lines = out.read_text().splitlines() if out.exists() else []
        return result, [json.loads(line) for line in lines]

    return run


@pytest.mark.parametrize(
    ("name", "function"), [("one", "variance"), ("three", "epistemic_variance")]
)
def test_the_queue_is_what_python_gives(rank, networks, table, name, function):
    result, queue = rank(networks / name, table, "-n", "6", "--acquisition", function)
    assert result.exit_code == 0, result.output
    committee = al.Ensemble(3) if name == "three" else None
    task = al.Regression(targets=["size"], features=["width", "height"], hidden=(8, 4),
                         committee=committee)  # fmt: skip
    task.load(networks / name)
    pool = {f"r{i}": row for i, row in enumerate(ROWS)}
    scores = al.score(task, pool, function, progress=False)
    assert [row["id"] for row in queue] == scores.top(6)
    assert [row["score"] for row in queue] == sorted(scores.values.tolist(), reverse=True)[:6]
    assert f"by {function}" in result.output
    best = queue[0]
    assert best["row"] == pool[best["id"]]
    mean = best["prediction"]["targets"][0]["mean"]
    assert mean == pytest.approx(float(task.predict([pool[best["id"]]]).mean.mean()), rel=1e-5)
    assert f"size {mean:.4g} (90%:" in result.output


def test_texts_and_their_scaling_come_back(rank, trunk, tmp_path):
    texts = [f"card rate {'lost ' * (i % 5)}up" for i in range(12)]
    task = al.Regression(trunk, targets=["a", "b"], training_args={"max_steps": 2})
    labels = [[100.0 + i, -float(i)] for i in range(12)]
    task.fit(texts, labels, seed=0)
    task.save(tmp_path / "model")
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    result, queue = rank(tmp_path / "model", pool, "--passes", "3", "--dropout", "0.2",
                         "--strategy", "top_k")  # fmt: skip
    assert result.exit_code == 0, result.output
    committee = al.MCDropout(3, p=0.2)
    ours = al.Regression(tmp_path / "model", targets=["a", "b"], committee=committee)
    ours.load(tmp_path / "model")
    scores = al.score(ours, texts, progress=False)
    assert [row["id"] for row in queue] == scores.top(12)
    assert {row["text"] for row in queue} == set(texts)
    first = queue[0]["prediction"]["targets"]
    assert [one["target"] for one in first] == ["a", "b"]
    assert 50 < first[0]["mean"] < 150  # in the target's own unit


def test_by_default_it_spreads(rank, networks, table):
    result, queue = rank(networks / "one", table, "-n", "6")
    assert result.exit_code == 0, result.output
    _, named = rank(networks / "one", table, "-n", "6", "--strategy", "lcmd")
    assert [row["id"] for row in queue] == [row["id"] for row in named]
    scores = [row["score"] for row in queue]
    assert scores != sorted(scores, reverse=True)


@pytest.mark.parametrize("cell", ["", "wide", "nan", "inf"])
def test_a_cell_that_is_no_number_is_named(rank, networks, table, cell):
    lines = table.read_text().splitlines()
    lines[4] = f"{cell},r3,x,1"
    table.write_text("\n".join(lines))
    result, queue = rank(networks / "one", table)
    assert result.exit_code == 2
    assert "line 5, column 'height'" in result.output
    assert not queue


def test_a_column_that_is_missing_is_named(rank, networks, table):
    table.write_text(table.read_text().replace("width", "breadth"))
    result, _ = rank(networks / "one", table)
    assert result.exit_code == 2
    assert "'width', 'height'" in result.output
    assert "no 'width'" in result.output


def test_a_checkpoint_of_another_kind_is_refused(rank, checkpoint, pool_csv):
    result, queue = rank(checkpoint, pool_csv)
    assert result.exit_code == 2
    assert "--model: expected a checkpoint fine-tuned for regression" in result.output
    assert "3 outputs" in result.output
    assert not queue


def test_a_sheet_needs_pictures(rank, networks, table, tmp_path):
    result, _ = rank(networks / "one", table, "--sheet", str(tmp_path / "sheet.png"))
    assert result.exit_code == 2
    assert "--sheet: expected a folder of images as --pool" in result.output


def test_weights_that_are_gone_are_named(rank, networks, table, tmp_path):
    shutil.copytree(networks / "one", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").unlink()
    result, _ = rank(tmp_path / "broken", table)
    assert result.exit_code == 2
    assert "model.safetensors" in result.output


def test_all_numbers_are_kept_in_full(rank, networks, tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, 2)).tolist()
    pool = tmp_path / "exact.jsonl"
    pool.write_text("".join(json.dumps({"width": a, "height": b}) + "\n" for a, b in rows))
    _, queue = rank(networks / "one", pool)
    assert {(row["row"]["width"], row["row"]["height"]) for row in queue} == {
        tuple(r) for r in rows
    }


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, networks, table):
        return ["--task", "regression", "--model", str(networks / "three"), "--pool", str(table)]

    @pytest.fixture
    def labelled(self, tmp_path):
        path = tmp_path / "labelled.csv"
        rows = [f"r{i},{row['width']},{row['height']},{SIZES[i]}" for i, row in enumerate(ROWS)]
        path.write_text("\n".join(["id,width,height,size", *rows[:9], "last,1,2,"]))
        task = ["--task", "regression", "--data", str(path), "--label-column", "size"]
        return [*task, "--hidden", "8", "--training-arg", "max_steps=2"]
