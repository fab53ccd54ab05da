"""Windows of words as a training set: the class that each token learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from altasks.tasks._shared.texts import pad
from altasks.tasks._tagging.words import Window

#: Label of a token that has none, as torch's cross-entropy and transformers have it.
IGNORED = -100


def label_tokens(windows: Sequence[Window], tags: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return each window with the class of each token: that of its word, or `IGNORED`.

    A word in two windows is learned in one of them: the one that answers for it.
    """
    rows = []
    for window in windows:
        labels = [IGNORED] * len(window.inputs["input_ids"])
        for word, place in enumerate(window.places, window.start):
            labels[place] = tags[window.row][word]
        rows.append({**window.inputs, "labels": labels})
    return rows


class WordCollator:
    """Pads windows and their labels to the longest of the batch, on the right.

    Args:
        tokenizer: whose padding token is used.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return tensors `[n, L]`; labels `[n, L, 2]`, class and weight, if they are pairs.

        Both are ignored together, so Trainer counts two entries for each labelled word.
        """
        names = [name for name in rows[0] if name != "labels"]
        inputs = [{name: list(row[name]) for name in names} for row in rows]
        batch = pad(self.tokenizer, inputs, side="right")
        values = [torch.tensor(row["labels"]) for row in rows]
        labels = values[0].new_full((*batch["input_ids"].shape, *values[0].shape[1:]), IGNORED)
        for row, own in enumerate(values):
            labels[row, : len(own)] = own
        return {**batch, "labels": labels}
