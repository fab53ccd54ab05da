"""Sentences to batches: validated, tokenised once, padded as little as possible."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from altasks._internal.frames import as_rows
from altasks._internal.numbers import is_whole
from altasks.errors import invalid

#: A sentence, or the two of a pair.
Text = str | tuple[str, str]

#: One tokenised sentence: the tokenizer's names to a list of numbers.
Encoded = dict[str, list[int]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentences ready for the model, and which rows of the request they are."""

    rows: list[int]
    inputs: dict[str, Tensor]  # each n x L


def as_text(sample: Any, where: str) -> Text:
    """Return a sample as a sentence or a pair of them.

    Raises:
        InvalidInputError: if it is neither, or empty.
    """
    if isinstance(sample, Mapping):
        keys = set(sample)
        if "text" not in keys or not keys <= {"text", "text_pair"}:
            raise invalid(
                "samples",
                "a text, a pair of texts, or a mapping with the keys 'text' and 'text_pair'",
                f"a mapping with the keys {sorted(map(str, keys))}",
                where=where,
            )
        pair = sample.get("text_pair")
        sample = sample["text"] if pair is None else (sample["text"], pair)
    if isinstance(sample, list | tuple):
        if len(sample) != 2:
            raise invalid("samples", "a text or a pair of two", f"{len(sample)} parts", where=where)
        first, second = (_one_text(part, where) for part in sample)
        return first, second
    return _one_text(sample, where)


def _one_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise invalid("samples", "texts (str)", f"{value!r} ({type(value).__name__})", where=where)
    if not value.strip():
        raise invalid(
            "samples",
            "texts with at least one visible character",
            f"the empty text {value!r}",
            where=where,
            hint="Leave it out, or skip its id.",
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise invalid(
                "samples",
                "texts of valid Unicode",
                f"half of a surrogate pair, {value[error.start]!r}, at character {error.start}",
                where=where,
                hint="Was the file read with errors='surrogateescape', or cut in the middle?",
            ) from error
    return value


def _as_texts(samples: Sequence[Any]) -> list[Text]:
    if isinstance(samples, str):  # its letters would pass for texts
        raise invalid("samples", "a list of texts", f"the text {samples[:80]!r}", hint="Use [...].")
    rows = as_rows(samples)
    texts = [as_text(sample, f"row {row}") for row, sample in enumerate(rows)]
    for row, text in enumerate(texts):
        if isinstance(text, str) is not isinstance(texts[0], str):
            raise invalid(
                "samples", "only texts or only pairs of texts", "both", where=f"row {row}"
            )
    return texts


def characters(text: Text) -> int:
    """Return the number of characters."""
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])


class TextEncoder:
    """Tokenises sentences and makes padded batches of them.

    Args:
        tokenizer: a Hugging Face tokenizer, fast or not.
        max_length: the most tokens a text may have.
        too_long: `"error"` refuses a longer one, `"truncate"` keeps its first `max_length`.
    """

    def __init__(
        self, tokenizer: Any, max_length: int, too_long: Literal["error", "truncate"]
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.too_long = too_long

    def _tokenise(self, texts: Sequence[Text], *, truncate: bool) -> list[Encoded]:
        firsts = [text if isinstance(text, str) else text[0] for text in texts]
        seconds = [text[1] for text in texts if isinstance(text, tuple)] or None
        encoded = self.tokenizer(
            firsts,
            seconds,
            truncation=truncate,
            max_length=self.max_length if truncate else None,
            padding=False,
            verbose=False,
        )
        names = [name for name, values in encoded.items() if len(values) == len(texts)]
        return [{name: encoded[name][row] for name in names} for row in range(len(texts))]

    def check(self, samples: Sequence[Any]) -> list[Text]:
        """Return the samples as texts, refusing empty ones and (if asked) those too long.

        Cheap enough to run over a whole pool before any work: only texts that have enough bytes
        to be too long are tokenised.

        Raises:
            InvalidInputError: naming the first row at fault.
        """
        texts = _as_texts(samples)
        if self.too_long == "error":
            limit = self.max_length - int(self.tokenizer.num_special_tokens_to_add(pair=True))
            rows = [row for row, text in enumerate(texts) if _most_tokens(text) > limit]
            for start in range(0, len(rows), 1000):
                part = rows[start : start + 1000]
                encoded = self._tokenise([texts[row] for row in part], truncate=False)
                self._require_length(encoded, part)
        return texts

    def _require_length(self, encoded: Sequence[Encoded], rows: Sequence[int]) -> None:
        for row, tokens in zip(rows, encoded, strict=True):
            length = len(tokens["input_ids"])
            if length > self.max_length:
                raise invalid(
                    "samples",
                    f"texts of at most {self.max_length} tokens, which is what the model reads",
                    f"{length} tokens",
                    where=f"row {row}",
                    hint="Split the text, or pass too_long='truncate' to read only its beginning.",
                )

    def encode(self, samples: Sequence[Any]) -> list[Encoded]:
        """Tokenise each sample once.

        Raises:
            InvalidInputError: naming the first row that is empty, too long, or not a text.
        """
        texts = _as_texts(samples)
        if not texts:
            return []
        encoded = self._tokenise(texts, truncate=self.too_long == "truncate")
        self._require_length(encoded, range(len(encoded)))
        return encoded

    def batches(self, encoded: Sequence[Encoded], batch_size: int) -> list[Batch]:
        """Return batches of texts of like length, each padded to its own longest.

        The longest come first, so that a batch that is too big for the memory fails at once.
        """
        order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row]["input_ids"]))
        chunks = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        return [Batch(rows, pad(self.tokenizer, [encoded[row] for row in rows])) for rows in chunks]


