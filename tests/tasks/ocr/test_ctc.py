import itertools

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.tasks.ocr.ctc import greedy, prefix_beam, total_log_probs


def spelled(path):
    merged = [symbol for symbol, _ in itertools.groupby(path)]
    return tuple(symbol for symbol in merged if symbol)


def every_string(probs):
    """The probability of each string, by summing over all paths there are."""
    steps, classes = probs.shape
    sums = {}
    for path in itertools.product(range(classes), repeat=steps):
        string = spelled(path)
        sums[string] = sums.get(string, 0.0) + np.prod([probs[t, c] for t, c in enumerate(path)])
    return sums


@pytest.fixture(params=range(12))
def lattice(request):
    rng = np.random.default_rng(request.param)
    return rng.dirichlet(np.full(3 + request.param % 2, 0.6), size=2 + request.param % 5)


def test_the_total_is_the_sum_over_all_paths(lattice):
    sums = every_string(lattice)
    assert sum(sums.values()) == pytest.approx(1)
    strings = sorted(sums)
    logs = torch.tensor(lattice).log().float().expand(len(strings), -1, -1)
    totals = total_log_probs(logs, torch.full((len(strings),), len(lattice)), strings)
    assert totals.exp().tolist() == pytest.approx([sums[one] for one in strings], abs=1e-5)


def test_a_wide_beam_finds_the_most_probable_string(lattice):
    sums = every_string(lattice)
    found = tuple(prefix_beam(torch.tensor(lattice).log(), 10_000))
    assert sums[found] == pytest.approx(max(sums.values()))


def test_a_narrow_beam_finds_a_string_no_worse_than_chance(lattice):
    sums = every_string(lattice)
    found = tuple(prefix_beam(torch.tensor(lattice).log(), 2))
    assert sums[found] >= np.mean(list(sums.values()))


def test_greedy_is_the_best_path(lattice):
    paths = itertools.product(range(lattice.shape[1]), repeat=len(lattice))
    best = max(paths, key=lambda path: np.prod([lattice[t, c] for t, c in enumerate(path)]))
    symbols, sure = greedy(torch.tensor(lattice).log())
    assert tuple(symbols) == spelled(best)
    assert len(sure) == len(symbols)
    assert all(0 < value <= 1 for value in sure)


def test_repeats_need_a_blank_between():
    one_hot = torch.eye(3)[[1, 1, 0, 1, 2, 2, 0]].clamp(min=1e-9).log()
    assert greedy(one_hot)[0] == [1, 1, 2]
    assert prefix_beam(one_hot, 5) == [1, 1, 2]


def test_the_surest_step_of_a_character_counts():
    steps = torch.tensor([[0.4, 0.6], [0.1, 0.9], [0.3, 0.7]]).log()
    assert greedy(steps)[1] == pytest.approx([0.9])


def test_nothing_read_is_a_string_too():
    blank = torch.tensor([[0.9, 0.1]] * 3).log()
    assert greedy(blank) == ([], [])
    assert prefix_beam(blank, 3) == []
    assert total_log_probs(blank[None], torch.tensor([3]), [[]]).exp().item() == pytest.approx(
        0.9**3
    )


def test_the_beam_sums_what_the_best_path_misses():
    torn = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert greedy(torn)[0] == []
    assert prefix_beam(torn, 2) == [1]


@pytest.mark.parametrize("width", [0, -1, 2.0, True])
def test_a_beam_has_a_width(width):
    with pytest.raises(InvalidInputError, match="beam: expected a whole number"):
        prefix_beam(torch.zeros(2, 2), width)
