"""Sentences of words to batches and back: each word gets exactly one place in one window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from altasks._internal.arrays import as_list
from altasks._internal.numbers import is_whole
from altasks.errors import invalid
from altasks.tasks._shared.texts import pad
from altasks.tasks._tagging.windows import cut


@dataclass(frozen=True)
class Marked:
    """Words to tag, one of which may be marked: the predicate whose arguments are asked for."""

    words: tuple[str, ...]
    mark: int | None = None


@dataclass(frozen=True, eq=False)
class Window:
    """A part of one sequence that fits into the model.

    Attributes:
        row: which sequence it is of.
        inputs: the tokenizer's names to a list of numbers.
        start: the first word this window answers for.
        places: the position in `inputs` of the first sub-token of each of those words.
    """

    row: int
    inputs: dict[str, list[int]]
    start: int
    places: list[int]


@dataclass(frozen=True, eq=False)
class WordBatch:
    """Windows ready for the model.

    Attributes:
        inputs: the model's, each `[n, L]`.
        windows: which of the batch each word is in, `[m]`.
        places: at which token, `[m]`.
        words: the word's number among all words of the request, `[m]`.
    """

    inputs: dict[str, Tensor]
    windows: Tensor
    places: Tensor
    words: Tensor


@dataclass(frozen=True, eq=False)
class EncodedWords:
    """Sequences as windows, with how many words each has."""

    windows: list[Window]
    lengths: list[int]


class WordEncoder:
    """Tokenises words and makes windows and padded batches of them.

    A word is read at its first sub-token. A word the tokenizer makes nothing of (an empty one, a
    non-breaking space) stands in the sentence as the unknown token, so no word is lost. Text that
    looks like a special token is text.

    A sentence of more tokens than the model reads becomes overlapping windows. Neighbours share
    at least `overlap` tokens (and whole words); a shared word is answered for by the window in
    which it stands farther from the cut. So a word of s tokens has at least `(overlap - s) / 2`
    tokens of context on either side, or all there are.

    Padding always stands on the right, where it moves no token: on the left, a model that counts
    positions would give a sentence other tags in longer company.

    Args:
        tokenizer: a fast Hugging Face tokenizer.
        max_length: the most tokens the model reads.
        overlap: how many tokens neighbouring windows share; None: a quarter of `max_length`.
        kinds: how many token types the model tells apart, whatever the tokenizer says.

    Raises:
        InvalidInputError: for a slow tokenizer, or an overlap that leaves no room.
    """

    def __init__(
        self, tokenizer: Any, max_length: int, overlap: int | None = None, *, kinds: int = 2
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise invalid(
                "tokenizer",
                "a fast tokenizer, which says what word each token is of",
                f"{type(tokenizer).__name__}, which doesn't",
                hint="Load it with AutoTokenizer (use_fast=True), or convert it with "
                "transformers.convert_slow_tokenizer.",
            )
        self.tokenizer = tokenizer
        self.max_length = max_length
        self._frame = _Frame(tokenizer, kinds)
        self._fallback = next(
            (
                int(number)
                for number in (
                    tokenizer.unk_token_id,
                    tokenizer.mask_token_id,
                    tokenizer.pad_token_id,
                    tokenizer.eos_token_id,
                )
                if number is not None
            ),
            0,
        )
        self._forbidden = {*map(int, tokenizer.all_special_ids)} - {self._fallback}
        self._prefix = self._space_before_words()
        room = max_length - self._frame.width(marked=False)
        if overlap is not None and not is_whole(overlap, 0, room // 2):
            raise invalid("overlap", f"0 to {room // 2} tokens, half a window", repr(overlap))
        self.overlap = room // 4 if overlap is None else int(overlap)

    @property
    def marks(self) -> bool:
        """Whether a marked word differs from an equal one."""
        return self._frame.marks

    def _space_before_words(self) -> str:
        """Return what must stand before a word for it to be read as in running text.

        Byte-level BPE tells "word" from " word", unless it adds the space itself; others drop the
        space, or add one of their own.
        """

        def ids(text: Any, **options: Any) -> list[int]:
            encoded = self.tokenizer(text, add_special_tokens=False, **options)
            return [int(number) for number in encoded["input_ids"]]

        bare = ids(["word"], is_split_into_words=True)
        spaced = ids([" word"], is_split_into_words=True)
        running = ids("word word")
        return " " if spaced != bare and running[-len(spaced) :] == spaced else ""

    def _tokenise(self, sequences: Sequence[Marked]) -> list[list[list[int]]]:
        """Return the tokens of every word: sequence -> word -> at least one token."""
        encoded = self.tokenizer(
            [[self._prefix + word for word in sequence.words] for sequence in sequences],
            is_split_into_words=True,
            add_special_tokens=False,
            split_special_tokens=True,
            verbose=False,
        )
        result = []
        for row, sequence in enumerate(sequences):
            tokens: list[list[int]] = [[] for _ in sequence.words]
            for number, word in zip(encoded["input_ids"][row], encoded.word_ids(row), strict=True):
                # Unigram knows "</s>" as a piece of text too; it may not end a sentence there.
                tokens[word].append(self._fallback if number in self._forbidden else number)
            result.append([part or [self._fallback] for part in tokens])
        return result

    def encode(self, samples: Sequence[Sequence[Marked]]) -> EncodedWords:
        """Return the windows of all sequences of all samples.

        Raises:
            InvalidInputError: for a word of more tokens than a window has room for.
        """
        sequences = [part for parts in samples for part in parts]
        owners = [row for row, parts in enumerate(samples) for _ in parts]
        windows: list[Window] = []
        if sequences:
            for row, tokens in enumerate(self._tokenise(sequences)):
                windows += self._windows(row, owners[row], sequences[row], tokens)
        return EncodedWords(windows, [len(sequence.words) for sequence in sequences])

    def check(self, samples: Sequence[Sequence[Marked]]) -> None:
        """Refuse what `encode` would refuse, tokenising only what may be at fault.

        Raises:
            InvalidInputError: as `encode`.
        """
        for row, parts in enumerate(samples):
            for part in parts:
                if max(map(_most_tokens, part.words)) > self.max_length // 8:
                    self._windows(0, row, part, self._tokenise([part])[0])

    def _windows(
        self, row: int, owner: int, sequence: Marked, tokens: list[list[int]]
    ) -> list[Window]:
        mark = None if sequence.mark is None else tokens[sequence.mark]
        room = self.max_length - self._frame.width(marked=mark is not None) - len(mark or ())
        sizes = [len(part) for part in tokens]
        # So short that a window which shares `overlap` tokens with the last still gets on.
        most = (room - self.overlap + 1) // 2 if sum(sizes) > room else room
        for word, size in enumerate(sizes):
            if size > most:
                text = sequence.words[word]
                raise invalid(
                    "samples",
                    f"words of at most {most} tokens, which leave room for their neighbours among "
                    f"the {self.max_length} that the model reads",
                    f"one of {size} tokens, {text[:40]!r}{'...' if len(text) > 40 else ''}",
                    where=f"row {owner}, word {word}",
                    hint="Shorten it (a URL, a hash), or give a smaller overlap=.",
                )
        windows = []
        for (first, last), (start, stop) in zip(*cut(sizes, room, self.overlap), strict=True):
            inputs, places = self._frame.fill(tokens[first:last], mark, sequence.mark, first)
            windows.append(Window(row, inputs, start, places[start - first : stop - first]))
        return windows

    def batches(self, encoded: EncodedWords, batch_size: int) -> list[WordBatch]:
        """Return batches of windows of like length, the longest first."""
        starts = torch.tensor([0, *encoded.lengths]).cumsum(0).tolist()
        windows = sorted(encoded.windows, key=lambda window: -len(window.inputs["input_ids"]))
        return [
            self._batch(windows[first : first + batch_size], starts)
            for first in range(0, len(windows), batch_size)
        ]

    def _batch(self, windows: Sequence[Window], starts: Sequence[int]) -> WordBatch:
        counts = torch.tensor([len(window.places) for window in windows])
        first = torch.tensor([starts[window.row] + window.start for window in windows])
        inside = torch.cat([torch.arange(count) for count in counts.tolist()])
        return WordBatch(
            pad(self.tokenizer, [window.inputs for window in windows], side="right"),
            torch.arange(len(windows)).repeat_interleave(counts),
            torch.tensor([place for window in windows for place in window.places]),
            first.repeat_interleave(counts) + inside,
        )


class _Frame:
    """The special tokens around the words, and the marked word repeated after them."""

    def __init__(self, tokenizer: Any, kinds: int) -> None:
        self._one = _around(tokenizer, ["a"])
        self._two = _around(tokenizer, ["a", "a"])
        # A tokenizer may say two kinds where the model knows one (DeBERTa) or none (DistilBERT).
        self.typed = kinds > 1 and self._two[1][0] != self._two[1][1]
        # The marked word stands in quotes, whatever its kind: fine-tuned on 75 made-up sentences,
        # MiniLM found roles with an F1 of 0.92 by both, and of 0.60 by the kind alone.
        quote = next(
            (
                number
                for number in (
                    tokenizer.sep_token_id,
                    tokenizer.eos_token_id,
                    tokenizer.cls_token_id,
                    tokenizer.bos_token_id,
                    tokenizer.mask_token_id,
                    tokenizer.unk_token_id,
                )
                if number is not None
            ),
            None,
        )
        self.marks = self.typed or quote is not None
        self._quote = [] if quote is None else [int(quote)]

    def width(self, *, marked: bool) -> int:
        """Return how many tokens there are beside the words and the repeated one."""
        if not marked:
            return sum(map(len, self._one[0]))
        return sum(map(len, self._two[0])) + 2 * len(self._quote)

    def fill(
        self,
        tokens: Sequence[Sequence[int]],
        mark: Sequence[int] | None,
        at: int | None,
        first: int,
    ) -> tuple[dict[str, list[int]], list[int]]:
        """Return the inputs of a window, and the place of each of its words.

        Args:
            tokens: of each word.
            mark: the tokens of the marked word of the sentence, which need not be in the window.
            at: the number of the marked word in the sentence.
            first: the number of the window's first word.
        """
        around, types = self._one if mark is None else self._two
        ids = list(around[0])
        kinds = [types[0]] * len(ids)
        places = []
        for word, part in enumerate(tokens, first):
            around_it = self._quote if word == at else []
            places.append(len(ids) + len(around_it))
            ids += [*around_it, *part, *around_it]
            # Where the model tells two kinds of token apart, the marked word is of the other.
            kinds += [types[1] if word == at else types[0]] * (len(part) + 2 * len(around_it))
        ids += around[1]
        kinds += [types[0]] * len(around[1])
        if mark is not None:
            ids += [*mark, *around[2]]
            kinds += [types[1]] * (len(mark) + len(around[2]))
        inputs = {"input_ids": ids, "attention_mask": [1] * len(ids)}
        if self.typed:
            inputs["token_type_ids"] = kinds
        return inputs, places


def _around(tokenizer: Any, parts: Sequence[str]) -> tuple[list[list[int]], tuple[int, int]]:
    """Return the special tokens before, between and after the parts, and the kinds of both."""
    encoded = tokenizer(*parts, return_special_tokens_mask=True, verbose=False)
    pieces: list[list[int]] = [[]]
    inside = False
    for number, special in zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
        if special:
            pieces[-1].append(number)
        elif not inside:
            pieces.append([])
        inside = not special
    # Without special tokens nothing tells the parts apart, and nothing stands between them.
    pieces += [[] for _ in range(len(parts) + 1 - len(pieces))]
    kinds = encoded.get("token_type_ids") or [0]
    return pieces, (kinds[0], kinds[-1])


def as_words(value: Any, where: str) -> tuple[str, ...]:
    """Return a pre-split sentence as words.

    Raises:
        InvalidInputError: if it is none, or has no word.
    """
    value = as_list(value)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise invalid("samples", "a list of words", f"{value!r}", where=where)
    words = tuple(value)
    for place, word in enumerate(words):
        if not isinstance(word, str):
            raise invalid(
                "samples",
                "words (str)",
                f"{word!r} ({type(word).__name__})",
                where=f"{where}, word {place}",
            )
        check_unicode(word, f"{where}, word {place}")
    if not words:
        raise invalid(
            "samples",
            "sentences of at least one word",
            "an empty sentence",
            where=where,
            hint="Leave it out, or skip its id.",
        )
    return words


def check_unicode(text: str, where: str) -> None:
    """Refuse half of a surrogate pair, which no tokenizer can read."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise invalid(
            "samples",
            "text of valid Unicode",
            f"half of a surrogate pair, {text[error.start]!r}, at character {error.start}",
            where=where,
            hint="Was the file read with errors='surrogateescape', or cut in the middle?",
        ) from error


def _most_tokens(word: str) -> int:
    """Return a bound on a word's tokens.

    A token is at least a byte of the normalised text, beside a mark of the word's beginning. ASCII
    stays as it is; no character's NFKC form has more than 33 bytes (U+FDFA).
    """
    return 1 + len(word) * (1 if word.isascii() else 33)
