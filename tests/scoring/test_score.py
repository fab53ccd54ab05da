"""Scoring streams, keeps what is asked, and says what is wrong with which sample."""

import functools
import re
import threading
import time
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.acquisition import reduce_units
from altasks.errors import (
    InvalidInputError,
    ScoringInterruptedError,
    UnknownNameError,
    UnreadableSampleError,
    UnsupportedPredictionError,
)
from altasks.scoring import order


class Softmax:
    """A sample is a row of numbers; three fixed linear members."""

    default_acquisition = "bald"
    joint_draws = True

    def __init__(self, members=3, classes=4, width=5):
        self.weights = torch.randn(
            members, width, classes, generator=torch.Generator().manual_seed(0)
        )
        self.calls = []
        self.rounds = []

    def start_round(self, round):
        self.rounds.append(round)

    def predict(self, samples):
        self.calls.append(len(samples))
        x = torch.tensor(np.array(samples), dtype=torch.float32)  # n x d
        logits = (x[:, None, None, :] @ self.weights[None]).squeeze(2)  # n x K x C
        return al.Categorical.from_logits(logits, features=x)


class Words:
    """A sample is a list of numbers, each a unit; also in pieces."""

    def predict(self, samples):
        units = np.array([[x, 1 - x] for sample in samples for x in sample]).reshape(-1, 2)
        return al.Ragged(al.Categorical(units), [len(sample) for sample in samples])

    def size(self, sample):
        return len(sample)


class StreamedWords(Words):
    def iter_predict(self, samples):
        for index, sample in enumerate(samples):
            for start in range(0, len(sample), 2):
                piece = sample[start : start + 2]
                yield index, al.Categorical([[x, 1 - x] for x in piece])


def rows(n, seed=0):
    return list(np.random.default_rng(seed).normal(size=(n, 5)))


def test_scores_are_in_pool_order_and_are_the_functions():
    task, pool = Softmax(), rows(23)
    scores = al.score(task, pool, "bald", batch_size=4, progress=False)
    assert scores.ids == [str(i) for i in range(23)]
    direct = al.bald(task.predict(pool)).double().numpy()
    np.testing.assert_allclose(scores.values, direct, atol=1e-6)
    assert scores.top(3) == [str(i) for i in np.argsort(-direct)[:3]]


@given(st.integers(1, 12), st.integers(1, 9))
def test_batch_size_changes_nothing(n, batch_size):
    one = al.score(Softmax(), rows(n), "entropy", batch_size=1, progress=False).values
    many = al.score(Softmax(), rows(n), "entropy", batch_size=batch_size, progress=False).values
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_a_function_its_name_and_the_tasks_default_are_the_same():
    task, pool = Softmax(), rows(5)
    default = al.score(task, pool, progress=False).values
    np.testing.assert_array_equal(default, al.score(task, pool, al.bald, progress=False).values)
    np.testing.assert_array_equal(default, al.score(task, pool, "bald", progress=False).values)


def test_batches_are_made_of_equals_biggest_first():
    sizes = []

    class Recording(Words):
        def predict(self, samples):
            sizes.append([len(sample) for sample in samples])
            return super().predict(samples)

    pool = [[0.5] * n for n in (1, 9, 2, 8, 3, 7)]
    al.score(Recording(), pool, "margin", batch_size=2, progress=False)
    assert sizes == [[9, 8], [7, 3], [2, 1]]


@pytest.mark.parametrize("reduce", ["mean", "sum", "max", "top_k"])
@pytest.mark.parametrize("function", ["entropy", "margin", "least_confidence"])
def test_streaming_in_pieces_equals_the_whole(reduce, function):
    rng = np.random.default_rng(0)
    pool = [rng.random(n).tolist() for n in (5, 0, 1, 7, 2)]
    options = {"reduce": reduce, "empty": 0.25, "k": 3, "class_weights": [1.0, 2.0]}
    whole = al.score(Words(), pool, function, acquisition_options=options, progress=False)
    pieces = al.score(
        StreamedWords(), pool, function, acquisition_options=options, batch_size=2, progress=False
    )
    np.testing.assert_allclose(whole.values, pieces.values, atol=1e-9)
    assert whole.values[1] == 0.25


def test_streaming_mnlp_equals_the_whole():
    pool = [[0.5, 0.9, 0.8], [0.7]]
    whole = al.score(Words(), pool, "mnlp", progress=False).values
    np.testing.assert_allclose(
        al.score(StreamedWords(), pool, "mnlp", progress=False).values, whole, atol=1e-9
    )


