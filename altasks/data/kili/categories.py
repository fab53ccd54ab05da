"""Classes: one a sample, or any number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.kili.base import Converter
from altasks.errors import invalid

#: How jobs offer categories of which one is chosen.
_SINGLE = ("radio", "singleDropdown")


class CategoryConverter(Converter):
    """CLASSIFICATION: a class name, or a list of them.

    What is answered in jobs nested below a category is left out.

    Args:
        labels: the classes.
        multiple: whether a label is a list of classes.
        job: the name of the job.

    Example:
        >>> converter = CategoryConverter(["cat", "dog"])
        >>> response = converter.response("dog")
        >>> response, converter.label(response)
        ({'JOB_0': {'categories': [{'name': 'DOG'}]}}, 'dog')
    """

    ml_task = "CLASSIFICATION"

    def __init__(
        self, labels: Sequence[Any], *, multiple: bool = False, job: str = "JOB_0"
    ) -> None:
        super().__init__(labels, job=job)
        self.multiple = multiple
        self.input_kind = "checkbox" if multiple else "radio"

    def label(self, response: Any, sample: Any = None) -> Any:
        """Return the class, or the list of classes in the task's order."""
        del sample
        found = self.chosen(self.answer(response))
        if self.multiple:
            return [name for name in self.codes.values() if name in found]
        if len(found) != 1:
            raise invalid(self.job, "one category", f"{found!r}" if found else "none")
        return found[0]

    def value(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return the categories."""
        del sample
        return {"categories": self.categories(label if self.multiple else [label])}

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return what is predicted."""
        del sample
        return description.get("predicted")

    def _check_job(self, job: Mapping[str, Any]) -> None:
        kind = (job.get("content") or {}).get("input")
        if kind is not None and (kind not in _SINGLE) != self.multiple:
            wanted = "any number of categories" if self.multiple else "one category"
            raise invalid("interface", f"a job in which people choose {wanted}", f"input {kind!r}")
