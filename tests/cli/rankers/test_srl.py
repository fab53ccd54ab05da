"""`altasks rank --task srl`: sentences with predicates in, arguments out."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.testing.rankers import RankerSuite

pytest.importorskip("transformers", reason="needs the extra text")

SENTENCES = [
    {"id": "a", "tokens": ["my", "card", "is", "lost"], "verbs": [2, 3]},
    {"id": "b", "tokens": ["what", "is", "the", "rate"], "verbs": [1]},
    {"id": "c", "tokens": ["top", "up"], "verbs": []},
]


@pytest.fixture(scope="module")
def model(trunk, tmp_path_factory):
    """A folder that `SRL.save` wrote."""
    folder = tmp_path_factory.mktemp("roles")
    task = al.SRL(trunk, labels=["ARG0", "ARG1"], training_args={"max_steps": 2})
    labels = [
        [
            {"verb": verb, "tags": ["B-ARG0", *["O"] * (len(one["tokens"]) - 1)]}
            for verb in one["verbs"]
        ]
        for one in SENTENCES
    ]
    task.fit(SENTENCES, labels, seed=0)
    task.save(folder)
    return folder


@pytest.fixture
def rank(model, tmp_path):
    def run(rows, *options):
        pool, out = tmp_path / "pool.jsonl", tmp_path / "queue.jsonl"
        pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
        arguments = ["rank", "--task", "srl", "--model", model, "--pool", pool, "--out", out]
        result = CliRunner().invoke(app, [*map(str, arguments), "--force", *options])
        lines = out.read_text().splitlines() if out.exists() else []
        return result, [json.loads(line) for line in lines]

    return run


FRAMED = [
    {"id": one["id"], "tokens": one["tokens"], "frames": [{"verb": verb} for verb in one["verbs"]]}
    for one in SENTENCES
]


@pytest.mark.parametrize("rows", [SENTENCES, FRAMED], ids=["verbs", "frames"])
def test_the_queue_is_what_python_gives(rank, model, rows):
    result, queue = rank(rows, "--dropout-layers", "head", "--passes", "4", "--seed", "3")
    assert result.exit_code == 0, result.output
    task = al.SRL(model, committee=al.MCDropout(4, layers="head", seed=3))
    pool = {one["id"]: one for one in SENTENCES}
    scores = al.score(task, pool, progress=False)
    assert [row["id"] for row in queue] == scores.top(3)
    assert [row["score"] for row in queue] == pytest.approx(sorted(scores.values, reverse=True))
    for row in queue:
        assert row["tokens"] == pool[row["id"]]["tokens"]
        assert row["verbs"] == pool[row["id"]]["verbs"]
        assert [one["verb"] for one in row["prediction"]["frames"]] == row["verbs"]
    assert "no predicate" in result.output


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"tokens": ["a"]}], ["--pool", "'verbs'", "'tokens'"]),
        ([{"text": "a b", "verbs": [0]}], ["--pool", "'tokens'"]),
        ([{"id": "x", "tokens": ["a"], "verbs": [3]}], ["--pool", "3", "'x'"]),
        ([{"id": "x", "tokens": ["a"], "verbs": [0]}] * 2, ["distinct ids", "'x'"]),
    ],
)
def test_a_sentence_that_cannot_be_read_is_named(rank, rows, words):
    result, queue = rank(rows)
    assert result.exit_code == 2
    for word in words:
        assert word in result.output
    assert not queue


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, model, tmp_path):
        pool = tmp_path / "four.jsonl"
        rows = [*SENTENCES, {"id": "d", "tokens": ["card", "failed"], "verbs": [1]}]
        pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ["--task", "srl", "--model", str(model), "--pool", str(pool), "--passes", "2"]

    @pytest.fixture
    def labelled(self, trunk, tmp_path):
        path = tmp_path / "labelled.jsonl"
        frames = [{"verb": 1, "tags": ["B-ARG0", "B-V", "B-ARG1"]}]
        rows = [{"tokens": [word, "is", "lost"], "frames": frames} for word in "abcd"]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        task = ["--task", "srl", "--model", str(trunk), "--data", str(path)]
        return [*task, "--training-arg", "max_steps=1"]