@pytest.mark.parametrize("mapped", [False, True])
def test_keep(tmp_path, mapped):
    task, pool = Softmax(), rows(11)
    scores = al.score(
        task,
        pool,
        "bald",
        batch_size=3,
        keep=("embeddings", "mean_probs", "draws"),
        keep_in=tmp_path if mapped else None,
        progress=False,
    )
    prediction = task.predict(pool)
    np.testing.assert_allclose(scores.embeddings, prediction.features.numpy(), atol=1e-6)
    np.testing.assert_allclose(scores.mean_probs, prediction.mean_probs.numpy(), atol=1e-6)
    np.testing.assert_allclose(scores.draws, prediction.probs.numpy(), atol=1e-6)
    assert isinstance(scores.draws, np.memmap) is mapped
    assert al.score(task, pool, "bald", progress=False).draws is None


def test_embeddings_come_from_embed_when_the_prediction_has_none():
    class Embedding(Words):
        def embed(self, samples):
            return np.array([[len(sample)] for sample in samples], dtype=np.float32)

    scores = al.score(
        Embedding(), [[0.1], [0.2, 0.3]], "margin", keep=["embeddings"], progress=False
    )
    assert scores.embeddings.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "first", [[[1], [2]], np.float16([[1.0], [2.0]]), torch.tensor([[1], [2]])]
)
def test_the_first_batch_does_not_round_the_embeddings_of_the_next(first):
    class Embedding(Words):
        def embed(self, samples):
            return first if len(samples) == 2 else np.array([[0.1]], dtype=np.float32)

    scores = al.score(
        Embedding(),
        [[0.1], [0.2], [0.3]],
        "margin",
        batch_size=2,
        keep=["embeddings"],
        progress=False,
    )
    assert scores.embeddings[:, 0].tolist() == [1, 2, pytest.approx(0.1, rel=1e-6)]


def test_the_round_reaches_the_committee():
    task = Softmax()
    al.score(task, rows(2), round=5, progress=False)
    assert task.rounds == [5]


