"""Precision, recall and F1 of labelled spans."""

from __future__ import annotations

from collections.abc import Sequence

from altasks._extras import require
from altasks.data.tags import spans_of


def entity_metrics(
    truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Return precision, recall and F1 of whole entities, by seqeval, and the words' accuracy.

    Args:
        truth: IOB2 tags of each sentence.
        guess: the same.

    Example:
        >>> entity_metrics([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]])["f1"]
        0.6666666666666666
    """
    seqeval = require("seqeval.metrics.sequence_labeling", "text", "Measuring entities")
    true, found = [list(tags) for tags in truth], [list(tags) for tags in guess]
    micro = seqeval.precision_recall_fscore_support(true, found, average="micro", zero_division=0)
    names = {span.label for tags in (*true, *found) for span in spans_of(tags)}
    each = (
        seqeval.precision_recall_fscore_support(true, found, average=None, zero_division=0)[2]
        if names
        else []
    )
    pairs = [
        (a, b)
        for one, other in zip(true, found, strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    return {
        "precision": float(micro[0]),
        "recall": float(micro[1]),
        "f1": float(micro[2]),
        "accuracy": sum(a == b for a, b in pairs) / max(1, len(pairs)),
        **{f"f1_{name}": float(value) for name, value in zip(sorted(names), each, strict=True)},
    }
