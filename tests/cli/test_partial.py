"""An interrupted `altasks rank` keeps its scores, and the same command goes on from them."""

import json
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.errors import UnreadableSampleError
from altasks.registry import TASKS
from altasks.scoring import Scores

runner = CliRunner()


class Lengths:
    """Scores a text by its length, and stops where the file `stop` says so."""

    name = "lengths"
    default_acquisition = "entropy"
    default_strategy = "top_k"
    seen: ClassVar[list[str]] = []  # what all instances have read

    def __init__(self, model):
        self.factor = float(Path(model).read_text())

    def predict(self, samples):
        for text in samples:
            if text.startswith("stop"):
                raise KeyboardInterrupt
        if bad := {row: "damaged" for row, text in enumerate(samples) if text.startswith("bad")}:
            raise UnreadableSampleError("damaged", bad)
        Lengths.seen += samples
        share = [0.5 / (1 + self.factor * len(text)) for text in samples]
        return al.Categorical(np.array([[p, 1 - p] for p in share]))

    def embed(self, samples):
        angles = [1.7 * len(text) for text in samples]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.txt"
    path.write_text("0.1")
    return path


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    write(path, {f"s{i}": "x" * (i + 1) for i in range(9)} | {"last": "stop here"})
    return path


def write(path, texts):
    lines = (json.dumps({"id": name, "text": text}) for name, text in texts.items())
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def rank(monkeypatch, model, pool, tmp_path):
    monkeypatch.setitem(TASKS._targets, "lengths", Lengths)

    def run(*options, **given):
        Lengths.seen.clear()
        arguments = {"task": "lengths", "model": model, "pool": pool, "batch_size": 2,
                     "out": tmp_path / "queue.jsonl", **given}  # fmt: skip
        words = [
            word
            for name, value in arguments.items()
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        return runner.invoke(app, ["rank", *words, *options])

    return run


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def interrupted(rank, pool, tmp_path):
    """A run that was stopped after eight of ten samples; the cause is gone now."""
    result = rank()
    assert result.exit_code == 130, result.output
    assert "8 of 10 samples" in result.output
    assert len(read(tmp_path / "queue.jsonl.partial")) == 8
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "goes well"})
    return tmp_path / "queue.jsonl.partial"


def test_the_same_command_goes_on_and_gives_what_an_uninterrupted_run_gives(
    rank, interrupted, tmp_path
):
    result = rank()
    assert result.exit_code == 0, result.output
    assert "Going on from" in result.output
    assert "8 of 10 samples" in result.output
    assert sorted(Lengths.seen) == ["goes well", "x" * 9]
    assert not interrupted.exists()
    fresh = rank(out=tmp_path / "fresh.jsonl")
    assert "Going on" not in fresh.output
    assert (tmp_path / "queue.jsonl").read_bytes() == (tmp_path / "fresh.jsonl").read_bytes()


def test_a_second_interruption_keeps_what_the_first_had(rank, interrupted, pool):
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {"more": "y" * 40, **texts, "last": "stop again"})
    assert rank().exit_code == 130
    assert {row["id"] for row in read(interrupted)} == {*(f"s{i}" for i in range(9)), "more"}


@pytest.mark.parametrize("change", ["model", "acquisition", "seed", "text", "batch size"])
def test_scores_that_no_longer_hold_are_made_again(change, rank, interrupted, model, pool):
    options = {}
    if change == "model":
        model.write_text("0.25")
    elif change == "acquisition":
        options["acquisition"] = "margin"
    elif change == "seed":
        options["seed"] = 5
    elif change == "batch size":
        options["batch_size"] = 3
    else:
        texts = {row["id"]: row["text"] for row in read(pool)}
        write(pool, {**texts, "s3": "another text"})
    result = rank(**options)
    assert result.exit_code == 0, result.output
    if change == "text":
        assert "7 of 10" in result.output
        assert sorted(Lengths.seen) == ["another text", "goes well", "x" * 9]
    else:
        assert "Going on" not in result.output
        assert len(Lengths.seen) == 10
    assert not interrupted.exists()


def test_a_strategy_that_needs_more_than_scores_scores_again(rank, interrupted):
    result = rank(strategy="k_center")
    assert result.exit_code == 0, result.output
    assert "all samples are scored again" in " ".join(result.output.split())
    assert len(Lengths.seen) >= 10
    assert not interrupted.exists()


@pytest.mark.parametrize("strategy", ["badge", "uncertainty_herding", "batch_bald"])
def test_what_a_strategy_reads_beside_the_scores_is_kept(strategy, rank, pool, tmp_path):
    assert rank(strategy=strategy, number=5).exit_code == 130
    arrays = tmp_path / "queue.jsonl.partial.npz"
    assert arrays.exists()
    texts = {row["id"]: row["text"] for row in read(pool)}
    # What comes between may move the rows, and a second interruption keeps what the first had.
    write(pool, {"more": "y" * 40, **texts, "last": "stop again"})
    assert rank(strategy=strategy, number=5).exit_code == 130
    write(pool, {"more": "y" * 40, **texts, "last": "goes well"})
    result = rank(strategy=strategy, number=5)
    assert result.exit_code == 0, result.output
    assert "10 of 11 samples" in result.output
    assert sorted(Lengths.seen) == ["goes well"]
    assert not arrays.exists()
    assert not (tmp_path / "queue.jsonl.partial").exists()
    rank(strategy=strategy, number=5, out=tmp_path / "fresh.jsonl")
    assert len(Lengths.seen) == 11
    assert (tmp_path / "queue.jsonl").read_bytes() == (tmp_path / "fresh.jsonl").read_bytes()
    rank(number=5, out=tmp_path / "top.jsonl")
    assert (tmp_path / "queue.jsonl").read_bytes() != (tmp_path / "top.jsonl").read_bytes()


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    """Change a number inside an array, which its checksum finds."""
    content = path.read_bytes()
    at = content.index(b"embeddings.npy") + 160
    path.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])


