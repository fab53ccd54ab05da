"""Classes: one a sample, or any number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.label_studio.base import Converter
from altasks.data.label_studio.config import Control, texts_of, view_of, written
from altasks.errors import invalid


class ChoiceConverter(Converter):
    """Choices: a class name, or a list of them.

    Args:
        labels: the classes.
        multiple: whether a label is a list of classes.
        of: `"text"` or `"image"`.

    Example:
        >>> converter = ChoiceConverter(["cat", "dog"])
        >>> result = converter.result("dog")
        >>> result[0]["value"], converter.label(result)
        ({'choices': ['dog']}, 'dog')
    """

    tags = ("Choices",)

    def __init__(self, labels: Sequence[Any], *, multiple: bool = False, of: str = "text") -> None:
        texts = texts_of(labels)
        sample_tag = {"text": "Text", "image": "Image"}[of]
        super().__init__(Control("Choices", "label", "sample", sample_tag, of, tuple(texts)), texts)
        self.multiple = multiple

    def config(self) -> str:
        """Return the labelling interface, XML."""
        how = "multiple" if self.multiple else "single"
        more = f'choice="{how}"' + ("" if self.multiple else ' required="true"')
        return view_of(self.control, written(self.control, f'{more} showInline="true"'))

    def attached(self, config: str, *, control: str | None = None) -> ChoiceConverter:
        """Return this converter for a project; `choice` must be single or multiple as the task."""
        other = super().attached(config, control=control)
        if (other.control.choice == "multiple") != self.multiple:
            wanted = "multiple" if self.multiple else "single"
            raise invalid(
                "config", f"<Choices choice={wanted!r}>",
                repr(other.control.choice or "single, which is the default"),
            )  # fmt: skip
        return other

    def label(self, result: Any, sample: Any = None) -> Any:
        """Return the class, or the list of classes in the task's order."""
        del sample
        found = [name for one in self.regions(result) for name in self.chosen(one)]
        if self.multiple:
            return [name for name in self.texts.values() if name in found]
        if len(found) != 1:
            raise invalid("result", "one choice", f"{found!r}" if found else "none")
        return found[0]

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return one region, or none for an empty list."""
        del sample
        names = list(label) if self.multiple else [label]
        texts = [self.text_in_config(name) for name in names]
        return [self.region({"choices": texts}, 1)] if texts else []

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return what is predicted."""
        del sample
        return description.get("predicted")