def _most_tokens(text: Text) -> int:
    """Return a bound on a text's tokens, special ones aside.

    A token is at least a byte of the text, as it is or in the form that some tokenizers bring it
    to (NFKC), beside a mark of the beginning.
    """
    parts = (text,) if isinstance(text, str) else text
    return sum(
        1 + max(len(form.encode()) for form in (part, unicodedata.normalize("NFKC", part)))
        for part in parts
    )


def pad(
    tokenizer: Any, encoded: Sequence[Encoded], *, side: Literal["left", "right"] | None = None
) -> dict[str, Tensor]:
    """Return tokenised texts as tensors `[n, L]`, padded to the longest on the tokenizer's side.

    Args:
        tokenizer: whose padding token is used.
        encoded: at least one.
        side: another side than the tokenizer's.
    """
    longest = max(len(tokens["input_ids"]) for tokens in encoded)
    left = (side or getattr(tokenizer, "padding_side", "right")) == "left"
    inputs = {}
    for name in encoded[0]:
        fill = _padding_value(tokenizer, name)
        padded = torch.full((len(encoded), longest), fill, dtype=torch.int64)  # n x L
        for row, tokens in enumerate(encoded):
            values = torch.tensor(tokens[name], dtype=torch.int64)
            start = longest - len(values) if left else 0
            padded[row, start : start + len(values)] = values
        inputs[name] = padded
    return inputs


def _padding_value(tokenizer: Any, name: str) -> int:
    if name == "input_ids":
        # Without a padding token any will do: the attention mask hides it.
        return int(tokenizer.pad_token_id or 0)
    if name == "token_type_ids":
        return int(getattr(tokenizer, "pad_token_type_id", 0))
    return 0


def longest_input(model: nn.Module, tokenizer: Any) -> int:
    """Return how many tokens the model can read, by its tokenizer and its position table."""
    limits = [512]
    config = getattr(model, "config", None)
    declared = [
        getattr(tokenizer, "model_max_length", None),
        getattr(config, "max_position_embeddings", None),
    ]
    # A tokenizer that knows no limit says 10^30.
    known = [int(value) for value in declared if isinstance(value, int) and 0 < value < 10**7]
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # RoBERTa and its kin count positions from padding_idx + 1.
            taken = 0 if module.padding_idx is None else module.padding_idx + 1
            known.append(module.num_embeddings - taken)
    return min(known or limits)


def most_read(max_length: Any, model: nn.Module, tokenizer: Any) -> int:
    """Return how many tokens a text may have: as many as were asked for, or as the model reads.

    Raises:
        InvalidInputError: for more than it reads, or too few for a text beside the special tokens.
    """
    reads = longest_input(model, tokenizer)
    if max_length is None:
        return reads
    least = int(tokenizer.num_special_tokens_to_add(pair=True)) + 1
    if not is_whole(max_length, least, reads):
        raise invalid("max_length", f"{least} to {reads}, which the model reads", f"{max_length!r}")
    return int(max_length)
