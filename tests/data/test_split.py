from collections import Counter

import pytest

from altasks.data.split import stratified_split
from altasks.errors import InvalidInputError


def test_every_class_gives_its_share_and_no_row_twice():
    labels = ["a"] * 100 + ["b"] * 50 + ["c"] * 10 + ["d"]
    kept, held = stratified_split(labels, 0.2, seed=0)
    assert sorted(kept + held) == list(range(len(labels)))
    assert Counter(labels[row] for row in held) == {"a": 20, "b": 10, "c": 2}
    assert Counter(labels[row] for row in kept)["d"] == 1


def test_the_seed_decides():
    labels = ["a", "b"] * 50
    assert stratified_split(labels, 0.3, seed=1) == stratified_split(labels, 0.3, seed=1)
    assert stratified_split(labels, 0.3, seed=1) != stratified_split(labels, 0.3, seed=2)


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1])
def test_a_share_outside_is_named(share):
    with pytest.raises(InvalidInputError, match="share"):
        stratified_split(["a", "b"], share, seed=0)