def pickled(path):
    np.savez(path, checks=np.array([{}], dtype=object), asked=np.array(["embeddings"]))


def fewer(path):
    np.savez(path, checks=np.array([b"0" * 16]), asked=np.array(["embeddings", "mean_probs"]))


def bare(path):
    with path.open("wb") as file:
        np.save(file, np.arange(3.0))


@pytest.mark.parametrize("damage", [cut, flip, pickled, fewer, bare, Path.unlink])
def test_damaged_arrays_are_made_again(damage, rank, pool, tmp_path):
    assert rank(strategy="badge").exit_code == 130
    damage(tmp_path / "queue.jsonl.partial.npz")
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "goes well"})
    result = rank(strategy="badge")
    assert result.exit_code == 0, result.output
    assert len(Lengths.seen) == 10
    # Of one that can't be opened nobody knows whose it is.
    assert damage in (cut, bare) or list(tmp_path.glob("queue.jsonl.*")) == []


def test_arrays_of_another_strategy_serve_if_they_are_all_that_is_read(rank, pool, tmp_path):
    assert rank(strategy="badge").exit_code == 130  # keeps embeddings and probabilities
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "goes well"})
    for strategy, scored in (("density_weighted", 2), ("batch_bald", 10)):
        out = tmp_path / f"{strategy}.jsonl"
        for end in ("", ".npz"):
            kept = tmp_path / f"queue.jsonl.partial{end}"
            (tmp_path / f"{out.name}.partial{end}").write_bytes(kept.read_bytes())
        result = rank(strategy=strategy, out=out)
        assert result.exit_code == 0, result.output
        assert len(Lengths.seen) == scored


def test_without_room_for_arrays_the_scores_are_kept(rank, tmp_path, monkeypatch):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("altasks.cli.partial.write_arrays", full)
    result = rank(strategy="badge")
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert "No space left on device" in said
    assert "The scores are in" in said
    assert len(read(tmp_path / "queue.jsonl.partial")) == 8


def test_arrays_that_are_none_of_ours_are_left_alone(rank, pool, tmp_path):
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "fine"})
    theirs = tmp_path / "queue.jsonl.partial.npz"
    np.savez(theirs, mine=np.arange(3))
    assert rank(strategy="badge").exit_code == 0
    assert list(np.load(theirs)) == ["mine"]


def test_samples_left_out_afterwards_need_no_other_scored_again(rank, pool, tmp_path):
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "bad file"})
    assert rank().exit_code == 2
    partial = tmp_path / "queue.jsonl.partial"
    assert len(read(partial)) == 9
    result = rank("--skip-unreadable")
    assert result.exit_code == 0, result.output
    assert Lengths.seen == []
    assert "1 of 10 samples can't be read" in result.output
    assert not partial.exists()


class Fragile(Lengths):
    """Describes nothing that is marked."""

    def describe(self, sample, prediction):
        if sample.startswith("goes"):
            raise RuntimeError("the screen went dark")
        return {"length": len(sample)}


def test_scores_outlive_what_fails_after_them(rank, pool, tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS._targets, "lengths", Fragile)
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "goes well"})
    result = rank()
    assert isinstance(result.exception, RuntimeError)
    assert "the same command goes on from there" in result.exception.__notes__[0]
    assert not (tmp_path / "queue.jsonl").exists()
    monkeypatch.setitem(TASKS._targets, "lengths", Lengths)
    assert rank().exit_code == 0
    assert Lengths.seen == []
    assert not (tmp_path / "queue.jsonl.partial").exists()


def test_a_file_of_that_name_that_is_none_of_ours_is_left_alone(rank, pool, tmp_path):
    texts = {row["id"]: row["text"] for row in read(pool)}
    write(pool, {**texts, "last": "fine"})
    theirs = tmp_path / "queue.jsonl.partial"
    theirs.write_text("my notes\n")
    assert rank().exit_code == 0
    assert theirs.read_text() == "my notes\n"


def test_a_damaged_row_is_scored_again(rank, interrupted):
    rows = read(interrupted)
    rows[0]["check"] = "0" * 16
    del rows[1]["check"]
    interrupted.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = rank()
    assert "6 of 10 samples" in result.output
    assert len(Lengths.seen) == 4


def test_an_image_that_was_written_anew_is_scored_again(tmp_path):
    from altasks.cli.partial import Partial
    from altasks.cli.rankers import RankRequest
    from altasks.cli.rankers.plain import PlainRanker

    photo = tmp_path / "a.png"
    photo.write_bytes(b"one")
    request = RankRequest(task="x", pool=tmp_path, out=tmp_path / "queue.jsonl")
    kept = Partial(request, PlainRanker("x"), "entropy")
    scores, pool = Scores(["a.png"], np.array([0.5])), al.as_pool({"a.png": photo})
    kept.write(scores, pool)
    assert kept.read(pool) == {"a.png": 0.5}
    os.utime(photo, ns=(1, 1))
    assert kept.read(pool) == {}
