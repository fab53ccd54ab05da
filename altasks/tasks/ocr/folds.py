"""Training a committee of line recognisers as Reul et al. 2018 do: K folds, stopped early."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from altasks._internal.extras import require
from altasks._internal.random import derive_rng, derive_seed
from altasks.report.error_rates import edits
from altasks.tasks._shared.trainer import train
from altasks.tasks.ocr.ctc import BLANK
from altasks.tasks.ocr.lines import LineCollator

if TYPE_CHECKING:
    from PIL.Image import Image

    from altasks.tasks.ocr.crnn import CRNN

#: Evaluations without a better one after which a member stops.
PATIENCE = 5
#: Few lines need many looks.
MINIMUM_STEPS = 200
#: Rows of `{"pixels", "labels", ...}`, as `LineCollator` takes them.
Rows = Sequence[Mapping[str, Any]]


def folds_of(count: int, folds: int, seed: int) -> list[list[int]]:
    """Return which rows each of the folds holds out, as even as can be, by chance.

    With fewer rows than folds there are as many folds as rows, and a single row is never held
    out: then there is nothing to learn from.

    Example:
        >>> [len(fold) for fold in folds_of(7, 3, seed=0)]
        [3, 2, 2]
    """
    if count < 2 or folds < 2:
        return [[]]
    shuffled = derive_rng(seed, "folds").permutation(count).tolist()
    parts = min(folds, count)
    return [sorted(shuffled[part::parts]) for part in range(parts)]


def default_arguments(rows: int, given: Any, *, stops: bool) -> Any:
    """Return the training arguments of one member: the user's, over those that suit lines.

    Batches of 4, since there are few lines; at least 12 epochs, and as many as make
    `MINIMUM_STEPS` steps, at most 40; evaluated after each where something is held out. An object
    of the user's is passed on as it is.
    """
    if given is not None and not isinstance(given, Mapping):
        return given
    batch = int((given or {}).get("per_device_train_batch_size", 4))
    steps = max(1, -(-rows // batch))
    return {
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": 16,
        "num_train_epochs": min(40, max(12, -(-MINIMUM_STEPS // steps))),
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "eval_strategy": "epoch" if stops else "no",
        **(given or {}),
    }


def train_member(
    model: CRNN,
    rows: Rows,
    held_out: Rows,
    *,
    arguments: Any,
    device: torch.device,
    seed: int,
    augment: Callable[[Image], Image] | None,
    callbacks: Sequence[Any] | None,
) -> None:
    """Train one member in place, and leave it as it was when it read the held-out lines best.

    Args:
        model: in the state to start from.
        rows: to learn from.
        held_out: to stop by; none: all epochs are trained.
        arguments: as the user gave them.
        device: where it works.
        seed: of this member's training.
        augment: what is done to each image before it is learned.
        callbacks: the user's.
    """
    stops = len(held_out) > 0
    keeper = _best_keeper(model) if stops else None
    train(
        model,
        rows,
        arguments=default_arguments(len(rows), arguments, stops=stops),
        device=device,
        seed=seed,
        collator=LineCollator(model.height, augment),
        tokenizer=None,
        callbacks=[*([keeper] if keeper else []), *(callbacks or ())],
        valid=[{**row, "pixels": replace(row["pixels"], held_out=True)} for row in held_out]
        if stops
        else None,
        compute_metrics=held_out_errors if stops else None,
    )
    if keeper is not None:
        keeper.restore(model)


def held_out_errors(evaluated: Any) -> dict[str, float]:
    """Return the character error rate of the best paths, for Trainer's own evaluation.

    Args:
        evaluated: with `predictions [n, T]`, the best class of each step, and `label_ids
            [n, L]`, both padded with -100.
    """
    wrong = total = 0
    for path, label in zip(evaluated.predictions, evaluated.label_ids, strict=True):
        steps = [int(symbol) for symbol in path if symbol >= 0]
        read = [
            symbol
            for place, symbol in enumerate(steps)
            if symbol != BLANK and (place == 0 or symbol != steps[place - 1])
        ]
        truth = [int(symbol) for symbol in label if symbol >= 0]
        wrong += edits(read, truth)
        total += len(truth)
    return {"cer": wrong / max(1, total)}


def _best_keeper(model: CRNN) -> Any:
    """Return a Trainer callback that keeps the best weights and stops when none better come."""
    base: Any = require("transformers", "text", "Training a recogniser").TrainerCallback

    class KeepsBest(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.best: tuple[float, float] | None = None
            self.state: dict[str, torch.Tensor] = {}
            self.waited = 0

        def on_evaluate(self, *given: Any, metrics: Mapping[str, float], **_: Any) -> Any:
            control = given[2]  # after the arguments and the state
            # Of equal error rates the lower loss: with few lines held out, many rates are equal.
            found = (metrics["eval_cer"], metrics["eval_loss"])
            if self.best is None or found < self.best:
                self.best, self.waited = found, 0
                self.state = {
                    name: value.detach().to("cpu", copy=True)
                    for name, value in model.state_dict().items()
                }
            elif metrics["eval_cer"] < 1:
                # A new network first learns to write nothing at all; that is no reason to stop.
                self.waited += 1
                control.should_training_stop = self.waited >= PATIENCE
            return control

        def restore(self, trained: CRNN) -> None:
            if self.state:  # arguments of the user's may never evaluate
                trained.load_state_dict(self.state)

    return KeepsBest()


def member_seed(seed: int, member: int) -> int:
    """Return the seed of one member's fit."""
    return derive_seed(seed, "member", member)
