"""Readers of lines: networks, functions, engines; each gives one reading or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch

from altasks.committees.modes import evaluating
from altasks.errors import invalid
from altasks.predictions import Transcripts
from altasks.tasks.ocr.crnn import CRNN, steps_of
from altasks.tasks.ocr.ctc import greedy, prefix_beam, total_log_probs
from altasks.tasks.ocr.lines import Form, batch_of, normalised, to_pixels, unreadable_lines

if TYPE_CHECKING:
    from PIL.Image import Image

#: The log probability of a confidence of 0: logarithms must be finite.
LEAST_LOG = math.log(1e-30)


@dataclass(frozen=True)
class Reading:
    """One member's reading of one line.

    Attributes:
        text: what it reads.
        log_prob: the natural log of the probability that the text is right, as the member sees
            it; None if unknown.
        confidences: of each character, from 0 to 1, of an empty text as a whole; None if it
            unknown.
    """

    text: str
    log_prob: float | None = None
    confidences: tuple[float, ...] | None = None


@runtime_checkable
class LineReader(Protocol):
    """One or several members of a committee of readers."""

    @property
    def members(self) -> int:
        """How many readings it gives of each line."""
        ...

    def read(self, images: Sequence[Image]) -> list[list[Reading]]:
        """Return `members` readings of each image, RGB and upright."""
        ...


@runtime_checkable
class SaysIfJoint(Protocol):
    """A reader that may draw at random; one that doesn't say draws nothing."""

    @property
    def joint(self) -> bool:
        """Whether its readings are one function over all lines, whatever the batching."""
        ...


class FunctionReader:
    """A function from a list of images to a list of texts, or of (text, confidence).

    Args:
        function: what the user gave.
        member: its number in the committee, for errors.
    """

    members = 1

    def __init__(self, function: Callable[[list[Image]], Any], member: int) -> None:
        self.function = function
        self._where = f"member {member}, {_name_of(function)}"

    def read(self, images: Sequence[Image]) -> list[list[Reading]]:
        """Return one reading of each image.

        A function that fails on a batch is asked image by image, to find which it is.

        Raises:
            UnreadableSampleError: naming the images it fails on, or returns None for.
            InvalidInputError: if it returns something else than one text an image.
        """
        if not images:
            return []
        try:
            answers: Any = self.function(list(images))
        except Exception:  # a reader may raise anything; which image it was, we find out
            answers = self._one_by_one(images)
        readings = self._checked(answers, len(images))
        silent = {
            row: f"None from {self._where}" for row, one in enumerate(readings) if one is None
        }
        if silent:
            raise unreadable_lines(silent)
        return [[self._reading(one, row)] for row, one in enumerate(readings)]

    def _one_by_one(self, images: Sequence[Image]) -> list[Any]:
        answers: list[Any] = []
        failed: dict[int, str] = {}
        for row, image in enumerate(images):
            try:
                answer = self.function([image])
            except Exception as error:  # see above
                failed[row] = f"{self._where} raised {type(error).__name__}: {error}"
            else:
                answers += self._checked(answer, 1)
        if failed:
            raise unreadable_lines(failed)
        return answers

    def _checked(self, answers: Any, count: int) -> list[Any]:
        if isinstance(answers, np.ndarray) and answers.ndim == 1:
            answers = answers.tolist()
        if isinstance(answers, str) or not isinstance(answers, Sequence):
            found = "None" if answers is None else f"{answers!r} ({type(answers).__name__})"
            raise invalid("members", "a list of texts, one an image", found, where=self._where)
        if len(answers) != count:
            raise invalid(
                "members", f"{count} texts, one an image", f"{len(answers)}", where=self._where
            )
        return list(answers)

    def _reading(self, answer: Any, row: int) -> Reading:
        text, confidence = answer, None
        # As a list where the answer of an engine was JSON.
        if isinstance(answer, tuple | list) and len(answer) == 2:
            text, confidence = answer
        where = f"{self._where}, row {row}"
        if not isinstance(text, str):
            raise invalid("members", "a text, or (text, confidence)", repr(answer), where=where)
        text = str(text)  # NumPy's strings are strings of their own kind
        if confidence is None:
            return Reading(text)
        number = isinstance(confidence, int | float | np.number) and not isinstance(
            confidence, bool
        )
        if not number or not 0 <= confidence <= 1:
            raise invalid("members", "a confidence from 0 to 1", repr(confidence), where=where)
        sure = float(confidence)
        log = math.log(sure) if sure > math.exp(LEAST_LOG) else LEAST_LOG
        return Reading(text, log, (sure,) * max(1, len(text)))


