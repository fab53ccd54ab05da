"""`altasks score` and `altasks merge` write the queue of `altasks rank`, byte for byte."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.cli.score_command import SCORE

pytest.importorskip("transformers", reason="needs the extra text")

runner = CliRunner()


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture
def run(checkpoint, pool_csv, tmp_path, monkeypatch):
    """Run a command on the small pool; options given override or add, None leaves one out."""
    monkeypatch.chdir(tmp_path)

    def run(command, *parts, **options):
        given = {} if command == "merge" else {
            "task": "text-classification", "model": checkpoint, "pool": pool_csv, "number": 5,
            "batch-size": 4, "passes": 3,
        }  # fmt: skip
        arguments = [command, *map(str, parts)]
        for name, value in {**given, **options}.items():
            if value is not None:
                arguments += [f"--{name.replace('_', '-')}"] + (
                    [] if value is True else [str(value)]
                )
        return runner.invoke(app, arguments)

    return run


def score_all(run, of, folder="parts", **options):
    Path(folder).mkdir(exist_ok=True)
    paths = [Path(folder) / f"part-{i}" for i in range(1, of + 1)]
    for i, path in enumerate(paths, start=1):
        result = run("score", shard=f"{i}/{of}", out=path, **options)
        assert result.exit_code == 0, result.output
        assert f"shard {i}/{of}" in result.output
    return paths


@pytest.mark.parametrize(
    "options",
    [
        {"acquisition": "bald"},  # MC dropout over all layers: batches have to be the same ones
        slow({"acquisition": "entropy", "strategy": "power", "seed": 3}),
        slow({"candidates": 30}),  # the task's own strategy, which sees all
        slow({"strategy": "k_center", "candidates": 30, "labelled": "done.txt"}),
    ],
)
def test_the_queue_is_that_of_rank(options, run, tmp_path):
    (tmp_path / "done.txt").write_text("q3\nq7\n")
    of_rank = {name: value for name, value in options.items() if name != "candidates"}
    result = run("rank", out="queue.jsonl", **of_rank)
    assert result.exit_code == 0, result.output
    parts = score_all(run, 2, **options)
    merged = run("merge", *reversed(parts), out="merged.jsonl")
    assert merged.exit_code == 0, merged.output
    assert (tmp_path / "merged.jsonl").read_bytes() == (tmp_path / "queue.jsonl").read_bytes()
    line = next(line for line in result.output.splitlines() if line.startswith("Predicted"))
    assert line in merged.output
    assert ("Picked among" in merged.output) == ("candidates" in options)


@pytest.mark.slow
def test_few_candidates_are_what_the_strategy_sees(run, tmp_path):
    parts = score_all(run, 2, candidates=3, number=2)
    result = run("merge", *parts, out="merged.jsonl")
    assert "Picked among 6 candidates of 30 samples" in result.output
    refused = run("merge", *parts, out="more.jsonl", number=7)
    assert refused.exit_code == 2
    assert "--number: expected at most 6, the candidates" in refused.output
    assert not (tmp_path / "more.jsonl").exists()


@pytest.mark.slow
def test_another_number_and_places_that_moved(run, checkpoint, pool_csv, tmp_path):
    parts = score_all(run, 2, acquisition="entropy")
    assert run("merge", *parts, out="few.jsonl", number=2).exit_code == 0
    assert len((tmp_path / "few.jsonl").read_text().splitlines()) == 2
    shutil.copytree(checkpoint, tmp_path / "model")
    shutil.copy(pool_csv, tmp_path / "copy.csv")
    moved = run("merge", *parts, out="moved.jsonl", model="model", pool="copy.csv")
    assert moved.exit_code == 0, moved.output
    assert run("merge", *parts, out="few.jsonl").exit_code == 2  # it exists
    assert run("merge", *parts, out="few.jsonl", force=True).exit_code == 0


@pytest.mark.slow
def test_another_pool_or_model_is_refused(run, checkpoint, pool_csv, tmp_path):
    parts = score_all(run, 2, acquisition="entropy")
    text = pool_csv.read_text(encoding="utf-8")
    (tmp_path / "other.csv").write_text(text.replace("card", "rate"), encoding="utf-8")
    result = run("merge", *parts, out="merged.jsonl", pool="other.csv")
    assert "--pool: expected the pool that was scored, of 30 samples" in result.output
    shutil.copytree(checkpoint, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 0.1}))
    result = run("merge", *parts, out="merged.jsonl", model="model")
    assert "--model: expected what the parts were scored with" in result.output
    second = run("score", shard="2/2", out="second", model="model", acquisition="entropy")
    assert second.exit_code == 0
    result = run("merge", parts[0], "second", out="merged.jsonl")
    assert "the same model in all parts" in result.output
    assert not (tmp_path / "merged.jsonl").exists()


def test_faults_are_one_message_and_write_nothing(run, tmp_path):
    for options, found in [
        ({"shard": "0/2"}, "--shard: expected a shard from '1/N' to 'N/N'"),
        ({"shard": "two"}, "such as '3/16'"),
        ({"candidates": 0}, "--candidates"),
        ({"candidates_by": "luck"}, "--candidates-by"),
        ({"sheet": "a.png"}, "--sheet"),
    ]:
        result = run("score", out="part", **options)
        assert result.exit_code == 2
        assert found in result.output
        assert not (tmp_path / "part").exists()


@pytest.mark.slow
def test_parts_that_do_not_make_a_queue_are_refused(run, tmp_path):
    parts = score_all(run, 2, acquisition="entropy")
    result = run("merge", parts[0], out="merged.jsonl")
    assert "parts: expected all 2 shards, found 1; 2/2 missing" in result.output
    result = run("merge", *parts, out=parts[0], force=True)
    assert "not read as part 1" in result.output
    al.score_shard(_Coin(), ["a"], "entropy", shard="1/1", out="python", progress=False)
    assert "merge_shards(parts)" in run("merge", "python", out="merged.jsonl").output


class _Coin:
    def predict(self, samples):
        return al.Categorical([[0.5, 0.5]] * len(samples))


@pytest.mark.slow
def test_an_interrupted_shard_goes_on_where_it_was(
    run, checkpoint, pool_csv, monkeypatch, tmp_path
):
    run("rank", out="queue.jsonl", acquisition="bald")
    own, calls = al.TextClassification.predict, []

    def predict(self, samples):
        calls.append(len(samples))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return own(self, samples)

    with monkeypatch.context() as patched:
        patched.setattr(al.TextClassification, "predict", predict)
        result = run("score", shard="1/2", out="part-1", acquisition="bald")
    assert result.exit_code == 130
    assert not (tmp_path / "part-1").exists()
    assert (tmp_path / "part-1.partial").is_file()
    run("score", shard="2/2", out="part-2", acquisition="bald")
    refused = run("merge", "part-1.partial", "part-2", out="merged.jsonl")
    assert "what an interrupted run left: part-1.partial" in refused.output
    again = run("score", shard="1/2", out="part-1", acquisition="bald")
    assert "Going on from part-1.partial" in again.output
    assert not (tmp_path / "part-1.partial").exists()
    assert run("merge", "part-1", "part-2", out="merged.jsonl").exit_code == 0
    assert (tmp_path / "merged.jsonl").read_bytes() == (tmp_path / "queue.jsonl").read_bytes()


@pytest.mark.slow
def test_more_shards_than_batches(run, tmp_path):
    run("rank", out="queue.jsonl", acquisition="entropy")
    parts = score_all(run, 9, acquisition="entropy")
    assert run("merge", *parts, out="merged.jsonl").exit_code == 0
    assert (tmp_path / "merged.jsonl").read_bytes() == (tmp_path / "queue.jsonl").read_bytes()


def test_a_command_line_makes_the_order_it_says():
    given = ["--task", "ner", "--pool", "a.conll", "--out", "p", "--shard", "2/3", "-n", "7"]
    order = SCORE.order_from(given)
    assert (order.shard, order.request.number, order.candidates) == ("2/3", 7, None)
    assert not order.request.options.keys() & {"shard", "candidates", "candidates_by"}
