"""What the converters of all kinds of labels have in common."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from altasks.data.label_studio.config import Control, check_values, find_control
from altasks.data.shown import size_of_sample, text_of
from altasks.errors import invalid


class Converter(ABC):
    """Label Studio's JSON to altasks' labels and back, for one kind of label.

    A subclass fills in `config`, `label`, `result` and `guess`, and the tags it reads.

    Args:
        control: the tag that people label with.
        texts: text in the interface -> class; empty where nothing is chosen.

    Attributes:
        tags: the tags of controls that give this kind of label.
        lacking: classes that an interface may do without.
    """

    tags: ClassVar[tuple[str, ...]] = ()

    def __init__(self, control: Control, texts: Mapping[str, Any] | None = None) -> None:
        self.control = control
        self.texts = dict(texts or {})
        self.lacking: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the kind, and how many classes there are."""
        classes = f"{len(self.texts)} classes" if self.texts else ""
        return f"{type(self).__name__}({classes})"

    @abstractmethod
    def config(self) -> str:
        """Return the labelling interface, XML."""

    def attached(self, config: str, *, control: str | None = None) -> Self:
        """Return this converter for a project that exists.

        Args:
            config: the project's labelling interface.
            control: the name of its tag, where several would do.

        Raises:
            InvalidInputError: if that is none for this kind of label, or has other classes.
        """
        found = find_control(config, self.tags, self.control.sample_tag, name=control)
        if self.texts:
            check_values(found, self.texts, may_lack=self.lacking)
        other = copy.copy(self)
        other.control = found
        return other

    def data(self, sample: Any) -> dict[str, Any]:
        """Return the fields of a task's `data` that show a sample.

        Raises:
            InvalidInputError: for a sample that can't be shown as it is, such as an image that is
                no address.
        """
        if self.control.sample_tag == "Text":
            return {self.control.field: text_of(sample)}
        if isinstance(sample, Mapping) and "image" in sample:
            sample = sample["image"]
        if not isinstance(sample, str) or ("://" not in sample and not sample.startswith("/data/")):
            raise invalid(
                "samples", "the address of an image that browsers can open", repr(sample)[:80],
                hint="Upload it, or give data=, a function from a sample to the task's data.",
            )  # fmt: skip
        return {self.control.field: sample}

    @abstractmethod
    def label(self, result: Any, sample: Any = None) -> Any:
        """Return the label that an annotation's `result` means.

        Args:
            result: a list of regions.
            sample: what was labelled; the size of an image and the words of a text are taken from
                it.

        Raises:
            InvalidInputError: for a result of another form, or one that is no label of this kind.
        """

    @abstractmethod
    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return a label as the regions of an annotation or a prediction.

        Raises:
            InvalidInputError: for a label that this kind can't hold.
        """

    @abstractmethod
    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the label in what `task.describe` says of a sample; None if there is none."""

    # For subclasses.

    def regions(self, result: Any, *controls: str) -> list[Mapping[str, Any]]:
        """Return the regions of a result that were made by this converter's control.

        Args:
            result: of an annotation.
            controls: the names of others, in its place.

        Raises:
            InvalidInputError: for anything but a list of regions with a value each.
        """
        if not isinstance(result, list) or not all(isinstance(one, Mapping) for one in result):
            raise invalid("result", "a list of regions", repr(result)[:80])
        names = controls or (self.control.name,)
        found = [one for one in result if one.get("from_name") in names]
        for one in found:
            if not isinstance(one.get("value"), Mapping):
                raise invalid("value", "an object", repr(one.get("value"))[:80])
        return found

    def region(
        self, value: Mapping[str, Any], number: int, control: Control | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return one region."""
        made_by = control or self.control
        return {
            "id": f"altasks-{number}",
            "from_name": made_by.name,
            "to_name": made_by.to_name,
            "type": made_by.kind,
            **more,
            "value": dict(value),
        }

    def chosen(self, region: Mapping[str, Any], control: Control | None = None) -> list[Any]:
        """Return the classes that a region names.

        Raises:
            InvalidInputError: for one that isn't among them.
        """
        kind = (control or self.control).kind
        given = region["value"].get(kind)
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise invalid(kind, "a list of classes", repr(given)[:80])
        for text in given:
            if text not in self.texts:
                known = ", ".join(map(repr, list(self.texts)[:20]))
                raise invalid(kind, f"one of {known}", repr(text))
        return [self.texts[text] for text in given]

    def one_class(self, region: Mapping[str, Any], control: Control | None = None) -> Any:
        """Return the class of a region that has just one."""
        found = self.chosen(region, control)
        if len(found) != 1:
            raise invalid("result", "one class for each region", f"{found!r}")
        return found[0]

    def text_in_config(self, name: Any) -> str:
        """Return a class as it stands in the interface.

        Raises:
            InvalidInputError: for a class that the interface doesn't offer.
        """
        text = str(name)
        if text not in self.texts or self.texts[text] != name:
            known = ", ".join(repr(one) for one in list(self.texts.values())[:20])
            raise invalid("label", f"one of {known}", repr(name))
        return text


def image_size_of(regions: list[Mapping[str, Any]], sample: Any = None) -> tuple[int, int] | None:
    """Return (width, height) of the image that regions were drawn on; None if nothing says so.

    Raises:
        InvalidInputError: if regions and sample say different sizes, or the image was turned while
            people drew: then they are in another frame than the image's.
    """
    sizes = set()
    for region in regions:
        turned = region.get("image_rotation") or 0
        if turned:
            raise invalid(
                "image_rotation", "regions drawn on the image as it is", f"turned by {turned}",
                hint="Turn the image back in Label Studio and submit again.",
            )  # fmt: skip
        stated = region.get("original_width"), region.get("original_height")
        if all(isinstance(side, int) and side > 0 for side in stated):
            sizes.add(stated)
    known = size_of_sample(sample)
    if known is not None:
        sizes.add(known)
    if len(sizes) > 1:
        shown = " and ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise invalid(
            "original_width", "regions drawn on the image that was asked about", shown,
            hint="Was the image replaced by one of another size?",
        )  # fmt: skip
    return sizes.pop() if sizes else None  # type: ignore[return-value]
