"""Hugging Face image-to-text models as readers of lines: one member, or several of one model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_seed, isolated_torch
from altasks.committees.modes import dropout_firing, dropout_probabilities, evaluating
from altasks.errors import CommitteeError, invalid
from altasks.tasks._shared.checkpoints import pick_device, quiet, reading
from altasks.tasks.ocr.readers import Reading

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageToText:
    """A `VisionEncoderDecoderModel`, such as TrOCR, that reads lines; for `OCR(members=[...])`.

    It is read, not trained: fine-tune it elsewhere. A reading's log probability is the sum over
    its tokens, its end among them, as the model at rest gives them for that text.

    Only one of `beams`, `samples` and `passes` makes several members of it:

    - beams are the best texts that one search found: alternatives of one opinion, cheap, and
      near to each other by construction;
    - samples are texts drawn from the model;
    - passes are the best texts of as many draws of its dropout.

    Samples and passes are drawn anew for each batch, so they depend on the batching; beams and a
    single reading don't.

    Args:
        model: a local folder, a hub name, or a model object.
        processor: turns images into pixels and tokens into text (such as `TrOCRProcessor`); by
            default the one beside the model.
        beams: how many of the best texts of a beam search are members; its width as well.
        samples: how many draws are members.
        passes: how many passes with dropout are members.
        max_new_tokens: the longest text, in tokens.
        seed: of samples and passes, with the round.
        device: where to work. By default the model's own; for one loaded here, the GPU if there
            is one.
        batch_size: lines through the model at once.

    Raises:
        InvalidInputError: for several kinds of members, a model that can't be read, or one that
            is no such model.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Any,
        processor: Any = None,
        *,
        beams: int = 1,
        samples: int = 1,
        passes: int = 1,
        max_new_tokens: int = 128,
        seed: int = 0,
        device: torch.device | str | None = None,
        batch_size: int = 8,
    ) -> None:
        counts = {"beams": beams, "samples": samples, "passes": passes}
        for name, value in {**counts, "max_new_tokens": max_new_tokens,
                            "batch_size": batch_size}.items():  # fmt: skip
            require_whole(name, value, 1)
        several = [name for name, value in counts.items() if value > 1]
        if len(several) > 1:
            raise invalid(several[1], f"1 beside {several[0]}", repr(counts[several[1]]))
        self._kind = several[0] if several else "beams"
        self._members = counts[self._kind]
        loaded = isinstance(model, str | os.PathLike)
        if isinstance(model, str | os.PathLike):
            transformers = require("transformers", "ocr", "A Hugging Face model")
            with reading(model), quiet():
                name = os.fspath(model)
                processor = processor or transformers.AutoProcessor.from_pretrained(
                    name, trust_remote_code=False
                )
                model = transformers.AutoModelForImageTextToText.from_pretrained(
                    name, trust_remote_code=False
                )
        if not hasattr(model, "generate") or not hasattr(model, "decoder"):
            raise invalid(
                "model", "an encoder-decoder that generates text", type(model).__name__,
                hint="Wrap any other reader in a function from images to texts.",
            )  # fmt: skip
        if processor is None:
            raise invalid("processor", "what makes pixels of images, beside a model object", "None")
        self.model, self.processor = model, processor
        self.max_new_tokens = max_new_tokens
        self.seed, self.round = seed, 0
        self.batch_size = batch_size
        self.device = pick_device(device, model, loaded=loaded)
        self.model.to(self.device)
        if self._kind == "passes" and not any(dropout_probabilities(model).values()):
            raise CommitteeError(
                f"ImageToText(passes={passes}): every dropout probability in this "
                f"{type(model).__name__} is 0, so all passes would read the same. Use beams or "
                "samples."
            )

    @property
    def members(self) -> int:
        """How many readings it gives of each line."""
        return self._members

    @property
    def joint(self) -> bool:
        """Whether member k is one function over all samples: not where it is drawn."""
        return self._kind == "beams"

    def start_round(self, round: int) -> None:
        """Draw anew from (seed, round) from now on."""
        self.round = round

    def read(self, images: Sequence[Image]) -> list[list[Reading]]:
        """Return `members` readings of each image, with their log probabilities."""
        result: list[list[Reading]] = []
        with torch.no_grad():
            for start in range(0, len(images), self.batch_size):
                pixels = self._pixels(images[start : start + self.batch_size])
                tokens = self._tokens(pixels, start)  # n x K x L
                flat = tokens.flatten(0, 1)
                logs = self._log_probs(pixels.repeat_interleave(self.members, 0), flat)
                texts = self.processor.batch_decode(flat, skip_special_tokens=True)
                pairs = list(zip(texts, logs.tolist(), strict=True))
                result += [
                    [Reading(text, log) for text, log in pairs[row : row + self.members]]
                    for row in range(0, len(pairs), self.members)
                ]
        return result

    def embed(self, images: Sequence[Image]) -> Tensor:
        """Return the mean over the encoder's places, `[n, d]`, on the CPU."""
        parts = [torch.empty(0, self.model.config.encoder.hidden_size)]
        with torch.no_grad(), evaluating(self.model):
            for start in range(0, len(images), self.batch_size):
                pixels = self._pixels(images[start : start + self.batch_size])
                hidden = self.model.encoder(pixel_values=pixels).last_hidden_state
                parts.append(hidden.float().mean(1).cpu())
        return torch.cat(parts)

    def _pixels(self, images: Sequence[Image]) -> Tensor:
        made: Tensor = self.processor(images=list(images), return_tensors="pt").pixel_values
        kinds = (one.dtype for one in self.model.parameters() if one.is_floating_point())
        return made.to(self.device, next(kinds, made.dtype))

    def _tokens(self, pixels: Tensor, start: int) -> Tensor:
        """Return the tokens of each member's reading, `[n, K, L]`."""
        options = {"max_new_tokens": self.max_new_tokens, "do_sample": self._kind == "samples"}
        drawn = self.members if self._kind == "passes" else 1
        parts = []
        for k in range(drawn):
            seed = derive_seed(self.seed, "image-to-text", self.round, start, k)
            with self._mode(), isolated_torch(seed, self.device):
                beams = self.members if self._kind == "beams" else 1
                several = 1 if self._kind == "passes" else self.members
                parts.append(
                    self.model.generate(
                        pixels, num_beams=beams, num_return_sequences=several, **options
                    ).reshape(len(pixels), several, -1)
                )
        longest = max(part.shape[2] for part in parts)
        pad = self._special("pad_token_id")[0]
        return torch.cat(
            [
                torch.nn.functional.pad(part, (0, longest - part.shape[2]), value=pad)
                for part in parts
            ],
            1,
        )

    @contextmanager
    def _mode(self) -> Iterator[None]:
        with dropout_firing(self.model) if self._kind == "passes" else nullcontext():
            if self._kind == "passes":
                yield
            else:
                with evaluating(self.model):
                    yield

    def _log_probs(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        """Return the total log probability of each text, `[n]`, with its end but no padding."""
        with evaluating(self.model):
            logits = self.model(pixel_values=pixels, decoder_input_ids=tokens[:, :-1]).logits
        nexts = tokens[:, 1:]
        each = logits.float().log_softmax(-1).gather(-1, nexts.unsqueeze(-1)).squeeze(-1)
        ends = torch.isin(nexts, torch.tensor(self._special("eos_token_id"), device=nexts.device))
        after = (ends.cumsum(1) - ends.long()) > 0  # all that follows the first end
        total: Tensor = each.masked_fill(after, 0).sum(1).clamp(max=0)
        return total.cpu()

    def _special(self, name: str) -> list[int]:
        """Return the numbers of a special token: a text may have several that end it."""
        for source in (self.model.generation_config, self.model.config.decoder):
            value = getattr(source, name, None)
            if value is not None:
                return [int(one) for one in (value if isinstance(value, list) else [value])]
        raise invalid(
            "model", f"a generation_config with {name}", "none",
            hint=f"Set model.generation_config.{name}.",
        )  # fmt: skip
