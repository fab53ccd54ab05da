"""Label Studio's JSON export: its tasks, and which of their annotations is the label."""

from __future__ import annotations

import reprlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from altasks.data.folders import few
from altasks.data.text_files import file_error, read_json
from altasks.errors import DataWarning, InvalidInputError, invalid

#: Which annotation counts where several of a task are finished.
Several = Literal["error", "latest"]


@dataclass(frozen=True)
class ExportedTask:
    """One task of an export.

    Attributes:
        name: its id.
        data: what was shown, by the fields of the labelling interface.
        results: the regions of each annotation that may be the label; empty where there is none.
        skipped: whether people saw it and skipped it.
    """

    name: str
    data: Mapping[str, Any]
    results: list[list[Mapping[str, Any]]]
    skipped: bool = False


@dataclass
class Export:
    """The tasks of a file, and what a reader leaves unlabelled.

    Args:
        path: the JSON file.
        several: `"error"`, annotations of one task must agree; `"latest"`, the one that was
            changed last counts. Ground truth always goes first.

    Raises:
        InvalidInputError: for a file that is none of Label Studio's, naming it and the task.
    """

    path: Path
    several: Several = "error"
    passed_over: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.several not in ("error", "latest"):
            raise invalid("several", "'error' or 'latest'", repr(self.several))
        content = read_json(self.path)
        if not isinstance(content, list):
            raise file_error(self.path, None, "a list of tasks", type(content).__name__)
        if not content:
            raise file_error(self.path, None, "at least one task", "none")
        self.tasks: list[ExportedTask] = []
        known: set[str] = set()
        for place, entry in enumerate(content):
            given = entry.get("id") if isinstance(entry, Mapping) else None
            named = isinstance(given, int | str) and not isinstance(given, bool) and given != ""
            name = str(given) if named else f"#{place}"
            with self.naming(name):
                self.tasks.append(_task(entry, name, self.several))
                if name in known:
                    raise invalid("id", "distinct ids of tasks", f"{name!r} twice")
            known.add(name)

    def naming(self, task: str) -> _Naming:
        """Return a context in which errors are named after a task of this file."""
        return _Naming(self.path, task)

    def regions(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield (task, region) of all that may be labels."""
        for task in self.tasks:
            for result in task.results:
                for region in result:
                    yield task.name, region

    def label(self, task: ExportedTask, convert: Callable[[Any], Any]) -> Any:
        """Return the label of a task that has results.

        Args:
            task: one of this file.
            convert: from a result to the label.

        Raises:
            InvalidInputError: for annotations that differ, and as `convert`.
        """
        labels = [convert(result) for result in task.results]
        if any(_plain(label) != _plain(labels[0]) for label in labels[1:]):
            raise invalid(
                "annotations", "annotators that agree, or one ground truth",
                f"{len(labels)} that differ",
                hint="Mark one as ground truth in Label Studio, or say several='latest'.",
            )  # fmt: skip
        return labels[0]

    def leave(self, name: str, reason: str) -> None:
        """Note a sample that stays without a label although people saw it."""
        self.passed_over[name] = reason

    def warn(self) -> None:
        """Warn of all samples that were left, by reason."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.passed_over.items():
            reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            warnings.warn(
                f"{self.path}: {len(names):,} tasks have no label: {reason} ({few(names)}).",
                DataWarning,
                stacklevel=3,
            )


class _Naming:
    """Puts the file and the task in front of errors."""

    def __init__(self, path: Path, task: str) -> None:
        self.path, self.task = path, task

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, InvalidInputError) and not str(error).startswith(str(self.path)):
            raise InvalidInputError(f"{self.path}, task {self.task}: {error}") from error


