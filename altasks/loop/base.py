"""The `Store` protocol, and the rows that a store gives back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class AskedSample:
    """One sample of a query, as the store keeps it.

    Args:
        id: the sample.
        score: what it was picked by; None where nothing was scored.
        description: what `task.describe` returned, JSON; None where nothing was predicted.
    """

    id: str
    score: float | None = None
    description: Any = None


@dataclass(frozen=True)
class Event:
    """One line of a store's history.

    Args:
        seq: its place; 1, 2, 3, ... in the order of commits.
        at: when, ISO 8601 in UTC.
        kind: `"label"`, `"skip"`, or `"withdraw"`: a label or skip was taken back.
        id: the sample.
        annotator: who labelled or skipped it; often empty.
        value: the label; None for a skip.
        replaces: the `seq` of the label this one corrects, or of what is taken back.
        part: which part of the sample; empty for the whole.
        seconds: that the person spent, where somebody measured it.
    """

    seq: int
    at: str
    kind: str
    id: str
    annotator: str
    value: Any
    replaces: int | None
    part: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class LoggedFit:
    """The record of a fit, with all that is needed to repeat it.

    Args:
        fit: 1, 2, 3, ...; 0 until the store has numbered it.
        round: how many asks there had been.
        seq: it used the labels of the events up to this one.
        n_labels: how many.
        labels_hash: of the ids and labels in the order they were given to the task.
        seed: given to `task.fit`.
        threads: of torch.
        versions: of Python and the libraries that matter.
        token: stands in the folder with its weights too, so that no other is taken for it.
        at: when it was logged, ISO 8601 in UTC.
    """

    fit: int
    round: int
    seq: int
    n_labels: int
    labels_hash: str
    seed: int
    threads: int
    versions: dict[str, str]
    token: str
    at: str = ""


@dataclass(frozen=True)
class State:
    """One consistent look at a store.

    Args:
        round: how many asks there were.
        last_event: the number of the last event; 0 without one.
        last_label: the number of the last event that changed a label; 0 without one.
        asked: id -> round, in the order asked.
        labelled: the ids that have a label from anyone; labels of parts don't count.
        skipped: the ids that were skipped and have no label.
        last_fit: the last fit, if any.
        last_recorded_round: the last round that `run` completed; -1 if none.
    """

    round: int
    last_event: int
    last_label: int
    asked: dict[str, int]
    labelled: frozenset[str]
    skipped: frozenset[str]
    last_fit: LoggedFit | None
    last_recorded_round: int

    def __repr__(self) -> str:
        """Return how many there are of everything."""
        fit = "no fit" if self.last_fit is None else f"fit {self.last_fit.fit}"
        return (
            f"State(round {self.round}: {len(self.asked)} asked, {len(self.labelled)} labelled, "
            f"{len(self.skipped)} skipped, {len(self.pending)} pending, {fit})"
        )

    @property
    def seq(self) -> int:
        """`last_event`, as version 0.1 called it."""
        return self.last_event

    @property
    def fit(self) -> LoggedFit | None:
        """`last_fit`, as version 0.1 called it."""
        return self.last_fit

    @property
    def recorded(self) -> int:
        """`last_recorded_round`, as version 0.1 called it."""
        return self.last_recorded_round

    @property
    def is_fitted(self) -> bool:
        """Whether the last fit used the labels as they are now."""
        return self.last_fit is not None and self.last_fit.seq >= self.last_label

    @property
    def pending(self) -> list[str]:
        """The ids asked and not answered, in the order asked."""
        return [name for name in self.asked if self.is_open(name)]

    def is_open(self, name: str) -> bool:
        """Whether nobody has labelled or skipped this sample."""
        return name not in self.labelled and name not in self.skipped


@dataclass(frozen=True)
class LabelSnapshot:
    """The labels that a fit would use.

    Args:
        seq: the last event they take into account.
        values: id -> label; where annotators differ, the last one.
    """

    seq: int
    values: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Store(Protocol):
    """A loop's memory. Each method is one transaction: it happens wholly or not at all.

    When a writing method returns, what it wrote survives the death of the process. Writers in
    other processes wait for each other; nobody's writes are lost. `altasks.testing.stores` has
    the conformance suite.
    """

    @property
    def name(self) -> str:
        """The store's name in error messages."""
        ...

    @property
    def in_memory(self) -> bool:
        """Whether it is gone when the process ends."""
        ...

    def claim(self, key: str, value: Any) -> Any:
        """Keep the JSON `value` under `key` unless there is one; return what is kept."""
        ...

    def get(self, key: str) -> Any:
        """Return the JSON value kept under `key`, or None."""
        ...

    def put(self, key: str, value: Any) -> None:
        """Keep the JSON `value` under `key`, whatever was there."""
        ...

    def pool_hashes(self) -> bytes:
        """Return the 16-byte content hashes kept so far, in pool order."""
        ...

    def extend_pool(self, hashes: bytes, known: int) -> bool:
        """Add hashes after the `known` bytes that are there; False, adding none, if others are."""
        ...

    def state(self) -> State:
        """Return one consistent look at everything that decides the next step."""
        ...

    def record_ask(
        self, round: int, samples: Sequence[AskedSample], how: Mapping[str, Any]
    ) -> bool:
        """Keep query `round`, or keep nothing and return False.

        False means that another process was faster: `round` is not the next one, or a sample has
        been asked, labelled or skipped since.
        """
        ...

    def asked(self, round: int) -> list[AskedSample]:
        """Return the query of a round, in the order asked."""
        ...

    def asks(self, after: int = 0) -> dict[int, dict[str, Any]]:
        """Return how each query after round `after` was made, as given to `record_ask`."""
        ...

    def tell(
        self,
        labels: Mapping[str, Any],
        *,
        annotator: str = "",
        part: str = "",
        replace: bool,
        seconds: Mapping[str, float] | None = None,
    ) -> int:
        """Keep JSON labels and return how many are new or changed; a skip of theirs ends.

        `seconds` says how long they took, for some of them or all.

        A label of a part (a region, a span) is kept in the history beside the label of the whole
        sample, and is neither a label that a fit uses nor an answer to a query.

        Raises:
            LabelConflictError: and keeps nothing, if this annotator gave one of them another
                label before and `replace` is False.
        """
        ...

    def skip(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Record samples that can't be labelled; return how many are new as such."""
        ...

    def withdraw(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Take back this annotator's labels and skips of some samples; return how many.

        What was taken back stays in the history; labels of others count again, and without any
        the sample is as it was before.
        """
        ...

    def labels(
        self, upto: int | None = None, *, ids: Collection[str] | None = None
    ) -> LabelSnapshot:
        """Return the labels (of some ids) as of now, or as they were after event `upto`."""
        ...

    def history(self, id: str | None = None, *, after: int = 0) -> list[Event]:
        """Return every event (of one sample) after event `after`, in the order of commits."""
        ...

    def log_fit(self, fit: LoggedFit, publish: Callable[[int], None]) -> LoggedFit:
        """Number a finished fit, call `publish(number)`, log it, and return it as logged.

        `publish` puts the weights in place. It runs before the commit and may run twice, so a
        logged fit always had its weights, and weights that no log names count for nothing.
        """
        ...

    def fits(self) -> list[LoggedFit]:
        """Return every logged fit, oldest first."""
        ...

    def record_round(self, round: int, record: Mapping[str, Any]) -> None:
        """Keep the record (JSON) of a completed round, replacing an earlier one."""
        ...

    def rounds(self, after: int = -1) -> dict[int, dict[str, Any]]:
        """Return the record of each completed round after round `after`."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...
