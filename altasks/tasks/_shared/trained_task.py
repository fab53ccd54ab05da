"""Tasks whose model `transformers.Trainer` trains: their fits, folders, committees and replicas."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks._internal.frames import aligned_to_samples, as_rows, paired
from altasks._internal.settings import read_settings, write_settings
from altasks.committees.base import Committee
from altasks.committees.ensemble import Ensemble
from altasks.committees.modes import eager
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
from altasks.tasks._shared.frozen.part import FrozenPart
from altasks.tasks._shared.options import TrainingOptions
from altasks.tasks._shared.trainer import check_training_set, train
from altasks.tasks._shared.weights import read_weights
from altasks.tasks._shared.wrappers import is_quantised, unwrapped, widen, widen_for

SETTINGS = "altasks.json"
WEIGHTS = "model.safetensors"


class TrainedTask(ABC):
    """A model as a task: how it is fitted, saved, loaded, copied and made an ensemble of.

    A subclass validates its own arguments, calls this constructor and then `_take`, and brings
    the hooks at the end of this class. It defines what a sample is and how a model predicts.

    Args:
        committee: where the K opinions come from.
        options: how the task predicts and trains.
        own: the subclass's further settings, handed to it again by `replica`.
    """

    #: Its name in the registry and in saved settings.
    name: ClassVar[str]

    default_strategy = "top_k"

    #: The part of the model that no fit changes.
    _frozen: FrozenPart | None = None

    def __init__(
        self,
        *,
        committee: Committee | Ensemble | None,
        options: TrainingOptions,
        own: Mapping[str, Any],
    ) -> None:
        if committee is not None and not isinstance(committee, Committee | Ensemble):
            raise invalid(
                "committee",
                "None, MCDropout(...), BayesByBackprop(...), Ensemble(...) or a Committee",
                repr(committee),
            )
        self._settings = dict(own)
        self._options = options
        self.committee = committee
        self.training_args = options.training_args
        self.callbacks = options.callbacks
        self.batch_size = options.batch_size
        self.warm_start = options.warm_start
        self.autocast = options.autocast
        self._ensemble: Ensemble | None = None
        self._initial_weights: StartingPoint | None = None
        self._resumable = False  # whether there is a fit that a warm start can go on from
        self._warned = False
        self._fit_failed = False  # whether the last fit did, and the model is as before any

    def _take(self, model: Any, labels: Sequence[Any] | None) -> None:
        """Take the model: load it where it has to be, and make the committee's members of it.

        Args:
            model: as `_load` understands it, or None where the committee is an `Ensemble` of them.
            labels: as `_load` and `_set_up` understand them.
        """
        committee = self.committee
        given: Any = labels
        if isinstance(given, Iterator):  # it is read more than once
            labels = list(given)
        borrowed = model is None
        if model is None:
            model = first_source(committee)
        model = unwrapped(model)
        loaded = self._load(model, labels)
        self.model = loaded.model
        self._new_parameters = loaded.new
        self._head_is_new = bool(loaded.new) and not isinstance(model, nn.Module)
        self._outputs = self._set_up(model, labels)
        self._came_untrained = self._head_is_new
        device, brought = self._options.device, isinstance(model, nn.Module)
        self.device = pick_device(device, self.model, loaded=not brought)
        if device is not None or not is_quantised(self.model):  # some such models can't be moved
            self.model.to(self.device)
        self._prepare()
        if isinstance(committee, Ensemble):
            make = EnsembleMembers(self, committee, borrowed=borrowed)
            self._ensemble = committee.bind(make, swap=committee.one_at_a_time)

    def __repr__(self) -> str:
        labels = list(getattr(self, "labels", ()))
        kinds = f", {len(labels)} labels: {', '.join(map(repr, labels[:3]))}" if labels else ""
        more = ", ..." * (len(labels) > 3)
        return f"{type(self).__name__}({type(self.model).__name__}{kinds}{more})"

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
                ask for it.
            unlabelled: not used by this task.
        """
        valid = None if valid is None else paired(*valid)
        labels = aligned_to_samples(samples, labels, "labels")
        weights = None if weights is None else aligned_to_samples(samples, weights, "weights")
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
            self._require_trainable(rows)
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
        start = self.starting_point()
        if not (self.warm_start and self._resumable):
            start.restore(self.model, seed)
        with eager(self.model):
            train(
                self.model,
                rows,
                arguments=self._arguments(len(rows)),
                device=self.device,
                seed=seed,
                collator=self._collator(),
                tokenizer=self._processor(),
                callbacks=self.callbacks,
                valid=held_out,
                compute_loss=self._loss_function(weighted=weighted),
                compute_metrics=self._metrics_function(),
                frozen=self._frozen,
                penalty=self._penalty(rows),
            )

    def _require_trainable(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse a fit on these rows that could not teach the model.

        Raises:
            InvalidInputError: for a quantised model.
        """
        del rows
        if is_quantised(self.model) and not has_adapters(self.model):
            raise invalid(
                "model",
                "a model whose weights can be trained",
                "a quantised one",
                hint="Put adapters on it: peft.get_peft_model(model, peft.LoraConfig(...)).",
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
        """Write the weights (safetensors), what is needed to read them, and altasks.json."""
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
        self.starting_point()
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
        options = {**self._options.keywords(), "device": self.device}
        return cast(Self, make(source, **self._settings, **options))

    # For the members of an ensemble, which share a task's model or the weights it starts from.

    def load_source(self, source: Any) -> Loaded:
        """Return another model of this task's classes, on the CPU."""
        return self._load(unwrapped(source), self._settings.get("labels"))

    @property
    def new_parameters(self) -> frozenset[str]:
        """The names of the parameters that each fit draws anew from its seed."""
        return self._new_parameters

    def starting_point(self) -> StartingPoint:
        """Return the weights that fits start from: those of now, unless they are noted already."""
        if self._initial_weights is None:
            self._initial_weights = StartingPoint(self.model, self._new_parameters)
        return self._initial_weights

    def begin_with(self, start: StartingPoint | None, new: frozenset[str]) -> None:
        """Forget all training, and let fits start from other weights.

        Args:
            start: the weights; None: those the model has when they are first needed.
            new: the names of the parameters that each fit draws anew.
        """
        self._initial_weights, self._new_parameters, self._resumable = start, new, False

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

    # Hooks that a subclass may override.

    def _prepare(self) -> None:  # noqa: B027 - most have nothing to
        """Prepare the model that was taken, before its weights are noted."""

    def _arguments(self, samples: int) -> Any:
        """Return the training arguments of a fit on that many samples, as `train` takes them."""
        del samples
        return self.training_args

    def _penalty(self, rows: Sequence[Mapping[str, Any]]) -> Callable[[], Tensor] | None:
        """Return what is added to the mean loss of each step."""
        del rows
        return None

    def _metrics_function(self) -> Callable[[Any], dict[str, float]] | None:
        """Return the metrics of Trainer's own evaluation; None for the loss alone."""
        return None

    def _processor(self) -> Any:
        """Return the tokenizer or image processor, saved beside the model."""
        return None

    def _write(self, folder: Path) -> None:
        """Write the weights, and what is needed to read them."""
        safetensors = require("safetensors.torch", "text", "Writing weights")
        safetensors.save_model(self.model, str(folder / WEIGHTS))

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

    # Hooks that a subclass fills in.

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
    def _collator(self) -> Any:
        """Return what makes a batch of rows."""

    @abstractmethod
    def _loss_function(self, *, weighted: bool) -> Callable[..., Tensor] | None:
        """Return Trainer's `compute_loss_func`; None for the model's own."""

    @abstractmethod
    def _compatibility(self) -> dict[str, Any]:
        """Return, as JSON, what saved weights must agree on with the task that reads them."""
