"""Class names, their labels, and the metrics of classification."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from altasks._internal.arrays import as_list
from altasks._internal.names import alike
from altasks.errors import InvalidInputError, invalid

#: A class's name, as labels, the store and descriptions have it.
ClassName = str | int


def check_class_names(labels: Any, multi_label: bool) -> list[ClassName]:
    """Return the names as a list, in the order of the outputs.

    Args:
        labels: names in order; or a mapping from output to name, as YOLO and `id2label` have it,
            or from name to output, as `label2id` has it; or JSON of either.
        multi_label: whether one class is enough.

    Raises:
        InvalidInputError: for fewer than two (one, if multi-label), a repeated name, two that read
            alike (1 and "1"), or a name that is neither a string nor a whole number.

    Example:
        >>> check_class_names({"1": "bird", "0": "cat"}, multi_label=False)
        ['cat', 'bird']
    """
    if isinstance(labels, str):
        try:
            found = json.loads(labels)
        except ValueError:
            found = None
        if not isinstance(found, list | Mapping):
            raise invalid("labels", "a list of class names", repr(labels))
        return check_class_names(found, multi_label)
    if isinstance(labels, set | frozenset):
        raise invalid(
            "labels",
            "class names in the order of the model's outputs",
            "a set, which has no order",
            hint="Pass sorted(...), the same in every run.",
        )
    if isinstance(labels, Mapping):
        labels = _in_order_of_outputs(labels)
    # NumPy's scalars become Python's: what np.unique returns is what people pass.
    names = [_plain(name) for name in labels]
    least = 1 if multi_label else 2
    if len(names) < least:
        raise invalid("labels", f"at least {least} class names", f"{names!r}")
    for place, name in enumerate(names):
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise invalid(
                "labels",
                "names that are strings or whole numbers",
                f"{name!r} ({type(name).__name__})",
                where=f"class {place}",
            )
        if name in names[:place]:
            raise invalid("labels", "distinct class names", f"{name!r} twice")
    pair = alike(names)
    if pair is not None:
        raise invalid(
            "labels", "names that can be told apart as text", f"{pair[0]!r} and {pair[1]!r}",
            hint="In a file or a table the two would be one: rename one of them.",
        )  # fmt: skip
    return names


def _in_order_of_outputs(named: Mapping[Any, Any]) -> list[Any]:
    """Return names from a mapping between them and the numbers of outputs, either way round."""
    for pairs in (named.items(), ((place, name) for name, place in named.items())):
        try:
            places = {int(place): name for place, name in pairs if not isinstance(place, bool)}
        except (TypeError, ValueError):
            continue
        if sorted(places) == list(range(len(named))):
            return [places[place] for place in range(len(places))]
    raise invalid(
        "labels",
        "a mapping between the outputs 0, 1, ... and their names",
        f"{dict(list(named.items())[:8])!r}",
    )


def _plain(name: Any) -> Any:
    return name.item() if isinstance(name, np.generic) else name


class Classes:
    """The classes of a task, in the order of the model's outputs.

    Args:
        names: one for each output.
        multi_label: whether a label is a list of them instead of one.
    """

    def __init__(self, names: Sequence[Any], multi_label: bool) -> None:
        self.names = check_class_names(names, multi_label)
        self.multi_label = multi_label
        self._index = {(type(name), name): place for place, name in enumerate(self.names)}

    def __len__(self) -> int:
        """Return C."""
        return len(self.names)

    def _place(self, name: Any, where: str) -> int:
        name = _plain(name)
        try:
            return self._index[type(name), name]
        except (KeyError, TypeError):
            raise self._unknown(name, where) from None

    def _unknown(self, name: Any, where: str) -> InvalidInputError:
        shown = ", ".join(map(repr, self.names[:20]))
        if len(self.names) > 20:
            shown += f" and {len(self.names) - 20} more"
        texts = {str(known).casefold(): known for known in self.names}
        close = difflib.get_close_matches(str(name).casefold(), texts, n=1)
        hint = f"Did you mean {texts[close[0]]!r}?" if close else ""
        if _is_missing(name):
            hint = "That marks a missing label: leave the sample out until it has one."
        return invalid("label", f"one of {shown}", repr(name), where=where, hint=hint)

    def check(self, label: Any, where: str = "") -> Any:
        """Return the label in the form the store keeps: a name, or a list of distinct names.

        Raises:
            InvalidInputError: listing the known names, and the closest.
        """
        if not self.multi_label:
            return self.names[self._place(label, where)]
        if isinstance(label, np.ndarray):
            self._refuse_indicator_array(label, where)
            label = as_list(label)
        if isinstance(label, str) or not isinstance(label, list | tuple | set | frozenset):
            hint = ""
            if _is_missing(label):
                hint = "That marks a missing label: leave the sample out until it has one."
            elif isinstance(label, Mapping):
                hint = "Of a row of 0 and 1, pass the names of the classes with a 1."
            raise invalid(
                "label",
                "a list of class names (an empty one for none)",
                repr(label),
                where=where,
                hint=hint,
            )
        self._refuse_indicator(label, where)
        # In the order of the classes: the same set of labels is the same value in the store.
        return [self.names[place] for place in sorted({self._place(n, where) for n in label})]

    def _refuse_indicator_array(self, label: np.ndarray, where: str) -> None:
        """Refuse an array of 0 and 1, one for each class: libraries write indicators so."""
        if label.shape == (len(self.names),) and label.dtype.kind in "biuf":
            hot = np.flatnonzero(label == 1)
            if len(self.names) > 1 and np.isin(label, (0, 1)).all():
                raise self._indicator(label.tolist(), [self.names[place] for place in hot], where)

    def _indicator(self, row: list[Any], hot: list[Any], where: str) -> InvalidInputError:
        return invalid(
            "label",
            "a list of class names (an empty one for none)",
            f"a row of 0 and 1, {row!r}",
            where=where,
            hint=f"Pass the names of the classes with a 1: {hot!r}.",
        )

    def _refuse_indicator(self, label: Any, where: str) -> None:
        """Refuse a row of 0 and 1, one for each class, that could be read as names 0 and 1."""
        if not isinstance(label, list | tuple) or len(label) != len(self.names):
            return
        values = [_plain(entry) for entry in label]
        if not all(isinstance(one, int | float) and one in (0, 1) for one in values):
            return
        # In the order of the classes and each once: names as the store keeps them.
        names = [name for name in self.names if name in values]
        if len(values) > 1 and (values != names or any(isinstance(one, bool) for one in values)):
            hot = [name for name, one in zip(self.names, values, strict=True) if one]
            raise self._indicator(list(label), hot, where)

    def encode(self, labels: Sequence[Any]) -> list[Any]:
        """Return each label as a class number, or (multi-label) as a row of 0.0 and 1.0."""
        encoded: list[Any] = []
        for row, label in enumerate(labels):
            checked = self.check(label, f"row {row}")
            if not self.multi_label:
                encoded.append(self._place(checked, ""))
                continue
            hot = [0.0] * len(self.names)
            for name in checked:
                hot[self._place(name, "")] = 1.0
            encoded.append(hot)
        return encoded


def _is_missing(label: Any) -> bool:
    """Return whether a label is one of the marks for none: None, NaN, pandas.NA, or -1."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, int | float) and (math.isnan(label) or label == -1)