def control_names(
    export: Export, kinds: Sequence[str], control: str | None, wanted: str, *, parts: bool
) -> dict[str, str]:
    """Return kind of region -> the name of the control that makes them.

    A control is in an export by its name alone. Where only one makes regions of a kind, it is
    that.

    Args:
        export: the tasks.
        kinds: the kinds of regions that are labels.
        control: the name of the one control that counts.
        wanted: what is looked for, for errors.
        parts: whether labels are of parts of a sample. Then regions of other kinds that mark a
            part would be lost, so they are refused, unless the caller names the control that
            counts. Labels of whole samples are no regions with a place.

    Raises:
        InvalidInputError: naming the task, for two controls of a kind, or another kind that would
            be lost; for a control that isn't there.
    """
    found: dict[str, str] = {}
    for task, region in export.regions():
        kind, name = region.get("type"), region.get("from_name")
        if control is not None and name != control:
            continue
        with export.naming(task):
            if not isinstance(name, str):
                if kind in kinds or is_part(region):
                    raise invalid("from_name", "the name of a control", repr(name)[:80])
                continue
            if kind in kinds and (parts or not is_part(region)):
                if found.setdefault(str(kind), name) != name:
                    raise invalid(
                        "from_name", f"{wanted} by one control", f"{found[str(kind)]!r} and "
                        f"{name!r}", hint="Say which counts: control=",
                    )  # fmt: skip
            elif control is not None or (parts and is_part(region)):
                hint = "" if control else "Say control= with the name of the one that counts."
                raise invalid("type", wanted, f"{kind!r} by {name!r}", hint=hint)
    if not found and (control is not None or not parts):
        there = {(str(one.get("type")), str(one.get("from_name"))) for _, one in export.regions()}
        shown = ", ".join(f"{kind} by {name!r}" for kind, name in sorted(there)[:10])
        called = "" if control is None else f" by a control {control!r}"
        raise file_error(export.path, None, f"{wanted}{called}", shown or "no label at all")
    return found


def is_part(region: Mapping[str, Any]) -> bool:
    """Return whether a region marks a part of the sample: an area, a span, a time."""
    value = region.get("value")
    marks = ("x", "points", "rle", "imageDataURL", "start", "vertices")
    return isinstance(value, Mapping) and any(name in value for name in marks)


def values_chosen(export: Export, controls: Mapping[str, str]) -> set[str]:
    """Return the names of the classes that the regions of some controls have.

    Args:
        export: the tasks.
        controls: kind of region -> name of the control.
    """
    found: set[str] = set()
    for _, region in export.regions():
        kind, value = region.get("type"), region.get("value")
        if not isinstance(value, Mapping) or region.get("from_name") != controls.get(str(kind)):
            continue
        names = value.get(str(kind))
        if isinstance(names, list):
            found.update(name for name in names if isinstance(name, str) and name.strip())
    return found


def _task(entry: Any, name: str, several: Several) -> ExportedTask:
    if not isinstance(entry, Mapping):
        raise invalid("task", "an object", type(entry).__name__)
    data, annotations = entry.get("data"), entry.get("annotations")
    if data is None and "annotations" not in entry:
        raise invalid(
            "task", "data and annotations", ", ".join(map(repr, list(entry)[:8])) or "nothing",
            hint="Export as JSON; of JSON_MIN only named entities are read.",
        )  # fmt: skip
    if not isinstance(data, Mapping):
        raise invalid("data", "an object", type(data).__name__)
    if not isinstance(annotations, list) or not all(isinstance(a, Mapping) for a in annotations):
        raise invalid("annotations", "a list of objects", reprlib.repr(annotations))
    done = [one for one in annotations if not one.get("was_cancelled")]
    done = [one for one in done if one.get("ground_truth")] or done
    if several == "latest" and len(done) > 1:
        done = [max(done, key=_changed)]
    return ExportedTask(name, data, [_regions(one) for one in done], bool(annotations) and not done)


def _changed(annotation: Mapping[str, Any]) -> datetime:
    """Return when an annotation was changed last."""
    written = annotation.get("updated_at") or annotation.get("created_at")
    try:
        when = datetime.fromisoformat(written)  # type: ignore[arg-type]
        return when.replace(tzinfo=None) - (when.utcoffset() or timedelta())
    except (OverflowError, TypeError, ValueError):
        hint = "Mark one as ground truth instead."
        raise invalid("updated_at", "the time of a change", repr(written)[:80], hint=hint) from None


def _regions(annotation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    result = annotation.get("result")
    if not isinstance(result, list) or not all(isinstance(one, Mapping) for one in result):
        raise invalid("result", "a list of regions", reprlib.repr(result))
    return result


def _plain(label: Any) -> Any:
    """Return what two annotations agree in: the order of boxes says nothing."""
    if isinstance(label, list):
        return sorted(map(repr, label))
    return label
