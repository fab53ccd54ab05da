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
        texts = read_texts(samples)
        share = [sum(char in "aeiou" for char in text) / (len(text) + 1) for text in texts]
        return al.Categorical([[p**self.power / 2, 1 - p**self.power / 2] for p in share])

    def embed(self, samples):
        return np.array([[len(text), text.count("e")] for text in read_texts(samples)], np.float16)


def read_texts(samples):
    return [one.read_text() if isinstance(one, Path) else str(one) for one in samples]


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
MORE += ["max_herding", "uncertainty_herding"]


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


def candidates_of(left, labelled, scores, **more):
    task = Vowels.__new__(Vowels)
    return al.Candidates(
        scores.ids,
        scores.values,
        embeddings=scores.embeddings,
        mean_probs=scores.mean_probs,
        labelled_embeddings=task.embed(labelled),
        pending_embeddings=task.embed(TEXTS[:1])[:0],
        **more,
    )


def picks_of(files, strategy, labelled, left=None, **more):
    """Return what a strategy picks from Python, two of those that are left."""
    from altasks._internal.random import derive_rng

    left = left or {f"k{i}": text for i, text in enumerate(TEXTS)}
    keep = ["embeddings", "mean_probs"]
    task = Vowels(files / "model.txt")
    scores = al.score(task, left, "entropy", keep=keep, progress=False)
    candidates = candidates_of(left, labelled, scores, **more)
    return strategy.select(candidates, 2, rng=derive_rng(0, "rank"))


OLD = ["eee", "tree", "a", "xyz", "noodle soup", "eel"]


