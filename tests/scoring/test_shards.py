"""Shards put together are the scores of one process, and parts that don't belong are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks._internal.random import derive_rng
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.scoring.shards import Shard, shard_ids
from altasks.scoring.shards.part import read_part


class Noisy:
    """Its scores tell which samples shared a batch, and in which order, as dropout would."""

    joint_draws = True

    def predict(self, samples):
        noise = torch.rand(len(samples), generator=torch.Generator().manual_seed(len(samples)))
        width = max(len(sample) for sample in samples)
        p = (torch.tensor([len(sample) / width for sample in samples]) * 0.9 + noise * 0.1) * 0.5
        probs = torch.stack([p, 1 - p], dim=1).double()
        return al.Categorical(probs, features=torch.stack([p, noise], dim=1).double())

    def size(self, sample):
        return len(sample)


class Grouped(Noisy):
    def group_key(self, sample):
        return sample[0]


def texts(n, seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"id {i} é": "".join(rng.choice(list("abcdefgh"), size=rng.integers(1, 30)))
        for i in range(n)
    }


def score_all(folder, pool, of, task=None, acquisition="entropy", **options):
    folder.mkdir(exist_ok=True)
    paths = [folder / f"part-{i}" for i in range(1, of + 1)]
    for i, path in enumerate(paths, start=1):
        al.score_shard(
            task or Noisy(), pool, acquisition, shard=(i, of), out=path, batch_size=4,
            progress=False, **options,
        )  # fmt: skip
    return paths


@pytest.mark.parametrize("task", [Noisy(), Grouped()])
@settings(max_examples=12)
@given(n=st.integers(1, 60), of=st.integers(1, 20), batch_size=st.integers(1, 9))
def test_shards_are_whole_batches_of_one_process(task, n, of, batch_size):
    pool = al.as_pool(texts(n, seed=n))
    parts = [shard_ids(task, pool, Shard(i, of), batch_size) for i in range(1, of + 1)]
    assert sorted(name for part in parts for name in part) == sorted(pool.ids)
    whole = al.score(task, pool, "entropy", batch_size=batch_size, progress=False)
    value_of = dict(zip(whole.ids, whole.values, strict=True))
    for part in parts:
        assert part == [name for name in pool.ids if name in set(part)]
        if part:
            found = al.score(
                task, pool.subset(part), "entropy", batch_size=batch_size, progress=False
            )
            assert [value_of[name] for name in part] == found.values.tolist()


@pytest.mark.parametrize("of", [1, 3, 40])
def test_merged_scores_are_those_of_one_process(of, tmp_path):
    pool = texts(101)
    whole = al.score(Noisy(), pool, "entropy", batch_size=4, progress=False)
    merged = al.merge_shards(list(reversed(score_all(tmp_path, pool, of))))
    assert merged.scores.ids == whole.ids
    np.testing.assert_array_equal(merged.scores.values, whole.values)
    assert merged.scores.top(10, seed=3) == whole.top(10, seed=3)
    assert merged.candidates is None
    for strategy in ("top_k", "power", "softmax", "random"):
        candidates = al.Candidates(whole.ids, whole.values)
        direct = al.get_strategy(strategy)().select(candidates, 7, rng=derive_rng(2, "rank"))
        assert merged.select(strategy, 7, seed=2) == direct


def test_a_pool_that_is_read_late_is_cut_into_runs(tmp_path):
    samples = texts(90)
    ids = list(samples)
    pool = al.Pool(ids, lambda i: samples[ids[i]])
    whole = al.score(Noisy(), pool, "entropy", batch_size=4, progress=False)
    merged = al.merge_shards(score_all(tmp_path, pool, 4))
    np.testing.assert_array_equal(merged.scores.values, whole.values)


def test_candidates_carry_what_was_kept(tmp_path):
    pool = texts(60)
    keep = ("embeddings", "mean_probs", "draws")
    whole = al.score(Noisy(), pool, "entropy", batch_size=4, keep=keep, progress=False)
    merged = al.merge_shards(score_all(tmp_path, pool, 3, keep=keep, candidates=5))
    found = merged.candidates
    assert len(found) == 15
    assert set(whole.top(5)) <= set(found.ids)  # the best of each hold the best of all
    rows = np.array([whole.ids.index(name) for name in found.ids])
    assert rows.tolist() == sorted(rows.tolist())
    for name in (*keep, "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[rows])
    picks = merged.select("k_center", 4)
    assert set(picks) <= set(found.ids)
    assert len(merged.select("top_k", 40)) == 40  # reads scores alone, of all
    with pytest.raises(InvalidInputError, match="at most 15, the candidates"):
        merged.select("k_center", 16, labelled_embeddings=np.zeros((1, 2)))
    with pytest.raises(InvalidInputError, match="objects"):
        merged.select("object_herding", 2)


@given(st.integers(0, 30), st.sampled_from(["score", "drawn", "both"]), st.integers(1, 4))
def test_candidates_of_all_shards_hold_those_of_the_whole(count, by, of):
    from altasks.scoring.shards.candidates import candidate_rows

    values = np.random.default_rng(count).integers(0, 9, 40) / 9
    scores = al.Scores([str(i) for i in range(40)], values)
    whole = {scores.ids[i] for i in candidate_rows(scores, count, by, 0)}
    assert len(whole) == min(count, 40) or by == "both"
    union = set()
    for i in range(of):
        part = scores.take(np.arange(i, 40, of))
        union |= {part.ids[row] for row in candidate_rows(part, count, by, 0)}
    assert whole <= union or by == "both"


def test_drawn_candidates_are_not_the_best(tmp_path):
    pool = texts(60)
    found = {
        by: al.merge_shards(
            score_all(tmp_path / by, pool, 2, keep=["embeddings"], candidates=6, candidates_by=by)
        ).candidates
        for by in ("score", "drawn", "both")
    }
    assert found["drawn"].values.mean() < found["score"].values.mean()
    assert len(found["both"]) == 12


class Picky(Noisy):
    """Can't read what begins with an a."""

    def predict(self, samples):
        bad = {row: "an a" for row, sample in enumerate(samples) if sample[0] == "a"}
        if bad:
            raise UnreadableSampleError("an a", bad)
        return super().predict(samples)


