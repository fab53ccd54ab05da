"""`altasks rank --task ner`: the same numbers as from Python, from every kind of file."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.testing.rankers import RankerSuite

pytest.importorskip("transformers", reason="needs the extra text")

WORDS = [["my", "card", "is", "lost"], ["what", "is", "the", "rate", "?"], ["top", "up"]]


@pytest.fixture(scope="module")
def tagger(trunk, tmp_path_factory):
    """A folder that `NER.save` wrote, in a scheme that its letters don't say."""
    folder = tmp_path_factory.mktemp("tagger")
    task = al.NER(trunk, labels=["THING"], scheme="IOB1", training_args={"max_steps": 2})
    task.fit(WORDS, [["O", "B-THING", "O", "O"], ["O"] * 5, []], seed=0)
    task.save(folder)
    return folder


@pytest.fixture
def rank(tagger, tmp_path):
    def run(pool, *options, model=tagger):
        out = tmp_path / "queue.jsonl"
        arguments = ["rank", "--task", "ner", "--model", model, "--pool", pool, "--out", out]
        result = CliRunner().invoke(app, [*map(str, arguments), *options, "--force"])
        lines = out.read_text().splitlines() if out.exists() else []
        return result, [json.loads(line) for line in lines]

    return run


@pytest.fixture
def files(tmp_path):
    texts = [" ".join(words) for words in WORDS]
    (tmp_path / "a.conll").write_text("\n\n".join("\n".join(f"{w} O" for w in s) for s in WORDS))
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"tokens": s}) for s in WORDS))
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps({"text": s}) for s in texts))
    (tmp_path / "d.csv").write_text("\n".join(["text", *texts]))
    return tmp_path


@pytest.mark.parametrize("name", ["a.conll", "b.jsonl", "c.jsonl", "d.csv"])
def test_the_queue_is_what_python_gives(rank, tagger, files, name):
    result, rows = rank(files / name, "--dropout-layers", "head", "--seed", "3")
    assert result.exit_code == 0, result.output
    committee = al.MCDropout(20, layers="head", seed=3)
    task = al.NER(tagger, scheme="IOB1", committee=committee)
    scores = al.score(task, WORDS, "bald", progress=False)
    assert [row["id"] for row in rows] == scores.top(3)
    assert [row["score"] for row in rows] == pytest.approx(sorted(scores.values, reverse=True))
    for row in rows:
        words = WORDS[int(row["id"])]
        assert row.get("tokens", row.get("text")) in (words, " ".join(words))
        assert set(row["prediction"]) == {"spans", "members"}
        spans = row["prediction"]["spans"]
        assert {span["label"] for span in spans} <= {"THING"}
        if "text" in row:
            assert all(row["text"][s["start"] : s["end"]] == s["text"] for s in spans)
    assert "top up" in result.output


def test_without_passes_it_ranks_by_mnlp(rank, files):
    result, rows = rank(files / "b.jsonl", "--passes", "0", "-n", "1")
    assert result.exit_code == 0, result.output
    assert "Scored 3 samples by mnlp" in result.output
    assert len(rows) == 1


def test_what_cannot_be_ranked_is_named(rank, files, checkpoint, trunk, tmp_path):
    result, _ = rank(files / "b.jsonl", "--truncate")
    assert result.exit_code == 2
    assert "--truncate: not an option of ner" in result.output
    result, _ = rank(files / "b.jsonl", model=trunk)
    assert result.exit_code == 2
    assert "--model: expected a checkpoint fine-tuned to tag words" in result.output
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "altasks.json").write_text('{"task": "srl"}')
    result, _ = rank(files / "b.jsonl", model=tmp_path / "other")
    assert result.exit_code == 2
    assert "one of the task 'srl'" in result.output
    (tmp_path / "bad.jsonl").write_text('{"tokens": ["a"]}\n{"tokens": []}\n')
    result, rows = rank(tmp_path / "bad.jsonl")
    assert result.exit_code == 2
    assert "empty" in result.output
    assert not rows


def test_strategies_read_embeddings_or_say_why_not(rank, files):
    few = ["--passes", "2", "-n", "2"]
    result, rows = rank(files / "b.jsonl", "--strategy", "k_center", *few)
    assert result.exit_code == 0, result.output
    assert len(rows) == 2
    result, rows = rank(files / "b.jsonl", "--strategy", "badge", *few)
    assert result.exit_code == 2
    assert "--strategy: mean_probs exist for one distribution per sample" in result.output


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, tagger, tmp_path):
        pool = tmp_path / "four.jsonl"
        pool.write_text("".join(json.dumps({"tokens": one}) + "\n" for one in [*WORDS, ["lost"]]))
        return ["--task", "ner", "--model", str(tagger), "--pool", str(pool), "--passes", "2"]

    @pytest.fixture
    def labelled(self, trunk, tmp_path):
        path = tmp_path / "labelled.conll"
        path.write_text("\n\n".join(f"my O\n{word} B-THING" for word in ("card", "rate", "a", "b")))
        task = ["--task", "ner", "--model", str(trunk), "--data", str(path)]
        return [*task, "--training-arg", "max_steps=1"]
