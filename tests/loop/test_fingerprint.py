from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import altasks as al
from altasks.errors import InvalidInputError
from altasks.loop.fingerprint import SIZE, content_hash


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


#: Pairwise different, however alike they look.
DIFFERENT: list[Any] = [
    "1", b"1", 1, 1.0, True, None, "", b"", [], {}, (1, 2), [[1], 2], [1, [2]], ["1", 2],
    "ab", ["a", "b"], ["ab"], {"a": "b"}, {"b": "a"}, {"a": ["b"]}, PurePosixPath("1"),
    np.array([1, 2]), np.array([[1, 2]]), np.array([1.0, 2.0]), np.array([2, 1]),
    np.array([1, 2], dtype=object)[:1],
    torch.tensor([1, 2]), torch.tensor([1, 2], dtype=torch.bfloat16), torch.tensor([[1, 2]]),
    Point(1), Point(2), Point("1"), float("nan"), 0.1, 1j,
]  # fmt: skip


def test_different_content_has_different_hashes() -> None:
    hashes = [content_hash(value) for value in DIFFERENT]
    assert all(len(one) == SIZE for one in hashes)
    for (i, a), (j, b) in itertools.combinations(enumerate(hashes), 2):
        assert a != b, (DIFFERENT[i], DIFFERENT[j])


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(NESTED, NESTED)
def test_equal_hashes_mean_equal_content(a: Any, b: Any) -> None:
    assert (content_hash(a) == content_hash(b)) == (repr(_sorted(a)) == repr(_sorted(b)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_strides_and_containers_do_not_matter() -> None:
    array = np.arange(12).reshape(3, 4)
    assert content_hash(array.T) == content_hash(np.ascontiguousarray(array.T))
    tensor = torch.arange(12).reshape(3, 4)
    assert content_hash(tensor.T) == content_hash(tensor.T.contiguous())
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


def test_images() -> None:
    image = pytest.importorskip("PIL.Image")
    black, white = image.new("RGB", (4, 3)), image.new("RGB", (4, 3), "white")
    assert content_hash(black) == content_hash(image.new("RGB", (4, 3)))
    assert len({content_hash(one) for one in (black, white, image.new("RGB", (3, 4)))}) == 3


def test_the_same_in_every_process() -> None:
    code = "from altasks.loop.fingerprint import content_hash as h; print(h({'b', }.pop()).hex())"
    root = Path(__file__).parents[2]
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert out.stdout.strip() == content_hash("b").hex()


def test_other_objects_are_refused() -> None:
    for value in (object(), {1, 2}, [object()], lambda: 0):
        with pytest.raises(TypeError):
            content_hash(value)


def test_an_id_that_no_database_can_keep_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"pool: .*udcff.txt.*surrogate"):
        al.ActiveLoop(None, {"a": 1, "\udcff.txt": 2})
