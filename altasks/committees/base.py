"""How a task and its committee talk: the task hands over a network, the committee draws from it.

A task turns samples into batches and knows how one batch goes through its model; a committee
decides how often, in which mode and with which masks, and returns logits with a committee dim.
Neither knows more of the other, so a new task brings a `Network` and gets every committee.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class CommitteeLogits:
    """The logits of a committee of K for one batch, before they become a `Prediction`.

    Attributes:
        logits: `[n, K, ..., C]`; what stands between is the task's (words, for instance).
        features: `[n, ..., d]`, the input of the model's last layer; for a committee whose
            members each have their own (it has `averages_features`), the average.
    """

    logits: Tensor  # n x K x ... x C
    features: Tensor  # n x ... x d


@dataclass(frozen=True, eq=False)
class Network:
    """A model and how a task runs it.

    Args:
        model: any module.
        forward: takes a batch, calls `model` once and returns its logits `[n, ..., C]` as they
            come out, so that dims before the last may be picked or moved but C is left alone.
        head: the model's last linear layer, d -> C; its input are the features.
        classes: C.
    """

    model: nn.Module
    forward: Callable[[Any], Tensor]
    head: nn.Linear
    classes: int


@runtime_checkable
class Committee(Protocol):
    """Where the K opinions come from.

    Attributes:
        members: K.
        joint: whether draw k is one function over all samples, whatever the batching.
    """

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        ...

    @property
    def joint(self) -> bool:
        """Whether draw k is one function over all samples, whatever the batching."""
        ...

    def start_round(self, round: int) -> None:
        """Draw anew from (seed, round) from now on."""
        ...

    def draw(self, network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
        """Return the K opinions on each batch, leaving the model as it was found."""
        ...


@runtime_checkable
class TrainedCommittee(Committee, Protocol):
    """A committee with parameters of its own in the model's head, trained by the task's `fit`."""

    def prepare(self, model: nn.Module, head: nn.Linear) -> nn.Linear:
        """Put what the committee needs in the place of `head`, and return it.

        Called once, when the task is made, before it notes the weights that fits start from.
        """
        ...

    def penalty(self, head: nn.Linear, units: float) -> Callable[[], Tensor]:
        """Return what a fit on `units` labelled units adds to its mean loss at each step."""
        ...
