"""Precision, recall and F1 of labelled spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from altasks._internal.extras import require
from altasks.data.tagging.tags import spans_of


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


def role_metrics(
    truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Return precision, recall and F1 of whole arguments, the micro average over frames.

    As in the shared task CoNLL-2005 (Carreras and Marquez 2005, "Introduction to the CoNLL-2005
    Shared Task: Semantic Role Labeling"): an argument is right if its words and its role are.
    `C-ARG1` is a further piece of the last `ARG1` before it, and without one is read as `ARG1`;
    all pieces must be right. `R-ARG1` is a role of its own. The predicate, `V`, is left out.

    Args:
        truth: IOB2 tags of each frame.
        guess: the same.

    Returns:
        `precision`, `recall`, `f1`, and `f1_ROLE` for each role that is at least a hundredth of
        the true arguments. 0 where nothing is to be divided by.

    Example:
        >>> role_metrics([["B-ARG0", "B-V", "B-ARG1"]], [["B-ARG0", "B-V", "B-ARG2"]])["f1"]
        0.5
    """
    true, found, right = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(truth, guess, strict=True):
        wanted, given = _arguments(one), _arguments(other)
        true.update(role for role, _ in wanted)
        found.update(role for role, _ in given)
        right.update(role for role, _ in wanted & given)
    total = _scores(true.total(), found.total(), right.total())
    frequent = sorted(role for role, count in true.items() if 100 * count >= true.total())
    return {
        **dict(zip(("precision", "recall", "f1"), total, strict=True)),
        **{f"f1_{role}": _scores(true[role], found[role], right[role])[2] for role in frequent},
    }


def _scores(true: int, found: int, right: int) -> tuple[float, float, float]:
    """Return precision, recall and F1."""
    return right / max(1, found), right / max(1, true), 2 * right / max(1, true + found)


def _arguments(tags: Sequence[str]) -> set[tuple[str, tuple[tuple[int, int], ...]]]:
    """Return the arguments of a frame: the role and the pieces, V left out."""
    pieces: list[list[tuple[int, int]]] = []
    roles: list[str] = []
    last: dict[str, int] = {}  # role -> the argument that a continuation would belong to
    for start, end, label in spans_of(tags):
        role = label.removeprefix("C-")
        if role == label or role not in last:
            last[role] = len(roles)
            roles.append(role)
            pieces.append([])
        pieces[last[role]].append((start, end))
    return {(role, tuple(parts)) for role, parts in zip(roles, pieces, strict=True) if role != "V"}
