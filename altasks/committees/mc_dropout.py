"""A committee from one trained network: its dropout, left on while it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from altasks._internal.numbers import as_real, require_whole
from altasks._internal.random import derive_seed, isolated_torch
from altasks.committees.base import CommitteeLogits, Network
from altasks.committees.drawn_masks import DrawnMasks
from altasks.committees.head import HeadProbe, no_dropout_in_front, weight_and_bias
from altasks.committees.modes import dropout_firing, dropout_probabilities, evaluating
from altasks.errors import CommitteeError, invalid


class MCDropout:
    """Monte Carlo dropout: K passes with random masks stand for K samples of the weights.

    Gal and Ghahramani (2016), "Dropout as a Bayesian Approximation: Representing Model
    Uncertainty in Deep Learning". The head-only variant for sequence tagging was studied by
    Shelmanov et al. (2021), "Active Learning for Sequence Tagging with Deep Pre-trained Models
    and Bayesian Uncertainty Estimates".

    Args:
        passes: K, at least 2.
        layers: `"all"`: every dropout of the model fires, attention's too, and no normalisation
            layer does; K full passes, with masks that are drawn from (seed, round, pass) as the
            batches come. `"head"`: the trunk runs once a batch, at rest, and K
            masks on the input of the last layer make the K members. The masks are drawn from
            (seed, round) and shared by every sample, so member k is one function: scores don't
            depend on how the pool is cut into batches, and draws are joint.
        seed: what the masks are drawn from, together with the round.
        p: a probability above 0 and below 1 that every dropout concerned has while predicting,
            whether it is a layer (stochastic depth among them), an attribute that the model hands
            to one, or a call of `torch.nn.functional.dropout`; None leaves each its own. Models
            that ship with all of theirs at 0 (ViT, ModernBERT) need it, or there is nothing to
            draw. Such a model was not trained to bear missing inputs: its members' average is
            then a worse predictor than the model, the more so the larger `p`, so start small
            (0.05 to 0.1) or fine-tune with the same `p`.

    Raises:
        InvalidInputError: for fewer than two passes, an unknown `layers`, or a `p` outside (0, 1).

    Example:
        >>> MCDropout(20, layers="head").joint
        True
    """

    def __init__(
        self,
        passes: int = 20,
        layers: Literal["all", "head"] = "all",
        seed: int = 0,
        p: float | None = None,
    ) -> None:
        require_whole("passes", passes, 2)
        if layers not in ("all", "head"):
            raise invalid("layers", "'all' or 'head'", repr(layers))
        if p is not None and not _is_share(p):
            raise invalid("p", "a probability above 0 and below 1", repr(p))
        self.passes = int(passes)
        self.layers = layers
        self.seed = seed
        self.p = None if p is None else float(p)
        self.round = 0

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        return self.passes

    @property
    def joint(self) -> bool:
        """Whether draw k is one function over all samples: true of `"head"` only."""
        return self.layers == "head"

    @property
    def averages_features(self) -> bool:
        """Whether the features are an average over passes that each have their own."""
        return self.layers != "head"

    def start_round(self, round: int) -> None:
        """Draw anew from (seed, round) from now on."""
        self.round = round

    def draw(self, network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
        """Return K opinions on each batch; every mode, buffer and generator comes back as it was.

        Raises:
            CommitteeError: if nothing in the model drops anything, so that all members agree.
        """
        with torch.no_grad():
            if self.layers == "head":
                return self._draw_head(network, batches)
            return self._draw_all(network, batches)

    def masks(self, features: int, p: float) -> Tensor:
        """Return this round's masks `[K, features]`: 0 with probability `p`, else 1 / (1 - p).

        Example:
            >>> MCDropout(2, layers="head").masks(3, 0.5).shape
            torch.Size([2, 3])
        """
        generator = torch.Generator().manual_seed(
            derive_seed(self.seed, "mc-dropout", "head", self.round)
        )
        kept = torch.rand(self.passes, features, generator=generator) >= p
        masks = kept / (1 - p)
        if bool((masks == masks[0]).all()):
            raise CommitteeError(
                f"MCDropout(passes={self.passes}, layers='head'): all masks over the {features} "
                f"inputs of the last layer came out equal with p = {p:g}, so all members would "
                "agree. Use more passes, a larger p, or layers='all'."
            )
        return masks

    def _draw_head(self, network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
        head = network.head
        own, own_bias = weight_and_bias(head)

        def masked(in_front: float | None) -> tuple[Tensor, Tensor | None]:
            p = in_front if self.p is None else self.p
            if not p:
                raise no_dropout_in_front(p)
            masks = self.masks(head.in_features, p).to(own)  # K x d
            # W (m * h) = (W * m) h: masking the weights serves every sample alike.
            bias = None if own_bias is None else own_bias.expand(len(masks), -1)
            return own * masks.unsqueeze(1), bias

        probe = HeadProbe(network, masked, needs_dropout=self.p is None)
        with evaluating(network.model), probe.attached():
            return [probe.run(batch) for batch in batches]

    def _draw_all(self, network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
        model = network.model
        first = next(model.parameters(), None)  # a quantised model may have none
        device = torch.device("cpu") if first is None else first.device
        logits: list[list[Tensor]] = []  # K x batches
        features: list[Tensor] = []  # their sums over the passes: K of each would fill the memory
        known = bool(dropout_probabilities(model))
        firing = dropout_firing(model, self.p, listen=True)
        with firing as calls, HeadProbe(network).attached() as probe:
            active = any(dropout_probabilities(model).values())
            for k in range(self.passes):
                seed = derive_seed(self.seed, "mc-dropout", "all", self.round, k)
                logits.append([])
                # torch's generator is for what draws by itself: other kinds of dropout, a GPU's.
                calls.masks = DrawnMasks(seed) if device.type == "cpu" else None
                with isolated_torch(seed, device):
                    for i, batch in enumerate(batches):
                        part = probe.run(batch)
                        logits[k].append(part.logits.clone())  # a view would keep the features
                        if k:
                            features[i] += part.features
                        else:
                            features.append(part.features.to(torch.float32, copy=True))
                active = active or bool(calls.fired)
                # With no known dropout two equal draws settle it; else chance gets K of them.
                if k == (self.passes - 1 if active else 1) and _all_equal(logits):
                    raise self._nothing_fires(network)
        if self.p is not None and not known and not calls.fired:
            raise self._not_reached(network)
        return [
            CommitteeLogits(torch.cat([member[i] for member in logits], 1), total / self.passes)
            for i, total in enumerate(features)
        ]

    def _not_reached(self, network: Network) -> CommitteeError:
        return CommitteeError(
            f"MCDropout(layers='all', p={self.p:g}): passes through {type(network.model).__name__} "
            "differ, but nothing in it is a dropout that p could be set for: no dropout layer, no "
            "attribute such as dropout or drop_rate, no call of a dropout function. What it draws "
            "has a rate of its own. Leave p out, or give the model nn.Dropout layers."
        )

    def _nothing_fires(self, network: Network) -> CommitteeError:
        found = dropout_probabilities(network.model)
        if self.p is not None and found:
            why = f"although {len(found)} dropouts were given p = {self.p:g}"
        elif any(found.values()):
            why = (
                f"although it has dropouts ({next(n for n, p in found.items() if p)}, for one), "
                "none changes its logits; look at its weights and at how its forward uses them"
            )
        elif found:
            why = f"all {len(found)} dropout probabilities in it are 0"
        else:
            why = "it has no dropout"
        advice = (
            "Give one, MCDropout(p=0.1), for the time of the prediction (a model trained without "
            "dropout was never taught to bear it: treat the draws with care), train with dropout,"
            " or use an Ensemble."
            if found and self.p is None
            else "Use MCDropout(layers='head', p=0.1), a model with dropout, or an Ensemble."
        )
        return CommitteeError(
            f"MCDropout(layers='all'): all passes through {type(network.model).__name__} gave "
            f"the same result: {why}. A committee that cannot disagree says nothing about "
            f"uncertainty. {advice}"
        )


def _is_share(value: Any) -> bool:
    """Return whether `value` is a number above 0 and below 1, also one of NumPy's."""
    return 0 < as_real(value) < 1


def _all_equal(logits: Sequence[Sequence[Tensor]]) -> bool:
    first = logits[0]
    if not any(part.numel() for part in first):
        return False
    return all(
        torch.equal(part, other)
        for member in logits[1:]
        for part, other in zip(first, member, strict=True)
    )
