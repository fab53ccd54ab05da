"""`altasks rank --target`: picks for a set of samples that the model will meet."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app

pytest.importorskip("transformers", reason="needs the extra text")


@pytest.fixture
def rank(checkpoint, pool_csv, tmp_path):
    def run(*arguments):
        out = tmp_path / "queue.jsonl"
        given = ["rank", "--task", "text-classification", "--model", checkpoint, "--pool", pool_csv]
        given += ["--out", out, "--number", 5, "--passes", 0, "--acquisition", "entropy", "--force"]
        result = CliRunner().invoke(app, [str(one) for one in (*given, *arguments)])
        lines = out.read_text(encoding="utf-8").splitlines() if result.exit_code == 0 else []
        return result, [json.loads(line)["id"] for line in lines]

    return run


TARGET = ["lost my card", "what is the rate", "top up failed", "exchange rate"]
LABELS = ["card", "rate", "top-up", "rate"]


@pytest.fixture(params=["labelled", "without labels", "a list of wrappers"])
def target(request, tmp_path):
    """A table of what the model will meet, and the strategy to name."""
    path = tmp_path / "target.csv"
    rows = [f"{text},{label}" for text, label in zip(TARGET, LABELS, strict=True)]
    head = "text,label"
    if request.param == "without labels":
        head, rows = "text", TARGET
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    wrapped = request.param == "a list of wrappers"
    return path, "hybrid:fisher_matching" if wrapped else "fisher_matching", request.param


def test_picks_are_those_that_python_gives(rank, target, checkpoint, rows):
    path, strategy, kind = target
    result, picks = rank("--strategy", strategy, "--target", path)
    assert result.exit_code == 0, result.output
    task = al.TextClassification(checkpoint)
    pool = {row["id"]: row["text"] for row in rows}
    kept = {"keep": ("embeddings", "mean_probs"), "progress": False}
    scores = al.score(task, pool, "entropy", **kept)
    met = al.score(task, TARGET, "entropy", **kept)
    parts = (met.embeddings, met.mean_probs)
    if kind != "without labels":
        parts = (*parts, np.array([task.labels.index(label) for label in LABELS]))
    twin = al.FisherMatching(parts)
    twin = al.Hybrid(twin) if strategy.startswith("hybrid") else twin
    candidates = al.Candidates(
        scores.ids,
        scores.values,
        embeddings=scores.embeddings,
        mean_probs=scores.mean_probs,
        pending_embeddings=scores.embeddings[:0],
    )
    from altasks._internal.random import derive_rng

    assert picks == twin.select(candidates, 5, rng=derive_rng(0, "rank"))


def test_what_is_refused(rank, tmp_path):
    path = tmp_path / "target.csv"
    path.write_text("text,label\nlost my card,card\nhello,greeting\n", encoding="utf-8")
    for arguments, said in (
        (["--strategy", "fisher_matching"], "--target FILE"),
        (["--strategy", "badge", "--target", path], "fisher_matching"),
        (["--strategy", "fisher_matching", "--target", tmp_path / "none.csv"], "existing"),
        (["--strategy", "fisher_matching", "--target", path], "'greeting'"),
        (["--strategy", "fisher_matching", "--target", path, "--out", path], "--target"),
    ):
        result, _ = rank(*arguments)
        assert result.exit_code == 2, result.output
        assert said in " ".join(result.output.split()), result.output


def test_a_file_without_samples_is_refused(rank, tmp_path):
    path = tmp_path / "target.csv"
    path.write_text("number\n1\n", encoding="utf-8")
    result, _ = rank("--strategy", "fisher_matching", "--target", path)
    assert result.exit_code == 2
    assert "--target" in result.output
