"""One fit through `transformers.Trainer`, leaving nothing behind but the weights."""

from __future__ import annotations

import copy
import ctypes
import gc
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from altasks._internal.denormals import denormals_flushed
from altasks._internal.extras import require
from altasks._internal.names import did_you_mean
from altasks._internal.random import derive_seed, isolated
from altasks.committees.modes import every_mode_restored
from altasks.errors import invalid
from altasks.tasks._shared.coming_rows import ReadsAhead, announce
from altasks.tasks._shared.frozen.part import FrozenPart

# The output_dir of a TrainingArguments for which nobody named one.
_UNNAMED_FOLDER = "trainer_output"

#: Few labels need many looks: at 50 labels three epochs would be a dozen steps.
MINIMUM_STEPS = 120


def check_arguments(given: Any) -> None:
    """Validate training arguments before any work.

    Raises:
        InvalidInputError: for anything but None, a mapping with the names of
            `TrainingArguments`, or one of those.
    """
    if given is None:
        return
    known = require("transformers", "text", "Training a Hugging Face model").TrainingArguments
    if not isinstance(given, Mapping | known):
        raise invalid(
            "training_args", "a TrainingArguments, a mapping of its settings, or None", repr(given)
        )
    unknown = (
        set(given) - {field.name for field in fields(known)} if isinstance(given, Mapping) else ()
    )
    if unknown:
        name = sorted(map(str, unknown))[0]
        raise invalid(
            "training_args",
            "settings of transformers.TrainingArguments",
            repr(name),
            hint=did_you_mean(name, [field.name for field in fields(known)]),
        )
    if isinstance(given, Mapping) and given.get("seed") is not None:
        raise invalid(
            "training_args",
            "settings without 'seed'",
            f"seed={given['seed']!r}",
            hint="Each fit has a seed of its own, fit(seed=...); a loop takes its fits' from the "
            "seed it was made with.",
        )


