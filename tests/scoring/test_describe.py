"""Descriptions of picked samples: the same for a queue of the shell and a query of a loop."""

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.scoring.describe import describe_samples

POOL = al.as_pool({name: place / 10 for place, name in enumerate("abcde")})


class Coin:
    """Heads with the sample's probability."""

    def __init__(self):
        self.batches, self.rounds = [], []

    def start_round(self, round):
        self.rounds.append(round)

    def predict(self, samples):
        self.batches.append(list(samples))
        return al.Categorical([[x, 1 - x] for x in samples])

    def describe(self, sample, prediction):
        assert len(prediction) == 1
        return {"heads": np.float32(prediction.mean_probs[0, 0]), "of": (sample,)}


def test_each_sample_is_described_by_its_own_prediction_in_batches():
    coin = Coin()
    found = describe_samples(coin, POOL, ["d", "a", "e"], batch_size=2, round=4)
    assert list(found) == ["d", "a", "e"]
    assert {name: entry["of"] for name, entry in found.items()} == {
        "d": [0.3], "a": [0.0], "e": [0.4],
    }  # fmt: skip
    assert all(type(entry["heads"]) is float for entry in found.values())
    assert coin.batches == [[0.3, 0.0], [0.4]]
    assert coin.rounds == [4]


def test_a_task_that_describes_whole_batches_is_not_asked_to_predict():
    class Maps(Coin):
        def describe_many(self, samples):
            return [{"seen": sample} for sample in samples]

    maps = Maps()
    assert describe_samples(maps, POOL, ["b"], batch_size=2) == {"b": {"seen": 0.1}}
    assert maps.batches == []


def test_a_task_without_descriptions_gives_none():
    class Bare:
        def predict(self, samples):
            raise AssertionError("nothing to describe")

    assert describe_samples(Bare(), POOL, ["a"], batch_size=2) == {}
    assert describe_samples(None, POOL, ["a"], batch_size=2) == {}


def test_what_cannot_be_read_is_named_by_id():
    class Damaged(Coin):
        def predict(self, samples):
            if 0.2 in samples:
                raise UnreadableSampleError("1 sample", {samples.index(0.2): "cut short"})
            return super().predict(samples)

    with pytest.raises(UnreadableSampleError) as caught:
        describe_samples(Damaged(), POOL, ["a", "b", "e", "c"], batch_size=2)
    assert caught.value.skipped == {"c": "cut short"}


def test_a_description_that_is_no_json_is_named():
    class Odd(Coin):
        def describe(self, sample, prediction):
            return {"classes": {sample}} if sample == 0.1 else {}

    with pytest.raises(InvalidInputError, match="'b'"):
        describe_samples(Odd(), POOL, ["a", "b"], batch_size=8)
