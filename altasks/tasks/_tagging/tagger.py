"""Token classifiers as taggers of words: one distribution over tags for each word."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from altasks._internal.frames import as_rows, paired
from altasks._internal.numbers import is_whole
from altasks.committees.base import Committee, CommitteeLogits
from altasks.committees.ensemble import Ensemble
from altasks.data.tagging.tags import Span, spans_of
from altasks.errors import UnsupportedPredictionError, invalid
from altasks.predictions import Categorical, Prediction, Ragged, Transcripts
from altasks.tasks._shared.checkpoints import Loaded
from altasks.tasks._shared.classifiers import class_names, find_tokenizer, load_classifier
from altasks.tasks._shared.options import TrainerKeywords, TrainerOptions, takes_options
from altasks.tasks._shared.texts import longest_input
from altasks.tasks._shared.trainer import check_training_set
from altasks.tasks._shared.trainer_task import TrainerTask, in_order
from altasks.tasks._tagging.tagset import TagSet
from altasks.tasks._tagging.training_rows import IGNORED, WordCollator, label_tokens
from altasks.tasks._tagging.words import Marked, WordBatch, WordEncoder


@takes_options(TrainerOptions)
class WordTagger(TrainerTask):
    """A Hugging Face token classifier that tags words; what a sample is, a subclass defines.

    A sample becomes one or more sequences of words (one for each predicate, in SRL); its units
    are the words of all of them, one after the other.

    Own arguments:
        model: a hub name, a local folder, or a model object (`*ForTokenClassification`). May be
            left out where the committee is an `Ensemble` of models or checkpoints.
        labels: the labels of spans, or whole tags (`O` among them) in the order of the model's
            outputs. Needed for a checkpoint without a head for them: it is then made, and drawn
            from the seed at each `fit`. None: those the model came with.
        committee: where the K opinions come from: `MCDropout(20, layers="head")`, `Ensemble(5)`;
            None means the model's own, K = 1.
        scheme: how the model's tags are written: `"IOB1"`, `"IOB2"`, `"BIOES"` or `"BILOU"`; None:
            as their letters say, or IOB2.
        repair: read ill-formed tags in labels, such as an I- without a B-, as conlleval does,
            instead of refusing them.
        tokenizer: a fast one; by default the one beside the model.
        max_length: the most tokens in one window; by default what the model reads.
        overlap: how many tokens neighbouring windows share; None: a quarter of a window.
    """

    auto_class: ClassVar[str] = "AutoModelForTokenClassification"

    def __init__(
        self,
        model: str | os.PathLike[str] | nn.Module | None = None,
        *,
        labels: Sequence[str] | None = None,
        committee: Committee | Ensemble | None = None,
        scheme: str | None = None,
        repair: bool = False,
        tokenizer: Any = None,
        max_length: int | None = None,
        overlap: int | None = None,
        **options: Unpack[TrainerKeywords],
    ) -> None:
        self._scheme = scheme
        self.repair = repair
        tags = None if labels is None else list(TagSet.of(labels, scheme).tags)
        super().__init__(
            committee=committee,
            options=TrainerOptions.of(options),
            own={
                "labels": tags,
                "scheme": scheme,
                "repair": repair,
                "tokenizer": tokenizer,
                "max_length": max_length,
                "overlap": overlap,
            },
        )
        self._take(model, tags)
        self.default_acquisition = "mnlp" if committee is None else "bald"

    @property
    def tags(self) -> list[str]:
        """The tags, in the order of the prediction's classes."""
        return list(self._tagset.tags)

    @property
    def labels(self) -> list[str]:
        """The labels of spans, in the order of the tags."""
        return list(self._tagset.labels)

    @property
    def scheme(self) -> str:
        """How the model's tags are written."""
        return self._tagset.scheme

    def predict(self, samples: Sequence[Any]) -> Ragged:
        """Return the committee's prediction: a `Categorical` over tags for each word.

        Any number of samples: they go through the model in batches of windows of like length.
        `fields["span"]` `[M]` numbers the spans that the committee's average predicts within
        each sample, from 0; -1 for a word outside of them.
        """
        samples = as_rows(samples)
        self._warn_if_untrained()
        if self._ensemble is not None:
            members = self._ensemble.predict(samples)
            assert isinstance(members, Ragged)
            assert isinstance(members.units, Categorical)
            fields = {**members.fields, "span": self._spans_in(members.units, samples)}
            return Ragged(members.units, members.lengths, fields)
        assert not isinstance(self.committee, Ensemble)
        draws, sequences = self._draws(samples, self.committee)
        units = Categorical.from_logits(draws.logits, draws.features)
        lengths = [sum(len(part.words) for part in parts) for parts in sequences]
        fields = {"span": self._spans_in(units, samples, sequences)}
        return Ragged(units, lengths, {**fields, **self._fields(samples, sequences)})

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return the mean over a sample's words of the input of the last layer, `[n, d]`.

        Dropout is off; the CPU holds the result. With an ensemble, that of its first member.
        """
        if self._ensemble is not None:
            return self._ensemble.embed(samples)
        draws, sequences = self._draws(samples, None)
        lengths = [sum(len(part.words) for part in parts) for parts in sequences]
        counts = torch.tensor(lengths, dtype=torch.int64)
        owners = torch.arange(len(counts)).repeat_interleave(counts)
        features = draws.features.float().cpu()
        sums = torch.zeros(len(counts), features.shape[-1]).index_add_(0, owners, features)
        return sums / counts[:, None].clamp(min=1)

    def readings(
        self, prediction: Prediction, of: Literal["tags", "spans"] = "spans"
    ) -> Transcripts:
        """Return what each member makes of each sample, for `edit_disagreement` and its like.

        Args:
            prediction: as `predict` returns it.
            of: `"tags"`: the tag of every word; `"spans"`: the spans, as (start, end, label) over
                the units of the sample.

        Example:
            `al.score(task, pool, lambda p: al.edit_disagreement(task.readings(p)))`

        Raises:
            UnsupportedPredictionError: if the prediction is no `Ragged` of `Categorical`.
            InvalidInputError: for another `of`, or a prediction of other tags.
        """
        if of not in ("tags", "spans"):
            raise invalid("of", "'tags' or 'spans'", repr(of))
        if not isinstance(prediction, Ragged) or not isinstance(prediction.units, Categorical):
            raise UnsupportedPredictionError(
                f"readings: reads what {type(self).__name__}.predict returns, found {prediction!r}."
            )
        if prediction.units.probs.shape[-1] != len(self._tagset.tags):
            raise invalid(
                "prediction",
                f"one of {len(self._tagset.tags)} tags, as {type(self).__name__}.predict returns",
                f"one of {prediction.units.probs.shape[-1]} classes",
            )
        best = prediction.units.probs.argmax(-1).cpu().numpy()  # M x K
        frames = torch.as_tensor(prediction.fields.get("frame", [0] * len(best))).tolist()
        texts = []
        for first, last in pairwise(prediction.offsets.tolist()):
            # No span goes on from one sequence of a sample to the next.
            seams = [i for i in range(first + 1, last) if frames[i] != frames[i - 1]]
            members = []
            for k in range(best.shape[1]):
                tags: list[Any] = [self._tagset.tags[c] for c in best[first:last, k].tolist()]
                if of == "spans":
                    tags = self._read([first, *seams, last], tags)
                members.append(tuple(tags))
            texts.append(members)
        return Transcripts(texts)

    def targets(
        self, samples: Sequence[Any], labels: Sequence[Any], prediction: Prediction
    ) -> Tensor:
        """Return the column of the right tag of each word, `[M]`, for calibration.

        Args:
            samples: as `predict` takes them.
            labels: one for each, as `fit` takes them.
            prediction: of these samples.

        Raises:
            InvalidInputError: for a label that can't be one, or a prediction of other samples.
        """
        rows, given = paired(samples, labels)
        columns = [
            column
            for row, (sample, label) in enumerate(zip(rows, given, strict=True))
            for tags in self._tags_of(sample, label, f"row {row}")
            for column in self._tagset.encode(tags, f"row {row}")
        ]
        units = prediction.units if isinstance(prediction, Ragged) else prediction
        if len(units) != len(columns):
            raise invalid(
                "prediction", f"that of these samples, of {len(columns)} words", f"{prediction!r}"
            )
        return torch.tensor(columns, dtype=torch.int64)

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Refuse, before any work, what `predict` would refuse later.

        Raises:
            InvalidInputError: naming the first row at fault, and its word.
        """
        rows = as_rows(samples)
        sequences = [self._sequences(sample, f"row {row}") for row, sample in enumerate(rows)]
        self._encoder.check(sequences)

    # Hooks of TrainerTask.

    def _load(self, source: Any, labels: Sequence[Any] | None) -> Loaded:
        tags = None if labels is None else TagSet.of(labels, self._scheme).tags
        return load_classifier(self.auto_class, source, tags)

    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        wanted = None if labels is None else TagSet.of(labels, self._scheme).tags
        names = class_names(self.model, wanted, source)
        if "O" not in names:
            raise invalid(
                "model",
                "outputs named as tags ('O', 'B-PER', ...)",
                f"{', '.join(map(repr, names[:4]))}{', ...' if len(names) > 4 else ''}",
                hint="Pass labels= the tags, in the order of the outputs.",
            )
        self._tagset = TagSet.of(names, self._scheme)
        self.tokenizer = find_tokenizer(source, self._settings["tokenizer"])
        reads = longest_input(self.model, self.tokenizer)
        max_length = self._settings["max_length"]
        if max_length is not None and not is_whole(max_length, 8, reads):
            raise invalid("max_length", f"8 to {reads}, which the model reads", f"{max_length!r}")
        self._encoder = WordEncoder(
            self.tokenizer,
            max_length or reads,
            self._settings["overlap"],
            kinds=getattr(self.model.config, "type_vocab_size", 0),
        )
        self._settings |= {"labels": self.tags, "scheme": self.scheme, "tokenizer": self.tokenizer}
        return len(self._tagset.tags)

    def _forward(self, batch: WordBatch) -> Tensor:
        logits = self._logits(batch.inputs)  # n x L x C
        picked: Tensor = logits[batch.windows.to(logits.device), batch.places.to(logits.device)]
        return picked  # m x C

    def _draws(
        self, samples: Sequence[Any], committee: Committee | None
    ) -> tuple[CommitteeLogits, list[list[Marked]]]:
        """Return the logits of every word of every sequence, and the sequences."""
        if isinstance(samples, str):  # its letters would pass for texts
            raise invalid(
                "samples", "a list of them", f"the text {samples[:80]!r}", hint="Use [...]."
            )
        rows = as_rows(samples)
        sequences = [self._sequences(sample, f"row {row}") for row, sample in enumerate(rows)]
        encoded = self._encoder.encode(sequences)
        batches = self._encoder.batches(encoded, self.batch_size)
        if not batches:
            return self._none_drawn(committee), sequences
        order = torch.cat([batch.words for batch in batches])
        return in_order(self._run(batches, committee), order, len(order)), sequences

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> list[dict[str, Any]]:
        sequences, tags = [], []
        for row, (sample, label) in enumerate(zip(samples, labels, strict=True)):
            parts = self._sequences(sample, f"row {row}")
            sequences.append(parts)
            tags += [
                self._tagset.encode(part, f"row {row}")
                for part in self._tags_of(sample, label, f"row {row}")
            ]
        windows = self._encoder.encode(sequences).windows
        rows = label_tokens(windows, tags)
        if weights is not None and windows:
            owners = [row for row, parts in enumerate(sequences) for _ in parts]
            shares = [weights[owners[window.row]] for window in windows]
            counts = [len(window.places) for window in windows]
            # Of mean 1 over the words, which is what the loss averages over.
            mean = float(np.average(shares, weights=counts)) or 1.0
            for tokens, share in zip(rows, shares, strict=True):
                # In the labels, since Trainer hands the collator nothing the model doesn't take.
                tokens["labels"] = [
                    (float(label), float(IGNORED) if label == IGNORED else share / mean)
                    for label in tokens["labels"]
                ]
        # A window may answer for no word: nothing to learn, and a mean over nothing in its batch.
        return [row for row, window in zip(rows, windows, strict=True) if window.places]

    def _own_collator(self) -> Any:
        return WordCollator(self.tokenizer)

    def _processor(self) -> Any:
        return self.tokenizer

    def _units(self, rows: Sequence[Any]) -> int:
        labels = (one for row in rows for one in row["labels"])
        return sum((one[0] if isinstance(one, tuple) else one) != IGNORED for one in labels)

    def _weighted_loss(self) -> Callable[..., Tensor]:
        return _weighted_loss

    def _compatibility(self) -> dict[str, Any]:
        return {"tags": self.tags, "scheme": self.scheme}

    def _trainer_metrics(self, evaluated: Any) -> dict[str, float]:
        logits = evaluated.predictions
        logits = logits[0] if isinstance(logits, tuple) else logits
        truth = evaluated.label_ids
        # The other column is the weight, and has made the classes floats.
        truth = truth[..., 0].astype(int) if truth.ndim == 3 else truth
        kept = [row != IGNORED for row in truth]
        guess = np.asarray(logits).argmax(-1)
        # Windows are measured here; a sentence cut into several counts as several.
        return self._compare(
            [self._tagset.decode(row[keep]) for row, keep in zip(truth, kept, strict=True)],
            [self._tagset.decode(row[keep]) for row, keep in zip(guess, kept, strict=True)],
        )

    # Inside.

    def _read(self, seams: Sequence[int], tags: Sequence[str]) -> list[Span]:
        """Return the spans of a sample whose sequences begin and end at units `seams`."""
        first = seams[0]
        return [
            Span(start - first + span.start, start - first + span.end, span.label)
            for start, stop in pairwise(seams)
            for span in spans_of(tags[start - first : stop - first], self.scheme, repair=True)
        ]

    def _guesses(
        self, units: Categorical, sequences: Sequence[Sequence[Marked]]
    ) -> list[list[str]]:
        """Return the likeliest IOB2 tags of every sequence, by the committee's average."""
        best = units.mean_probs.argmax(-1).cpu().numpy()  # M
        guesses, first = [], 0
        for parts in sequences:
            for part in parts:
                guesses.append(self._tagset.decode(best[first : first + len(part.words)]))
                first += len(part.words)
        return guesses

    def _spans_in(
        self,
        units: Categorical,
        samples: Sequence[Any],
        sequences: Sequence[Sequence[Marked]] | None = None,
    ) -> Tensor:
        if sequences is None:
            sequences = [self._sequences(one, f"row {row}") for row, one in enumerate(samples)]
        guesses = iter(self._guesses(units, sequences))
        numbers: list[int] = []
        for parts in sequences:
            count = 0
            for part in parts:
                found = [-1] * len(part.words)
                for span in spans_of(next(guesses)):
                    found[span.start : span.end] = [count] * (span.end - span.start)
                    count += 1
                numbers += found
        return torch.tensor(numbers, dtype=torch.int64)

    def _evaluated(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        samples, labels = paired(samples, labels)
        check_training_set(samples, labels, None)
        truth = [
            tags
            for row, (sample, label) in enumerate(zip(samples, labels, strict=True))
            for tags in self._tags_of(sample, label, f"row {row}")
        ]
        sequences: Sequence[Sequence[Marked]]
        if self._ensemble is not None:
            sequences = [self._sequences(one, f"row {row}") for row, one in enumerate(samples)]
            joint = self._ensemble.predict(samples)
            assert isinstance(joint, Ragged)
            assert isinstance(joint.units, Categorical)
            units = joint.units
        else:
            draws, sequences = self._draws(samples, None)
            units = Categorical.from_logits(draws.logits)
        return self._compare(truth, self._guesses(units, sequences))

    # Hooks that a subclass fills in.

    @abstractmethod
    def _sequences(self, sample: Any, where: str) -> list[Marked]:
        """Return the sequences of words that a sample is tagged in."""

    @abstractmethod
    def _tags_of(self, sample: Any, label: Any, where: str) -> list[list[str]]:
        """Return the IOB2 tags of each of the sample's sequences, checked."""

    @abstractmethod
    def _fields(
        self, samples: Sequence[Any], sequences: Sequence[Sequence[Marked]]
    ) -> dict[str, Any]:
        """Return further fields of the prediction, one row for each word."""

    @abstractmethod
    def _compare(
        self, truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]]
    ) -> dict[str, float]:
        """Return the metrics of IOB2 tags against IOB2 tags."""


def _weighted_loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
    logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    classes, weights = labels[..., 0].long(), labels[..., 1]
    kept = classes != IGNORED
    values = nn.functional.cross_entropy(logits[kept], classes[kept], reduction="none")
    # Trainer counts both columns of each labelled word.
    count = kept.sum() if num_items_in_batch is None else num_items_in_batch / 2
    return (values * weights[kept]).sum() / count
