import itertools
import math

import pytest
import torch

from altasks.acquisition import StreamedReduction, entropy, reduce_units
from altasks.errors import InvalidInputError
from altasks.predictions import Categorical, Ragged

REDUCTIONS = ["mean", "sum", "max", "top_k"]


def _ragged(lengths):
    return Ragged(Categorical(torch.full((sum(lengths), 2), 0.5)), lengths)


def _scores(count, seed=0, dtype=torch.float64):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_by_hand():
    ragged = _ragged([3, 0, 1])
    scores = torch.tensor([1.0, 4.0, 2.5, 7.0])
    assert reduce_units(scores, ragged).tolist() == [2.5, 0.0, 7.0]
    assert reduce_units(scores, ragged, reduce="sum", empty=-1).tolist() == [7.5, -1.0, 7.0]
    assert reduce_units(scores, ragged, reduce="max", empty=9.0).tolist() == [4.0, 9.0, 7.0]
    assert reduce_units(scores, ragged, reduce="top_k", k=2).tolist() == [3.25, 0.0, 7.0]
    assert reduce_units(scores, ragged, reduce="top_k").tolist() == [2.5, 0.0, 7.0]
    assert reduce_units(scores, ragged, reduce="none").tolist() == scores.tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_come_back_in_float32(dtype):
    scores = torch.tensor([0.25, 0.75, 0.5], dtype=dtype)
    for prediction in (Categorical(torch.full((3, 2), 0.5)), _ragged([1, 1, 1])):
        found = reduce_units(scores, prediction)
        assert found.dtype == torch.float32
        assert found.tolist() == [0.25, 0.75, 0.5]


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_negative_scores_are_not_beaten_by_padding(reduce):
    scores = torch.tensor([-3.0, -1.0, -2.0])
    expected = {"mean": -2.0, "sum": -4.0, "max": -1.0, "top_k": -2.0}[reduce]
    found = reduce_units(scores, _ragged([2, 1, 0]), reduce=reduce, k=3)
    assert found.tolist() == [expected, -2.0, 0.0]


@pytest.mark.parametrize("reduce", [*REDUCTIONS, "none"])
def test_a_plain_prediction_is_one_unit_each(reduce):
    scores = _scores(4)
    plain = Categorical(torch.full((4, 2), 0.5))
    assert torch.equal(reduce_units(scores, plain, reduce=reduce), scores)


@pytest.mark.parametrize("k", [1, 3, 10, 1000])
def test_top_k_over_very_different_lengths(k):
    lengths = [1, 5000, 0, 3, 10, 11, 1, 0, 700, 2]
    scores = _scores(sum(lengths))
    parts = scores.split(lengths)
    expected = [
        float(part.sort(descending=True).values[:k].mean()) if len(part) else 0.0 for part in parts
    ]
    found = reduce_units(scores, _ragged(lengths), reduce="top_k", k=k)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_top_k_of_many_samples_takes_more_than_one_block():
    lengths = torch.randint(0, 60, (40_000,), generator=torch.Generator().manual_seed(0)).tolist()
    scores = _scores(sum(lengths))
    found = reduce_units(scores, _ragged(lengths), reduce="top_k", k=4)
    parts = scores.split(lengths)
    for row in range(0, 40_000, 997):
        best = parts[row].sort(descending=True).values[:4]
        assert float(found[row]) == pytest.approx(float(best.mean()) if len(best) else 0.0)


def test_sums_of_float32_are_made_in_float64():
    # Adding 0.1 a million times in float32 is off by about one percent.
    scores = torch.full((1_000_000,), 0.1)
    assert reduce_units(scores, _ragged([1_000_000])).item() == pytest.approx(0.1, rel=1e-7)


