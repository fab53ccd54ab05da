"""Importing costs nothing that was not asked for."""

import subprocess
import sys

import pytest

import altasks as al

OPTIONAL = [
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "ultralytics",
    "segmentation_models_pytorch",
    "Levenshtein",
    "matplotlib",
    "sklearn",
    "scipy",
    "pandas",
    "rapidfuzz",
    "sqlalchemy",
    "faiss",
    "chatterbot_corpus",
]


def _loaded_after(code):
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_import_altasks_loads_no_library():
    loaded = _loaded_after("import altasks")
    assert "altasks" in loaded
    assert loaded.isdisjoint(OPTIONAL)
    assert "numpy" not in loaded


def test_no_public_name_loads_an_optional_library():
    """Naming a task, or anything else, in one process, since importing torch takes seconds."""
    loaded = _loaded_after("\n".join(f"from altasks import {name}" for name in al.__all__))
    assert "torch" in loaded
    # SQLAlchemy and rapidfuzz are core, but take long to import: they load at first use.
    assert loaded.isdisjoint(set(OPTIONAL) - {"torch"})


@pytest.mark.parametrize("name", al.__all__)
def test_every_public_name_is_there(name):
    assert getattr(al, name) is not None
    assert name in dir(al)


def test_every_public_name_is_documented():
    for name in al.__all__:
        if name != "__version__":
            assert getattr(al, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = al.nope
