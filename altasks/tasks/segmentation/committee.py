"""Members' logits for one window: from the decoder's stages, dropout, or several models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from altasks._internal.random import derive_seed, isolated_torch
from altasks.committees.ensemble import Ensemble
from altasks.committees.mc_dropout import MCDropout
from altasks.committees.modes import dropout_firing, evaluating
from altasks.errors import CommitteeError, invalid
from altasks.tasks.segmentation.deep_supervision import DeepSupervised
from altasks.tasks.segmentation.tiles import Tile


def check_committee(committee: Any, stages: Any) -> None:
    """Refuse a committee that can't predict window by window.

    Raises:
        InvalidInputError: saying which can.
    """
    if committee is None:
        return
    if stages not in (None, 0) and len(stages if isinstance(stages, Sequence) else [1]):
        raise invalid("stages", "None beside a committee, which takes their place", f"{stages}")
    if isinstance(committee, MCDropout) and committee.layers != "all":
        raise invalid(
            "committee",
            "MCDropout(layers='all')",
            "layers='head'",
            hint="The last layer of a segmentation model is a convolution.",
        )
    if isinstance(committee, Ensemble) and committee.one_at_a_time:
        raise invalid(
            "committee",
            "an Ensemble in memory",
            "one_at_a_time=True",
            hint="All members are asked tile by tile.",
        )
    if not isinstance(committee, MCDropout | Ensemble):
        raise invalid("committee", "None, MCDropout(...) or Ensemble(...)", repr(committee))


class MapCommittee:
    """Runs all members on one batch of windows.

    Args:
        model: the task's.
        committee: `MCDropout`, or None for the stages.
        ensemble: bound to the task, or None; its members are tasks with a `MapCommittee` as
            `committee_runner`.
        device: where the model is.
        autocast: the type of a mixed precision, or None.
    """

    def __init__(
        self,
        model: DeepSupervised,
        committee: Any,
        ensemble: Ensemble | None,
        device: torch.device,
        autocast: str | None,
    ) -> None:
        self._model = model
        self._committee = committee
        self._ensemble = ensemble
        self._device = device
        self._autocast = autocast

    @property
    def members(self) -> int:
        """K."""
        if self._committee is not None:
            return int(self._committee.members)
        return len(self._model.stages) + 1

    def maps(self, windows: Tensor, tile: Tile, *, answer: bool = False) -> list[Tensor]:
        """Return the maps of logits of each member, `[n, C, h, w]`.

        Args:
            windows: `[n, channels, H, W]`.
            tile: the first one's place.
            answer: of the models' own outputs alone, dropout off.
        """
        if self._ensemble is not None:
            parts = [
                self._ensemble.on_member(
                    k, lambda one: one.committee_runner.maps(windows, tile, answer=answer)
                )
                for k in range(self._ensemble.members)
            ]
            return [one for part in parts for one in part]
        if isinstance(self._committee, MCDropout) and not answer:
            return self._drawn(windows, tile, self._committee)
        with evaluating(self._model), torch.no_grad():
            maps = self.logits(windows)
        return maps[-1:] if answer else maps

    def _drawn(self, windows: Tensor, tile: Tile, committee: MCDropout) -> list[Tensor]:
        maps = []
        with torch.no_grad(), dropout_firing(self._model, committee.p):
            for k in range(committee.passes):
                # By the tile's place, so that a sample's draws don't depend on its neighbours.
                place = (committee.round, k, tile.top, tile.left)
                seed = derive_seed(committee.seed, "mc-dropout", "maps", *place)
                with isolated_torch(seed, self._device):
                    maps.append(self.logits(windows)[-1])
        if all(torch.equal(one, maps[0]) for one in maps[1:]):
            raise CommitteeError(
                f"MCDropout: all passes through {type(self._model.model).__name__} gave the same "
                "map: nothing in it drops anything. Give it a dropout, MCDropout(p=0.1), an "
                "Ensemble, or leave the committee out: the decoder's stages are one."
            )
        return maps

    def logits(self, windows: Tensor) -> list[Tensor]:
        """Return the maps of one pass, in the modes the model is in."""
        precision = (
            nullcontext()
            if self._autocast is None
            else torch.autocast(self._device.type, getattr(torch, self._autocast))
        )
        with precision:
            maps: list[Tensor] = self._model(windows)["logits"]
        return maps

    def features(self, windows: Tensor) -> Tensor:
        """Return the encoder's deepest maps, or the logits of a model without one."""
        inner = self._model.model
        with evaluating(self._model), torch.no_grad():
            if hasattr(inner, "encoder") and hasattr(inner, "decoder"):
                encoder: Any = inner.encoder
                deepest: Tensor = encoder(windows.to(self._model.dtype))[-1]
                return deepest
            return self.logits(windows)[-1]
