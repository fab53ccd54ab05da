from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.acquisition import by_span
from altasks.errors import InvalidInputError, UnknownNameError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Ragged, Transcripts
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


def in_pairs(prediction, *, acquisition="margin", reduce="max", k=10, empty="max"):
    """by_span where the 2nd and 3rd, 4th and 5th, ... units of a sample are spans."""
    if not isinstance(prediction, Ragged):
        prediction = Ragged(prediction, [1] * len(prediction))
    spans = [(i + 1) // 2 - 1 for length in prediction.lengths.tolist() for i in range(length)]
    spanned = Ragged(prediction.units, prediction.lengths, {"span": torch.tensor(spans).long()})
    return by_span(spanned, acquisition=acquisition, reduce=reduce, k=k, empty=empty)


class TestBySpan(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return in_pairs

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli)


class TestBySpanOfACommittee(TestBySpan):
    options = {"acquisition": "bald", "reduce": "top_k", "k": 2, "empty": "mean"}  # noqa: RUF012


def twin(scores, lengths, spans, reduce, k, empty):
    result, start = [], 0
    for length in lengths:
        words = range(start, start + length)
        start += length
        numbers = sorted({spans[i] for i in words} - {-1})
        means = []
        for number in numbers:
            inside = [scores[i] for i in words if spans[i] == number]
            means.append(sum(inside) / len(inside))
        means.sort(reverse=True)
        own = [scores[i] for i in words]
        if not means:
            if isinstance(empty, str):
                value = {"max": max, "mean": lambda x: sum(x) / len(x)}[empty](own) if own else 0.0
            else:
                value = empty
        elif reduce == "max":
            value = means[0]
        elif reduce == "sum":
            value = sum(means)
        else:
            best = means[:k] if reduce == "top_k" else means
            value = sum(best) / len(best)
        result.append(value)
    return result


@settings(max_examples=80, derandomize=True)
@given(st.data())
def test_equals_its_twin(data):
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    spans = [data.draw(st.integers(-1, length - 1)) for length in lengths for _ in range(length)]
    seed = data.draw(st.integers(0, 9))
    probs = np.random.default_rng(seed).dirichlet(np.ones(3), (sum(lengths), 2))
    reduce = data.draw(st.sampled_from(["max", "mean", "sum", "top_k"]))
    k = data.draw(st.integers(1, 3))
    empty = data.draw(st.sampled_from(["max", "mean", 0.0, -2.5]))
    sentences = Ragged(Categorical(probs), lengths, {"span": torch.tensor(spans).long()})
    words = al.entropy(sentences, reduce="none").tolist()
    scores = by_span(sentences, acquisition="entropy", reduce=reduce, k=k, empty=empty)
    assert scores.tolist() == pytest.approx(twin(words, lengths, spans, reduce, k, empty))


def sentence(words, spans, lengths=None):
    """Certain or torn words: 0 is certain, 1 is a coin."""
    probs = [[0.5, 0.5] if word else [1.0, 0.0] for word in words]
    return Ragged(Categorical(probs), lengths or [len(words)], {"span": torch.tensor(spans)})


def test_one_doubtful_name_in_a_long_sentence_is_not_drowned():
    long = sentence([1, 1] + [0] * 28, [0, 0] + [-1] * 28)
    short = sentence([1, 0, 0, 0], [0, 0, -1, -1])
    assert al.margin(long).item() < al.margin(short).item()
    assert by_span(long).item() == 1.0
    assert by_span(short).item() == 0.5


def test_words_outside_spans_do_not_count():
    assert by_span(sentence([1, 0, 1], [-1, 0, -1])).item() == 0.0


def test_spans_need_not_be_side_by_side_nor_in_order():
    scores = by_span(sentence([1, 0, 0, 1], [1, 0, 0, 1]), reduce="mean")
    assert scores.item() == 0.5


def test_without_a_span_the_most_doubtful_word_stands_for_one():
    missed = sentence([0, 1, 0, 0], [-1] * 4)
    for reduce in ("max", "mean", "sum", "top_k"):
        assert by_span(missed, reduce=reduce).item() == 1.0
        assert by_span(missed, reduce=reduce, empty="mean").item() == 0.25
        assert by_span(missed, reduce=reduce, empty=-3).item() == -3.0


def test_a_sentence_without_words():
    both = sentence([1], [0], [0, 1])
    assert by_span(both).tolist() == [0.0, 1.0]
    assert by_span(both, empty=0.5).tolist() == [0.5, 1.0]
    nothing = Ragged(Categorical(torch.zeros(0, 1, 2)), [0, 0], {"span": torch.zeros(0)})
    assert by_span(nothing).tolist() == [0.0, 0.0]


def test_padding_with_words_outside_spans_changes_nothing():
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(4), (6, 3))
    spans = torch.tensor([0, 0, 1, -1, 0, 1])
    plain = Ragged(Categorical(probs), [3, 3], {"span": spans})
    pads = Categorical(rng.dirichlet(np.ones(4), (5, 3)))
    pieces = [Categorical(probs[:3]), pads, Categorical(probs[3:]), pads]
    none = torch.full((5,), -1)
    padded = Ragged(
        Categorical.cat(pieces), [8, 8], {"span": torch.cat([spans[:3], none, spans[3:], none])}
    )
    for name, reduce in itertools.product(("margin", "mnlp", "bald"), ("max", "mean", "sum")):
        options = {"acquisition": name, "reduce": reduce}
        torch.testing.assert_close(by_span(padded, **options), by_span(plain, **options))


