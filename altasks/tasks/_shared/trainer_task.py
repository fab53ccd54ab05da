"""What every task on a Hugging Face model does alike: ask, fit, save, load, and start over."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

import torch
from torch import Tensor, nn

from altasks._internal.frames import aligned, as_rows, paired
from altasks._internal.numbers import require_whole
from altasks._internal.settings import read_settings, write_settings
from altasks.committees.base import Committee, CommitteeLogits, Network, TrainedCommittee
from altasks.committees.ensemble import Ensemble
from altasks.committees.head import draw_once, find_head
from altasks.committees.modes import eager, evaluating
from altasks.errors import TrainingError, invalid
from altasks.tasks._shared.adapters import TRAINED, has_adapters, read_adapted, write_adapted
from altasks.tasks._shared.checkpoints import (
    Loaded,
    StartingPoint,
    pick_device,
    quiet,
    require_directory,
)
from altasks.tasks._shared.ensemble_members import EnsembleMembers, first_source
from altasks.tasks._shared.trainer import (
    check_arguments,
    check_training_set,
    lower_layers_frozen,
    train,
)
from altasks.tasks._shared.weights import read_weights
from altasks.tasks._shared.wrappers import (
    half_type,
    is_quantised,
    unwrapped,
    widen,
    widen_for,
)

SETTINGS = "altasks.json"
WEIGHTS = "model.safetensors"


class TrainerTask(ABC):
    """A Hugging Face model as a task; what its samples and labels are, a subclass says.

    A subclass checks its own arguments, loads the model by `_load`, calls this constructor, and
    brings the hooks at the end of this class. The arguments here are those all such tasks share.

    Args:
        model: hub name, folder, model object, or None where `committee` is an `Ensemble` of them.
        labels: as the subclass's `_load` and `_names` understand them.
        committee: where the K opinions come from.
        device: where to work.
        training_args: a `TrainingArguments`, a mapping of settings over the defaults, or None.
        batch_size: samples through the model at once.
        callbacks: `transformers.TrainerCallback`s.
        data_collator: by default the subclass's.
        warm_start: whether a `fit` goes on from the last one's weights.
        frozen_layers: how many of the lower layers a `fit` leaves as they are, and the embeddings
            with them.
        autocast: `"bfloat16"` or `"float16"` predicts in mixed precision.
        head: the dotted name of the layer that makes the logits.
        own: the subclass's further settings, handed to it again by `replica`.
    """

    #: Its name in the registry and in saved settings.
    name: ClassVar[str]
    #: What transformers calls the kind of model.
    auto_class: ClassVar[str]

    default_strategy = "top_k"

    def __init__(
        self,
        model: Any,
        labels: Sequence[Any] | None,
        *,
        committee: Committee | Ensemble | None,
        device: torch.device | str | None,
        training_args: Any,
        batch_size: int,
        callbacks: Sequence[Any] | None,
        data_collator: Any,
        warm_start: bool,
        frozen_layers: int,
        autocast: Literal["bfloat16", "float16"] | None,
        head: str | None,
        own: Mapping[str, Any],
    ) -> None:
        check_shared(committee, training_args, batch_size, frozen_layers, autocast)
        self._settings = {
            **own,
            "training_args": training_args,
            "batch_size": batch_size,
            "callbacks": callbacks,
            "data_collator": data_collator,
            "warm_start": warm_start,
            "frozen_layers": frozen_layers,
            "autocast": autocast,
            "head": head,
        }
        borrowed = model is None
        if model is None:
            model = first_source(committee)
        model = unwrapped(model)
        loaded = self._load(model, labels)
        self.model = loaded.model
        self.committee = committee
        self.training_args = training_args
        self.callbacks = callbacks
        self.data_collator = data_collator
        self.batch_size = batch_size
        self.warm_start = warm_start
        self.frozen_layers = frozen_layers
        self.autocast = autocast
        self._initial_weights: StartingPoint | None = None
        self._resumable = False  # whether there is a fit that a warm start can go on from
        self._new_parameters = loaded.new
        self._warned = False
        self._head_is_new = bool(loaded.new) and not isinstance(model, nn.Module)
        self._fit_failed = False  # whether the last fit did, and the model is as before any
        self._outputs = self._set_up(model, labels)
        self._came_untrained = self._head_is_new
        self.device = pick_device(device, self.model, loaded=not isinstance(model, nn.Module))
        if device is not None or not is_quantised(self.model):  # some such models can't be moved
            self.model.to(self.device)
        with lower_layers_frozen(self.model, frozen_layers):
            pass  # a number that the model hasn't is an error now, not at the first fit
        self._head = self._find_head(head)
        if isinstance(committee, TrainedCommittee):
            self._head = committee.prepare(self.model, self._head)
        self._ensemble: Ensemble | None = None
        if isinstance(committee, Ensemble):
            make = EnsembleMembers(self, committee, borrowed=borrowed)
            self._ensemble = committee.bind(make, swap=committee.one_at_a_time)

    @property
    def joint_draws(self) -> bool:
        """Whether draw k of the committee is one function over all samples."""
        return self.committee is None or self.committee.joint

    def start_round(self, round: int) -> None:
        """Tell the committee which round its random draws are for."""
        if self.committee is not None:
            self.committee.start_round(round)

    def fit(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        seed: int,
        weights: Sequence[float] | None = None,
        valid: tuple[Sequence[Any], Sequence[Any]] | None = None,
        unlabelled: Sequence[Any] | None = None,
    ) -> None:
        """Train on labelled samples through `transformers.Trainer`.

        Starts again from the pretrained weights (unless `warm_start`), a new head drawn from
        the seed. The same seed, data and number of threads give the same weights on a CPU.

        Args:
            samples: as `predict` takes them.
            labels: one for each.
            seed: of everything random in the fit.
            weights: how much each sample counts in the loss, relative to the others. Needs the
                model's own loss, so it can't be combined with a collator that makes labels.
            valid: (samples, labels) to evaluate on while training, if the training arguments
                say so.
            unlabelled: not used by this task.
        """
        valid = None if valid is None else paired(*valid)
        labels = aligned(samples, labels, "labels")
        weights = None if weights is None else aligned(samples, weights, "weights")
        samples = as_rows(samples)
        scaled = check_training_set(samples, labels, weights)
        rows = self._rows(samples, labels, scaled)
        held_out = None
        if valid is not None:
            check_training_set(valid[0], valid[1], None)
            # With weighted labels the loss expects the weights here too.
            ones = None if scaled is None else [1.0] * len(valid[0])
            held_out = self._rows(valid[0], valid[1], ones)
        if self._ensemble is None:
            self._require_trainable()
        try:
            if self._ensemble is not None:
                self._ensemble.fit(
                    samples, labels, seed=seed, weights=weights, valid=valid, unlabelled=unlabelled
                )
            else:
                self._train(rows, held_out, seed, weighted=scaled is not None)
                self._inspect(samples)
        except BaseException:
            self._forget_training()
            self._fit_failed = True
            raise
        self._head_is_new = self._fit_failed = False
        self._resumable = self._ensemble is None

    def _train(self, rows: Any, held_out: Any, seed: int, *, weighted: bool) -> None:
        """Train the model on rows, from the weights that a fit starts from."""
        widen(self.model, warn=True)
        start = self._starting_point()
        if not (self.warm_start and self._resumable):
            start.restore(self.model, seed)
        penalty = None
        if isinstance(self.committee, TrainedCommittee):
            penalty = self.committee.penalty(self._head, self._units(rows))
        with eager(self.model):
            train(
                self.model,
                rows,
                arguments=self._arguments(len(rows)),
                device=self.device,
                seed=seed,
                collator=self.data_collator or self._collator(),
                tokenizer=self._processor(),
                callbacks=self.callbacks,
                valid=held_out,
                compute_loss=self._loss_function(weighted=weighted),
                compute_metrics=self._trainer_metrics,
                frozen_layers=self.frozen_layers,
                penalty=penalty,
            )

    def _require_trainable(self) -> None:
        """Refuse a fit that could not teach the model, or not its head.

        Raises:
            InvalidInputError: naming the parameters that need no gradient.
        """
        if is_quantised(self.model) and not has_adapters(self.model):
            raise invalid(
                "model",
                "a model whose weights can be trained",
                "a quantised one",
                hint="Put adapters on it: peft.get_peft_model(model, peft.LoraConfig(...)).",
            )
        head: nn.Module | None = self._head
        if head is None:
            return
        own = {id(one) for one in head.parameters()}
        names = [name for name, one in self.model.named_parameters() if id(one) in own]
        if names and not any(one.requires_grad for one in head.parameters()):
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

    def _inspect(self, samples: Sequence[Any]) -> None:
        """Look at the outcome of a fit on `samples`.

        Raises:
            TrainingError: if some weights are no longer finite numbers.
        """
        del samples
        for name, one in self.model.named_parameters():
            if one.requires_grad and not bool(torch.isfinite(one).all()):
                raise TrainingError(
                    f"fit: the weights are no longer finite numbers (first in {name!r}). Use a "
                    "smaller learning rate, and look for extreme values in samples and weights."
                )

    def _forget_training(self) -> None:
        """Go back to the weights the task was made with, as after no fit at all."""
        self._resumable = False
        self._head_is_new, self._warned = self._came_untrained, False
        if self._ensemble is not None:
            self._ensemble.start_over()
        elif self._initial_weights is not None:
            self._initial_weights.reset(self.model)

    def save(self, directory: Path | str) -> None:
        """Write a Hugging Face checkpoint (safetensors, JSON, tokenizer) and altasks.json."""
        folder = Path(directory)
        if self._ensemble is not None:
            self._ensemble.save(folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        if has_adapters(self.model):
            with quiet():
                beside = write_adapted(self.model, folder)
                if (processor := self._processor()) is not None:
                    processor.save_pretrained(folder)
        else:
            self._write(folder)
            beside = {}
        settings = {"task": self.name, **self._compatibility(), **self._extra_state(), **beside}
        write_settings(folder / SETTINGS, settings)

    def load(self, directory: Path | str) -> None:
        """Read back, in place, the weights that `save` wrote.

        The next `fit` still starts from the weights this task was made with.

        Raises:
            InvalidInputError: if the folder is not one, or is of another task or other classes.
        """
        if self._ensemble is not None:
            self._ensemble.load(directory)
            self._head_is_new = self._fit_failed = False
            return
        adapted = has_adapters(self.model)
        folder = require_directory(directory, (SETTINGS, TRAINED if adapted else WEIGHTS))
        found = read_settings(folder / SETTINGS)
        for key, mine in {"task": self.name, **self._compatibility()}.items():
            if found.get(key) != mine:
                raise invalid(
                    "directory",
                    f"weights for {key} {mine!r}",
                    f"weights for {found.get(key)!r}",
                    where=str(folder),
                )
        extra = self._checked_extra_state(found, folder / SETTINGS)
        self._starting_point()
        if adapted:
            read_adapted(self.model, folder, found.get("base"), self.device)
        else:
            self._read_whole(folder / WEIGHTS)
        self._load_extra_state(extra)
        self._head_is_new = self._fit_failed = False
        self._resumable = True

    def _read_whole(self, weights: Path) -> None:
        widen_for(self.model, weights)
        read_weights(
            self.model,
            weights,
            argument="directory",
            expected="weights as save() wrote them, of a task like this one",
            device=self.device,
            hint="If it is a loop's, delete the folder: the fit is repeated from its log.",
        )

    def start_over(self) -> None:
        """Forget all training: the next `fit` starts from the pretrained weights, however warm."""
        self._resumable = False
        if self._ensemble is not None:
            self._ensemble.start_over()

    def replica(self, source: Any) -> Self:
        """Return a task like this one, without its committee, around another model."""
        make = cast(Any, type(self))  # each subclass's arguments are its own settings and these
        return cast(Self, make(source, device=self.device, **self._settings))

    # For subclasses.

    def _warn_if_untrained(self) -> None:
        if self._fit_failed and not self._warned:
            self._warned = True
            warnings.warn(
                "The last fit() failed, so this model is as it was before any: fit again, or load "
                "saved weights, before predictions are used.",
                UserWarning,
                stacklevel=3,
            )
            return
        if self._ensemble is None and self._head_is_new and not self._warned:
            self._warned = True
            warnings.warn(
                f"The head of this {type(self.model).__name__} is new (its checkpoint has none for"
                " these labels): until fit() has trained it, predictions are noise.",
                UserWarning,
                stacklevel=3,
            )

    def _run(self, batches: Sequence[Any], committee: Committee | None) -> list[CommitteeLogits]:
        """Return what the model, or the committee, says of each batch."""
        network = Network(self.model, self._forward, self._head, self._outputs)
        if committee is not None:
            return committee.draw(network, batches)
        with evaluating(self.model):
            return draw_once(network, batches)

    def _members(self, committee: Committee | None) -> int:
        return 1 if committee is None else committee.members

    def _logits(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the model's logits for inputs that lie anywhere."""
        moved = {name: values.to(self.device) for name, values in inputs.items()}
        if half := half_type(self.model):
            moved = {
                name: values.to(half) if values.is_floating_point() else values
                for name, values in moved.items()
            }
        precision = (
            nullcontext()
            if self.autocast is None
            else torch.autocast(self.device.type, getattr(torch, self.autocast))
        )
        with precision:
            output = self.model(**moved)
        logits: Tensor = output["logits"] if isinstance(output, Mapping) else output[0]
        return logits

    def _starting_point(self) -> StartingPoint:
        if self._initial_weights is None:
            self._initial_weights = StartingPoint(self.model, self._new_parameters)
        return self._initial_weights

    # What a subclass may do otherwise.

    def _find_head(self, name: str | None) -> nn.Linear:
        """Return the layer that makes the logits."""
        return find_head(self.model, self._outputs, name)

    def _arguments(self, samples: int) -> Any:
        """Return the training arguments of a fit on that many samples, as `train` takes them."""
        del samples
        return self.training_args

    def _loss_function(self, *, weighted: bool) -> Callable[..., Tensor] | None:
        """Return Trainer's `compute_loss_func`; None for the model's own."""
        return self._weighted_loss() if weighted else None

    def _units(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Return how many terms the mean loss over these rows averages."""
        return len(rows)

    def _write(self, folder: Path) -> None:
        """Write the weights, and what is needed to read them."""
        with quiet():
            # Under the model's own names, which `load` reads: for some models (ViT) transformers
            # would write those of earlier versions. from_pretrained takes either.
            self.model.save_pretrained(folder, save_original_format=False)
            if (processor := self._processor()) is not None:
                processor.save_pretrained(folder)

    def _extra_state(self) -> dict[str, Any]:
        """Return, as JSON, what is kept beside the weights and comes back with them."""
        return {}

    def _checked_extra_state(self, kept: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        """Return what `_load_extra_state` takes, read before any weight is changed.

        Raises:
            InvalidInputError: naming the file, if something is missing or damaged.
        """
        del path
        return kept

    def _load_extra_state(self, kept: Mapping[str, Any]) -> None:  # noqa: B027 - most keep nothing
        """Take back what `_extra_state` gave."""

    # What a subclass brings.

    @abstractmethod
    def _load(self, source: Any, labels: Sequence[Any] | None) -> Loaded:
        """Return the model with one output for each class."""

    @abstractmethod
    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        """Make what is needed beside the model (tokenizer, classes); return how many logits."""

    @abstractmethod
    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> Sequence[Mapping[str, Any]]:
        """Return the training set as the collator takes it; a row may be made when it is read."""

    @abstractmethod
    def _forward(self, batch: Any) -> Tensor:
        """Return the logits of one batch, classes last."""

    @abstractmethod
    def _collator(self) -> Any:
        """Return what makes a batch of rows."""

    @abstractmethod
    def _processor(self) -> Any:
        """Return the tokenizer or image processor, saved beside the model."""

    @abstractmethod
    def _weighted_loss(self) -> Callable[..., Tensor]:
        """Return Trainer's `compute_loss_func` for rows that have weights."""

    @abstractmethod
    def _trainer_metrics(self, evaluated: Any) -> dict[str, float]:
        """Return the metrics of Trainer's own evaluation."""

    @abstractmethod
    def _compatibility(self) -> dict[str, Any]:
        """Return, as JSON, what saved weights must agree on with the task that reads them."""


def check_shared(
    committee: Any, training_args: Any, batch_size: Any, frozen_layers: Any, autocast: Any
) -> None:
    """Refuse what no task on a Hugging Face model could be told."""
    if autocast not in (None, "bfloat16", "float16"):
        raise invalid("autocast", "'bfloat16', 'float16' or None", repr(autocast))
    require_whole("batch_size", batch_size, 1)
    if committee is not None and not isinstance(committee, Committee | Ensemble):
        raise invalid(
            "committee",
            "None, MCDropout(...), BayesByBackprop(...), Ensemble(...) or a Committee",
            repr(committee),
        )
    require_whole("frozen_layers", frozen_layers, 0)
    check_arguments(training_args)


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