def test_bad_requests_are_refused_before_any_work():
    task = Softmax()
    for wrong, message in [
        ({"keep": "draws"}, "collection of names"),
        ({"keep": ["logits"]}, "embeddings, mean_probs, draws"),
        ({"batch_size": 0}, "batch_size"),
        ({"acquisition": 3}, "acquisition"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            al.score(task, rows(2), progress=False, **wrong)
    with pytest.raises(UnknownNameError):
        al.score(task, rows(2), "bold")
    with pytest.raises(InvalidInputError, match="at least one sample"):
        al.score(task, [])
    with pytest.raises(InvalidInputError, match="no default_acquisition"):
        al.score(Words(), [[0.5]])
    with pytest.raises(InvalidInputError, match="streams"):
        al.score(StreamedWords(), [[0.5]], "margin", keep=["mean_probs"])
    with pytest.raises(InvalidInputError, match="mean_probs exist for"):
        al.score(Words(), [[0.5]], "margin", keep=["mean_probs"], progress=False)
    task.joint_draws = False
    with pytest.raises(InvalidInputError, match="not joint"):
        al.score(task, rows(2), keep=["draws"])
    assert task.calls == []


def test_a_bad_prediction_names_the_ids():
    class Broken(Softmax):
        def predict(self, samples):
            x = np.array(samples)[:, :3]
            return al.Categorical(x)

    with pytest.raises(InvalidInputError, match="row 0") as caught:
        al.score(Broken(), {"a": np.ones(5), "b": np.ones(5)}, "entropy", progress=False)
    assert any("'a', 'b'" in note for note in caught.value.__notes__)


def test_wrong_lengths_and_scores_that_are_not_finite():
    class Short(Softmax):
        def predict(self, samples):
            return super().predict(samples)[:1]

    with pytest.raises(InvalidInputError, match="a prediction of 2 samples, found of 1"):
        al.score(Short(), rows(2), progress=False)
    with pytest.raises(InvalidInputError, match=r"finite scores.*id 'b'"):
        al.score(
            Softmax(),
            {"a": np.zeros(5), "b": np.ones(5)},
            lambda prediction: torch.tensor([0.0, float("nan")]),
            progress=False,
        )
    with pytest.raises(InvalidInputError, match=r"shape \[2\]"):
        al.score(Softmax(), rows(2), lambda prediction: torch.zeros(3), progress=False)

    class Raw(Softmax):
        def predict(self, samples):
            return np.zeros((len(samples), 3))

    with pytest.raises(InvalidInputError, match="a Prediction"):
        al.score(Raw(), rows(2), progress=False)


def test_a_committee_that_changes_is_refused():
    class Shrinking(Softmax):
        def predict(self, samples):
            prediction = super().predict(samples)
            return prediction if len(self.calls) == 1 else al.Categorical(prediction.probs[:, :2])

    class ShrinkingStream(StreamedWords):
        def iter_predict(self, samples):
            for index, sample in enumerate(samples):
                yield index, al.Categorical([[x, 1 - x, *[0.0] * index] for x in sample])

    with pytest.raises(InvalidInputError, match="K = 3 and 4 in the last dim, as before, found"):
        al.score(Shrinking(), rows(4), batch_size=2, progress=False)
    with pytest.raises(InvalidInputError, match="K = 1 and 2 in the last dim"):
        al.score(ShrinkingStream(), [[0.5], [0.5]], "entropy", progress=False)


def test_ctrl_c_keeps_what_is_done():
    class Interrupted(Softmax):
        def predict(self, samples):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().predict(samples)

    with pytest.raises(ScoringInterruptedError, match="after 6 of 10") as caught:
        al.score(Interrupted(), rows(10), batch_size=3, keep=["embeddings"], progress=False)
    partial = caught.value.partial
    whole = al.score(Softmax(), rows(10), progress=False)
    assert partial.ids == [str(i) for i in range(6)]
    np.testing.assert_allclose(partial.values, whole.values[:6], atol=1e-6)
    assert partial.embeddings.shape == (6, 5)


def test_top_breaks_ties_without_looking_at_the_order():
    ids = [f"id{i}" for i in range(50)]
    first = al.Scores(ids, np.zeros(50)).top(5)
    assert first == al.Scores(ids[::-1], np.zeros(50)).top(5)
    assert first != ids[:5]
    assert first != al.Scores(ids, np.zeros(50)).top(5, seed=1)
    assert len(al.Scores(ids, np.zeros(50)).top(99)) == 50
    with pytest.raises(InvalidInputError):
        al.Scores(ids, np.zeros(50)).top(-1)


@pytest.mark.parametrize("n", [-1, 2.5, True])
def test_top_takes_whole_numbers(n):
    with pytest.raises(InvalidInputError, match="n: expected a whole number of at least 0"):
        al.Scores(["a", "b", "c"], np.arange(3.0)).top(n)


def test_progress_is_shown_when_asked(capsys):
    al.score(Softmax(), rows(4), progress=True)
    assert "4/4" in capsys.readouterr().err
    al.score(Softmax(), rows(4))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("rows_given", [1, 2])
def test_embeddings_of_fewer_samples_are_refused_not_repeated(rows_given):
    class Short(Words):
        def embed(self, samples):
            return np.ones((rows_given, 4), dtype=np.float32)

    with pytest.raises(InvalidInputError, match=f"embeddings: expected 3 rows.*found {rows_given}"):
        al.score(Short(), [[0.1], [0.2], [0.3]], "margin", keep=["embeddings"], progress=False)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_a_streaming_task_keeps_its_embeddings(batch_size):
    class Embedding(StreamedWords):
        def embed(self, samples):
            return torch.tensor([[len(sample), sum(sample)] for sample in samples])

    pool = {"a": [0.1], "b": [0.2, 0.3], "c": [0.9, 0.5, 0.4]}
    scores = al.score(
        Embedding(), pool, "margin", keep=["embeddings"], batch_size=batch_size, progress=False
    )
    np.testing.assert_allclose(scores.embeddings, [[1, 0.1], [2, 0.5], [3, 1.8]], rtol=1e-6)
    plain = al.score(StreamedWords(), pool, "margin", progress=False)
    assert scores.values.tolist() == plain.values.tolist()
    with pytest.raises(InvalidInputError, match="a task with `embed`"):
        al.score(StreamedWords(), pool, "margin", keep=["embeddings"], progress=False)


def test_keeping_embeddings_nobody_makes_is_one_message():
    with pytest.raises(InvalidInputError, match="a task with `embed`"):
        al.score(Words(), [[0.1], [0.2]], "margin", keep=["embeddings"], progress=False)


def test_a_stream_refuses_what_the_function_refuses():
    # mnlp is a mean by definition; the stream reduces in its place, and must not know better.
    for task in (Words(), StreamedWords()):
        with pytest.raises(InvalidInputError, match="normalised by length"):
            al.score(
                task, [[0.5, 0.9], [0.7]], "mnlp",
                acquisition_options={"reduce": "max"}, progress=False,
            )  # fmt: skip


class Fragile(Softmax):
    """Can't read a sample whose first number is NaN."""

    def predict(self, samples):
        bad = {row: "NaN" for row, sample in enumerate(samples) if np.isnan(sample[0])}
        if bad:
            raise UnreadableSampleError(f"samples: {bad}", bad)
        return super().predict(samples)


def broken_rows(n, bad):
    pool = rows(n)
    for row in bad:
        pool[row] = np.full(5, np.nan)
    return pool


@settings(max_examples=50)
@given(st.integers(2, 14), st.integers(1, 6), st.data())
def test_what_cannot_be_read_is_left_out_and_the_rest_is_scored(n, batch_size, data):
    bad = data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=n - 1))
    pool, keep = broken_rows(n, bad), ("embeddings", "mean_probs", "draws")
    good = [row for row in range(n) if row not in bad]
    whole = al.score(Softmax(), [pool[row] for row in good], progress=False, keep=keep)
    options = {"batch_size": batch_size, "progress": False, "keep": keep}
    scores = al.score(Fragile(), pool, unreadable="skip", **options)
    assert scores.ids == [str(row) for row in good]
    assert scores.skipped == {str(row): "NaN" for row in sorted(bad)}
    with pytest.raises(UnreadableSampleError, match=f"{len(bad)} of {n} samples") as caught:
        al.score(Fragile(), pool, **options)
    assert caught.value.skipped == scores.skipped
    assert caught.value.rows == dict.fromkeys(bad, "NaN")
    for name in ("values", *keep):
        expected = getattr(whole, name)
        np.testing.assert_allclose(getattr(scores, name), expected, atol=1e-6)
        np.testing.assert_allclose(getattr(caught.value.partial, name), expected, atol=1e-6)


