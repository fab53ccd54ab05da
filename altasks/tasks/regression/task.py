"""Regression with a mean and a variance: tables, any torch module, texts and images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from altasks._internal.frames import aligned_to_samples, as_rows, paired
from altasks._internal.random import derive_seed, isolated
from altasks.committees.base import Committee, CommitteeLogits
from altasks.committees.ensemble import Ensemble
from altasks.errors import TrainingError, invalid
from altasks.predictions import Normal, Prediction
from altasks.tasks._shared.checkpoints import Loaded
from altasks.tasks._shared.options import TrainerKeywords, TrainerOptions, takes_options
from altasks.tasks._shared.trainer import check_training_set
from altasks.tasks._shared.trainer_task import TrainedTask, TrainerTask, in_order
from altasks.tasks.regression.image_inputs import ImageInputs
from altasks.tasks.regression.inputs import Scaling, TableReader, TextReader
from altasks.tasks.regression.model import (
    BLOWN_UP,
    Built,
    is_healthy,
    load_network,
    warn_of_collapse,
)
from altasks.tasks.regression.network import (
    build_mlp,
    regression_loss,
    regression_metrics,
)
from altasks.tasks.regression.options import (
    check_settings,
    column_names,
    table_arguments,
    target_names,
)
from altasks.tasks.regression.readers import InputReader, find_reader
from altasks.tasks.regression.saved import check_constants, saved_columns, saved_width
from altasks.tasks.regression.targets import Targets, in_own_units

#: Samples through the model at once, by default: rows of a table, texts or images.
ROWS_AT_ONCE, INPUTS_AT_ONCE = 1024, 32


@takes_options(TrainerOptions, batch_size=None)
class Regression(TrainerTask):
    """Numbers from rows of numbers, texts or images, each with a mean and a variance.

    The last layer has two outputs for each target: the mean and, through a softplus, the variance
    of a normal (Nix and Weigend 1994). Inputs and targets are standardised inside by the means and
    standard deviations of the labelled set of the fit; predictions are in the targets' own units.
    A column that is constant in the labelled set is left out until it varies.

    Samples are rows: sequences of numbers, NumPy rows, or mappings from column to number (a row of
    a DataFrame); or a whole DataFrame. With a Hugging Face model they are texts, as for
    `TextClassification`, or images, as `altasks.data.images.open_image` takes them: whatever the
    model reads.

    Own arguments:
        model: None: a multi-layer perceptron is built for the table, as soon as the number of
            columns is known. Or a torch module from a float batch `[n, F]` to `[n, 2T]`, whose
            last layer is an `nn.Linear` (T means, then T raw variances). Or a hub name, a folder,
            or a `*ForSequenceClassification` or `*ForImageClassification` model with
            `num_labels=2T`.
        features: how many columns there are, or the names of those to read; None: as the first
            rows have them.
        targets: how many targets there are, T, or their names (then T > 1 metrics carry them).
        hidden: widths of the hidden layers of the network built here.
        dropout: of the network built here, after each hidden layer (`MCDropout` needs some).
        committee: where the K opinions come from: `Ensemble(5)`, `MCDropout(50)`; None means the
            model's own, K = 1.
        loss: `"beta_nll"` (Seitzer et al. 2022), in which samples of large variance teach the mean
            more than in the likelihood itself, `"gaussian_nll"`. The default measured better.
        beta: of `"beta_nll"`: 0 is the plain likelihood, at 1 the mean learns as by squared error.
        variance_floor: what is added to each variance, in standardised units.
        redraw: what each `fit` draws from its seed: `"head"`, the last layer, or `"all"`; a network
            built here is always drawn anew as a whole. For an `Ensemble(5)` of a module of yours
            that was not pretrained say `"all"`, or use `Ensemble.from_factory`.
        tokenizer: of a Hugging Face model; by default the one beside it.
        processor: of a Hugging Face model of images: its image processor, or where it is; by
            default the one beside the model.
        max_length: the most tokens a text may have.
        too_long: `"error"` or `"truncate"`, as in `TextClassification`.
        training_args: a `transformers.TrainingArguments`, which is passed on as it is (only the
            seed is each fit's own), or a mapping of settings over the defaults, or None. The
            defaults for tables: AdamW, learning rate 0.01 falling to 0, batches of 32 to 256, 40
            epochs.
        batch_size: how many samples go through the model at once; by default 1024 rows, or 32
            texts or images. `predict` takes any number.
        warm_start: whether a `fit` goes on from the last one's weights, and its scaling, instead
            of starting again from the first ones.

    Raises:
        InvalidInputError: for an invalid setting, or a model that doesn't have 2T outputs.
        MissingExtraError: if transformers is not installed.

    Example:
        >>> task = Regression(features=2, training_args={"max_steps": 20})
        >>> rows = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]
        >>> task.fit(rows, [10.0, 11.0, 12.0, 13.0], seed=0)
        >>> task.predict(rows)
        Normal(N=4, K=1, T=1, float64, cpu)
    """

    name = "regression"
    main_metric = "rmse"
    #: Never behind random labels in `docs/results`; the highest variances are, on one of four sets.
    default_strategy = "lcmd"
    auto_class = "AutoModelForSequenceClassification"

    def __init__(
        self,
        model: str | os.PathLike[str] | nn.Module | None = None,
        *,
        features: int | Sequence[str] | None = None,
        targets: int | Sequence[str] = 1,
        hidden: Sequence[int] = (50,),
        dropout: float = 0.0,
        committee: Committee | Ensemble | None = None,
        loss: Literal["gaussian_nll", "beta_nll"] = "beta_nll",
        beta: float = 0.5,
        variance_floor: float = 1e-6,
        redraw: Literal["head", "all"] = "head",
        tokenizer: Any = None,
        processor: Any = None,
        max_length: int | None = None,
        too_long: Literal["error", "truncate"] = "error",
        **options: Unpack[TrainerKeywords],
    ) -> None:
        self._targets = Targets(target_names(targets))
        names, width = column_names(features)
        check_settings(hidden, dropout, loss, beta, variance_floor, redraw, too_long)
        self._hidden, self._dropout = list(hidden), float(dropout)
        self._beta = float(beta) if loss == "beta_nll" else 0.0
        self._floor, self._redraw = float(variance_floor), redraw
        self._table = TableReader(names, width)
        self._reader: InputReader = self._table
        self._scaling: Scaling | None = None
        self._sizes_batches = options.get("batch_size") is None
        # Validated now, before labels are paid for, also where the model waits for the first rows.
        super().__init__(
            committee=committee,
            options=TrainerOptions.of(options, batch_size=ROWS_AT_ONCE),
            own={
                "features": features,
                "targets": targets,
                "hidden": hidden,
                "dropout": dropout,
                "loss": loss,
                "beta": beta,
                "variance_floor": variance_floor,
                "redraw": redraw,
                "tokenizer": tokenizer,
                "processor": processor,
                "max_length": max_length,
                "too_long": too_long,
            },
        )
        self.default_acquisition = "variance" if committee is None else "epistemic_variance"
        self._built = False
        brought = isinstance(committee, Ensemble) and committee.source(0) is not None
        if model is not None or brought or self._table.width is not None:
            self._build(model, brought=brought)

    def _build(self, model: Any, *, brought: bool = False) -> None:
        """Take or make the model; until then there is none."""
        if model is None and not brought:
            assert self._table.width is not None
            # Drawn from the seed again at each fit; until then the same in every run.
            with isolated(derive_seed(0, "net")):
                net = build_mlp(
                    self._table.width, 2 * len(self._targets), self._hidden, self._dropout
                )
            model = Built(net)
        self._take(model, None)
        self._head_is_new |= isinstance(self.model, Built)
        self._came_untrained = self._head_is_new
        self._built = True

    def _build_for(self, samples: Sequence[Any]) -> None:
        if self._built:
            return
        if not len(samples):
            raise invalid(
                "samples",
                "at least one row, since features= was not given",
                "none",
            )
        self._table.width = self._table.columns(as_rows(samples)[0])
        self._build(None)

    @property
    def targets(self) -> list[str]:
        """The names of the targets; their positions, where none were given."""
        return list(self._targets.names)

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Refuse, before any work, what `predict` would refuse later.

        Raises:
            InvalidInputError: naming the first row at fault.
        """
        self._reader.check(samples)

    def predict(self, samples: Sequence[Any]) -> Normal:
        """Return the committee's prediction: a `Normal` `[N, K, T]` in the targets' units.

        Its `scale` holds the standard deviations of the targets in the labelled set, so that
        scores average over targets in standardised units. Any number of samples.
        """
        self._build_for(samples)
        self._warn_if_untrained()
        if self._ensemble is not None:
            joined = self._ensemble.predict(samples)
            assert isinstance(joined, Normal)
            return joined
        assert not isinstance(self.committee, Ensemble)
        return self._prediction(self._draws(samples, self.committee))

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the input of the model's last layer, dropout off, `[n, d]`, on the CPU.

        With an ensemble, that of its first member.
        """
        self._build_for(samples)
        if self._ensemble is not None:
            return self._ensemble.embed(samples)
        return self._draws(samples, None).features.float().cpu()

    def size(self, sample: Any) -> int:
        """Return 1 for a row, the number of characters for a text."""
        return self._reader.size(sample)

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return 1: each sample is one measurement."""
        del sample, prediction
        return 1.0

    def check_label(self, label: Any) -> Any:
        """Return the label as the store keeps it: a number, or a list of T numbers.

        Raises:
            InvalidInputError: for anything else, NaN and infinity among it.
        """
        values = self._targets.row(label)
        return values if len(values) > 1 else values[0]

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
        """Train on labelled samples through `transformers.Trainer`, as `TrainerTask.fit` says.

        Raises:
            InvalidInputError: for a target that is not a number (its row is named), or that is the
                same in all rows.
            TrainingError: if the loss or the weights are no longer finite; the task is then as it
                was before any training.

        Warns:
            VarianceCollapseWarning: if the variance fell to its floor on the training set.
        """
        labels = self._targets.rows(aligned_to_samples(samples, labels, "labels"))
        weights = None if weights is None else aligned_to_samples(samples, weights, "weights")
        samples = as_rows(samples)
        check_training_set(samples, labels, weights)
        scaling = self._targets.scaling(self._targets.matrix(labels))
        self._build_for(samples)
        # Refuse what can be refused before the constants change: they belong to the weights.
        self._reader.check(samples)
        if valid is not None:
            held, truth = paired(*valid)
            valid = held, self._targets.rows(truth)
            check_training_set(valid[0], valid[1], None)
            self._targets.matrix(valid[1])
            self._reader.check(valid[0])
        before = self._scaling, self._table.scaling, self._fit_failed
        self._fit_failed = False
        try:
            if not (self.warm_start and self._resumable):
                self._scaling = scaling
                self._reader.learn(samples)
            super().fit(
                samples, labels, seed=seed, weights=weights, valid=valid, unlabelled=unlabelled
            )
        except BaseException:
            if not self._fit_failed:  # refused before any training: all is as it was
                self._scaling, self._table.scaling, self._fit_failed = before
            raise

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return rmse, mae, nll (nats) and coverage_90, in the targets' units.

        They are those of the committee's prediction: draws are averaged for regression, since the
        likelihood and the intervals are theirs. `coverage_90` is the share of truths inside the
        central 90% interval of the normal with the mixture's mean and variance. With several
        targets they are averages, and each target's own follow as `rmse_<name>`.
        """
        samples, labels = paired(samples, labels)
        check_training_set(samples, labels, None)
        return self.measure(self.predict(samples), labels)

    def measure(self, prediction: Prediction, labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of `evaluate` for a prediction of this task's targets."""
        assert isinstance(prediction, Normal)
        labels = self._targets.rows(as_rows(labels, "labels"))
        check_training_set(prediction, labels, None)
        return regression_metrics(prediction, self._targets.matrix(labels), self._targets.names)

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the sample and for each target the mean and what is uncertain.

        `aleatoric` and `epistemic` are standard deviations whose squares add up to that of `sd`,
        by the law of total variance: the noise the members see, and their disagreement.
        """
        assert isinstance(prediction, Normal)
        return {**self._reader.show(sample), **self._targets.show(prediction)}

    def save(self, directory: Path | str) -> None:
        """Write the weights (safetensors) and altasks.json with the constants of the scaling."""
        if not self._built:
            raise invalid(
                "save", "a task that has seen samples", "one without a model", hint="Fit first."
            )
        super().save(directory)

    def load(self, directory: Path | str) -> None:
        """Read back, in place, the weights and constants that `save` wrote."""
        if not self._built:
            self._table.width = saved_width(directory)
            self._build(None)
        if self._ensemble is None:
            self._table.require_columns(saved_columns(directory))  # while the weights are untouched
        super().load(directory)

    # Hooks of TrainerTask.

    def _load(self, source: Any, labels: Sequence[Any] | None) -> Loaded:
        del labels
        outputs = 2 * len(self._targets)
        return load_network(source, outputs, head=self._named_head, redraw=self._redraw)

    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        del labels
        self._reader, found = find_reader(self.model, source, self._settings, self._table)
        self._settings |= found
        if self._sizes_batches and self._reader is not self._table:
            self.batch_size = INPUTS_AT_ONCE
            self._options = replace(self._options, batch_size=INPUTS_AT_ONCE)
        return 2 * len(self._targets)

    def _forward(self, batch: Any) -> Tensor:
        return self._logits(batch.inputs)

    def _draws(self, samples: Sequence[Any], committee: Committee | None) -> CommitteeLogits:
        if isinstance(self._reader, ImageInputs):  # pixels are let go before the next are read
            parts, rows = [], []
            for batch in self._reader.batches(samples, self.batch_size):
                parts += self._run([batch], committee)
                rows += batch.rows
        else:
            batches = self._reader.batches(samples, self.batch_size)
            parts = self._run(batches, committee) if batches else []
            rows = [row for batch in batches for row in batch.rows]
        if not parts:
            return self._none_drawn(committee)
        return in_order(parts, torch.tensor(rows), len(samples))

    def _prediction(self, draws: CommitteeLogits) -> Normal:
        return in_own_units(draws.logits, self._floor, self._scaling)

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> Sequence[Mapping[str, Any]]:
        assert self._scaling is not None
        truth = self._scaling.apply(self._targets.matrix(labels))
        ones = np.ones(len(truth)) if weights is None else np.asarray(weights)
        targets = np.column_stack([truth, ones]).tolist()  # n x (T + 1)
        return self._reader.rows(samples, targets)

    def _arguments(self, samples: int) -> Any:
        given = self.training_args
        ours = given is None or isinstance(given, Mapping)
        if not ours or not isinstance(self._reader, TableReader):
            return given
        return {**table_arguments(samples), **(given or {})}

    def _own_collator(self) -> Any:
        return self._reader.collator()

    def _processor(self) -> Any:
        if isinstance(self._reader, ImageInputs):
            return self._reader.processor
        return self._reader.encoder.tokenizer if isinstance(self._reader, TextReader) else None

    def _loss_function(self, *, weighted: bool) -> Callable[..., Tensor]:
        del weighted  # rows always have one
        return self._weighted_loss()

    def _units(self, rows: Sequence[Any]) -> int:
        return len(rows) * len(self._targets)

    def _weighted_loss(self) -> Callable[..., Tensor]:
        return regression_loss(len(self._targets), self._floor, self._beta)

    def _trainer_metrics(self, evaluated: Any) -> dict[str, float]:
        assert self._scaling is not None
        logits = evaluated.predictions
        logits = logits[0] if isinstance(logits, tuple) else logits
        truth = evaluated.label_ids[:, : len(self._targets)]
        prediction = in_own_units(torch.as_tensor(logits)[:, None], self._floor, self._scaling)
        return regression_metrics(
            prediction, truth * self._scaling.scale + self._scaling.mean, self._targets.names
        )

    def _compatibility(self) -> dict[str, Any]:
        return {"targets": self._targets.names, **self._reader.meaning()}

    def _extra_state(self) -> dict[str, Any]:
        scaling = None if self._scaling is None else self._scaling.kept()
        return {"scaling": scaling, "variance_floor": self._floor, **self._reader.kept()}

    def _checked_extra_state(self, kept: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        check_constants(kept, path, self._reader, len(self._targets))
        return kept

    def _load_extra_state(self, kept: Mapping[str, Any]) -> None:
        self._reader.remember(kept)
        self._scaling = None if kept["scaling"] is None else Scaling.read(kept["scaling"])
        self._floor = float(kept["variance_floor"])

    def _write(self, folder: Path) -> None:
        if not isinstance(self._reader, TableReader):
            super()._write(folder)
            return
        TrainedTask._write(self, folder)

    # Inside.

    def _forget_training(self) -> None:
        super()._forget_training()
        self._scaling = self._table.scaling = None

    def _inspect(self, samples: Sequence[Any]) -> None:
        outputs = None
        if is_healthy(self.model, None):
            outputs = self._draws(samples, None).logits[:, 0].double()  # n x 2T
        if outputs is None or not is_healthy(self.model, outputs):
            raise TrainingError(BLOWN_UP)
        warn_of_collapse(outputs, self._floor, self._targets.names)

    def _warn_if_untrained(self) -> None:
        built = isinstance(self.model, Built) and self._ensemble is None
        if built and self._head_is_new and not self._warned:
            self._warned = True
            why = "The last fit() failed, so this" if self._fit_failed else "This"
            warnings.warn(
                f"{why} network was never trained: until fit(), predictions are noise.",
                UserWarning,
                stacklevel=3,
            )
        else:
            super()._warn_if_untrained()