def default_arguments(
    samples: int, width: int, device: torch.device, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a fit on `samples` labelled samples, as keyword arguments.

    Epochs follow from the number of labels: at least 3, and as many as make `MINIMUM_STEPS`
    optimiser steps, at most 40, whatever the batch size and the gradient accumulation in
    `overrides`. The learning rate follows from the model's width: 5e-5 for the 768 of
    BERT-base, where it is the usual choice, more for narrower models (2e-4 for MiniLM's 384),
    which barely move at that rate, and less for wider ones, which leave their pretraining
    behind.
    """
    batch = 16
    steps = _steps_an_epoch(samples, {"per_device_train_batch_size": batch, **overrides})
    arguments: dict[str, Any] = {
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": 64,
        "num_train_epochs": min(40, max(3, -(-MINIMUM_STEPS // steps))),
        "learning_rate": min(1e-3, 5e-5 * (768 / width) ** 2),
        "weight_decay": 0.01,
        "warmup_steps": 0.1,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": device.type == "cuda",
        "use_cpu": device.type == "cpu",
    }
    return {**arguments, **overrides}


def _steps_an_epoch(samples: int, settings: Mapping[str, Any]) -> int:
    """Return how many optimiser steps Trainer makes in one pass over the samples."""
    batch = int(settings["per_device_train_batch_size"])
    together = int(settings.get("gradient_accumulation_steps") or 1)
    batches = samples // batch if settings.get("dataloader_drop_last") else -(-samples // batch)
    return max(1, -(-batches // together))


@contextmanager
def _training_arguments(
    given: Any, samples: int, width: int, device: torch.device, seed: int
) -> Iterator[Any]:
    """Yield a `TrainingArguments` for this fit: the user's, or the defaults.

    The user's object is copied, never written to; on the copy only the seed is this fit's, and
    the output folder a temporary one if the user named none.
    """
    transformers = require("transformers", "text", "Training a Hugging Face model")
    # Trainer seeds NumPy, which takes 32 bits.
    bounded = derive_seed(seed, "trainer") % 2**31
    with tempfile.TemporaryDirectory(prefix="altasks-fit-") as folder:
        if given is None or isinstance(given, Mapping):
            settings = default_arguments(samples, width, device, given or {})
            settings.setdefault("output_dir", folder)
            arguments = transformers.TrainingArguments(**{**settings, "seed": bounded})
            if device.type == "cuda":
                arguments._n_gpu = 1  # one device, the task's; Trainer would take them all
        else:
            arguments = copy.copy(given)
            arguments.seed = bounded
            arguments.data_seed = None if given.data_seed is None else bounded
            if arguments.output_dir in (None, _UNNAMED_FOLDER):
                arguments.output_dir = folder
        yield arguments


@contextmanager
def _young_garbage_only() -> Iterator[None]:
    """Freeze existing objects, so that collections during training are cheap.

    Trainer collects twice a fit, and so do we once; each walks every object of torch and
    transformers, which takes longer than a small fit itself.
    """
    if gc.get_freeze_count():  # someone froze objects of theirs: not ours to thaw
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def check_training_set(
    samples: Sized, labels: Sequence[Any], weights: Sequence[float] | None
) -> list[float] | None:
    """Return the weights scaled to a mean of 1, after checking that the three belong together.

    Raises:
        InvalidInputError: for no samples, lengths that differ, or weights that are negative or
            not finite.
    """
    if len(samples) == 0:
        raise invalid("samples", "at least one labelled sample", "none")
    if len(labels) != len(samples):
        raise invalid("labels", f"{len(samples)} labels, one for each sample", f"{len(labels)}")
    if weights is None:
        return None
    if len(weights) != len(samples):
        raise invalid("weights", f"{len(samples)} weights, one for each sample", f"{len(weights)}")
    values = torch.as_tensor(weights, dtype=torch.float64)
    bad = ~(torch.isfinite(values) & (values >= 0))
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise invalid(
            "weights", "finite numbers of at least 0", f"{weights[row]}", where=f"row {row}"
        )
    if not float(values.sum()) > 0:
        raise invalid("weights", "at least one weight above 0", "only zeros")
    scaled: list[float] = (values / values.mean()).tolist()
    return scaled


def weighted_loss(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Callable[..., Tensor]:
    """Return a `compute_loss_func` for Trainer over labels whose last column is the weight.

    Args:
        loss: takes logits and labels `[n, ...]`, returns `[n]`.
    """

    def compute(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs[0]
        values = loss(logits, labels[:, :-1]) * labels[:, -1]
        # Trainer counts the entries of all batches of one step; each sample has a row of them.
        count = len(labels) if num_items_in_batch is None else num_items_in_batch / labels.shape[-1]
        return values.sum() / count

    return compute


def train(
    model: nn.Module,
    rows: Sequence[Mapping[str, Any]],
    *,
    arguments: Any,
    device: torch.device,
    seed: int,
    collator: Any,
    tokenizer: Any,
    callbacks: Sequence[Any] | None = None,
    valid: Sequence[Mapping[str, Any]] | None = None,
    compute_loss: Callable[..., Tensor] | None = None,
    compute_metrics: Callable[[Any], dict[str, float]] | None = None,
    frozen: FrozenPart | None = None,
    penalty: Callable[[], Tensor] | None = None,
) -> None:
    """Train `model` in place on encoded `rows`; generators, modes and device come back.

    Args:
        model: in the state to start from.
        rows: one mapping a sample, as the collator takes them; read anew in each epoch.
        arguments: the user's `TrainingArguments`, a mapping of settings over the defaults, or
            None.
        device: where the model is afterwards, and where the defaults train it.
        seed: of this fit.
        collator: makes a batch of rows.
        tokenizer: handed to Trainer, which saves it beside its checkpoints.
        callbacks: the user's.
        valid: rows to evaluate on, if the arguments ask for it.
        compute_loss: Trainer's `compute_loss_func`.
        compute_metrics: Trainer's.
        frozen: the part of the model that stays as it is.
        penalty: what is added to the mean loss of each step.
    """
    transformers = require("transformers", "text", "Training a Hugging Face model")
    require("accelerate", "text", "Training a Hugging Face model")
    own_forward = model.__dict__.get("forward")
    with (
        _training_arguments(arguments, len(rows), _width(model), device, seed) as settings,
        isolated(derive_seed(seed, "fit")),
        every_mode_restored(model),
        nullcontext() if frozen is None else frozen.fitting(alone=_alone(settings)),
        _young_garbage_only(),
        denormals_flushed(settings.device),
    ):
        kind = transformers.Trainer if penalty is None else _penalised(transformers, penalty)
        if isinstance(rows, ReadsAhead):
            kind = _reading_ahead(kind)
        trainer = kind(
            model=model,
            args=settings,
            data_collator=collator,
            train_dataset=rows,
            eval_dataset=valid,
            processing_class=tokenizer,
            compute_loss_func=compute_loss,
            compute_metrics=compute_metrics,
            callbacks=None if callbacks is None else list(callbacks),
        )
        if arguments is None or isinstance(arguments, Mapping):
            trainer.remove_callback(transformers.PrinterCallback)
        try:
            trainer.train()
        finally:
            sets: list[Any] = [rows, valid]
            for some in sets:
                if isinstance(some, ReadsAhead):
                    some.expect([])  # a fit may end within an epoch
            _let_go(trainer, model, own_forward)
    model.to(device)


def _penalised(transformers: Any, penalty: Callable[[], Tensor]) -> Any:
    """Return a Trainer that adds `penalty()` to the mean loss of each step."""
    base: Any = transformers.Trainer

    class PenalisedTrainer(base):  # type: ignore[misc]
        def compute_loss(
            self,
            model: nn.Module,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            loss, outputs = super().compute_loss(
                model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
            )
            if model.training:
                extra = penalty().to(loss.device)
                # A loss that is a share of the whole step's is summed over its parts; another is
                # averaged over them by Trainer afterwards.
                share = self.loss_is_scaled_for_ga
                if share is None:
                    counted = num_items_in_batch is not None and self.model_accepts_loss_kwargs
                    share = counted or self.compute_loss_func is not None
                loss = loss + (extra / self.current_gradient_accumulation_steps if share else extra)
            return (loss, outputs) if return_outputs else loss

    return PenalisedTrainer


def _reading_ahead(kind: Any) -> Any:
    """Return a Trainer that tells its data sets in which order it will take their rows."""

    class ReadingAheadTrainer(kind):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            loader = super().get_train_dataloader()
            announce(loader, self.train_dataset)
            return loader

        def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
            loader = super().get_eval_dataloader(eval_dataset)
            announce(loader, self.eval_dataset if eval_dataset is None else eval_dataset)
            return loader

    return ReadingAheadTrainer


def _alone(settings: Any) -> bool:
    """Return whether one thread runs the model on one device."""
    return int(settings.n_gpu) <= 1 and int(settings.world_size) <= 1


def _width(model: nn.Module) -> int:
    """Return the hidden size in the model's config; BERT-base's if there is none."""
    config = getattr(model, "config", None)
    known = [getattr(config, name, None) for name in ("hidden_size", "d_model", "dim", "n_embd")]
    return next((width for width in known if isinstance(width, int) and width > 0), 768)


def _let_go(trainer: Any, model: nn.Module, own_forward: Any) -> None:
    """Drop what a trainer leaves on a model and in memory.

    Trainer, optimiser, callbacks and accelerator refer to each other in circles, so a round's
    optimiser state would live until the garbage collector happens to run.
    """
    model.zero_grad(set_to_none=True)
    # Mixed precision wraps the forward once more at each fit.
    model.__dict__.pop("_original_forward", None)
    if own_forward is None:
        model.__dict__.pop("forward", None)
    else:
        model.__dict__["forward"] = own_forward
    trainer.optimizer = trainer.lr_scheduler = trainer.model_wrapped = trainer.model = None
    trainer.callback_handler = None
    trainer.accelerator.free_memory()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    _return_free_memory()


def _return_free_memory() -> None:
    """Give what the C library keeps of freed memory back to the system, where it can be asked.

    A batch with one long text needs gigabytes for a moment, and glibc would keep them resident.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl doesn't
        if trim is not None:
            trim(0)