class CRNNReader:
    """A `CRNN`, which gives one reading with the total probability of all its paths.

    Args:
        model: the recogniser; it stays the user's object.
        device: where it works.
        batch_size: lines through the model at once.
        beam: how many prefixes a beam search keeps; None: greedy.
    """

    members = 1

    def __init__(
        self, model: CRNN, device: torch.device, *, batch_size: int, beam: int | None
    ) -> None:
        self.model = model.to(device)
        self.device = device
        self.batch_size = batch_size
        self.beam = beam

    def read(self, images: Sequence[Image]) -> list[list[Reading]]:
        """Return one reading of each image, with its log probability and confidences."""
        result: list[list[Reading]] = [[] for _ in images]
        for rows, features, steps in self._batches(images):
            logs = self.model.output(features).float().log_softmax(-1).cpu()  # n x T x C
            decoded = [self._decoded(logs[i, : int(steps[i])]) for i in range(len(rows))]
            totals = total_log_probs(logs, steps, [path for path, _ in decoded]).tolist()
            for row, (path, sure), total in zip(rows, decoded, totals, strict=True):
                text = "".join(self.model.alphabet[symbol - 1] for symbol in path)
                count = max(1, len(path))
                each = sure or [math.exp(total / count)] * count
                result[row] = [Reading(text, total, tuple(each))]
        return result

    def _decoded(self, log_probs: torch.Tensor) -> tuple[list[int], list[float] | None]:
        """Return class numbers, and how sure of each: None where a beam search found others."""
        path, sure = greedy(log_probs)
        if self.beam is None:
            return path, sure
        best = prefix_beam(log_probs, self.beam)
        return best, sure if best == path else None

    def embed(self, images: Sequence[Image]) -> torch.Tensor:
        """Return the mean over time of the last layer's input, `[n, hidden]`, on the CPU."""
        embedded = torch.empty(len(images), self.model.hidden)
        for rows, features, steps in self._batches(images):
            inside = torch.arange(features.shape[1]) < steps[:, None]
            summed = (features.float().cpu() * inside.unsqueeze(-1)).sum(1)
            embedded[rows] = summed / steps[:, None]
        return embedded

    def _batches(self, images: Sequence[Image]) -> Any:
        """Yield (rows, features `[n, T, hidden]`, steps on the CPU), widest lines first."""
        lines = [to_pixels(image, self.model.height) for image in images]
        order = sorted(range(len(lines)), key=lambda row: -lines[row].shape[1])
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            pixels, widths = batch_of([lines[row] for row in rows])
            with torch.no_grad(), evaluating(self.model):
                features = self.model.features(pixels.to(self.device), widths.to(self.device))
                yield rows, features, steps_of(widths)


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def as_transcripts(readings: Sequence[Sequence[Reading]], members: int) -> Transcripts:
    """Return readings as a prediction, with log probabilities if all have them."""
    logs = [[one.log_prob for one in row] for row in readings]
    known = bool(logs) and all(value is not None for row in logs for value in row)
    return Transcripts(
        [[one.text for one in row] for row in readings],
        torch.tensor(logs, dtype=torch.float32).reshape(-1, members) if known else None,
    )


def in_form(reading: Reading, form: Form | None) -> Reading:
    """Return a reading in a Unicode form; None leaves it as it is."""
    text = reading.text if form is None else normalised(reading.text, form)
    if len(text) == len(reading.text):
        return Reading(text, reading.log_prob, reading.confidences)
    # Characters were joined or taken apart: how sure it was of each is no longer known.
    return Reading(text, reading.log_prob, None)


def readers_of(
    sources: Sequence[Any], device: torch.device, *, batch_size: int, beam: int | None
) -> list[LineReader]:
    """Return a reader for each source: a network, a reader, or a function.

    Args:
        sources: as `member_sources.sources_of` returns them.
        device: where networks work.
        batch_size: lines through a network at once.
        beam: how many prefixes a beam search keeps; None: greedy.
    """
    readers: list[LineReader] = []
    for source in sources:
        if isinstance(source, CRNN):
            readers.append(CRNNReader(source, device, batch_size=batch_size, beam=beam))
        elif isinstance(source, LineReader):
            readers.append(source)
        else:
            member = sum(reader.members for reader in readers)
            readers.append(FunctionReader(source, member))
    return readers
