"""A loop over a pool in which some samples can't be read says which, and goes on without them."""

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import UnreadableSampleError


class Fragile:
    """One number a sample; NaN can't be read."""

    default_acquisition = "entropy"

    def predict(self, samples):
        self._check(samples)
        p = torch.tensor(samples, dtype=torch.float64)
        return al.Categorical(torch.stack([p, 1 - p], 1))

    def embed(self, samples):
        self._check(samples)
        return np.array(samples)[:, None]

    def describe(self, sample, prediction):
        return {"value": sample}

    def _check(self, samples):
        bad = {row: "NaN" for row, sample in enumerate(samples) if np.isnan(sample)}
        if bad:
            raise UnreadableSampleError("NaN", bad)


POOL = {f"s{i}": float("nan") if i in (2, 5) else 0.1 * i for i in range(8)}


def test_ask_says_what_to_skip_and_then_goes_on():
    loop = al.ActiveLoop(Fragile(), POOL)
    with pytest.raises(UnreadableSampleError, match=r"loop\.skip\(\['s2', 's5'\]\)") as caught:
        loop.ask(3)
    assert loop.round == 0
    assert loop.pending == []
    loop.skip(caught.value.skipped)
    assert loop.skipped == ["s2", "s5"]
    assert loop.ask(3).ids == ["s4", "s6", "s3"]


def test_the_scores_of_the_others_can_be_used_as_they_are():
    loop = al.ActiveLoop(Fragile(), POOL)
    with pytest.raises(UnreadableSampleError, match=r"scores=error\.partial") as caught:
        loop.ask(3)
    assert loop.ask(3, scores=caught.value.partial).ids == ["s4", "s6", "s3"]


def test_a_pick_without_scores_that_cannot_be_described_is_named():
    loop = al.ActiveLoop(Fragile(), POOL, strategy="random")
    with pytest.raises(UnreadableSampleError, match="and ask again"):
        loop.ask(8)
    assert loop.pending == []


def test_a_label_for_what_cannot_be_embedded_is_named():
    loop = al.ActiveLoop(Fragile(), POOL, strategy="k_center")
    loop.skip(["s5"])
    loop.tell({"s2": "x"})
    with pytest.raises(UnreadableSampleError, match=r"'s2': NaN"):
        loop.ask(2)


def test_a_damaged_first_sample_bars_no_strategy_that_reads_embeddings():
    loop = al.ActiveLoop(Fragile(), {"damaged": float("nan"), **POOL}, strategy="k_center")
    loop.skip(["damaged", "s2", "s5"])
    # Nothing is labelled or pending yet, and how wide an embedding is has to be known all the same.
    assert len(loop.ask(2).ids) == 2


def test_embeddings_of_what_is_labelled_may_be_of_half_precision():
    class Half(Fragile):
        def embed(self, samples):
            return torch.tensor(samples, dtype=torch.bfloat16)[:, None]

    loop = al.ActiveLoop(Half(), {"a": 0.1, "b": 0.5, "c": 0.9}, strategy="k_center")
    loop.tell({"a": "x"})
    assert loop.ask(1).ids == ["c"]


def test_many_are_not_all_written_out():
    pool = {f"s{i}": float("nan") for i in range(30)} | {"good": 0.5}
    loop = al.ActiveLoop(Fragile(), pool)
    with pytest.raises(UnreadableSampleError, match=r"loop\.skip\(list\(error\.skipped\)\)") as it:
        loop.ask(1)
    assert len(str(it.value)) < 500
    loop.skip(list(it.value.skipped))
    assert loop.ask(1).ids == ["good"]


class Decoded(dict):
    """A data set that decodes as it is read, and fails on some."""

    def __getitem__(self, name):
        if name in ("s2", "s5"):
            raise OSError("truncated")
        return super().__getitem__(name)


def test_what_fails_as_it_is_read_is_named_and_not_asked():
    loop = al.ActiveLoop(None, Decoded(POOL), strategy="random")
    with pytest.raises(UnreadableSampleError, match=r"'s\d': OSError: truncated") as caught:
        loop.ask(8)
    assert set(caught.value.skipped) == {"s2", "s5"}
    assert loop.round == 0
    loop.skip(caught.value.skipped)
    assert len(loop.ask(6)) == 6


def test_what_fails_only_after_it_was_asked_is_named_too(tmp_path):
    store = f"sqlite:///{tmp_path}/reviews.db"
    al.ActiveLoop(None, POOL, store=store).ask(8)
    loop = al.ActiveLoop(None, Decoded(POOL), store=store)
    with pytest.raises(UnreadableSampleError, match=r"were asked.*loop\.skip\(\["):
        loop.pending_queries()
    loop.skip(["s2", "s5"])
    assert len(loop.pending_queries()[0]) == 6


def test_a_label_of_what_cannot_be_read_is_named():
    class Checks(Fragile):
        def check_label(self, label, sample=None):
            self._check([sample])
            return label

    loop = al.ActiveLoop(Checks(), POOL)
    with pytest.raises(UnreadableSampleError, match=r"labels \(id 's2'\): NaN") as caught:
        loop.tell({"s0": "x", "s2": "x"})
    assert caught.value.skipped == {"s2": "NaN"}
    assert loop.labels == {}


def test_labelled_samples_that_are_gone_are_named_by_a_fit():
    class Trains(Fragile):
        broken = ()

        def fit(self, samples, labels, *, seed):
            rows = {i: "gone" for i, one in enumerate(samples) if one in self.broken}
            if rows:
                raise UnreadableSampleError("samples: rows", rows)

    task, pool = Trains(), dict(POOL)
    loop = al.ActiveLoop(task, pool)
    loop.tell({"s0": "x", "s2": "y", "s4": "x"})
    task.broken = (pool["s2"],)
    with pytest.raises(UnreadableSampleError, match=r"'s2': gone\. They are labelled") as caught:
        loop.fit()
    assert caught.value.skipped == {"s2": "gone"}

    lazy = al.ActiveLoop(Trains(), Decoded(POOL))
    lazy.tell({"s0": "x", "s2": "y"})
    with pytest.raises(UnreadableSampleError, match=r"'s2': OSError: truncated\. They are lab"):
        lazy.fit()
    assert lazy.labels == {"s0": "x", "s2": "y"}


@pytest.mark.parametrize("batch_size", [2, 32])
def test_embeddings_before_the_first_fit_name_all_that_cannot_be_read(batch_size):
    class Learns(Fragile):
        default_cold_start = "typiclust"

        def fit(self, samples, labels, *, seed):
            """Learn nothing."""

    loop = al.ActiveLoop(Learns(), POOL, batch_size=batch_size)
    with pytest.raises(UnreadableSampleError, match=r"loop\.skip\(\['s2', 's5'\]\)") as caught:
        loop.ask(3)
    loop.skip(caught.value.skipped)
    assert len(loop.ask(3).ids) == 3
