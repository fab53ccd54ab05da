"""Whatever is given to a constructor: an object, or an AltasksError that names the argument."""

import inspect
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from fuzzing import fuzz
from hypothesis import strategies as st

import altasks as al
from altasks.data import LabelledPool, encode_mask
from altasks.data.tagging.tagged import TaggedSentences
from altasks.errors import AltasksError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged, Transcripts
from altasks.registry import COMMITTEES, STRATEGIES
from altasks.strategies import Candidates

HALF = np.full((2, 2), 0.5)
NUMBERS = [
    0, 1, -1, 2, 3, 0.5, -0.0, float("nan"), float("inf"), 10**400, 2**63, True, Decimal("sNaN"),
    np.int64(2), np.float16(0.5), 1 + 2j,
]  # fmt: skip
TEXTS = ["", "a", "b", "0", "top_k", "nan", "\ud800", "\0", "é"]
ARRAYS = [
    np.array([]), np.zeros((0, 2)), np.array(1.0), np.ones(2), HALF, np.ones((2, 2, 2)),
    np.array([0.5, np.nan]), np.array([1, 2]), np.array(["a", "b"]), np.array([None, "a"], object),
    np.array([1 + 1j, 2]), np.ma.masked_array([0.5, 0.5], [True, False]), HALF[::-1],
    np.array(["2020-01-01"], "datetime64[D]"), HALF.astype(">f4"), np.zeros(2, [("x", "f4")]),
    np.longdouble(0.5) * np.ones((2, 2)),
]  # fmt: skip
TENSORS = [
    torch.tensor(1.0), torch.ones(2), torch.full((2, 2), 0.5), torch.full((2, 2), 0.5).bfloat16(),
    torch.ones(2, 2, dtype=torch.complex64), torch.empty(2, 2, device="meta"),
    torch.eye(2).to_sparse(), torch.tensor([True, False]), torch.zeros(0),
]  # fmt: skip
FRAMES = [
    pd.Series([0.5, 0.5]), pd.Series([0.5, 0.5], index=["b", "a"]), pd.Series([1, 2], index=[7, 7]),
    pd.DataFrame(HALF), pd.DataFrame({"a": ["x", None]}), pd.Series([None, "a"]),
]  # fmt: skip
PLAIN = st.none() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.just(b"a")
OBJECTS = st.sampled_from([*ARRAYS, *TENSORS, *FRAMES, object(), print, Categorical, {1}, range(2)])
ANYTHING = st.recursive(
    PLAIN | OBJECTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(TEXTS[:5]) | st.integers(0, 2), inner, max_size=3
    ) | st.tuples(inner, inner),
    max_leaves=6,
)  # fmt: skip


def options_of(kind):
    """Return the options of a class with their defaults; None if it can't be made without others.

    Without those that are True or False: any object is one of the two.
    """
    found = inspect.signature(kind).parameters
    if any(
        one.default is one.empty and one.kind == one.POSITIONAL_OR_KEYWORD for one in found.values()
    ):
        return None
    return {
        name: one.default
        for name, one in found.items()
        if one.default is not one.empty and not isinstance(one.default, bool)
    }


def for_argument(default):
    """Return what may be given for it; nobody compares a name with an array."""
    return PLAIN | st.lists(PLAIN, max_size=2) if isinstance(default, str) else ANYTHING


IDS = ["a", "b"]
VALUES = {
    "ids": IDS, "values": [0.1, 0.2], "embeddings": HALF, "mean_probs": HALF,
    "draws": HALF[:, None], "costs": [1, 2], "labelled_embeddings": HALF,
    "pending_embeddings": HALF, "labelled_probs": HALF, "pending_probs": HALF,
}  # fmt: skip
CASES = {
    "Categorical": (Categorical, {"probs": HALF, "features": HALF}),
    "Categorical.from_logits": (Categorical.from_logits, {"logits": HALF}),
    "Bernoulli": (Bernoulli, {"probs": HALF, "features": HALF}),
    "Normal": (Normal, {"mean": HALF, "variance": HALF}),
    "Transcripts": (Transcripts, {"texts": [["a"], ["b"]], "log_probs": [[-1.0], [-2.0]]}),
    "Ragged": (Ragged, {"units": Categorical(HALF), "lengths": [1, 1], "fields": {"x": [1, 2]}}),
    "Candidates": (Candidates, VALUES),
    "Scores": (al.Scores, {"ids": IDS, "values": np.ones(2)}),
    "as_pool": (al.as_pool, {"source": IDS, "suffixes": None, "no_label": None}),
    "Simulated": (al.Simulated, {"labels": {"a": 1, "b": 2}, "noise": 0.1, "cost": 1, "seed": 0}),
    "LabelledPool": (LabelledPool, {"pool": al.as_pool(IDS), "classes": ["a"]}),
    "TaggedSentences": (
        TaggedSentences,
        {"tokens": [["a"], ["b"]], "tags": [["O"], ["B-X"]], "ids": IDS},
    ),
    "encode_mask": (encode_mask, {"mask": np.ones((2, 2), int)}),
    "ActiveLoop": (
        al.ActiveLoop,
        {"task": None, "pool": {"a": "x", "b": "y"}, "strategy": "top_k", "costs": None,
         "seed": 0, "batch_size": 2, "cold_start": None},
    ),
    "select_within": (
        al.select_within,
        {"strategy": "top_k", "candidates": Candidates(IDS, [1, 2], costs=[1, 1]), "budget": 1,
         "rng": np.random.default_rng(0)},
    ),
    **{
        name: (kind.get(name), options_of(kind.get(name)))
        for kind in (STRATEGIES, COMMITTEES)
        for name in sorted(kind.builtin)
        if options_of(kind.get(name))
    },
}  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", CASES)
def test_anything_makes_an_object_or_is_refused(name):
    make, good = CASES[name]

    def run(changes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                make(**{**good, **changes})
            except AltasksError:
                return True
        return False

    given = {name: for_argument(default) for name, default in good.items()}
    one = st.sampled_from(sorted(good)).flatmap(lambda name: st.tuples(st.just(name), given[name]))
    fuzz(run, st.lists(one, max_size=2).map(dict), examples=40)
