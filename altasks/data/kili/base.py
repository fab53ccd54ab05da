"""What the converters of all types of jobs have in common."""

from __future__ import annotations

import copy
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from altasks.errors import invalid


class Converter(ABC):
    """Kili's `jsonResponse` to altasks' labels and back, for one job.

    A subclass names the type of its job, and fills in `label`, `value` and `guess`.

    Args:
        labels: the classes; none for a job without categories.
        job: the name of the job in the project's interface.

    Attributes:
        ml_task: the type of the job.
        tools: of which a job must offer one; empty where jobs have none.
        codes: category code, as it stands in a `jsonResponse` -> class.
        lacking: classes that an interface may do without.
    """

    ml_task: ClassVar[str] = ""
    tools: tuple[str, ...] = ()

    def __init__(self, labels: Sequence[Any] = (), *, job: str = "JOB_0") -> None:
        self.job = job
        self.codes = codes_of(labels)
        self.lacking: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        """Return the type, the job, and how many classes there are."""
        classes = f", {len(self.codes)} classes" if self.codes else ""
        return f"{type(self).__name__}({self.job!r}{classes})"

    # How categories are offered: one, or any number; for jobs without any, how they are answered.
    input_kind = "radio"

    def interface(self) -> dict[str, Any]:
        """Return the `jsonInterface` of a new project with this one job."""
        content: dict[str, Any] = {"input": self.input_kind}
        if self.codes:
            content["categories"] = {
                code: {"name": str(name), "children": []} for code, name in self.codes.items()
            }
        job = {
            "content": content,
            "instruction": "",
            "isChild": False,
            "mlTask": self.ml_task,
            "models": {},
            "isVisible": True,
            "required": 0,
        }
        if self.tools:
            job["tools"] = list(self.tools)
        return {"jobs": {self.job: job}}

    def attached(self, interface: Mapping[str, Any], *, job: str | None = None) -> Self:
        """Return this converter for a project that exists.

        Classes are found by the name that people see, else by the code of a category.

        Args:
            interface: the project's `jsonInterface`.
            job: the name of the job, where several would do.

        Raises:
            InvalidInputError: if there is no such job, or it has other classes.
        """
        jobs = interface.get("jobs") if isinstance(interface, Mapping) else None
        if not isinstance(jobs, Mapping) or not all(isinstance(x, Mapping) for x in jobs.values()):
            raise invalid("interface", "a jsonInterface with jobs", repr(interface)[:80])
        found = [name for name, one in jobs.items() if self._fits(one) and job in (None, name)]
        wanted = f"a job of {self.ml_task}"
        wanted += f" with the tool {' or '.join(self.tools)}" if self.tools else ""
        if not found:
            called = "" if job is None else f" called {job!r}"
            there = ", ".join(f"{name}: {one.get('mlTask')}" for name, one in jobs.items())
            raise invalid(
                "interface", wanted + called, there or "no jobs",
                hint="The project is for another task.",
            )  # fmt: skip
        if len(found) > 1:
            raise invalid("interface", f"just one: {wanted}", ", ".join(found), hint="Give job=.")
        other = copy.copy(self)
        other.job = found[0]
        self._check_job(jobs[found[0]])
        if self.codes:
            content = jobs[found[0]].get("content") or {}
            other.codes = self._codes_in(content.get("categories") or {})
        return other

    @abstractmethod
    def label(self, response: Any, sample: Any = None) -> Any:
        """Return the label that a `jsonResponse` means.

        Args:
            response: job name -> what was answered.
            sample: what was labelled; the size of an image and the words of a text are taken from
                it.

        Raises:
            InvalidInputError: for a response of another form, or one that is no label of this type.
        """

    def response(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return a label as the `jsonResponse` of a label or a prediction.

        Raises:
            InvalidInputError: for a label that this type of job can't hold.
        """
        return {self.job: self.value(label, sample)}

    @abstractmethod
    def value(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return what stands under the name of the job."""

    @abstractmethod
    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the label in what `task.describe` says of a sample; None if there is none."""

    # For subclasses.

    def answer(self, response: Any) -> Mapping[str, Any]:
        """Return what stands under the name of the job; empty where nothing was answered.

        Raises:
            InvalidInputError: for what is no response, or one of a video.
        """
        if not isinstance(response, Mapping):
            raise invalid("jsonResponse", "an object of jobs", repr(response)[:80])
        if self.job not in response and any(str(name).isdigit() for name in response):
            raise invalid("jsonResponse", "the answers for one sample", "frames of a video")
        found = response.get(self.job)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise invalid(self.job, "an object", repr(found)[:80])
        return found

    def annotations(self, response: Any, *types: str) -> list[Mapping[str, Any]]:
        """Return the annotations of the job.

        Args:
            response: the whole.
            types: the tools they may be made with; none where annotations have no type.

        Raises:
            InvalidInputError: for annotations of another form, or made with other tools.
        """
        found = self.answer(response).get("annotations", [])
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise invalid("annotations", "a list of objects", repr(found)[:80])
        for one in found:
            if types and one.get("type") not in types:
                raise invalid("type", " or ".join(map(repr, types)), repr(one.get("type")))
        return found

    def chosen(self, value: Mapping[str, Any]) -> list[Any]:
        """Return the classes in `categories`, in the order in which they stand.

        Raises:
            InvalidInputError: for a code that isn't among them.
        """
        given = value.get("categories", [])
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            raise invalid("categories", "a list of objects", repr(given)[:80])
        codes = [one.get("name") for one in given]
        for code in codes:
            if not isinstance(code, str) or code not in self.codes:
                known = ", ".join(map(repr, list(self.codes)[:20]))
                raise invalid("categories", f"a name that is one of {known}", repr(code)[:80])
        return [self.codes[code] for code in codes]

    def one_class(self, value: Mapping[str, Any]) -> Any:
        """Return the class of an annotation, which has just one."""
        found = self.chosen(value)
        if len(found) != 1:
            raise invalid("categories", "one for each annotation", f"{found!r}")
        return found[0]

    def categories(self, names: Iterable[Any]) -> list[dict[str, Any]]:
        """Return classes as `categories`.

        Raises:
            InvalidInputError: for one that isn't among the task's.
        """
        code_of = {_key(name): code for code, name in self.codes.items()}
        found = []
        for name in names:
            if _key(name) not in code_of:
                known = ", ".join(repr(one) for one in list(self.codes.values())[:20])
                raise invalid("label", f"one of {known}", repr(name))
            found.append({"name": code_of[_key(name)]})
        return found

    def _fits(self, job: Mapping[str, Any]) -> bool:
        if job.get("mlTask") != self.ml_task or job.get("isChild"):
            return False
        return not self.tools or bool({*self.tools} & {*(job.get("tools") or ())})

    def _check_job(self, job: Mapping[str, Any]) -> None:  # noqa: B027 (most take any)
        """Refuse a job of the right type that asks for something else."""

    def _codes_in(self, categories: Mapping[str, Any]) -> dict[str, Any]:
        shown = {
            code: str(one.get("name", "")) if isinstance(one, Mapping) else ""
            for code, one in categories.items()
        }
        found: dict[str, Any] = {}
        faults = []
        for own, name in self.codes.items():
            hits = [code for code, text in shown.items() if text == str(name)]
            hits = hits or [code for code in (str(name), own) if code in shown][:1]
            if len(hits) > 1:
                faults.append(f"with {' and '.join(map(repr, hits))}, both {str(name)!r}")
            elif hits and hits[0] in found:
                faults.append(f"where {str(found[hits[0]])!r} and {str(name)!r} are {hits[0]!r}")
            elif hits:
                found[hits[0]] = name
            elif name not in self.lacking:
                faults.append(f"without {str(name)!r}")
        if not faults:
            faults = [f"with {code!r}" for code in shown if code not in found]
        if faults:
            more = ", ..." if len(faults) > 20 else ""
            raise invalid(
                "interface", "a job with the task's classes",
                "one " + ", ".join(faults[:20]) + more,
            )  # fmt: skip
        return found


def codes_of(labels: Iterable[Any]) -> dict[str, Any]:
    """Return a category code for each class -> the class: capitals, digits and underscores.

    Raises:
        InvalidInputError: for names that people can't see or tell apart.

    Example:
        >>> codes_of(["small car", "small-car", 7])
        {'SMALL_CAR': 'small car', 'SMALL_CAR_2': 'small-car', '7': 7}
    """
    found: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for name in labels:
        text = str(name)
        if not text.strip():
            raise invalid("labels", "names that people can see", repr(name))
        if text in texts:
            raise invalid("labels", "names that differ as texts", f"{texts[text]!r} and {name!r}")
        texts[text] = name
        code = first = re.sub(r"\W+", "_", text.strip().upper()).strip("_") or "CATEGORY"
        count = 1
        while code in found:
            count += 1
            code = f"{first}_{count}"
        found[code] = name
    return found


def _key(name: Any) -> tuple[str, str]:
    """Tell 1 from True and from "1"."""
    return type(name).__name__, str(name)
