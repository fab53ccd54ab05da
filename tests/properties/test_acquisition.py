"""Properties of acquisition functions over generated predictions."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import altasks as al
from altasks.acquisition import StreamedReduction
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged, Transcripts
from altasks.testing.acquisitions import rebuilt

CLASS_FUNCTIONS = [
    al.least_confidence,
    al.margin,
    al.entropy,
    al.mnlp,
    al.variation_ratio,
    al.vote_entropy,
    al.consensus_kl,
    al.bald,
]
TARGET_FUNCTIONS = [al.variance, al.epistemic_variance, al.bald]
DTYPES = [np.float32, np.float64]

steady = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@st.composite
def categoricals(draw):
    """N x K x C: anything from certainty to ties, with zeros and subnormal probabilities."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(2, 5), st.integers(2, 5)))
    dtype = draw(st.sampled_from(DTYPES))
    smallest = float(np.finfo(dtype).smallest_subnormal)
    entries = st.one_of(
        st.sampled_from([0.0, 1.0, 2.0, smallest, 100 * smallest, 1e-30]),
        st.floats(0.0, 1.0, width=32),
    )
    weights = draw(hnp.arrays(np.float64, shape, elements=entries))
    # The first of a row that is all zeros becomes certain.
    weights[..., 0] += weights.sum(-1) == 0
    probs = weights / weights.sum(-1, keepdims=True)
    return Categorical(probs.astype(dtype))


@st.composite
def bernoullis(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(2, 5), st.integers(1, 4)))
    dtype = draw(st.sampled_from(DTYPES))
    entries = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.0, 1.0, width=32))
    return Bernoulli(draw(hnp.arrays(dtype, shape, elements=entries)))


@st.composite
def normals(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(2, 5), st.integers(1, 3)))
    dtype = draw(st.sampled_from(DTYPES))
    mean = draw(hnp.arrays(dtype, shape, elements=st.floats(-1e3, 1e3, width=32)))
    # Bounds that float32 holds exactly.
    positive = st.floats(2.0**-20, 2.0**10, width=32)
    return Normal(mean, draw(hnp.arrays(dtype, shape, elements=positive)))


@st.composite
def transcripts(draw):
    count, members = draw(st.integers(1, 6)), draw(st.integers(2, 4))
    reading = st.text("abé ", max_size=8)
    row = st.lists(reading, min_size=members, max_size=members)
    return Transcripts(draw(st.lists(row, min_size=count, max_size=count)))


CASES = [(function, categoricals) for function in CLASS_FUNCTIONS]
CASES += [(function, bernoullis) for function in CLASS_FUNCTIONS]
CASES += [(function, normals) for function in TARGET_FUNCTIONS]
CASES += [(al.edit_disagreement, transcripts)]
each_case = pytest.mark.parametrize(
    ("function", "predictions"), CASES, ids=[f"{f.__name__}-{p.__name__}" for f, p in CASES]
)


def close(one, other):
    tolerance = 1e-5 if one.dtype == torch.float32 else 1e-9
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def lengths_of(data, units):
    """Return any way to share out `units` over samples, empty ones among them."""
    cuts = data.draw(st.lists(st.integers(0, units), max_size=5))
    edges = [0, *sorted(cuts), units]
    return [stop - start for start, stop in itertools.pairwise(edges)]


@each_case
@steady
@given(data=st.data())
def test_permuting_samples_permutes_scores(function, predictions, data):
    prediction = data.draw(predictions())
    order = data.draw(st.permutations(range(len(prediction))))
    scores = function(prediction)
    assert torch.isfinite(scores).all()
    close(function(prediction[order]), scores[order])


@each_case
@steady
@given(data=st.data())
def test_permuting_members_changes_nothing(function, predictions, data):
    prediction = data.draw(predictions())
    order = data.draw(st.permutations(range(prediction.members)))
    if isinstance(prediction, Transcripts):
        permuted = Transcripts([[row[k] for k in order] for row in prediction.texts])
    else:
        permuted = rebuilt(prediction, lambda values: values[:, order])
    close(function(permuted), function(prediction))


@pytest.mark.parametrize("function", CLASS_FUNCTIONS, ids=lambda f: f.__name__)
@steady
@given(data=st.data())
def test_permuting_classes_changes_nothing(function, data):
    prediction = data.draw(st.one_of(categoricals(), bernoullis()))
    order = data.draw(st.permutations(range(prediction.probs.shape[2])))
    permuted = rebuilt(prediction, lambda values: values[:, :, order])
    close(function(permuted), function(prediction))


