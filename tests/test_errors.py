"""Errors are one tree, in one form, and also the built-in that a caller expects."""

import inspect

import pytest

import altasks._internal.extras as extras
from altasks import errors


def test_one_tree():
    found = [
        thing
        for _, thing in inspect.getmembers(errors, inspect.isclass)
        if issubclass(thing, BaseException) and not issubclass(thing, Warning)
    ]
    assert len(found) > 8
    assert all(issubclass(thing, errors.AltasksError) for thing in found)


def test_builtin_parents():
    assert issubclass(errors.InvalidInputError, ValueError)
    assert issubclass(errors.UnsupportedPredictionError, TypeError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.ScoringInterruptedError, KeyboardInterrupt)


def test_a_missing_extra_says_what_to_install():
    with pytest.raises(errors.MissingExtraError, match=r"pip install '\.\[text\]' in the clone"):
        extras.require("a_library_that_is_not_there", "text", "TextClassification")


def test_a_broken_library_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import something_it_needs_and_lacks\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_it_needs_and_lacks") as caught:
        extras.require("broken_library", "text", "TextClassification")
    assert not isinstance(caught.value, errors.MissingExtraError)
