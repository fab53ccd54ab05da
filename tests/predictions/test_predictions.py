"""The doors: what is accepted shares memory, what is wrong is named."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import altasks as al
from altasks.errors import InvalidInputError


def distributions(n, k, c, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(c), (n, k)).astype(dtype)


class TestCategorical:
    def test_numpy_shares_memory(self):
        probs = distributions(4, 3, 5)
        assert al.Categorical(probs).probs.data_ptr() == probs.ctypes.data

    def test_read_only_numpy_shares_memory_without_a_warning(self):
        probs = distributions(4, 3, 5)
        probs.flags.writeable = False
        assert al.Categorical(probs).probs.data_ptr() == probs.ctypes.data

    def test_reversed_and_foreign_arrays_are_read_right(self):
        probs = distributions(4, 3, 5)
        torch.testing.assert_close(
            al.Categorical(probs[::-1]).probs, torch.from_numpy(probs[::-1].copy())
        )
        swapped = probs.astype(probs.dtype.newbyteorder())
        torch.testing.assert_close(al.Categorical(swapped).probs, torch.from_numpy(probs))

    def test_strided_views_are_not_copied(self):
        maps = torch.softmax(torch.randn(2, 3, 4, 5), 1)  # K x C x H x W
        pixels = maps.permute(2, 3, 0, 1).reshape(20, 2, 3)
        assert al.Categorical(pixels).probs.data_ptr() == maps.data_ptr()

    def test_two_dims_mean_one_member(self):
        prediction = al.Categorical(distributions(4, 1, 5)[:, 0])
        assert (len(prediction), prediction.members, prediction.classes) == (4, 1, 5)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    @pytest.mark.parametrize("classes", [2, 10, 1000])
    def test_rounded_types_pass(self, dtype, classes):
        probs = torch.softmax(torch.randn(50, 4, classes), -1).to(dtype)
        assert al.Categorical(probs).probs.dtype == dtype

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda p: np.log(p), r"\[0, 1\].*row 0, member 0.*from_logits"),
            (lambda p: _put(p, (2, 1), p[2, 1] * 0.9), r"sums to 0\.9 \(row 2, member 1\)"),
            (lambda p: _put(p, (3, 0, 1), np.nan), r"finite values, found nan \(row 3, member 0\)"),
            (lambda p: _put(p, (1, 2, 0), np.inf), r"finite values, found inf \(row 1, member 2\)"),
            (lambda p: p[..., :1], r"at least two classes.*C = 1"),
            (lambda p: p[:, :0], r"committee"),
            (lambda p: p[None], r"shape \[N, K, C\] or \[N, C\], found shape \[1, 4, 3, 5\]"),
            (lambda p: p.astype(complex), r"real numbers"),
            (lambda p: [["a", "b"]], r"real numbers"),
            (lambda p: _put(p, (0, 0), [-1e-6, 1 + 1e-6, 0, 0, 0]), r"\[0, 1\].*row 0"),
        ],
    )
    def test_what_is_wrong_is_named(self, spoil, message):
        with pytest.raises(InvalidInputError, match=message):
            al.Categorical(spoil(distributions(4, 3, 5)))

    def test_sigmoids_are_sent_to_bernoulli(self):
        with pytest.raises(InvalidInputError, match="Bernoulli"):
            al.Categorical([[0.9, 0.8, 0.1]])

    def test_from_logits_is_softmax_and_half_becomes_float(self):
        logits = torch.randn(6, 2, 3, dtype=torch.float16)
        prediction = al.Categorical.from_logits(logits)
        assert prediction.probs.dtype == torch.float32
        torch.testing.assert_close(prediction.probs, torch.softmax(logits.float(), -1))

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_from_logits_checks_that_values_are_finite(self, bad):
        logits = np.zeros((3, 2, 4))
        logits[1, 1, 2] = bad
        with pytest.raises(InvalidInputError, match="row 1, member 1"):
            al.Categorical.from_logits(logits)

    def test_features_must_fit(self):
        with pytest.raises(
            InvalidInputError, match=r"features: expected shape \[N, d\] with N = 4"
        ):
            al.Categorical(distributions(4, 1, 3), features=np.zeros((3, 8)))

    def test_frozen(self):
        with pytest.raises(AttributeError):
            al.Categorical(distributions(4, 1, 3)).probs = torch.zeros(1)

    def test_gradients_are_left_behind(self):
        logits = torch.randn(3, 4, requires_grad=True)
        assert not al.Categorical(torch.softmax(logits, -1)).probs.requires_grad


def _put(array, where, value):
    array = array.copy()
    array[where] = value
    return array


class TestBernoulli:
    def test_independent_labels(self):
        prediction = al.Bernoulli([[0.9, 0.8, 0.0], [1.0, 0.5, 0.1]])
        assert (len(prediction), prediction.members, prediction.labels) == (2, 1, 3)

    @pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
    def test_outside_the_interval(self, bad):
        with pytest.raises(InvalidInputError, match="row 1"):
            al.Bernoulli([[0.5, 0.5], [0.2, bad]])

    def test_from_logits_is_a_sigmoid(self):
        logits = torch.randn(5, 2, 3)
        torch.testing.assert_close(al.Bernoulli.from_logits(logits).probs, torch.sigmoid(logits))


class TestNormal:
    @pytest.mark.parametrize(
        ("shape", "kt"), [((4,), (1, 1)), ((4, 2), (1, 2)), ((4, 3, 2), (3, 2))]
    )
    def test_shapes(self, shape, kt):
        prediction = al.Normal(np.zeros(shape), np.ones(shape))
        assert (prediction.members, prediction.targets) == kt

    def test_negative_variance(self):
        with pytest.raises(InvalidInputError, match=r"variance: .*found -0.1 \(row 1\)"):
            al.Normal([0.0, 0.0], [0.1, -0.1])

    def test_shapes_must_agree(self):
        with pytest.raises(InvalidInputError, match="the shape of mean"):
            al.Normal(np.zeros((4, 2)), np.ones(4))

    def test_scale(self):
        assert al.Normal(np.zeros((4, 2)), np.ones((4, 2)), scale=[1.0, 2.0]).scale is not None
        with pytest.raises(InvalidInputError, match="target 1"):
            al.Normal(np.zeros((4, 2)), np.ones((4, 2)), scale=[1.0, 0.0])


class TestTranscripts:
    def test_strings_and_tags(self):
        assert al.Transcripts([["a", "b"], ["c", ""]]).members == 2
        tags = al.Transcripts([[["O", "B-PER"], ("O", "O")]])
        assert tags.texts == ((("O", "B-PER"), ("O", "O")),)

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (["ab", "cd"], "row 0"),
            ("ab", "N lists of K"),
            ([["a", "b"], ["c"]], "row 1"),
            ([["a", None]], "row 0, member 1"),
            ([["a", [["unhashable"]]]], "hashable"),
            ([[]], "row 0"),
        ],
    )
    def test_what_is_wrong_is_named(self, texts, message):
        with pytest.raises(InvalidInputError, match=message):
            al.Transcripts(texts)

    def test_log_probs(self):
        al.Transcripts([["a", "b"]], log_probs=[[-0.1, -3.0]])
        with pytest.raises(InvalidInputError, match="row 0, member 1"):
            al.Transcripts([["a", "b"]], log_probs=[[-0.1, 0.3]])
        with pytest.raises(InvalidInputError, match="shape"):
            al.Transcripts([["a", "b"]], log_probs=[-0.1, -0.3])


class TestRagged:
    def test_lengths_must_add_up(self):
        with pytest.raises(InvalidInputError, match=r"a sum of 4.*found a sum of 3"):
            al.Ragged(al.Categorical(distributions(4, 1, 3)), [1, 2])

    @pytest.mark.parametrize("lengths", [[5, -1], [[4]], [4.0], [True]])
    def test_lengths_are_counts(self, lengths):
        with pytest.raises(InvalidInputError, match="lengths"):
            al.Ragged(al.Categorical(distributions(4, 1, 3)), lengths)

    def test_fields_have_a_row_per_unit(self):
        with pytest.raises(InvalidInputError, match="boxes"):
            al.Ragged(al.Categorical(distributions(4, 1, 3)), [4], {"boxes": np.zeros((3, 4))})

    def test_no_nesting(self):
        inner = al.Ragged(al.Categorical(distributions(4, 1, 3)), [4])
        with pytest.raises(InvalidInputError, match="units"):
            al.Ragged(inner, [1])


def _every_kind(n, seed=0):
    rng = np.random.default_rng(seed)
    units = 2 * n
    lengths = np.bincount(rng.integers(0, max(n, 1), units if n else 0), minlength=n)
    boxes = rng.random((units if n else 0, 4))
    names = [f"u{i}" for i in range(units if n else 0)]
    return [
        al.Categorical(distributions(n, 3, 4), features=rng.random((n, 2))),
        al.Bernoulli(rng.random((n, 3, 4))),
        al.Normal(rng.random((n, 3, 2)), rng.random((n, 3, 2)), scale=[1.0, 2.0]),
        al.Transcripts([[str(i), "b", "c"] for i in range(n)], -rng.random((n, 3))),
        al.Ragged(
            al.Categorical(distributions(len(boxes), 3, 4)),
            lengths,
            {"boxes": boxes, "names": names},
        ),
    ]


def _same(a, b):
    assert type(a) is type(b)
    assert len(a) == len(b)
    for name in ("probs", "features", "mean", "variance", "log_probs", "lengths"):
        x, y = getattr(a, name, None), getattr(b, name, None)
        assert (x is None) == (y is None)
        if x is not None:
            torch.testing.assert_close(x, y, rtol=0, atol=0)
    if isinstance(a, al.Transcripts):
        assert a.texts == b.texts
    if isinstance(a, al.Ragged):
        _same(a.units, b.units)
        assert a.fields["names"] == b.fields["names"]
        torch.testing.assert_close(a.fields["boxes"], b.fields["boxes"])


@given(st.integers(1, 8), st.data())
def test_cutting_and_joining_give_the_same(n, data):
    cut = data.draw(st.integers(0, n))
    for prediction in _every_kind(n):
        joined = type(prediction).cat([prediction[:cut], prediction[cut:]])
        _same(joined, prediction)


@given(st.integers(1, 8), st.data())
def test_every_index_picks_what_single_rows_pick(n, data):
    rows = data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=6))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    for prediction in _every_kind(n):
        one_by_one = type(prediction).cat([prediction[row] for row in rows])
        for index in (rows, np.array(rows), torch.tensor(rows)):
            _same(prediction[index], one_by_one)
        _same(prediction[mask], prediction[np.flatnonzero(mask)])
        _same(prediction[::-1], prediction[list(range(n))[::-1]])
        _same(prediction[::2], prediction[list(range(n))[::2]])


def test_indices_that_do_not_exist():
    for prediction in _every_kind(3):
        for index in (3, -4, [0, 3], [True, False], 1.5):
            with pytest.raises((IndexError, TypeError)):
                prediction[index]


def test_cat_refuses_what_does_not_fit():
    kinds = _every_kind(3)
    for i, prediction in enumerate(kinds):
        with pytest.raises(InvalidInputError):
            type(prediction).cat([])
        with pytest.raises(InvalidInputError):
            type(prediction).cat([prediction, kinds[i - 1]])
    with pytest.raises(InvalidInputError, match="committees"):
        al.Bernoulli.cat([al.Bernoulli(np.ones((1, 2, 3))), al.Bernoulli(np.ones((1, 3, 3)))])
    with pytest.raises(InvalidInputError, match="classes"):
        al.Categorical.cat(
            [kinds[0], al.Categorical(distributions(1, 3, 5), features=[[0.0, 1.0]])]
        )
    with pytest.raises(InvalidInputError, match="features"):
        al.Categorical.cat([kinds[0], al.Categorical(distributions(1, 3, 4))])
    with pytest.raises(InvalidInputError, match="scale"):
        al.Normal.cat([kinds[2], al.Normal(kinds[2].mean, kinds[2].variance)])


def test_empty_batches_are_fine():
    for prediction in _every_kind(0):
        assert len(prediction) == 0
        assert len(prediction[:0]) == 0


def test_to_and_repr():
    for prediction in _every_kind(3):
        _same(prediction.to("cpu"), prediction)
        assert repr(prediction).startswith(type(prediction).__name__ + "(N=3")


def test_rows_of_different_lengths_name_the_argument():
    with pytest.raises(InvalidInputError, match="probs: expected a rectangular array"):
        al.Categorical([[0.5, 0.5], [1.0]])


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: al.Categorical(rows),
        lambda rows: al.Categorical.from_logits(rows),
        lambda rows: al.Bernoulli(rows),
        lambda rows: al.Normal(rows, rows),
        lambda rows: al.Transcripts([["a"], ["b"]], log_probs=rows),
        lambda rows: al.Candidates(["a", "b"], rows),
        lambda rows: al.Candidates(["a", "b"], [1.0, 2.0], costs=rows),
    ],
)
@pytest.mark.parametrize(
    "rows",
    [
        [torch.ones(2).bfloat16(), torch.ones(2).bfloat16()],
        [None, torch.ones(2, 2).bfloat16()],
        [torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)],
        [torch.empty(2, device="meta"), torch.empty(2, device="meta")],
    ],
)
def test_a_list_of_tensors_that_numpy_cannot_read_is_refused_by_name(make, rows):
    with pytest.raises(InvalidInputError, match=r"torch\.stack"):
        make(rows)


def test_long_doubles_are_read():
    probs = np.array([[0.25, 0.75]], dtype=np.longdouble)
    assert al.Categorical(probs).probs.tolist() == [[[0.25, 0.75]]]


def test_numpy_arrays_may_go_backwards():
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    prediction = al.Categorical(probs)
    order = np.array([0, 2, 1])[::-1]
    assert torch.equal(prediction[order].probs, prediction[[1, 2, 0]].probs)
    place = np.arange(6).reshape(3, 2)[::-1]
    ragged = al.Ragged(prediction, np.array([1, 2])[::-1], {"place": place})
    assert ragged.lengths.tolist() == [2, 1]
    assert ragged.fields["place"].tolist() == [[4, 5], [2, 3], [0, 1]]
    assert ragged[np.array([0, 1])[::-1]].lengths.tolist() == [1, 2]


def test_whole_numbers_keep_their_digits():
    near = al.Normal(np.array([[100_000_001, 100_000_003]]), np.ones((1, 2), int))
    assert near.mean.flatten().tolist() == [100_000_001, 100_000_003]
    assert al.Categorical([[1, 0], [0, 1]]).probs.dtype == torch.float32


ROWS = np.array([[0.1, 0.2, 0.3, 0.4]] * 3)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.tensor(ROWS).to_sparse(), r"dense tensor.*to_dense\(\)"),
        (torch.empty(3, 4, device="meta"), "a tensor with values.*meta"),
        (torch.tensor(ROWS).to(torch.float8_e4m3fn), r"float8_e4m3fn.*tensor\.float\(\)"),
        (torch.tensor(ROWS).to(torch.float8_e5m2), r"float8_e5m2.*tensor\.float\(\)"),
        (np.ma.masked_array(ROWS, mask=ROWS > 0.35), "3 masked ones"),
        (np.ma.masked_array(ROWS, mask=True), "12 masked ones"),
    ],
)
def test_tensors_that_hold_no_plain_numbers_are_refused(value, words):
    for kind in (al.Categorical, al.Bernoulli):
        with pytest.raises(InvalidInputError, match=words):
            kind(value)


def test_a_masked_array_without_a_mask_is_an_array():
    assert torch.equal(al.Categorical(np.ma.masked_array(ROWS)).probs, al.Categorical(ROWS).probs)