def single_label_metrics(truth: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    """Return accuracy and macro F1 of class numbers `[N]`.

    Macro F1 is the plain mean of the F1 of every class that occurs in the truth or the guesses.

    Example:
        >>> import numpy as np
        >>> single_label_metrics(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
        {'accuracy': 0.75, 'macro_f1': 0.733...}
    """
    seen = np.union1d(truth, guess)
    hot_truth = truth[:, None] == seen[None, :]  # N x classes seen
    hot_guess = guess[:, None] == seen[None, :]
    return {
        "accuracy": float((truth == guess).mean()),
        "macro_f1": float(_f1(hot_truth, hot_guess).mean()),
    }


def multi_label_metrics(truth: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    """Return micro and macro F1 and the share of samples with every label right.

    Args:
        truth: `[N, C]` of 0 and 1.
        guess: the same.

    Example:
        >>> import numpy as np
        >>> multi_label_metrics(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [1, 0]]))
        {'micro_f1': 0.8, 'macro_f1': 0.5, 'subset_accuracy': 0.5}
    """
    hot_truth, hot_guess = truth.astype(bool), guess.astype(bool)
    return {
        "micro_f1": float(_f1(hot_truth.reshape(-1, 1), hot_guess.reshape(-1, 1))[0]),
        "macro_f1": float(_f1(hot_truth, hot_guess).mean()),
        "subset_accuracy": float((hot_truth == hot_guess).all(1).mean()),
    }


def _f1(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return the F1 of each column of N x C booleans; 0 where there is nothing to find."""
    hits = (truth & guess).sum(0)
    total = truth.sum(0) + guess.sum(0)
    scores: np.ndarray = np.divide(2.0 * hits, total, out=np.zeros(len(hits)), where=total > 0)
    return scores
