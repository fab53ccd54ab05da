"""The settings of `altasks demo`: what is compared, by which metric, on how many labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: Where the demo writes unless another folder is named.
DEFAULT_OUT = Path("altasks-demo")

#: What the others are compared with.
BASELINE = "random"
#: Arm -> the settings of its loop. The default has none, the first labels of the others are random.
ARMS: dict[str, dict[str, Any]] = {
    BASELINE: {"strategy": "random", "cold_start": "random"},
    "BALD": {"acquisition": "bald", "strategy": "top_k", "cold_start": "random"},
    "default": {},
}

#: The metric of the table, and the others that are kept: topics have very different sizes.
METRIC = "accuracy"
METRICS = (METRIC, "macro_f1")


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The settings of a measurement. A seed's result is kept under these; others run it again.

    Attributes:
        seeds: how many paired repetitions.
        rounds: rounds of asking after the start.
        start: labels before the first fit.
        batch: labels asked for in each round.
        test_share: the share of each topic held out for testing.
        epochs: of each fit.
        learning_rate: the highest; it falls linearly to 0.
        train_batch: sentences per step.
        frozen_layers: how many of the encoder's 6 layers, and its embeddings, stay as they are:
            on so few labels it learns better so, and in half the time.
        max_length: tokens read of each sentence; nine in ten have no more than 24.
        passes: of MC dropout, over the input of the head.
    """

    seeds: int = 3
    rounds: int = 6
    start: int = 24
    batch: int = 24
    test_share: float = 0.25
    epochs: int = 8
    learning_rate: float = 1e-3
    train_batch: int = 16
    frozen_layers: int = 4
    max_length: int = 24
    passes: int = 20

    @property
    def label_counts(self) -> list[int]:
        """At how many labels the arms are measured."""
        return [self.start + self.batch * done for done in range(self.rounds + 1)]

    def config(self, seed: int, arm: str) -> dict[str, Any]:
        """Return the key of one arm's result with one seed."""
        shared = {name: value for name, value in asdict(self).items() if name != "seeds"}
        return {"demo": "chatterbot", "arm": arm, "seed": seed, **shared}