def table(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_labelled_samples_that_are_not_in_the_pool_are_read_as_data(files):
    """A table of texts without ids, as it is trained on."""
    old = table(files / "old.csv", ["text", "class"], [[text, "x"] for text in OLD])
    result = rank(files, strategy="k_center", number=2, labelled=old)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "6 samples in" in said
    assert "they count as labelled" in said
    assert "None of the pool's samples is left out" in said
    picks = picks_of(files, al.KCenter(), OLD)
    assert [row["id"] for row in read(files / "queue.jsonl")] == picks
    # A strategy that reads nothing of them has no use for the file.
    result = rank(files, "--force", strategy="top_k", labelled=old)
    assert result.exit_code == 2
    assert "--labelled: expected a column 'key' or 'id'" in " ".join(result.output.split())


def test_labelled_samples_in_and_beside_the_pool_count_both(files):
    rows = [["k0", TEXTS[0]], *([f"old{i}", text] for i, text in enumerate(OLD))]
    old = table(files / "old.csv", ["key", "text"], rows)
    result = rank(files, strategy="k_center", number=2, labelled=old)
    assert result.exit_code == 0, result.output
    assert "beside 1 that are" in " ".join(result.output.split())
    left = {f"k{i}": text for i, text in enumerate(TEXTS) if i}
    picks = picks_of(files, al.KCenter(), [TEXTS[0], *OLD], left)
    assert [row["id"] for row in read(files / "queue.jsonl")] == picks
    assert rank(files, "--force", labelled=old).exit_code == 0
    strangers = table(files / "strangers.csv", ["key", "text"], rows[1:])
    result = rank(files, "--force", strategy="top_k", labelled=strangers)
    assert result.exit_code == 2
    assert "6 ids that are not in it, such as 'old0'" in " ".join(result.output.split())


def test_ids_that_stand_for_no_sample_are_refused_whatever_the_strategy(files):
    (files / "others.txt").write_text("old0\nold1\n")
    result = rank(files, strategy="k_center", labelled=files / "others.txt")
    assert result.exit_code == 2
    assert "2 ids that are not in it, such as 'old0'" in " ".join(result.output.split())
    (files / "some.txt").write_text("old0\nk1\n")
    result = rank(files, strategy="k_center", labelled=files / "some.txt")
    assert result.exit_code == 0, result.output
    assert "1 of 2 ids in" in " ".join(result.output.split())


@pytest.mark.parametrize("header", [["text", "label"], ["key", "text", "label"], ["key", "label"]])
def test_labels_say_how_sure_the_model_may_be(header, files):
    """Herding takes its temperature from them, as in a loop."""
    from altasks._internal.random import derive_rng
    from altasks.loop.held_out import held_out

    rows = [[f"k{i}", text, "ab"[i % 2]] for i, text in enumerate(TEXTS[:6])]
    where = [["key", "text", "label"].index(name) for name in header]
    old = table(files / "old.csv", header, [[row[at] for at in where] for row in rows])
    result = rank(files, strategy="uncertainty_herding", number=2, labelled=old)
    assert result.exit_code == 0, result.output
    assert "Give --labelled" not in result.output
    inside = "key" in header
    left = {f"k{i}": text for i, text in enumerate(TEXTS) if not inside or i >= 6}
    ids = [f"k{i}" if inside else f"old.csv:{i}" for i in range(6)]
    task = Vowels(files / "model.txt")
    probs, right = held_out(
        task.embed(TEXTS[:6]),
        [row[2] for row in rows],
        ids,
        al.score(task, left, "entropy", keep=["mean_probs"], progress=False).mean_probs,
        derive_rng(0, "held out", 0),
    )
    more = {"held_out_probs": probs, "held_out_labels": right}
    picks = picks_of(files, al.UncertaintyHerding(), TEXTS[:6], left, **more)
    assert [row["id"] for row in read(files / "queue.jsonl")] == picks


def test_a_folder_of_labelled_files_is_read_too(files):
    pool = files / "texts"
    (pool / "done").mkdir(parents=True)
    elsewhere = files / "elsewhere"
    elsewhere.mkdir()
    for i, text in enumerate(TEXTS):
        (pool / ("done" if i < 2 else "") / f"{i}.txt").write_text(text)
        (elsewhere / f"{i}.txt").write_text(text)
    given = {"pool": pool, "strategy": "k_center", "number": 2}
    for folder, left in ((pool / "done", 6), (elsewhere, 8)):
        found = rank_folder(files, "--force", labelled=folder, **given)
        assert found.exit_code == 0, found.output
        assert f"Scored {left} samples" in found.output
    assert "8 samples in" in " ".join(found.output.split())
    refused = rank_folder(files, "--force", labelled=elsewhere, pool=pool)
    assert refused.exit_code == 2
    assert "a folder with none of its samples" in " ".join(refused.output.split())


def rank_folder(files, *options, **given):
    named = {"task": "vowels", "model": files / "model.txt", "out": files / "queue.jsonl", **given}
    words = [word for name, value in named.items() for word in (f"--{name}", str(value))]
    return CliRunner().invoke(app, ["rank", *words, *options])


def test_without_labelled_samples_a_line_says_what_they_would_change(files):
    result = rank(files, strategy="uncertainty_herding", number=2)
    assert result.exit_code == 0, result.output
    assert "Give --labelled" in result.output
    assert "Give --labelled" not in rank(files, "--force").output


class Plain(Vowels):
    """Embeds nothing, whatever its default wants."""

    default_strategy = "uncertainty_herding"
    embed = None


def test_a_default_that_cannot_work_gives_way_to_the_highest_scores(files, monkeypatch):
    monkeypatch.setitem(TASKS._targets, "vowels", Plain)
    result = rank(files, number=3)
    assert result.exit_code == 0, result.output
    assert "Note: uncertainty_herding, the strategy of vowels, needs" in result.output
    ids = [row["id"] for row in read(files / "queue.jsonl")]
    monkeypatch.setitem(TASKS._targets, "vowels", Vowels)
    assert rank(files, "--force", strategy="top_k", number=3).exit_code == 0
    assert ids == [row["id"] for row in read(files / "queue.jsonl")]


@pytest.mark.parametrize("strategy", ["uncertainty_herding", "badge"])
def test_a_named_strategy_that_cannot_work_names_those_that_can(strategy, files, monkeypatch):
    monkeypatch.setitem(TASKS._targets, "vowels", Plain)
    result = rank(files, strategy=strategy)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert "--strategy: expected" in said
    able = said.partition("Strategies that can work here: ")[2]
    assert "top_k" in able
    assert "batch_bald" in able
    assert "k_center" not in able
    assert "badge" not in able


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
