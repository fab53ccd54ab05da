"""Text lines by a committee of recognisers: callables, Hugging Face models, trainable networks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor, nn

from altasks._internal.ahead import default_workers
from altasks._internal.numbers import require_whole
from altasks._internal.settings import write_settings
from altasks.abilities import Embeds, StartsRounds, provides
from altasks.errors import CommitteeError, InvalidInputError, UnreadableSampleError, invalid
from altasks.predictions import Prediction, Transcripts
from altasks.report.consensus import Consensus
from altasks.tasks._shared.checkpoints import pick_device, require_directory
from altasks.tasks._shared.trainer import check_arguments, check_training_set
from altasks.tasks._shared.wrappers import widen
from altasks.tasks.ocr.crnn import CRNN
from altasks.tasks.ocr.description import describe_readings, rates_of, vote_on
from altasks.tasks.ocr.folds import folds_of, member_seed, train_member
from altasks.tasks.ocr.lines import (
    CHARACTERS_PER_HEIGHT,
    Form,
    as_line,
    describe_characters,
    open_lines,
    rows_of,
    unreadable_lines,
    width_at,
)
from altasks.tasks.ocr.member_sources import (
    SETTINGS,
    networks_like,
    sources_of,
    with_alphabet,
)
from altasks.tasks.ocr.readers import (
    CRNNReader,
    Reading,
    SaysIfJoint,
    as_transcripts,
    in_form,
    readers_of,
)

if TYPE_CHECKING:
    from PIL.Image import Image


class OCR:
    """Lines of text, read by a committee; asked for are the lines it reads most differently.

    Reul, Springmann, Wick and Puppe 2018, "Improving OCR accuracy on early printed books by
    combining pretraining, voting, and active learning". A sample is the image of one line: a
    path, a PIL image, an array, or a mapping with `image`. A label is its text.

    A member is one of

    - a `CRNN`, which `fit` trains;
    - a callable that takes a list of RGB images (PIL) and returns as many texts, or (text,
      confidence from 0 to 1): any engine there is, such as `Tesseract("deu")`;
    - an `ImageToText`: a Hugging Face checkpoint, for one member, or one for each beam, sample or
      pass with dropout;
    - a path: a folder that `OCR.save` or `CRNN.save` wrote, EasyOCR's `english_g2.pth`, or a
      Hugging Face checkpoint.

    Args:
        model: one member, from which `committee` makes several.
        members: a list of members, instead of `model`.
        committee: how many copies of `model`, a `CRNN`, `fit` trains, each on other lines.
        alphabet: the characters that the networks write. With pretrained ones, known characters
            keep their outputs and new ones are grafted on. Alone, without model and members, it
            makes a new `CRNN`.
        extend_alphabet: whether a label may bring new characters, which `fit` then grafts on;
            else they are an error that names them.
        beam: how many prefixes a beam search keeps when a `CRNN` is read; None: greedy.
        normalize: the Unicode form of labels and readings; None leaves them as they are.
        augment: a function from an image (PIL, RGB) to another, which each learned line goes
            through anew in each epoch. Python's, NumPy's and torch's generators are seeded then.
        training_args: a `transformers.TrainingArguments`, which is passed on as it is (only the
            seed is each fit's own; early stopping needs its `eval_strategy`), or a mapping of
            settings over the defaults, or None.
        callbacks: `transformers.TrainerCallback`s, passed on to each member's training.
        warm_start: whether a `fit` goes on from the last one's weights instead of starting again.
        device: where networks work, and checkpoints given by path. By default the first one's own,
            and of a checkpoint the GPU if there is one.
        batch_size: lines through a network at once; `predict` takes any number.

    Raises:
        InvalidInputError: for no member, or one that is none of those above.

    Example:
        >>> task = OCR(members=[lambda images: ["cat"] * len(images),
        ...                     lambda images: [("cut", 0.9)] * len(images)])
        >>> from PIL import Image
        >>> task.predict([Image.new("L", (60, 20))]).texts
        (('cat', 'cut'),)
    """

    name = "ocr"
    default_strategy = "top_k"
    main_metric = "cer"

    def __init__(
        self,
        model: Any = None,
        *,
        members: Sequence[Any] | None = None,
        committee: int | None = None,
        alphabet: Sequence[str] | None = None,
        extend_alphabet: bool = False,
        beam: int | None = None,
        normalize: Form | None = "NFC",
        augment: Callable[[Image], Image] | None = None,
        training_args: Any = None,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        device: torch.device | str | None = None,
        batch_size: int = 16,
    ) -> None:
        if normalize is not None and normalize not in get_args(Form):
            raise invalid("normalize", "None, 'NFC', 'NFD', 'NFKC' or 'NFKD'", repr(normalize))
        batch_size = require_whole("batch_size", batch_size, 1)
        beam = None if beam is None else require_whole("beam", beam, 1)
        check_arguments(training_args)
        self.normalize = normalize
        self.extend_alphabet = extend_alphabet
        self.augment = augment
        self.training_args = training_args
        self.callbacks = callbacks
        self.warm_start = warm_start
        sources = sources_of(model, members, committee, alphabet, device=device)
        networks = [source for source in sources if isinstance(source, CRNN)]
        # [network] * 3 is a committee of copies too.
        repeated = len({id(network) for network in networks}) < len(networks)
        if alphabet is not None and networks:
            sources = with_alphabet(sources, alphabet)
            networks = [source for source in sources if isinstance(source, CRNN)]
        first = networks[0] if networks else nn.LayerNorm(1)  # on the CPU, and draws nothing
        self.device = pick_device(device, first, loaded=False)
        self._readers = readers_of(sources, self.device, batch_size=batch_size, beam=beam)
        # Every fit starts from these, the networks as they were given.
        self._starts = [copy.deepcopy(reader.model).cpu() for reader in self._trained]
        self._copies = repeated or (committee is not None and committee > 1)
        self._fitted = False
        self.default_acquisition = "edit_disagreement" if self.members > 1 else "mnlp"

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        return sum(reader.members for reader in self._readers)

    @property
    def networks(self) -> list[CRNN]:
        """The members that `fit` trains, as they are now."""
        return [reader.model for reader in self._trained]

    @property
    def alphabet(self) -> tuple[str, ...] | None:
        """The characters that every network can write; None if there is no network."""
        if not self.networks:
            return None
        common = set.intersection(*(set(one.alphabet) for one in self.networks))
        return tuple(one for one in self.networks[0].alphabet if one in common)

    @property
    def joint_draws(self) -> bool:
        """Whether member k is one function over all samples: not if it draws at random."""
        return all(reader.joint for reader in self._readers if provides(reader, SaysIfJoint))

    def start_round(self, round: int) -> None:
        """Tell members that draw at random which round it is."""
        for reader in self._readers:
            if provides(reader, StartsRounds):
                reader.start_round(round)

    def read(self, samples: Sequence[Any]) -> list[list[Reading]]:
        """Return K readings of each sample, with confidences where members have them.

        Raises:
            UnreadableSampleError: naming every sample that can't be opened, has no pixel, or that
                a member fails on.
        """
        if self._copies:
            raise CommitteeError(
                f"OCR(committee={self.members}): its members are copies of one network until fit() "
                "has trained each on other lines, so they can't disagree yet. Fit first, or give "
                "different networks: members=[...]."
            )
        images = open_lines(samples)
        result: list[list[Reading]] = [[] for _ in images]
        unreadable: dict[int, str] = {}
        for reader in self._readers:
            try:
                readings = reader.read(images)
            except UnreadableSampleError as error:
                unreadable = {**error.rows, **unreadable}
                continue
            for row, one in zip(result, readings, strict=True):
                row += [in_form(reading, self.normalize) for reading in one]
        if unreadable:
            raise unreadable_lines(dict(sorted(unreadable.items())))
        return result

    @property
    def workers(self) -> int:
        """How many threads open lines while others are read: one a processor, at most 4."""
        return default_workers()

    def open_sample(self, sample: Any) -> Image:
        """Return a line as an upright RGB image, which `predict` and `embed` take in its place.

        Raises:
            UnreadableSampleError: if it can't be opened, or has no pixel.
        """
        return open_lines([sample])[0]

    def predict(self, samples: Sequence[Any]) -> Transcripts:
        """Return the committee's readings, with log probabilities if every member has them.

        A network's is the total over all paths that spell its reading, a function's the log of
        its confidence, at least that of 1e-30.

        Raises:
            UnreadableSampleError: as `read`.
        """
        return as_transcripts(self.read(samples), self.members)

    def vote(self, samples: Sequence[Any]) -> list[Consensus]:
        """Return the committee's consensus, voted by the confidences of single characters."""
        return vote_on(self.read(samples), self.members)

    def embed(self, samples: Sequence[Any]) -> Tensor:
        """Return features of the first member that has any, `[n, d]`, on the CPU.

        Raises:
            InvalidInputError: if all members are functions.
        """
        for reader in self._readers:
            if provides(reader, Embeds):
                return torch.as_tensor(reader.embed(open_lines(samples)))
        raise invalid("embed", "a member with features: a CRNN or an ImageToText", "functions")

    def size(self, sample: Any) -> int:
        """Return the line's width at a height of 64 pixels, from the head of its file."""
        return width_at(sample, 64)

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return the number of characters to type: of the prediction, or by the line's width.

        The mean length of the readings; without a prediction, three characters for each square
        of the line.
        """
        if prediction is None:
            return max(1.0, float(round(CHARACTERS_PER_HEIGHT * width_at(sample, 64) / 64)))
        assert isinstance(prediction, Transcripts)
        return max(1.0, sum(map(len, prediction.texts[0])) / prediction.members)

    def check_label(self, label: Any) -> str:
        """Return the text as the store keeps it: one line, in the Unicode form.

        Raises:
            InvalidInputError: if it isn't one, or naming the characters outside the alphabet.
        """
        text = as_line(label, self.normalize)
        known = self.alphabet
        if known is not None and not self.extend_alphabet:
            unknown = sorted(set(text) - set(known))
            if unknown:
                raise invalid(
                    "label",
                    f"the {len(known)} characters of the alphabet",
                    describe_characters(unknown),
                    hint="Name all in alphabet=, or let labels bring new ones: "
                    "extend_alphabet=True.",
                )
        return text

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
        """Train the networks, each on other lines, through `transformers.Trainer`.

        As in Reul et al. 2018: the lines are parted into K folds; member k learns from all but
        fold k, is stopped when it no longer reads fold k better, and has the weights with which it
        read it best. A committee of one learns from all lines, for all epochs. Members that are no
        networks stay as they are.

        Args:
            samples: as `predict` takes them.
            labels: one text for each.
            seed: of everything random in the fit.
            weights: how much each line counts in the loss, relative to the others.
            valid: (samples, labels) to stop by; then every member learns from all `samples`.
            unlabelled: not used by this task.

        Raises:
            InvalidInputError: if no member can be trained, or a label can't be one, naming its
                row.
            UnreadableSampleError: for samples that can't be opened.
        """
        del unlabelled
        scaled = check_training_set(samples, labels, weights)
        if not self.networks:
            raise invalid("fit", "at least one member that can be trained (a CRNN)", "none")
        texts = self._texts(labels)
        images = open_lines(samples)
        held: tuple[list[Any], list[str]] = ([], [])
        if valid is not None:
            check_training_set(valid[0], valid[1], None)
            held = open_lines(valid[0]), self._texts(valid[1])
        ones = None if scaled is None else [1.0] * len(held[0])
        fresh = self._started(seed, {*"".join([*texts, *held[1]])})
        # Every label is looked at before any member is changed.
        rows = [rows_of(images, texts, scaled, model) for model in fresh]
        stops = [rows_of(*held, ones, model) for model in fresh]
        folds = folds_of(len(texts), len(fresh), member_seed(seed, -1))
        for k, reader in enumerate(self._trained):
            out = set() if valid is not None else set(folds[k % len(folds)])
            reader.model = fresh[k].to(self.device)
            train_member(
                reader.model,
                [row for place, row in enumerate(rows[k]) if place not in out],
                stops[k] or [row for place, row in enumerate(rows[k]) if place in out],
                arguments=self.training_args,
                device=self.device,
                seed=member_seed(seed, k),
                augment=self.augment,
                callbacks=self.callbacks,
            )
            reader.model.untrained = []
        self._fitted, self._copies = True, False

    def start_over(self) -> None:
        """Forget all training: the next `fit` starts from the first weights, however warm."""
        self._fitted = False

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return error rates of the vote and of its members; see `altasks.report.error_rates`.

        Returns:
            `cer` and `wer` of the consensus with the ends of their 95% intervals, `exact` (the
            share of lines without an error), and `member_cer` and `member_wer`, the members'
            rates on average. Texts are compared in the task's Unicode form.
        """
        check_training_set(samples, labels, None)
        truths = [as_line(one, self.normalize, argument=f"labels[{i}]")
                  for i, one in enumerate(labels)]  # fmt: skip
        return rates_of(self.read(samples), truths, self.members, self.normalize)

    def save(self, directory: Path | str) -> None:
        """Write every network (safetensors, JSON) into a folder of its own, and altasks.json.

        Members that are no networks are not written: they must be given again.
        """
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        for k, model in enumerate(self.networks):
            model.save(folder / f"member-{k}")
        settings = {"task": self.name, "networks": len(self.networks), "members": self.members}
        write_settings(folder / SETTINGS, settings)

    def load(self, directory: Path | str) -> None:
        """Read back, in place, the networks that `save` wrote.

        The next `fit` still starts from the weights this task was made with.

        Raises:
            InvalidInputError: if the folder is not one, or is of another committee.
        """
        folder = require_directory(directory, (SETTINGS,))
        models = networks_like(self.networks, folder, extend_alphabet=self.extend_alphabet)
        for reader, model in zip(self._trained, models, strict=True):
            reader.model = model.to(self.device)
        self._fitted, self._copies = True, False

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the readings, their consensus, and how many agree on each character."""
        del sample
        assert isinstance(prediction, Transcripts)
        return describe_readings(prediction)

    def picture(self, sample: Any, description: Mapping[str, Any]) -> Image:
        """Return the line with the readings under it, what differs from the consensus coloured."""
        from altasks.tasks.ocr.picture import draw_readings

        return draw_readings(open_lines([sample])[0], description)

    # Inside.

    @property
    def _trained(self) -> list[CRNNReader]:
        return [reader for reader in self._readers if isinstance(reader, CRNNReader)]

    def _texts(self, labels: Sequence[Any]) -> list[str]:
        texts = []
        for row, label in enumerate(labels):
            try:
                texts.append(self.check_label(label))
            except InvalidInputError as error:
                error.add_note(f"It is the label in row {row}.")
                raise
        return texts

    def _started(self, seed: int, characters: set[str]) -> list[CRNN]:
        """Return the networks a fit begins with, able to write all of `characters`."""
        going_on = self.warm_start and self._fitted
        fresh = []
        for k, model in enumerate(self.networks if going_on else self._starts):
            new = sorted(characters - set(model.alphabet))
            started = (
                model.with_alphabet([*model.alphabet, *new], seed=member_seed(seed, k))
                if new
                else copy.deepcopy(model)
            )
            widen(started, warn=k == 0)  # small steps are rounded away in half precision
            if not going_on:
                started.draw(member_seed(seed, k))
            fresh.append(started)
        return fresh
