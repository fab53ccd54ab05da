"""What people said in an annotation tool, as a loop takes it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What one person says of one sample: a label, or that it can't be labelled.

    Args:
        label: in the form the task reads, JSON; None where there is none.
        annotator: who, such as an e-mail address.
        seconds: that they spent, if the tool measures it.
        fault: why the label can't be read; empty if it can, or the sample was skipped.
    """

    label: Any = None
    annotator: str = ""
    seconds: float | None = None
    fault: str = ""

    @property
    def skipped(self) -> bool:
        """Whether it says that the sample can't be labelled."""
        return self.label is None and not self.fault


@dataclass(frozen=True)
class Answers:
    """Everything that a tool holds of some samples now.

    Args:
        by_id: id -> what each person says of it, the one who spoke last at the end; an empty list
            where all was deleted. A person is in it once.
        mark: JSON that `pull(since=)` takes: what changed after it is new.
    """

    by_id: Mapping[str, list[Answer]] = field(default_factory=dict)
    mark: Any = None


@dataclass(frozen=True)
class ToolState:
    """Where a tool stands.

    Args:
        open: the ids that nobody has labelled or skipped, in the order in which people get them.
        answered: the ids that somebody has labelled.
        skipped: the ids that were skipped, and not labelled.
    """

    open: list[str]
    answered: list[str]
    skipped: list[str]


@dataclass(frozen=True)
class Synced:
    """What one `loop.sync` brought.

    Args:
        labels: how many labels were new or changed.
        skips: how many samples were newly skipped.
        withdrawn: how many labels and skips were taken back, because they are gone in the tool.
        refused: id -> why its label was not taken. It is tried again by each sync until it is
            corrected in the tool.
        open: the ids that people have now, in order.
    """

    labels: int
    skips: int
    withdrawn: int
    refused: dict[str, str]
    open: list[str]
