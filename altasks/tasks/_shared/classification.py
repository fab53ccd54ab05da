"""Tasks that classify whole samples, texts or images: predictions, classes, loss, metrics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from altasks._internal.frames import as_rows, paired
from altasks.committees.base import Committee, CommitteeLogits
from altasks.committees.ensemble import Ensemble
from altasks.predictions import Bernoulli, Categorical, Prediction
from altasks.tasks._shared.classes import Classes, multi_label_metrics, single_label_metrics
from altasks.tasks._shared.trainer import check_training_set, weighted_loss
from altasks.tasks._shared.trainer_task import TrainerTask


class ClassificationTask(TrainerTask):
    """A `TrainerTask` whose samples have one class each, or any number of labels.

    A subclass sets `_classes` where it sets up its model.
    """

    #: Before the first fit: the typical samples of the clusters of the pretrained embeddings.
    default_cold_start = "typiclust"

    _classes: Classes

    @property
    def default_strategy(self) -> str:  # type: ignore[override]
        """Uncertainty herding: never behind random labels in `docs/results`, and mostly first.

        With several labels a sample nothing is as well measured: the highest scores.
        """
        return "top_k" if self.multi_label else "uncertainty_herding"

    @property
    def labels(self) -> list[Any]:
        """The class names, in the order of the prediction's classes."""
        return list(self._classes.names)

    @property
    def multi_label(self) -> bool:
        """Whether a label is a list of names."""
        return self._classes.multi_label

    @property
    def main_metric(self) -> str:
        """The metric that runs are compared by."""
        return "micro_f1" if self.multi_label else "accuracy"

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the committee's prediction: a `Categorical`, or a `Bernoulli` if multi-label.

        Any number of samples: they go through the model in batches.

        Raises:
            InvalidInputError: naming the first row that is no sample of this task.
            UnreadableSampleError: naming every row whose file can't be read.
        """
        self._warn_if_untrained()
        if self._ensemble is not None:
            return self._ensemble.predict(samples)
        assert not isinstance(self.committee, Ensemble)
        return self._prediction(self._draws(samples, self.committee))

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the input of the model's last layer, dropout off, `[n, d]`, on the CPU.

        With an ensemble, that of its first member.
        """
        if self._ensemble is not None:
            return self._ensemble.embed(samples)
        return self._draws(samples, None).features.float().cpu()  # NumPy has no bfloat16

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return accuracy and macro F1; if multi-label, micro and macro F1 and subset accuracy.

        Measured with dropout off and on the whole sample: draws and views are for asking, the
        model for answering. An ensemble answers with its average.
        """
        samples, labels = paired(samples, labels)
        check_training_set(samples, labels, None)
        if self._ensemble is not None:
            return self.measure(self._ensemble.predict(samples), labels)
        return self.measure(self._prediction(self._draws(samples, None)), labels)

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return 1: each sample is one decision."""
        del sample, prediction
        return 1.0

    def check_label(self, label: Any) -> Any:
        """Return the label as the store keeps it: a class name, or a list of them.

        Raises:
            InvalidInputError: listing the known names, and the closest.
        """
        return self._classes.check(label)

    def measure(self, prediction: Prediction, labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of `evaluate` for a prediction of this task's classes."""
        assert isinstance(prediction, Categorical | Bernoulli)
        labels = as_rows(labels, "labels")
        check_training_set(prediction, labels, None)
        truth = np.asarray(self._classes.encode(labels))
        return self._metrics(truth, prediction.mean_probs.cpu().numpy())

    # For subclasses.

    def _likeliest(self, prediction: Prediction, most: int | None = None) -> dict[str, Any]:
        """Return the part of a description that names classes, likeliest first.

        Args:
            prediction: of one sample.
            most: how many to name; None names all.
        """
        assert isinstance(prediction, Categorical | Bernoulli)
        means = prediction.mean_probs[0]
        order = means.argsort(descending=True, stable=True).tolist()
        classes = [{"label": self._classes.names[i], "probability": float(means[i])} for i in order]
        guess: Any = [entry["label"] for entry in classes if entry["probability"] >= 0.5]
        return {
            "predicted": guess if self.multi_label else classes[0]["label"],
            "classes": classes[:most],
            "members": prediction.members,
        }

    # Hooks of TrainerTask.

    def _prediction(self, draws: CommitteeLogits) -> Prediction:
        kind = Bernoulli if self.multi_label else Categorical
        return kind.from_logits(draws.logits, draws.features)

    def _targets(self, labels: Sequence[Any], weights: Sequence[float] | None) -> list[Any]:
        """Return each label as the loss takes it, with its weight in a last column if any."""
        targets = self._classes.encode(labels)
        if weights is None:
            return targets
        return [
            [*(target if self.multi_label else [float(target)]), weight]
            for target, weight in zip(targets, weights, strict=True)
        ]

    def _units(self, rows: Sequence[Any]) -> int:
        # Labels that may each be present are averaged over as well.
        return len(rows) * (len(self._classes) if self.multi_label else 1)

    def _weighted_loss(self) -> Callable[..., Tensor]:
        return weighted_loss(self._loss)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.multi_label:
            return nn.functional.binary_cross_entropy_with_logits(
                logits, labels, reduction="none"
            ).mean(-1)
        return nn.functional.cross_entropy(logits, labels[:, 0].long(), reduction="none")

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
        return self._metrics(truth, (logits >= 0) * 1.0 if self.multi_label else logits)

    # Hooks that a subclass fills in.

    @abstractmethod
    def _draws(self, samples: Sequence[Any], committee: Committee | None) -> CommitteeLogits:
        """Return the committee's logits for each sample, `[n, K, C]`; K = 1 without a committee."""