def test_skipping_keeps_mapped_arrays_on_the_disk(tmp_path):
    pool = broken_rows(9, {0, 4, 5})
    options = {"unreadable": "skip", "keep": ["draws"], "batch_size": 2, "progress": False}
    scores = al.score(Fragile(), pool, keep_in=tmp_path, **options)
    assert isinstance(scores.draws, np.memmap)
    np.testing.assert_array_equal(scores.draws, al.score(Fragile(), pool, **options).draws)


def test_the_error_names_ids_and_reasons():
    pool = {f"img/{i}.png": row for i, row in enumerate(broken_rows(9, {1, 2, 3, 4, 5, 6, 7}))}
    with pytest.raises(UnreadableSampleError) as caught:
        al.score(Fragile(), pool, progress=False)
    assert str(caught.value).startswith("7 of 9 samples can't be read: 'img/1.png': NaN; ")
    assert "and 2 more (see `.skipped`). The scores of the other 2" in str(caught.value)
    assert "unreadable='skip'" in str(caught.value)
    with pytest.raises(InvalidInputError, match="unreadable: expected 'error' or 'skip'"):
        al.score(Fragile(), pool, unreadable="ignore")


@pytest.mark.parametrize("unreadable", ["error", "skip"])
def test_a_pool_of_which_nothing_can_be_read_is_an_error(unreadable):
    with pytest.raises(UnreadableSampleError, match=r"None could be scored\.") as caught:
        al.score(Fragile(), broken_rows(3, {0, 1, 2}), unreadable=unreadable, progress=False)
    assert caught.value.partial is None


def test_a_stream_that_breaks_off_leaves_its_sample_out():
    class Breaking(StreamedWords):
        def iter_predict(self, samples):
            for index, prediction in super().iter_predict(samples):
                if 0.125 in samples[index]:
                    raise UnreadableSampleError("torn", {index: "torn"})
                yield index, prediction

    pool = [[0.5, 0.9, 0.3], [0.2, 0.8, 0.125], [0.7]]
    for batch_size in (1, 3):
        scores = al.score(
            Breaking(), pool, "entropy", unreadable="skip", batch_size=batch_size, progress=False
        )
        assert scores.skipped == {"1": "torn"}
        expected = al.score(Words(), [pool[0], pool[2]], "entropy", progress=False).values
        np.testing.assert_allclose(scores.values, expected, atol=1e-9)


def test_sizes_checks_and_the_pool_itself_may_find_a_sample_unreadable():
    class Checking(Softmax):
        def check_samples(self, samples):
            bad = {row: "refused" for row, sample in enumerate(samples) if sample[0] == 7}
            if bad:
                raise UnreadableSampleError("refused", bad)

        def size(self, sample):
            if sample[0] == 8:
                raise UnreadableSampleError("no size", {0: "no size"})
            return 1

    def fetch(position):
        if position == 3:
            raise OSError("broken data stream")
        return np.full(5, float(position))

    pool = al.Pool([f"s{i}" for i in range(10)], fetch)
    scores = al.score(Checking(), pool, unreadable="skip", batch_size=4, progress=False)
    assert scores.skipped == {
        "s3": "OSError: broken data stream", "s7": "refused", "s8": "no size"
    }  # fmt: skip
    assert scores.ids == ["s0", "s1", "s2", "s4", "s5", "s6", "s9"]


def test_an_error_that_does_not_say_which_sample_is_raised_at_once():
    class Vague(Softmax):
        def predict(self, samples):
            raise UnreadableSampleError("something is wrong", {99: "?"})

    with pytest.raises(UnreadableSampleError, match="something is wrong") as caught:
        al.score(Vague(), {"a": np.ones(5), "b": np.ones(5)}, unreadable="skip", progress=False)
    assert any("'a', 'b'" in note for note in caught.value.__notes__)