def test_unreadable_samples_are_in_no_queue_and_named(tmp_path):
    pool = texts(50)
    whole = al.score(Picky(), pool, "entropy", batch_size=4, unreadable="skip", progress=False)
    assert whole.skipped
    merged = al.merge_shards(score_all(tmp_path, pool, 25, task=Picky(), unreadable="skip"))
    assert merged.scores.ids == whole.ids
    assert list(merged.scores.skipped.items()) == list(whole.skipped.items())
    with pytest.raises(UnreadableSampleError, match="can't be read"):
        score_all(tmp_path / "none", pool, 1, task=Picky())
    assert list((tmp_path / "none").iterdir()) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [("0/3", "from 1: add 1"), ("4/3", "4/3"), ("three", "'3/16'"), (3, "3"), ((1.0, 2), "1.0")],
)
def test_shards_that_there_cannot_be_are_refused(value, found, tmp_path):
    with pytest.raises(InvalidInputError, match=found):
        al.score_shard(Noisy(), ["a"], "entropy", shard=value, out=tmp_path / "part")


def test_missing_and_doubled_shards_are_named(tmp_path):
    paths = score_all(tmp_path, texts(30), 4)
    with pytest.raises(InvalidInputError, match="all 4 shards, found 2; 2/4, 4/4 missing"):
        al.merge_shards([paths[0], paths[2]])
    with pytest.raises(InvalidInputError, match=r"2/4 in .*part-2 and in .*part-2"):
        al.merge_shards([*paths, paths[1]])
    with pytest.raises(InvalidInputError, match="the files of all shards"):
        al.merge_shards([])
    with pytest.raises(InvalidInputError, match="the files of all shards"):
        al.merge_shards(str(paths[0]))
    with pytest.raises(InvalidInputError, match=f"none: {tmp_path / 'part-9'}"):
        al.merge_shards([*paths, tmp_path / "part-9"])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"acquisition": "margin"}, "same acquisition"),
        ({"pool": texts(30, seed=1)}, "same pool"),
        ({"pool": texts(31)}, "same pool"),
        ({"keep": ["embeddings"]}, "same kept"),
        ({"fingerprint": "newer"}, "same model"),
        ({"round": 1}, "same round"),
        ({"acquisition_options": {"reduce": "max"}}, "same acquisition options"),
        ({"of": 3}, "shards of one scoring"),
        ({"task": Grouped()}, "same task"),
    ],
)
def test_parts_of_another_scoring_are_refused_by_name(options, found, tmp_path):
    first = score_all(tmp_path / "one", texts(30), 2)[0]
    other = score_all(tmp_path / "two", **{"pool": texts(30), "of": 2, **options})[1]
    with pytest.raises(InvalidInputError, match=found) as caught:
        al.merge_shards([first, other])
    assert str(first) in str(caught.value)
    assert str(other) in str(caught.value)