@steady
@given(prediction=categoricals())
def test_bounds(prediction):
    ceiling = math.log(prediction.classes)
    for function in (al.bald, al.consensus_kl, al.entropy, al.vote_entropy):
        scores = function(prediction).double()
        assert float(scores.min()) >= 0
        assert float(scores.max()) <= ceiling
    for function in (al.least_confidence, al.margin, al.variation_ratio):
        scores = function(prediction).double()
        assert float(scores.min()) >= 0
        assert float(scores.max()) <= 1


@steady
@given(prediction=categoricals())
def test_bald_is_the_divergence_from_the_mean_and_below_the_entropy(prediction):
    scores = al.bald(prediction)
    close(scores, al.consensus_kl(prediction))
    assert (scores <= al.entropy(prediction) + 1e-5).all()


@steady
@given(prediction=bernoullis())
def test_bounds_of_labels(prediction):
    for labels, most in (("mean", 1), ("max", 1), ("sum", prediction.labels)):
        scores = al.bald(prediction, labels=labels).double()
        assert float(scores.min()) >= 0
        assert float(scores.max()) <= most * math.log(2) * (1 + 1e-6)


@steady
@given(prediction=normals())
def test_parts_of_the_variance(prediction):
    total, epistemic = al.variance(prediction), al.epistemic_variance(prediction)
    assert float(epistemic.min()) >= 0
    assert (epistemic <= total * (1 + 1e-5)).all()
    assert float(al.bald(prediction).min()) >= 0


@steady
@given(prediction=transcripts())
def test_bounds_of_edit_disagreement(prediction):
    scores = al.edit_disagreement(prediction)
    assert float(scores.min()) >= 0
    assert float(scores.max()) <= 1
    alike = torch.tensor([len(set(row)) == 1 for row in prediction.texts])
    assert torch.equal(scores == 0, alike)


@each_case
@steady
@given(data=st.data())
def test_one_unit_each_equals_plain(function, predictions, data):
    prediction = data.draw(predictions())
    names = ["mean"] if function is al.mnlp else ["mean", "sum", "max", "top_k", "none"]
    plain = function(prediction)
    ragged = Ragged(prediction, [1] * len(prediction))
    for reduce in names:
        close(function(ragged, reduce=reduce), plain)


@each_case
@steady
@given(data=st.data())
def test_batches_change_nothing(function, predictions, data):
    prediction = data.draw(predictions())
    ragged = Ragged(prediction, lengths_of(data, len(prediction)))
    for whole in (prediction, ragged):
        cut = data.draw(st.integers(0, len(whole)))
        parts = [function(whole[:cut]), function(whole[cut:])]
        close(torch.cat(parts), function(whole))


@each_case
@steady
@given(data=st.data())
def test_a_stream_equals_the_whole(function, predictions, data):
    prediction = data.draw(predictions())
    ragged = Ragged(prediction, lengths_of(data, len(prediction)))
    reduce = data.draw(st.sampled_from(["mean", "sum", "max", "top_k"]))
    if function is al.mnlp:
        reduce = "mean"
    k, empty = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([0.0, 0.25]))
    options = {"reduce": reduce, "empty": empty}
    stream = StreamedReduction(len(ragged), k=k, **options)
    for sample in range(len(ragged)):
        units = ragged[sample].units
        cut = data.draw(st.integers(0, len(units)))
        for part in (units[:cut], units[cut:]):
            stream.add(sample, function(part, reduce="none"))
    if function is not al.mnlp:
        options["k"] = k
    close(stream.result().to(function(ragged).dtype), function(ragged, **options))


@pytest.mark.parametrize("function", CLASS_FUNCTIONS, ids=lambda f: f.__name__)
@steady
@given(data=st.data())
def test_equal_weights_change_the_scale_only(function, data):
    prediction = data.draw(st.one_of(categoricals(), bernoullis()))
    # A weight for each class, or for all but a last one, which is background.
    width = prediction.probs.shape[2]
    classes = data.draw(st.integers(max(width - 1, 1), width))
    doubled = function(prediction, class_weights=[2.0] * classes)
    close(doubled, 2 * function(prediction))