def test_ctrl_c_keeps_what_was_skipped_too():
    class Interrupted(Fragile):
        def predict(self, samples):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().predict(samples)

    pool = broken_rows(10, {1, 3})
    with pytest.raises(ScoringInterruptedError, match=r"after 4 of 10 samples \(2 can't be") as it:
        al.score(Interrupted(), pool, batch_size=3, progress=False)
    assert it.value.partial.ids == ["0", "2", "4", "5"]
    assert it.value.partial.skipped == {"1": "NaN", "3": "NaN"}


def test_a_task_of_one_size_is_not_measured():
    class Alike(Softmax):
        uniform_size = True

        def size(self, sample):
            raise AssertionError("measured")

    assert len(al.score(Alike(), rows(3), progress=False)) == 3


def test_kept_embeddings_are_those_of_the_model_at_rest():
    """What is labelled is embedded by `embed`; an average over passes lies elsewhere."""

    class Apart(Softmax):
        def __init__(self, averages):
            super().__init__()
            self.committee = type("Passes", (), {"averages_features": averages})()

        def predict(self, samples):
            one = super().predict(samples)
            return al.Categorical(one.probs, features=np.full((len(samples), 2), 7.0))

        def embed(self, samples):
            return torch.tensor([[sample[0], 1.0] for sample in samples])

    pool = rows(5)
    at_rest = al.score(Apart(True), pool, keep={"embeddings"}, progress=False)
    expected = np.array([[sample[0], 1.0] for sample in pool])
    np.testing.assert_allclose(at_rest.embeddings, expected, rtol=1e-6)
    as_seen = al.score(Apart(False), pool, keep={"embeddings"}, progress=False)
    assert (np.asarray(as_seen.embeddings) == 7).all()


def test_dropout_and_views_say_that_their_features_are_averages():
    assert al.MCDropout(3).averages_features
    assert not al.MCDropout(3, layers="head").averages_features
    assert al.Views().averages_features


def test_a_batch_size_may_be_numpys():
    one = al.score(Softmax(), rows(5), batch_size=np.int64(2), progress=False)
    assert one.values.tolist() == al.score(Softmax(), rows(5), progress=False).values.tolist()


def test_a_folder_to_keep_in_has_to_be_there(tmp_path):
    task = Softmax()
    with pytest.raises(InvalidInputError, match="keep_in: expected an existing folder"):
        al.score(task, rows(4), keep={"mean_probs"}, keep_in=tmp_path / "none", progress=False)
    assert not task.calls


def test_a_committee_of_readers_that_changes_is_refused():
    class Readers:
        def predict(self, samples):
            return al.Transcripts([["a"] * (3 if "many" in samples else 2) for _ in samples])

    with pytest.raises(InvalidInputError, match=r"K = 3, as before, found .*K = 2"):
        al.score(Readers(), ["many", "few"], "edit_disagreement", batch_size=1, progress=False)


def test_samples_that_cant_be_decoded_are_found_where_batches_are_made():
    samples = rows(4)

    def fetch(place):
        if place == 1:
            raise OSError("truncated")
        return samples[place]

    class Keyed(Softmax):
        def group_key(self, sample):
            return float(sample[0])

    pool = al.data.Pool(list("abcd"), fetch)
    scores = al.score(Keyed(), pool, batch_size=1, progress=False, unreadable="skip")
    assert scores.skipped == {"b": "OSError: truncated"}
    assert scores.ids == ["a", "c", "d"]


# Reads.


class CountingSet:
    """A data set that decodes a sample each time it is read, as one of Hugging Face does."""

    def __init__(self, samples):
        self.samples = samples
        self.reads = [0] * len(samples)
        self.alive = weakref.WeakSet()
        self.most_alive = 0

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, row):
        self.reads[row] += 1
        decoded = np.array(self.samples[row], dtype=np.float64).view(Decoded)
        self.alive.add(decoded)
        self.most_alive = max(self.most_alive, len(self.alive))
        return decoded


class Decoded(np.ndarray):
    __hash__ = object.__hash__


class CheckingSoftmax(Softmax):
    def __init__(self):
        super().__init__()
        self.checked = 0

    def check_samples(self, samples):
        self.checked += len(samples)
        for row, sample in enumerate(samples):
            if sample[0] > 90:
                raise InvalidInputError(f"samples: row {row} is refused")


class SizedSoftmax(CheckingSoftmax):
    def size(self, sample):
        return int(abs(sample[0]) * 10)

    def group_key(self, sample):
        return round(float(sample[1]), 1)


class OpeningSoftmax(SizedSoftmax):
    """Opens samples, and says on which threads."""

    workers = 3

    def __init__(self):
        super().__init__()
        self.threads = set()

    def open_sample(self, sample):
        self.threads.add(threading.current_thread())
        if sample[0] < -90:
            raise UnreadableSampleError("torn", {0: "torn"})
        return np.array(sample, dtype=np.float64)