class WithModel(Noisy):
    def __init__(self, seed):
        self.model = torch.nn.Linear(2, 2)
        with torch.no_grad():
            self.model.weight.fill_(seed)
            self.model.bias.fill_(0)


def test_another_models_part_is_seen_by_its_weights(tmp_path):
    same = [score_all(tmp_path / str(i), texts(9), 2, task=WithModel(1))[i] for i in (0, 1)]
    al.merge_shards(same)
    other = score_all(tmp_path / "other", texts(9), 2, task=WithModel(2))[1]
    with pytest.raises(InvalidInputError, match="same model in all parts"):
        al.merge_shards([same[0], other])


def test_half_a_file_is_refused_by_name(tmp_path):
    path = score_all(tmp_path, texts(30), 1, keep=["embeddings"])[0]
    whole = path.read_bytes()
    for cut in (len(whole) // 3, len(whole) - 30):
        path.write_bytes(whole[:cut])
        with pytest.raises(InvalidInputError, match=f"half of one: {path}"):
            al.merge_shards([path])
    flipped = bytearray(whole)
    place = whole.index(b"values.npy") + 200
    flipped[place] ^= 255
    path.write_bytes(flipped)
    with pytest.raises(InvalidInputError, match=f"{path}"):
        al.merge_shards([path])
    path.write_text("id,score\n")
    with pytest.raises(InvalidInputError, match=f"another file: {path}"):
        al.merge_shards([path])
    np.savez(tmp_path / "other.npz", values=np.zeros(3))
    with pytest.raises(InvalidInputError, match="another file"):
        al.merge_shards([tmp_path / "other.npz"])
    partial = tmp_path / "part-1.partial"
    partial.write_text("{}")
    with pytest.raises(InvalidInputError, match="an interrupted run left"):
        al.merge_shards([partial])


def changed(path, **header):
    """Write a part with another header."""
    with np.load(path) as held:
        arrays = dict(held)
    own = {**json.loads(arrays["header"].tobytes()), **header}
    arrays["header"] = np.frombuffer(json.dumps(own).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def test_a_newer_format_is_refused_with_its_version(tmp_path):
    path = score_all(tmp_path, texts(5), 1)[0]
    changed(path, altasks_part=2, altasks="9.9")
    with pytest.raises(InvalidInputError, match=r"altasks 9\.9 wrote it"):
        al.merge_shards([path])


def test_parts_that_are_not_the_pool_together_are_refused(tmp_path):
    paths = score_all(tmp_path, texts(30), 2)
    changed(paths[0], shard=[2, 2])
    changed(paths[1], shard=[1, 2])
    al.merge_shards(paths)  # the number alone says nothing about which samples
    paths[1].write_bytes(paths[0].read_bytes())
    changed(paths[1], shard=[1, 2])
    with pytest.raises(InvalidInputError, match="each sample in one part"):
        al.merge_shards(paths)


def test_a_part_holds_no_pickle_and_leaves_nothing_beside_it(tmp_path):
    path = score_all(tmp_path, texts(12), 1, keep=["embeddings"], about={"host": "one"})[0]
    assert [one.name for one in tmp_path.iterdir()] == ["part-1"]
    with np.load(path, allow_pickle=False) as held:
        assert all(held[name].dtype != object for name in held.files)
    assert read_part(path).about == {"host": "one"}
    assert al.merge_shards([path]).about == {1: {"host": "one"}}
    with pytest.raises(InvalidInputError, match="about: expected JSON"):
        al.score_shard(
            Noisy(), ["a"], "entropy", shard="1/1", out=tmp_path / "x", about={"a": object()}
        )


def test_a_run_that_is_stopped_leaves_no_part(tmp_path):
    class Stopped(Noisy):
        def predict(self, samples):
            raise KeyboardInterrupt

    before = tmp_path / "part"
    before.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        al.score_shard(Stopped(), texts(9), "entropy", shard="1/2", out=before, progress=False)
    assert before.read_text() == "old"
    assert [Path(one).name for one in tmp_path.iterdir()] == ["part"]
