"""The ranker of a task that has none of its own, and a third party's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.cli.rankers import Ranker, RankOption
from altasks.registry import RANKERS, TASKS
from altasks.testing.rankers import RankerSuite


class Loud:
    """Tells shouting from speech, by a threshold that is read from a file."""

    default_acquisition = "entropy"

    def __init__(self, model, *, device=None, batch_size=8):
        self.share = float(Path(model).read_text())

    def predict(self, samples):
        texts = [one.read_text() if isinstance(one, Path) else str(one) for one in samples]
        loud = [self.share * (0.1 + sum(map(str.isupper, text)) / len(text)) for text in texts]
        return al.Categorical([[p, 1 - p] for p in loud])

    def describe(self, sample, prediction):
        loud = float(prediction.mean_probs[0, 0])
        return {"predicted": "loud" if loud > 0.5 else "calm", "loud": np.float32(loud)}


class Loaded(Loud):
    """Made without arguments; the model is loaded."""

    def __init__(self):
        self.share = 0.0

    def load(self, directory):
        self.share = float((Path(directory) / "share.txt").read_text())


@pytest.fixture
def files(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "share.txt").write_text("0.7")
    texts = {"a": "CALM DOWN", "b": "good day", "c": "Well, NO", "d": "yes", "e": "STOP"}
    rows = [{"id": name, "text": text, "n": len(text)} for name, text in texts.items()]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "folder").mkdir()
    for name, text in texts.items():
        (tmp_path / "folder" / f"{name}.txt").write_text(text)
    return tmp_path


def rank(files, task, *options, model="model/share.txt", pool="pool.jsonl"):
    out = files / "queue.jsonl"
    given = ["rank", "--task", task, "--pool", str(files / pool), "--out", str(out), *options]
    if model is not None:
        given += ["--model", str(files / model)]
    result = CliRunner().invoke(app, given)
    lines = out.read_text().splitlines() if out.exists() else []
    return result, [json.loads(line) for line in lines]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(TASKS._targets, "loud", Loud)
    monkeypatch.setitem(TASKS._targets, "loaded", Loaded)


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, files):
        model, pool = files / "model" / "share.txt", files / "pool.jsonl"
        return ["--task", "loud", "--model", str(model), "--pool", str(pool)]


def test_a_table_goes_in_and_descriptions_come_out(files):
    result, rows = rank(files, "loud", "-n", "3")
    assert result.exit_code == 0, result.output
    scores = al.score(Loud(files / "model/share.txt"), files / "pool.jsonl")
    assert [row["id"] for row in rows] == scores.top(3)
    assert all({"text", "prediction"} <= set(row) for row in rows)
    assert {row["prediction"]["predicted"] for row in rows} <= {"loud", "calm"}
    assert "Predicted classes among them:" in result.output
    assert "predicted loud, loud 0." in result.output


def test_a_folder_goes_in_too(files):
    result, rows = rank(files, "loud", pool="folder")
    assert result.exit_code == 0, result.output
    assert {row["id"] for row in rows} == {f"{name}.txt" for name in "abcde"}
    assert all(row["path"].endswith(row["id"]) for row in rows)


def test_without_a_text_column_a_sample_is_the_row(files):
    path = files / "pool.jsonl"
    path.write_text(path.read_text().replace('"text"', '"words"'))
    result, rows = rank(files, "loud")
    assert result.exit_code == 0, result.output
    assert all(set(row["sample"]) == {"words", "n"} for row in rows)
    named, _ = rank(files, "loud", "--text-column", "words", "--force")
    assert named.exit_code == 0, named.output


def test_a_task_made_without_arguments_loads_the_model(files):
    result, rows = rank(files, "loaded", model="model")
    assert result.exit_code == 0, result.output
    assert rows[0]["score"] == pytest.approx(
        max(al.score(Loud(files / "model/share.txt"), files / "pool.jsonl").values)
    )


@pytest.mark.parametrize(
    ("task", "options", "model", "words"),
    [
        ("loud", [], None, ["--model", "none"]),
        ("loaded", [], "nowhere", ["--model", "existing", "nowhere"]),
        ("loaded", ["--device", "cpu"], "model", ["--device", "loaded"]),
        ("loud", ["--views"], "model", ["--views", "not an option of loud", "image-class"]),
        ("loud", ["--strategy", "badge"], "model/share.txt", ["--strategy", "embed"]),
        ("loud", ["--strategy", "subsampled:top_k"], "model/share.txt", ["--strategy", "size"]),
        ("lout", [], None, ["--task", "'loud'"]),
    ],
)
def test_what_cannot_be_done_is_one_message(files, task, options, model, words):
    result, rows = rank(files, task, *options, model=model)
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.output
    assert not rows


def test_a_wrapper_takes_the_strategy_inside(files):
    result, rows = rank(files, "loud", "--strategy", "balanced:top_k", "-n", "2")
    assert result.exit_code == 0, result.output
    assert len(rows) == 2


class Greedy:
    """A third party's strategy that returns what was never a candidate."""

    needs = frozenset()

    def select(self, candidates, n, *, rng):
        return ["nobody"] * n


def test_a_bad_answer_of_a_strategy_is_never_written(files, monkeypatch):
    from altasks.registry import STRATEGIES

    monkeypatch.setitem(STRATEGIES._targets, "greedy", Greedy)
    result, rows = rank(files, "loud", "--strategy", "greedy", "-n", "2")
    assert result.exit_code == 2
    assert "--strategy" in result.output
    assert "Greedy" in result.output
    assert not rows


SIGN: RankOption[str] = RankOption("--sign", str, "The sign to look for.", "!")


class LoudRanker(Ranker):
    """Ranks lines of a text file."""

    options = (SIGN,)

    def read(self, request):
        lines = request.pool.read_text().splitlines()
        return al.as_pool({f"line {place}": line for place, line in enumerate(lines)})

    def build(self, request):
        return Loud(request.checkpoint)

    def fields(self, sample):
        return {"text": sample}

    def reason(self, description):
        return f"{description['loud']:.2f}"


def test_a_third_partys_ranker_has_options_of_its_own(files, monkeypatch):
    monkeypatch.setitem(RANKERS._targets, "loud", LoudRanker)
    shown = CliRunner().invoke(app, ["rank", "--task", "loud", "--help"], env={"COLUMNS": "200"})
    assert "--sign" in shown.output
    assert "[default: !]" in shown.output
    assert "--passes" not in shown.output
    result, rows = rank(files, "loud", "--sign", "?")
    assert result.exit_code == 0, result.output
    assert {row["id"] for row in rows} == {f"line {place}" for place in range(5)}
    refused, _ = rank(files, "ner", "--sign", "?")
    assert "--sign: not an option of ner, only of loud." in refused.output
