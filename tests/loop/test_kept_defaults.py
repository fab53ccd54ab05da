"""A loop that names no strategy goes on with what its store was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import altasks as al
from altasks.errors import StoreError

POOL = {str(number): float(number) for number in range(20)}


class Numbers:
    """A task over numbers that scores each by itself and learns nothing."""

    default_acquisition = "entropy"
    default_strategy = "top_k"
    default_cold_start = "random"

    def predict(self, samples: list[float]) -> al.Categorical:
        import torch

        p = 0.5 + torch.tensor(samples, dtype=torch.float64) / 50
        return al.Categorical(torch.stack([p, 1 - p], 1)[:, None])

    def fit(self, samples: Any, labels: Any, *, seed: int = 0) -> None:
        """Learn nothing."""

    def save(self, directory: Any) -> None:
        """Write nothing."""
        Path(directory).mkdir(parents=True, exist_ok=True)

    def load(self, directory: Any) -> None:
        """Read nothing."""


class Later(Numbers):
    """The same task of a later version, with other defaults."""

    default_acquisition = "margin"
    default_strategy = "power"
    default_cold_start = "top_k"


def test_defaults_of_the_task_are_taken_by_a_new_store(tmp_path: Path) -> None:
    loop = al.ActiveLoop(Later(), POOL, store=tmp_path / "a.db")
    assert isinstance(loop.strategy, al.Power)
    assert isinstance(loop.cold_start, al.TopK)
    assert loop.acquisition == "margin"


def test_a_cold_start_of_the_task_makes_the_first_ask(tmp_path: Path) -> None:
    loop = al.ActiveLoop(Later(), POOL)
    assert loop.ask(2).ids == ["0", "1"]


@pytest.mark.parametrize("given", [{}, {"strategy": al.Power(beta=2.0), "cold_start": "top_k"}])
def test_a_store_keeps_its_own(tmp_path: Path, given: dict[str, Any]) -> None:
    first = al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db", **given)
    first.ask(2)
    first.close()
    later = al.ActiveLoop(Later(), POOL, store=tmp_path / "a.db")
    assert type(later.strategy) is type(first.strategy)
    assert vars(later.strategy) == vars(first.strategy)
    assert type(later.cold_start) is type(first.cold_start)
    assert later.acquisition == "entropy"
    assert later.round == 1


def test_wrappers_are_made_again(tmp_path: Path) -> None:
    strategy = al.Subsampled(al.Power(beta=0.5), 7)
    al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db", strategy=strategy).close()
    again = al.ActiveLoop(Later(), POOL, store=tmp_path / "a.db").strategy
    assert isinstance(again, al.Subsampled)
    assert isinstance(again.strategy, al.Power)
    assert again.strategy.beta == 0.5


def test_what_cannot_be_made_again_is_named(tmp_path: Path) -> None:
    class Mine(al.TopK):
        """Not registered."""

    al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db", strategy=Mine()).close()
    with pytest.raises(StoreError, match="Mine"):
        al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db")


def test_another_choice_is_refused_as_before(tmp_path: Path) -> None:
    al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db").close()
    with pytest.raises(StoreError, match=r"strategy.*power"):
        al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db", strategy="power")
    with pytest.raises(StoreError, match=r"cold_start.*top_k"):
        al.ActiveLoop(Numbers(), POOL, store=tmp_path / "a.db", cold_start="top_k")


def test_a_named_function_means_its_highest_scores() -> None:
    loop = al.ActiveLoop(Later(), POOL, acquisition="entropy")
    assert isinstance(loop.strategy, al.TopK)
    assert isinstance(
        al.ActiveLoop(Later(), POOL, acquisition="entropy", strategy="power").strategy, al.Power
    )


class Covers(Later):
    """A task whose own strategy reads embeddings, which scores made elsewhere don't bring."""

    default_strategy = "uncertainty_herding"

    def embed(self, samples: list[float]) -> Any:
        import torch

        return torch.tensor([[one, 1.0] for one in samples])


def test_scores_made_elsewhere_are_picked_from_the_top() -> None:
    loop = al.ActiveLoop(Covers(), POOL)
    assert isinstance(loop.strategy, al.UncertaintyHerding)
    assert loop.ask(2, scores={"3": 0.5, "4": 0.9, "5": 0.1}).ids == ["4", "3"]


def test_a_strategy_that_was_named_is_kept_to() -> None:
    loop = al.ActiveLoop(Covers(), POOL, strategy="uncertainty_herding")
    with pytest.raises(al.AltasksError, match="embeddings"):
        loop.ask(2, scores={"3": 0.5, "4": 0.9, "5": 0.1})


def test_an_untrained_model_embeds_and_predicts_nothing() -> None:
    class Silent(Covers):
        default_cold_start = "typiclust"

        def predict(self, samples: list[float]) -> al.Categorical:
            raise AssertionError("asked for a prediction before any fit")

    query = al.ActiveLoop(Silent(), POOL, batch_size=3, progress=False).ask(4)
    assert len(set(query.ids)) == 4
    assert query.scores == [None] * 4
    picks = al.ActiveLoop(Silent(), POOL, batch_size=20, progress=False).ask(4).ids
    assert picks == query.ids