@pytest.mark.parametrize("workers", [None, 0, 1, 4])
@pytest.mark.parametrize("make", [Softmax, CheckingSoftmax, SizedSoftmax, OpeningSoftmax])
def test_a_sample_is_read_once(make, workers):
    pool = CountingSet(rows(2300))
    task = make()
    options = {"batch_size": 16, "keep": {"embeddings"}, "progress": False}
    scores = al.score(task, pool, "bald", workers=workers, **options)
    assert set(pool.reads) == {1}
    assert getattr(task, "checked", 2300) == 2300
    # A batch at work and one that is read; where sizes count, four batches and whole groups.
    assert pool.most_alive <= (16 if workers == 0 else 32) + (
        0 if make in (Softmax, CheckingSoftmax) else 200
    )
    whole = al.score(Softmax(), rows(2300), "bald", progress=False)
    np.testing.assert_allclose(scores.values, whole.values, atol=1e-6)
    again = al.score(make(), CountingSet(rows(2300)), "bald", workers=0, **options)
    np.testing.assert_array_equal(scores.values, again.values)
    np.testing.assert_array_equal(scores.embeddings, again.embeddings)


@pytest.mark.parametrize("lazy", [False, True])
def test_samples_are_opened_on_threads_each_once(lazy):
    samples = rows(300)
    samples[40] = np.full(5, -99.0)
    for workers in (None, 0, 2):
        task, pool = OpeningSoftmax(), CountingSet(samples) if lazy else samples
        scores = al.score(
            task, pool, "bald", batch_size=16, progress=False, unreadable="skip", workers=workers
        )
        assert scores.skipped == {"40": "torn"}
        here = {threading.current_thread()}
        assert task.threads == here if workers == 0 else not task.threads & here
        assert 1 <= len(task.threads) <= (workers or 3)
    plain = al.score(
        SizedSoftmax(), [one for one in samples if one[0] > -90], "bald", batch_size=16
    )
    np.testing.assert_allclose(scores.values, plain.values, atol=1e-12)


def test_big_samples_are_sorted_few_at_a_time(monkeypatch):
    class OnlySized(Softmax):
        def size(self, sample):
            return int(abs(sample[0]) * 10)

    monkeypatch.setattr(order, "HELD", 8 * 5 * 12)  # bytes of twelve samples
    pool, task = CountingSet(rows(400)), OnlySized()
    al.score(task, pool, "bald", batch_size=8, progress=False)
    assert pool.most_alive <= 13 + 2 * 8
    assert set(pool.reads) == {1}
    assert sum(task.calls) == 400


def test_groups_that_follow_each_other_in_a_pool_that_is_read_stay_together():
    task = Passes()
    pool = [(("big", "small")[image % 2], image, 0.25) for image in range(40) for _ in range(13)]
    al.score(task, al.Pool(list(map(str, range(520))), pool.__getitem__), batch_size=4)
    assert task.passes == 40


def test_what_only_one_thread_can_read_is_read_by_it():
    """As a connection of SQLite, which refuses every other thread."""
    owner, reads = threading.current_thread(), []
    samples = rows(40)

    def fetch(row):
        if threading.current_thread() is not owner:
            raise RuntimeError("made in another thread")
        reads.append(row)
        return samples[row]

    pool = al.Pool(list(map(str, range(40))), fetch)
    scores = al.score(Softmax(), pool, "bald", batch_size=8, progress=False)
    assert reads == list(range(40))
    np.testing.assert_array_equal(
        scores.values, al.score(Softmax(), samples, "bald", batch_size=8, progress=False).values
    )


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_pool_of_ones_own_is_read_by_one_thread_at_a_time(concurrent):
    samples, busy, most = rows(60), [0], [0]
    lock = threading.Lock()

    def fetch(row):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.002)
        with lock:
            busy[0] -= 1
        return samples[row]

    pool = al.Pool(list(map(str, range(60))), fetch, concurrent=concurrent)
    for task in (Softmax(), OpeningSoftmax()):
        al.score(task, pool, "bald", batch_size=16, progress=False, workers=3)
    assert most[0] == 1 if not concurrent else 2 <= most[0] <= 3


