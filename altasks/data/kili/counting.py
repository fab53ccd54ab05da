"""Which of an asset's labels count: what people decided, never what a model or a draft says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from altasks.errors import invalid

#: The types of labels that people submit.
COUNTING = ("DEFAULT", "REVIEW")


def counted_labels(labels: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the labels of one asset that count, one a person, the one to train on at the end.

    Of each person the last label; those of reviewers (`REVIEW`) stand behind those of labellers
    (`DEFAULT`), so that the last one is the latest review if there is any, else the latest label.
    Predictions, inferences and drafts (`AUTOSAVE`) are left out.

    Args:
        labels: with `labelType`, `createdAt` and `author`.

    Raises:
        InvalidInputError: for a label without type or date.

    Example:
        >>> def label(kind, day, who):
        ...     return {"labelType": kind, "createdAt": day, "author": {"email": who}}
        >>> found = counted_labels([
        ...     label("REVIEW", "2026-01-02", "eve"), label("DEFAULT", "2026-01-03", "ann"),
        ...     label("PREDICTION", "2026-01-04", "ann"), label("DEFAULT", "2026-01-01", "ann"),
        ... ])
        >>> [(one["labelType"], one["createdAt"]) for one in found]
        [('DEFAULT', '2026-01-03'), ('REVIEW', '2026-01-02')]
    """
    given = []
    for one in labels:
        kind, made = one.get("labelType"), one.get("createdAt")
        if not isinstance(kind, str) or not isinstance(made, str):
            raise invalid("labels", "labels with labelType and createdAt", repr(dict(one))[:80])
        if kind in COUNTING:
            given.append((COUNTING.index(kind), made, one))
    last: dict[str, Mapping[str, Any]] = {}
    for _, _, one in sorted(given, key=lambda x: x[:2]):
        who = annotator_of(one)
        last.pop(who, None)
        last[who] = one
    return list(last.values())


def annotator_of(label: Mapping[str, Any]) -> str:
    """Return who made a label; empty where the server doesn't say."""
    author = label.get("author")
    return str(author.get("email") or "") if isinstance(author, Mapping) else ""
