"""Options that acquisition functions share: one signature and one description."""

from __future__ import annotations

import inspect
import typing

import pytest

import altasks as al

SHARED = [
    "bald",
    "consensus_kl",
    "entropy",
    "least_confidence",
    "margin",
    "variation_ratio",
    "vote_entropy",
]


@pytest.mark.parametrize(
    "name", [*SHARED, "expected_gradient_length", "variance", "epistemic_variance"]
)
def test_every_parameter_is_described_once_and_in_order(name: str) -> None:
    function = al.get_acquisition(name)
    section = inspect.getdoc(function).partition("\nArgs:\n")[2].partition("\n\n")[0]
    entries = [
        line.split(":")[0].strip()
        for line in section.splitlines()
        if line.startswith("    ") and not line.startswith("     ")
    ]
    assert entries == list(inspect.signature(function).parameters)
    assert all(len(line) <= 100 for line in section.splitlines())
    assert "Own arguments" not in function.__doc__


@pytest.mark.parametrize("name", SHARED)
def test_one_signature(name: str) -> None:
    function = al.get_acquisition(name)
    parameters = dict(inspect.signature(function).parameters)
    defaults = {key: value.default for key, value in parameters.items()}
    defaults.pop("power", None)
    assert defaults.pop("prediction") is inspect.Parameter.empty
    assert defaults == {
        "labels": "mean",
        "reduce": "mean",
        "k": 10,
        "class_weights": None,
        "empty": 0.0,
    }
    hints = typing.get_type_hints(function)
    assert hints.keys() == parameters.keys() | {"return"}
    with pytest.raises(TypeError, match="reduction"):
        function(al.Categorical([[[0.5, 0.5], [0.5, 0.5]]]), reduction="sum")
    with pytest.raises(TypeError, match="positional"):
        function(al.Categorical([[[0.5, 0.5], [0.5, 0.5]]]), "mean")
