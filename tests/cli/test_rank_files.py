"""`altasks rank` and the disk: what it reads is never overwritten, what it wrote is never lost."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.errors import InvalidInputError
from altasks.registry import TASKS

resource = pytest.importorskip("resource", reason="limits are POSIX's")


class Vowels:
    """Sure of texts with many vowels."""

    default_acquisition = "entropy"

    def __init__(self, model):
        self.power = float(Path(model).read_text())

    def predict(self, samples):
        texts = [one.read_text() if isinstance(one, Path) else str(one) for one in samples]
        share = [sum(char in "aeiou" for char in text) / (len(text) + 1) for text in texts]
        return al.Categorical([[p**self.power / 2, 1 - p**self.power / 2] for p in share])

    def embed(self, samples):
        return np.array([[len(text), text.count("e")] for text in samples], np.float16)


TEXTS = ["a card", "been lost", "rate", "top up", "why", "exchange", "queue", "my"]


@pytest.fixture
def files(monkeypatch, tmp_path):
    monkeypatch.setitem(TASKS._targets, "vowels", Vowels)
    (tmp_path / "model.txt").write_text("1")
    with (tmp_path / "pool.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["key", "text"], *((f"k{i}", text) for i, text in enumerate(TEXTS))])
    (tmp_path / "done.txt").write_text("k0\nk1\n")
    return tmp_path


def rank(files, *options, **given):
    named = {"task": "vowels", "model": files / "model.txt", "pool": files / "pool.csv",
             "id-column": "key", "out": files / "queue.jsonl", **given}  # fmt: skip
    words = [word for name, value in named.items() for word in (f"--{name}", str(value))]
    return CliRunner().invoke(app, ["rank", *words, *options])


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("source", ["labelled", "pool", "model"])
@pytest.mark.parametrize("spelling", ["same", "relative", "dots", "link", "hard link"])
def test_what_is_read_is_not_overwritten(source, spelling, files, monkeypatch):
    path = files / {"labelled": "done.txt", "pool": "pool.csv", "model": "model.txt"}[source]
    before = path.read_bytes()
    out = path
    if spelling == "relative":
        monkeypatch.chdir(files)
        out = Path(path.name)
    elif spelling == "dots":
        out = files / ".." / files.name / path.name
    elif spelling == "link":
        out = files / "link"
        out.symlink_to(path)
    elif spelling == "hard link":
        out = files / "other"
        out.hardlink_to(path)
    result = rank(files, "--force", out=out, labelled=files / "done.txt")
    assert result.exit_code == 2, result.output
    assert "--out" in result.output
    assert f"--{source}" in result.output
    assert path.read_bytes() == before


def test_a_partial_that_is_read_is_not_overwritten_or_removed(files):
    partial = files / "queue.jsonl.partial"
    partial.write_text("k0\n")
    result = rank(files, labelled=partial)
    assert result.exit_code == 2
    assert ".partial" in result.output
    assert partial.read_text() == "k0\n"


def test_a_sample_of_a_folder_is_not_overwritten(files):
    folder = files / "texts"
    folder.mkdir()
    for i, text in enumerate(TEXTS):
        (folder / f"{i}.txt").write_text(text)
    result = rank(files, "--force", pool=folder, out=folder / "3.txt")
    assert result.exit_code == 2
    assert (folder / "3.txt").read_text() == TEXTS[3]
    assert rank(files, pool=folder).exit_code == 0


def test_a_file_in_the_folder_of_the_model_is_not_overwritten(files):
    (files / "model").mkdir()
    weights = files / "model" / "weights.bin"
    weights.write_bytes(b"w")
    result = rank(files, "--force", model=files / "model", out=weights)
    assert result.exit_code == 2
    assert "in the folder of --model" in result.output
    assert weights.read_bytes() == b"w"


def test_a_queue_in_the_folder_of_the_pool_may_be_written_again(files, monkeypatch):
    from altasks.cli.files import check_distinct
    from altasks.cli.partial import read_queue

    assert rank(files, number=2).exit_code == 0
    again = {"--out": files / "queue.jsonl"}
    check_distinct(again, {"--pool": files}, replaceable=lambda path: read_queue(path) is not None)
    (files / "queue.jsonl").write_text("notes\n")
    with pytest.raises(InvalidInputError, match="in the folder of --pool"):
        check_distinct(again, {"--pool": files}, replaceable=lambda path: bool(read_queue(path)))


def test_the_next_samples_leave_out_a_queue_of_a_pool_with_other_ids(files):
    assert rank(files, number=3).exit_code == 0
    second = rank(files, number=3, labelled=files / "queue.jsonl", out=files / "next.jsonl")
    assert second.exit_code == 0, second.output
    both = [{row["id"] for row in read(files / name)} for name in ("queue.jsonl", "next.jsonl")]
    assert both[0] | both[1] <= {f"k{i}" for i in range(len(TEXTS))}
    assert not both[0] & both[1]
    # A table with the pool's own column still works, and a queue beside it does not confuse it.
    table = files / "labels.csv"
    table.write_text("id,key,label\n1,k6,a\n2,k7,b\n")
    third = rank(files, labelled=table, out=files / "third.jsonl")
    assert third.exit_code == 0, third.output
    assert {row["id"] for row in read(files / "third.jsonl")} == {f"k{i}" for i in range(6)}


def test_equal_scores_are_warned_of(files):
    (files / "model.txt").write_text("0")
    result = rank(files)
    assert result.exit_code == 0, result.output
    assert "Warning: all 8 samples have the same score, 0.6931" in " ".join(result.output.split())
    (files / "model.txt").write_text("1")
    assert "Warning" not in rank(files, "--force").output


EMBEDDING = ["k_center", "typiclust", "prob_cover", "facility_location", "lcmd", "max_det", "k_dpp"]
MORE = ["badge", "cluster_margin", "density_weighted", "power", "balanced:k_center"]


@pytest.mark.parametrize("strategy", EMBEDDING + MORE)
@pytest.mark.filterwarnings("ignore")
def test_any_strategy_that_the_task_allows_can_be_named(strategy, files):
    for labelled in ({}, {"labelled": files / "done.txt"}):
        result = rank(files, "--force", strategy=strategy, number=3, **labelled)
        assert result.exit_code == 0, result.output
        rows = read(files / "queue.jsonl")
        assert len({row["id"] for row in rows}) == 3
        if labelled:
            assert not {"k0", "k1"} & {row["id"] for row in rows}


def test_labelled_samples_are_read_as_data(files):
    """The picks of k_center are those of Python, far from what is labelled too."""
    result = rank(files, strategy="k_center", number=2, labelled=files / "done.txt")
    assert result.exit_code == 0, result.output
    task = Vowels(files / "model.txt")
    left = {f"k{i}": text for i, text in enumerate(TEXTS) if i > 1}
    scores = al.score(task, left, "entropy", keep=["embeddings"], progress=False)
    from altasks._internal.random import derive_rng

    candidates = al.Candidates(
        scores.ids,
        scores.values,
        embeddings=scores.embeddings,
        labelled_embeddings=task.embed(TEXTS[:2]),
        pending_embeddings=task.embed(TEXTS[:1])[:0],
    )
    picks = al.KCenter().select(candidates, 2, rng=derive_rng(0, "rank"))
    assert [row["id"] for row in read(files / "queue.jsonl")] == picks


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_rank_files as here
from altasks.registry import TASKS
TASKS.register("vowels", here.Vowels)
from altasks.cli.rank import run_rank
from altasks.cli.rankers import RankRequest
import torch, altasks.scoring, altasks.strategies, altasks.scoring.describe
from altasks.errors import InvalidInputError
resource.setrlimit(resource.RLIMIT_FSIZE, (40, resource.RLIM_INFINITY))
root = Path({root!r})
request = RankRequest(task="vowels", model=str(root / "model.txt"), pool=root / "pool.csv",
                      out=root / "queue.jsonl", id_column="key", force=True)
try:
    run_rank(request)
except InvalidInputError as error:
    print(error)
    sys.exit(3)
"""


def test_a_full_disk_leaves_the_old_file_whole(files):
    """A process that may write 40 bytes a file: the same error as on a disk that is full."""
    old = files / "queue.jsonl"
    old.write_text("mine\n")
    script = FULL.format(tests=str(Path(__file__).parent), root=str(files))
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(files)},
    )
    assert result.returncode == 3, result.stdout + result.stderr
    assert "--out: expected a path that can be written" in result.stdout
    assert "free some space" in result.stdout
    assert old.read_text() == "mine\n"
    left = {path.name for path in files.iterdir() if not path.name.startswith("altasks-")}
    assert left == {"queue.jsonl", "pool.csv", "model.txt", "done.txt"}
