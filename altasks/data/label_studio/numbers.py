"""Numbers: one a sample, or one for each of several targets."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.config import Control, controls_of, find_control, view_of, written
from altasks.errors import invalid


class NumberConverter(Converter):
    """Numbers, as people type them.

    Args:
        targets: their names, where there are several; each has a control of its own, named
            `label_` and its place.
        of: `"text"` or `"image"`.

    Example:
        >>> converter = NumberConverter()
        >>> result = converter.result(2.5)
        >>> result[0]["value"], converter.label(result)
        ({'number': 2.5}, 2.5)
    """

    tags = ("Number",)

    def __init__(self, targets: Sequence[str] = (), *, of: str = "text") -> None:
        sample_tag = {"text": "Text", "image": "Image"}[of]
        self.targets = [str(name) for name in targets] if len(targets) > 1 else []
        names = [f"label_{place}" for place in range(len(self.targets))] or ["label"]
        self.controls = [Control("Number", name, "sample", sample_tag, of) for name in names]
        super().__init__(self.controls[0])

    def config(self) -> str:
        """Return the labelling interface, XML."""
        from xml.sax.saxutils import quoteattr

        parts = []
        for place, control in enumerate(self.controls):
            if self.targets:
                parts.append(f"  <Header value={quoteattr(self.targets[place])}/>\n")
            parts.append(written(control, 'required="true"'))
        return view_of(self.control, *parts)

    def attached(self, config: str, *, control: str | None = None) -> NumberConverter:
        """Return this converter for a project; with several targets its controls go in order."""
        if not self.targets:
            found = [find_control(config, self.tags, self.control.sample_tag, name=control)]
        else:
            found = [
                one
                for one in controls_of(config)
                if one.tag in self.tags and one.sample_tag == self.control.sample_tag
            ]
            if len(found) != len(self.targets):
                raise invalid(
                    "config", f"a <Number> for each of the {len(self.targets)} targets",
                    f"{len(found)}",
                )  # fmt: skip
        other = copy.copy(self)
        other.controls, other.control = found, found[0]
        return other

    def label(self, result: Any, sample: Any = None) -> Any:
        """Return the number, or the list of them."""
        del sample
        numbers = [self._number(result, control) for control in self.controls]
        return numbers if self.targets else numbers[0]

    def _number(self, result: Any, control: Control) -> float:
        found = [one["value"].get("number") for one in self.regions(result, control.name)]
        if len(found) != 1:
            raise invalid("result", f"one number by {control.name!r}", f"{found!r}"[:80])
        (value,) = found
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid("number", "a number", repr(value)[:80])
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise invalid("number", "a finite number", repr(value)[:80])
        return value

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return a region for each number."""
        del sample
        numbers = list(label) if self.targets else [label]
        if len(numbers) != len(self.controls):
            raise invalid("label", f"{len(self.controls)} numbers", f"{len(numbers)}")
        pairs = zip(numbers, self.controls, strict=True)
        return [
            self.region({"number": float(number)}, place, control)
            for place, (number, control) in enumerate(pairs, 1)
        ]

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return what is predicted."""
        del sample
        return description.get("predicted")