@pytest.mark.parametrize("place", ["fetch", "open", "predict"])
def test_ctrl_c_while_reading_ahead_keeps_what_is_scored_and_leaves_no_thread(place):
    class Interrupted(OpeningSoftmax):
        def open_sample(self, sample):
            if place == "open" and sample[0] == 77:
                raise KeyboardInterrupt
            return super().open_sample(sample)

        def predict(self, batch):
            if place == "predict" and any(sample[0] == 77 for sample in batch):
                raise KeyboardInterrupt
            return super().predict(batch)

    samples = [np.full(5, float(i % 5)) for i in range(400)]
    samples[70] = np.full(5, 77.0)

    def fetch(row):
        if place == "fetch" and row == 70:
            raise KeyboardInterrupt
        return samples[row]

    task = Interrupted()
    task.size = None
    task.group_key = None
    pool = al.Pool(list(map(str, range(400))), fetch)
    with pytest.raises(ScoringInterruptedError) as caught:
        al.score(task, pool, "bald", batch_size=8, progress=False)
    assert caught.value.partial.ids == list(map(str, range(64)))
    del caught
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("altasks-ahead") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_workers_are_counted():
    with pytest.raises(InvalidInputError, match="workers: expected a whole number of at least 0"):
        al.score(Softmax(), rows(3), "bald", workers=-1)


def test_a_refused_sample_is_named_and_what_is_in_memory_is_refused_before_any_work():
    samples = rows(50)
    samples[37] = np.full(5, 99.0)
    for pool in (samples, {str(i): sample for i, sample in enumerate(samples)}):
        task = CheckingSoftmax()
        with pytest.raises(InvalidInputError, match="refused") as caught:
            al.score(task, pool, "bald", progress=False)
        assert any("'37'" in note for note in caught.value.__notes__)
        assert not task.calls
    for task in (CheckingSoftmax(), SizedSoftmax()):
        with pytest.raises(InvalidInputError, match="refused") as caught:
            al.score(task, CountingSet(samples), "bald", batch_size=8, progress=False)
        assert any("'37'" in note for note in caught.value.__notes__)


# Groups.


class Passes:
    """Counts its passes over images, of which a sample is a region, as `Segmentation` does."""

    default_acquisition = "entropy"

    def __init__(self):
        self.passes = 0

    def size(self, sample):
        return {"big": 4, "small": 1}[sample[0]]

    def group_key(self, sample):
        return None if sample[1] is None else sample[:2]

    def predict(self, samples):
        keys = [sample[:2] if sample[1] is not None else i for i, sample in enumerate(samples)]
        self.passes += len(dict.fromkeys(keys))
        return al.Categorical([[sample[2], 1 - sample[2]] for sample in samples])


def test_regions_in_any_order_cost_a_pass_an_image():
    generator = np.random.default_rng(0)
    samples = [
        (("big", "small")[image % 2], image, float(generator.uniform()))
        for image in range(20)
        for _ in range(13)
    ]
    samples += [("small", None, 0.25), ("big", None, 0.5)]
    pool = {f"{place}": sample for place, sample in enumerate(samples)}
    shuffled = dict(np.array(list(pool.items()), dtype=object)[generator.permutation(len(pool))])
    for batch_size in (1, 5, 13, 32, 1000):
        straight, mixed = Passes(), Passes()
        first = al.score(straight, pool, batch_size=batch_size, progress=False)
        other = al.score(mixed, shuffled, batch_size=batch_size, progress=False)
        assert straight.passes == mixed.passes == 22
        found = dict(zip(other.ids, other.values.tolist(), strict=True))
        assert [found[name] for name in first.ids] == first.values.tolist()


def test_a_group_has_the_size_of_its_biggest_sample_and_big_groups_come_first():
    batches = []

    class Recording(Softmax):
        def size(self, sample):
            return int(sample[0])

        def group_key(self, sample):
            return None if sample[1] < 0 else sample[1]

        def predict(self, samples):
            batches.append([tuple(sample[:2].astype(int)) for sample in samples])
            return super().predict(samples)

    pool = [np.array([*pair, 0, 0, 0.0]) for pair in
            [(1, 7), (5, -1), (3, 8), (9, 7), (4, 8), (2, -1)]]  # fmt: skip
    al.score(Recording(), pool, batch_size=1, progress=False)
    assert batches == [[(9, 7), (1, 7)], [(5, -1)], [(4, 8), (3, 8)], [(2, -1)]]


def test_a_group_key_has_to_be_one():
    class Unhashable(Softmax):
        def group_key(self, sample):
            return [1]

    with pytest.raises(InvalidInputError, match=r"group_key: .*found \[1\]") as caught:
        al.score(Unhashable(), {"a": np.ones(5)}, progress=False)
    assert any("'a'" in note for note in caught.value.__notes__)


# Files.


def test_what_an_earlier_call_kept_is_never_written_over(tmp_path):
    options = {"keep": ["embeddings"], "keep_in": tmp_path, "progress": False}
    first = al.score(Softmax(), rows(6), **options)
    before = np.array(first.embeddings)
    task = Softmax()
    with pytest.raises(InvalidInputError, match=r"without embeddings\.npy.*of its own"):
        al.score(task, rows(6, seed=1), **options)
    assert not task.calls
    np.testing.assert_array_equal(first.embeddings, before)
    # Another name is another file.
    al.score(Softmax(), rows(6, seed=1), **{**options, "keep": ["draws"]})
    np.testing.assert_array_equal(first.embeddings, before)
    (tmp_path / "other").mkdir()
    al.score(Softmax(), rows(6, seed=1), **{**options, "keep_in": tmp_path / "other"})
    np.testing.assert_array_equal(first.embeddings, before)