def test_options_reach_the_function_and_callables_are_taken():
    words = Ragged(Categorical([[0.75, 0.25]]), [1], {"span": torch.tensor([0])})
    assert by_span(words, options={"power": 2}).item() == 0.25
    assert by_span(words, acquisition=al.margin).item() == 0.5
    other = Ragged(words.units, [1], {"frame": [0]})
    assert by_span(other, field="frame").item() == 0.5


def test_by_name_over_a_pool():
    class Tagger:
        def predict(self, samples):
            return Ragged.cat([sentence(*sample) for sample in samples])

    pool = {"name": ([1, 0, 0], [0, -1, -1]), "sure": ([0, 0], [0, 0])}
    scores = al.score(
        Tagger(), pool, "by_span", progress=False, acquisition_options={"acquisition": "entropy"}
    )
    assert scores.values.tolist() == pytest.approx([np.log(2), 0.0])


def test_what_is_no_spanned_prediction():
    with pytest.raises(UnsupportedPredictionError, match=r"found Categorical\(N=1.*NER.predict"):
        by_span(Categorical([[0.5, 0.5]]))
    with pytest.raises(UnsupportedPredictionError, match=r"found the fields: 'boxes'.*by hand"):
        by_span(Ragged(Categorical([[0.5, 0.5]]), [1], {"boxes": [0]}))
    with pytest.raises(UnsupportedPredictionError, match="found the fields: none"):
        by_span(Ragged(Categorical([[0.5, 0.5]]), [1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduce": "none"}, "by_span is a reduction"),
        ({"reduce": "median"}, "reduce: expected one of"),
        ({"k": 0}, "k: expected a whole number"),
        ({"empty": "words"}, "empty: expected 'max', 'mean' or a finite number, found 'words'"),
        ({"empty": float("inf")}, "empty: expected"),
        ({"options": {"reduce": "sum"}}, "options: expected .* found 'reduce'.*by_span's"),
        ({"acquisition": 3}, "acquisition: expected a function or its name, found 3"),
        ({"acquisition": lambda prediction: None}, "takes reduce='none'"),
        ({"acquisition": lambda prediction, reduce: 3}, r"\[2\] unit scores, found int"),
        (
            {"acquisition": lambda prediction, reduce: torch.ones(1)},
            r"\[2\] unit scores, found \[1\]",
        ),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(InvalidInputError, match=message):
        by_span(sentence([1, 0], [0, -1]), **options)


def test_functions_without_unit_scores_are_refused():
    words = Ragged(Categorical([[[0.5, 0.5], [0.9, 0.1]]] * 2), [2], {"span": torch.tensor([0, 0])})
    for name in ("sequence_variation_ratio", "edit_disagreement"):
        with pytest.raises(InvalidInputError, match="reduce: expected the default"):
            by_span(words, acquisition=name)
    with pytest.raises(UnsupportedPredictionError, match="variance: reads Normal"):
        by_span(words, acquisition="variance")
    with pytest.raises(UnknownNameError, match="margins"):
        by_span(words, acquisition="margins")
    readings = Ragged(Transcripts([["a", "b"]]), [1], {"span": [0]})
    assert by_span(readings, acquisition="edit_disagreement").item() == 1.0


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (torch.tensor([0, 2]), r"0 to 1, found 2 \(unit 1, row 0\)"),
        (torch.tensor([-2, 0]), r"found -2 \(unit 0, row 0\)"),
        (torch.tensor([0.0, 1.0]), "one whole number for each unit, found torch.float32"),
        (torch.tensor([[0], [1]]), r"found torch.int64, shape \[2, 1\]"),
        (torch.tensor([True, False]), "found torch.bool"),
    ],
)
def test_spans_that_are_none(spans, message):
    with pytest.raises(InvalidInputError, match=message):
        by_span(Ragged(Categorical([[0.5, 0.5]] * 2), [2], {"span": spans}))


def test_slicing_keeps_the_spans():
    pool = sentence([1, 0, 0, 1, 1, 0], [0, 0, -1, 0, 1, 1], [3, 3])
    whole = by_span(pool, reduce="sum")
    assert torch.cat([by_span(pool[i], reduce="sum") for i in (1, 0)]).tolist() == (
        whole.flip(0).tolist()
    )