def test_a_sum_beyond_float32_stays_finite():
    scores = torch.full((3,), 3e38)
    found = reduce_units(scores, _ragged([3]), reduce="sum")
    assert found.item() == torch.finfo(torch.float32).max


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduce", [*REDUCTIONS, "none"])
def test_dtype_is_kept(reduce, dtype):
    assert reduce_units(_scores(3, dtype=dtype), _ragged([2, 1]), reduce=reduce).dtype == dtype


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduce": "median"}, "reduce: expected one of 'mean', 'sum', 'max', 'top_k', 'none'"),
        ({"k": 0}, "k: expected a whole number of at least 1, found 0"),
        ({"k": True}, "k: expected"),
        ({"k": 1.5}, "k: expected"),
        ({"empty": math.inf}, "empty: expected a finite number"),
        ({"empty": None}, "empty: expected a finite number"),
    ],
)
def test_options_outside_their_range(options, message):
    with pytest.raises(InvalidInputError, match=message):
        reduce_units(_scores(2), _ragged([2]), **options)
    with pytest.raises(InvalidInputError, match=message):
        StreamedReduction(1, **options)


def test_scores_of_another_length():
    with pytest.raises(InvalidInputError, match=r"scores: expected shape \[2\], one per unit"):
        reduce_units(_scores(3), _ragged([2]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_a_stream_gives_what_the_whole_gives(reduce, dtype):
    lengths = [7, 0, 30, 1, 12]
    scores = _scores(sum(lengths), dtype=dtype)
    whole = reduce_units(scores, _ragged(lengths), reduce=reduce, k=5, empty=0.5)
    stream = StreamedReduction(len(lengths), reduce=reduce, k=5, empty=0.5)
    chunks = [
        (sample, chunk)
        for sample, part in enumerate(scores.split(lengths))
        for chunk in part.split(4)
    ]
    # Interleaved: the samples' chunks arrive in turns.
    for sample, chunk in sorted(chunks, key=lambda pair: float(pair[1][:1].sum())):
        stream.add(sample, chunk)
    assert stream.result().dtype == dtype
    tolerance = 1e-12 if dtype == torch.float64 else 1e-7
    torch.testing.assert_close(stream.result(), whole, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_streams_merge(reduce):
    scores = _scores(20)
    whole, left, right = (StreamedReduction(3, reduce=reduce, k=4) for _ in range(3))
    for n, chunk in enumerate(scores.split(3)):
        whole.add(n % 2, chunk)
        (left if n < 3 else right).add(n % 2, chunk)
    left.merge(right)
    torch.testing.assert_close(left.result(), whole.result(), rtol=1e-12, atol=1e-12)
    with pytest.raises(InvalidInputError, match="other"):
        left.merge(StreamedReduction(2, reduce=reduce, k=4))


def test_a_stream_can_go_on_after_a_look():
    stream = StreamedReduction(1)
    stream.add(0, torch.tensor([1.0]))
    assert stream.result().tolist() == [1.0]
    stream.add(0, torch.tensor([3.0, 5.0]))
    stream.add(0, torch.tensor([]))
    assert stream.result().tolist() == [3.0]


def test_a_stream_of_pixels_equals_the_map():
    maps = torch.softmax(torch.randn(2, 6, 8, 9, generator=torch.Generator().manual_seed(1)), 1)
    pixels = maps.flatten(2).transpose(1, 2)  # image x pixel x class
    whole = entropy(Ragged(Categorical(pixels.reshape(-1, 6)), [72, 72]), reduce="top_k", k=20)
    stream = StreamedReduction(2, reduce="top_k", k=20)
    for image, start in itertools.product(range(2), range(0, 72, 18)):
        stream.add(image, entropy(Categorical(pixels[image, start : start + 18]), reduce="none"))
    torch.testing.assert_close(stream.result(), whole, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_stream_refuses_what_is_not_finite(reduce, bad):
    stream = StreamedReduction(3, reduce=reduce, k=1)
    with pytest.raises(InvalidInputError, match="sample 2"):
        stream.add(2, torch.tensor([0.5, bad, 0.25]))


def test_a_stream_refuses_what_it_does_not_know():
    with pytest.raises(InvalidInputError, match="for a stream"):
        StreamedReduction(1, reduce="none")
    with pytest.raises(InvalidInputError, match="n_samples"):
        StreamedReduction(-1)
    stream = StreamedReduction(2)
    for sample in (-1, 2):
        with pytest.raises(InvalidInputError, match="sample_index: expected 0 to 1"):
            stream.add(sample, torch.ones(1))
    with pytest.raises(InvalidInputError, match="unit_scores: expected shape"):
        stream.add(0, torch.ones(1, 1))