# Functions of one's own.

OWN_POOL = [[0.5, 0.9, 0.3], [0.2, 0.8, 0.125, 0.6], [0.7], []]


def own_scores(prediction):
    """The largest entropy of two neighbours: no reduction of unit scores gives it."""
    found = []
    for row in range(len(prediction)):
        units = prediction[row].units
        entropy = al.entropy(units)
        pairs = entropy[1:] + entropy[:-1]
        found.append(float(pairs.max()) if len(pairs) else 0.0)
    return torch.tensor(found)


@pytest.mark.parametrize(
    "function",
    [
        own_scores,
        lambda p: own_scores(p),
        lambda p, **_: own_scores(p),
        lambda p, scale=2.0: own_scores(p) * scale,
        lambda p, reduce="median": own_scores(p),
        lambda p, reduce="mean": np.asarray(own_scores(p)),
        functools.partial(lambda scale, p: own_scores(p) * scale, 3),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_any_function_scores_a_task_that_streams(function, batch_size):
    got = al.score(StreamedWords(), OWN_POOL, function, batch_size=batch_size, progress=False)
    want = al.score(Words(), OWN_POOL, function, batch_size=batch_size, progress=False)
    np.testing.assert_array_equal(got.values, want.values)


def test_options_and_defaults_are_the_functions_own():
    def least_sure(prediction, *, reduce="max", k=2, empty=-1.0):
        scores = al.least_confidence(prediction, reduce="none")
        return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)

    for options in ({}, {"reduce": "top_k"}, {"reduce": "top_k", "k": 1}, {"empty": 7.0}):
        for function in (least_sure, functools.partial(least_sure, reduce="sum")):
            found = [
                al.score(
                    task, OWN_POOL, function, acquisition_options=options, progress=False
                ).values
                for task in (StreamedWords(), Words())
            ]
            np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_a_function_that_scores_units_never_sees_a_whole_sample():
    longest = []

    def watched(prediction, **options):
        longest.append(len(prediction.units))
        return al.entropy(prediction, **options)

    pool = [[0.1 * i for i in range(10)] for _ in range(3)]
    al.score(StreamedWords(), pool, watched, progress=False)
    assert max(longest) == 2


def test_what_an_own_function_raises_or_gets_wrong_is_reported():
    def fails(prediction):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        al.score(StreamedWords(), OWN_POOL, fails, progress=False)
    with pytest.raises(InvalidInputError, match=r"scores of shape \[\d\], found shape"):
        al.score(StreamedWords(), OWN_POOL, lambda p: torch.zeros(7), progress=False)
    with pytest.raises(UnsupportedPredictionError, match="bald"):
        al.score(StreamedWords(), OWN_POOL, "bald", progress=False)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"acquisition_options": {"reducee": "max"}}, r"Did you mean 'reduce'\?"),
        ({"acquisition_options": "reduce"}, "acquisition_options: expected a mapping"),
        ({"round": -1}, "round: expected a whole number"),
        ({"round": "first"}, "round: expected a whole number"),
        ({"batch_size": True}, "batch_size: expected a whole number"),
    ],
)
def test_odd_arguments_are_refused_before_any_work(options, fault):
    task = Softmax()
    with pytest.raises(InvalidInputError, match=fault):
        al.score(task, rows(4), "entropy", progress=False, **options)
    assert not task.calls


def test_scores_have_a_short_repr():
    scores = al.score(Softmax(), rows(400), keep=["draws"], progress=False)
    assert re.fullmatch(r"Scores\(N=400, [\d.e-]+ to [\d.]+, draws=\[400, 3, 4\]\)", repr(scores))
    one = al.score(Fragile(), broken_rows(3, {1}), unreadable="skip", progress=False)
    assert repr(one).endswith(", 1 skipped)")


def test_masked_scores_are_refused():
    hidden = np.ma.masked_array([0.1, 9.0, 0.3], [False, True, False])
    with pytest.raises(InvalidInputError, match=r"values: .*id 'b'"):
        al.Scores(["a", "b", "c"], hidden)

    class Task:
        def predict(self, samples):
            return al.Categorical(np.full((len(samples), 2), 0.5))

    with pytest.raises(InvalidInputError, match=r"acquisition: .*masked"):
        al.score(Task(), ["x", "y", "z"], lambda prediction: hidden)
    with pytest.raises(InvalidInputError, match=r"pool: .*masked.*row 1"):
        al.as_pool(hidden)
