"""Tasks around one Hugging Face model, or a module like one, with a last linear layer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from altasks._internal.transfer import to_device
from altasks.committees.base import Committee, CommitteeLogits, Network, TrainedCommittee
from altasks.committees.ensemble import Ensemble
from altasks.committees.head import draw_once, find_head
from altasks.committees.modes import evaluating
from altasks.errors import CommitteeError, invalid
from altasks.tasks._shared.adapters import has_adapters
from altasks.tasks._shared.checkpoints import quiet
from altasks.tasks._shared.frozen.cache import FeatureCache
from altasks.tasks._shared.frozen.part import FrozenPart
from altasks.tasks._shared.options import TrainerOptions
from altasks.tasks._shared.trained_task import SETTINGS, WEIGHTS, TrainedTask
from altasks.tasks._shared.wrappers import half_type

__all__ = ["SETTINGS", "WEIGHTS", "TrainedTask", "TrainerTask", "in_order"]


class TrainerTask(TrainedTask):
    """A trained task whose model makes logits in a last linear layer, of which committees draw.

    Args:
        committee: where the K opinions come from.
        options: how the task predicts and trains.
        own: the subclass's further settings, handed to it again by `replica`.
    """

    #: Transformers' name for the kind of model.
    auto_class: ClassVar[str]

    def __init__(
        self,
        *,
        committee: Committee | Ensemble | None,
        options: TrainerOptions,
        own: Mapping[str, Any],
    ) -> None:
        super().__init__(committee=committee, options=options, own=own)
        self.data_collator = options.data_collator
        self.frozen_layers = options.frozen_layers
        kept = options.keep_frozen
        self._features = kept if isinstance(kept, FeatureCache) else FeatureCache()
        self._keep_frozen = kept
        self._named_head = options.head

    def _run(self, batches: Sequence[Any], committee: Committee | None) -> list[CommitteeLogits]:
        """Return the logits of the model, or of the committee, for each batch."""
        network = Network(self.model, self._forward, self._head, self._outputs)
        if self._frozen is not None:
            self._frozen.examine(lambda: self._forward(batches[0]))
        with nullcontext() if self._frozen is None else self._frozen.led_past():
            try:
                return self._drawn(network, batches, committee)
            except CommitteeError as error:
                if self._frozen is None or isinstance(committee, TrainedCommittee):
                    raise
                raise CommitteeError(
                    f"{error} (frozen_layers={self.frozen_layers!r}: what drops inside frozen "
                    "layers is at rest, and draws nothing.)"
                ) from error

    def _drawn(
        self, network: Network, batches: Sequence[Any], committee: Committee | None
    ) -> list[CommitteeLogits]:
        if committee is not None:
            return committee.draw(network, batches)
        with evaluating(self.model):
            return draw_once(network, batches)

    def _none_drawn(self, committee: Committee | None) -> CommitteeLogits:
        """Return the draws of no sample."""
        return CommitteeLogits(
            torch.empty(0, self._members(committee), self._outputs, device=self.device),
            torch.empty(0, self._head.in_features, device=self.device),
        )

    def _moved(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return inputs on the model's device, floats in its type if that is of 16 bits."""
        moved = {name: to_device(values, self.device) for name, values in inputs.items()}
        if half := half_type(self.model):
            moved = {
                name: values.to(half) if values.is_floating_point() else values
                for name, values in moved.items()
            }
        return moved

    def _members(self, committee: Committee | None) -> int:
        return 1 if committee is None else committee.members

    def _logits(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the model's logits for inputs that lie anywhere."""
        moved = self._moved(inputs)
        precision = (
            nullcontext()
            if self.autocast is None
            else torch.autocast(self.device.type, getattr(torch, self.autocast))
        )
        with precision:
            output = self.model(**moved)
        logits: Tensor = output["logits"] if isinstance(output, Mapping) else output[0]
        return logits

    # Hooks of TrainedTask.

    def _prepare(self) -> None:
        self._head = self._find_head(self._named_head)
        if isinstance(self.committee, TrainedCommittee):
            self._head = self.committee.prepare(self.model, self._head)
        if self.frozen_layers:
            self._frozen = self._frozen_part()

    def _frozen_part(self) -> FrozenPart:
        """Return the part of the model that no fit changes.

        Raises:
            InvalidInputError: if the model has fewer layers, or adapters would stay untrained.
        """
        if self.frozen_layers == "all" and has_adapters(self.model):
            raise invalid(
                "frozen_layers",
                "a number of layers for a model with adapters, which are to be trained",
                "'all'",
            )
        part = FrozenPart(
            self.model,
            self.frozen_layers,
            head=self._head,
            new=self._new_parameters,
            cache=None if self._keep_frozen is False else self._features,
            insists=bool(self._keep_frozen),
            varies=self._varies(),
        )
        if not part.parameters():
            raise invalid(
                "frozen_layers",
                "a part of the model that stays as it is",
                "none: each fit draws all of its weights anew",
                hint="Use redraw='head', or frozen_layers=0.",
            )
        return part

    def _train(self, rows: Any, held_out: Any, seed: int, *, weighted: bool) -> None:
        if self._frozen is not None:
            self._frozen.examine(lambda: self._logits(self._first_inputs(rows)))
            rows = self._kept_rows(rows)
            held_out = None if held_out is None else self._kept_rows(held_out)
        super()._train(rows, held_out, seed, weighted=weighted)

    def _first_inputs(self, rows: Any) -> dict[str, Tensor]:
        """Return a few rows of a training set as a fit gives them to the model."""
        batch = self._collator()([dict(rows[row]) for row in range(min(4, len(rows)))])
        return {
            name: values
            for name, values in batch.items()
            if isinstance(values, Tensor) and name != "labels"
        }

    def keep_features_in(self, folder: Path) -> None:
        """Keep what frozen layers make of samples in `folder`, for later processes too.

        A loop calls this with a folder among its weights. A `FeatureCache` that was given a folder
        of its own stays there.
        """
        if self._frozen is not None:
            self._features.keep_in(folder)

    def replica(self, source: Any) -> Self:
        """Return a task like this one, without its committee, around another model.

        It shares what frozen layers made: members with the same frozen weights compute it once.
        """
        replica = super().replica(source)
        if replica._frozen is not None:
            replica._features = self._features
            replica._frozen = replica._frozen_part()
        return replica

    def _require_trainable(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse a fit that could not teach the model, or not its head.

        Raises:
            InvalidInputError: naming a parameter of the head that needs no gradient.
        """
        super()._require_trainable(rows)
        own = {id(one) for one in self._head.parameters()}
        names = [name for name, one in self.model.named_parameters() if id(one) in own]
        if names and not any(one.requires_grad for one in self._head.parameters()):
            way = "model.requires_grad_(True)"
            if has_adapters(self.model):
                layer = names[0].rpartition(".")[0].rpartition(".")[2]
                way = f"peft.LoraConfig(..., modules_to_save=[{layer!r}])"
            raise invalid(
                "model",
                "a last layer that a fit can train",
                f"{names[0]!r}, which needs no gradient and would stay as it is",
                hint=f"Let it be trained: {way}.",
            )

    def _penalty(self, rows: Sequence[Mapping[str, Any]]) -> Callable[[], Tensor] | None:
        if isinstance(self.committee, TrainedCommittee):
            return self.committee.penalty(self._head, self._units(rows))
        return None

    def _metrics_function(self) -> Callable[[Any], dict[str, float]]:
        return self._trainer_metrics

    def _collator(self) -> Any:
        return self.data_collator or self._own_collator()

    def _loss_function(self, *, weighted: bool) -> Callable[..., Tensor] | None:
        return self._weighted_loss() if weighted else None

    def _write(self, folder: Path) -> None:
        with quiet():
            # Under the model's own names, which `load` reads: for some models (ViT) transformers
            # would write those of earlier versions. from_pretrained takes either.
            self.model.save_pretrained(folder, save_original_format=False)
            if (processor := self._processor()) is not None:
                processor.save_pretrained(folder)

    # Hooks that a subclass may override.

    def _find_head(self, name: str | None) -> nn.Linear:
        """Return the layer that makes the logits."""
        return find_head(self.model, self._outputs, name)

    def _kept_rows(self, rows: Any) -> Any:
        """Return rows of a training set that need not be read, where what they become is kept."""
        return rows

    def _varies(self) -> bool:
        """Return whether fits change samples at random, so that keeping doesn't pay there."""
        return False

    def _units(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Return how many terms the mean loss over these rows averages."""
        return len(rows)

    # Hooks that a subclass fills in.

    @abstractmethod
    def _forward(self, batch: Any) -> Tensor:
        """Return the logits of one batch, classes last."""

    @abstractmethod
    def _own_collator(self) -> Any:
        """Return what makes a batch of rows, where the user gave no `data_collator`."""

    @abstractmethod
    def _weighted_loss(self) -> Callable[..., Tensor]:
        """Return Trainer's `compute_loss_func` for rows that have weights."""

    @abstractmethod
    def _trainer_metrics(self, evaluated: Any) -> dict[str, float]:
        """Return the metrics of Trainer's own evaluation."""


def in_order(parts: Sequence[CommitteeLogits], order: Tensor, count: int) -> CommitteeLogits:
    """Return the draws of all batches as one, row i of them in place `order[i]`.

    Args:
        parts: of each batch, at least one.
        order: where each row of the batches, one after the other, belongs.
        count: how many rows there are; each has exactly one place.
    """
    back = torch.empty(count, dtype=torch.int64)
    back[order.cpu()] = torch.arange(count)
    back = back.to(parts[0].logits.device)
    return CommitteeLogits(
        torch.cat([part.logits for part in parts])[back],
        torch.cat([part.features for part in parts])[back],
    )
