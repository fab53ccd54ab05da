"""What a loop remembers, and what it is told: all that needs a pool and a store, and no model."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Self

from altasks._internal.jsonable import to_json
from altasks._internal.labels import check_label
from altasks._internal.numbers import as_real
from altasks.abilities import ChecksLabels, provides
from altasks.data import Pool
from altasks.errors import InvalidInputError, UnknownNameError, UnreadableSampleError, invalid
from altasks.loop.base import Event, Store
from altasks.loop.query import Round
from altasks.loop.selection import unknown_id


class LoopMemory:
    """The labels, skips and queries of a pool, as its store holds them.

    Nothing here predicts or trains. The task, if there is one, only checks labels.

    Args:
        task: of the loop, or None.
        pool: all samples.
        store: where everything is kept.
    """

    def __init__(self, task: Any, pool: Pool, store: Store) -> None:
        self.task = task
        self.pool = pool
        self.store = store

    # What the store holds.

    @property
    def round(self) -> int:
        """How many asks there have been."""
        return self.store.state().round

    @property
    def labels(self) -> dict[str, Any]:
        """The labels `fit` would use: of each sample the last one, whoever gave it."""
        return self.store.labels().values

    @property
    def pending(self) -> list[str]:
        """The ids asked and neither answered nor skipped, in the order asked."""
        return self.store.state().pending

    @property
    def skipped(self) -> list[str]:
        """The ids that can't be labelled, in the pool's order."""
        skipped = self.store.state().skipped
        return [name for name in self.pool.ids if name in skipped]

    @property
    def rounds(self) -> list[Round]:
        """The records of `run`, of this process and of earlier ones."""
        return [Round(round=number, **row) for number, row in self.store.rounds().items()]

    def history(self, id: str | None = None) -> list[Event]:
        """Return every label, correction and skip (of one sample), in the order they came."""
        return self.store.history(id)

    # What it is told.

    def tell(
        self,
        labels: Mapping[str, Any],
        *,
        annotator: str = "",
        replace: bool = False,
        seconds: Mapping[str, float] | None = None,
    ) -> int:
        """Store labels: late, partial, for samples asked or not. All are stored, or none is.

        When it returns, they survive the death of the process and of the machine. The same again
        is harmless. Where annotators differ, everything is kept and the last label is used.

        Args:
            labels: id -> label, in the form the task reads; JSON values.
            annotator: who labelled them.
            replace: correct labels that this annotator gave before.
            seconds: id -> how long it took, for some of them or all; it stands in the history.

        Returns:
            How many labels were new or changed.

        Raises:
            UnknownNameError: for an id that is not in the pool.
            InvalidInputError: for a label that the task doesn't know, or that is no JSON value.
            UnreadableSampleError: if the task has to see a sample for that, and can't read it.
            LabelConflictError: if this annotator gave another label and `replace` is False.
            StoreError: if they can't be written.
        """
        if not isinstance(labels, Mapping):
            raise invalid(
                "labels",
                "a dict from id to label",
                type(labels).__name__,
                hint="Of columns: dict(zip(ids, labels)), with ids of the pool, which are strings.",
            )
        if not isinstance(annotator, str):
            raise invalid("annotator", "a string", f"{annotator!r}")
        checked = {name: self.check_label(name, label) for name, label in labels.items()}
        if not checked:
            return 0
        spent = {name: _seconds_of(name, value) for name, value in (seconds or {}).items()}
        return self.store.tell(checked, annotator=annotator, replace=replace, seconds=spent)

    def check_label(self, name: str, label: Any) -> Any:
        """Return a label as the store keeps it.

        Raises:
            UnknownNameError: for an id that is not in the pool.
            InvalidInputError: for a label that the task doesn't know, or that is no JSON value.
            UnreadableSampleError: if the task has to see the sample for that, and can't read it.
        """
        if name not in self.pool:
            raise UnknownNameError(f"labels: {unknown_id(name, self.pool)}")
        where = f"id {name!r}"
        if label is None:
            raise invalid(
                "labels", "a label", "None", where=where,
                hint="A sample that can't be labelled is skipped: loop.skip([id]).",
            )  # fmt: skip
        if provides(self.task, ChecksLabels):
            try:
                label = check_label(self.task, label, lambda: self.pool[name])
            except UnreadableSampleError as error:
                raise UnreadableSampleError(
                    f"labels ({where}): {error}",
                    error.rows,
                    skipped={name: "; ".join(error.rows.values())},
                ) from error
            except (InvalidInputError, UnknownNameError) as error:
                raise type(error)(f"labels ({where}): {error}") from error
        return to_json(label, "labels", where)

    def skip(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Never ask these again: they can't be labelled. A label that comes later ends a skip.

        Returns:
            How many were not skipped or labelled before; a labelled sample keeps its label.

        Raises:
            UnknownNameError: for an id that is not in the pool.
        """
        return self.store.skip(self._in_pool(ids), annotator=annotator)

    def withdraw(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Take back labels and skips that this annotator gave; others' labels count again.

        What was taken back stays in the history. A sample that was asked, and has no label left, is
        pending again.

        Returns:
            How many labels and skips were taken back.

        Raises:
            UnknownNameError: for an id that is not in the pool.
        """
        return self.store.withdraw(self._in_pool(ids), annotator=annotator)

    def _in_pool(self, ids: Collection[str]) -> list[str]:
        """Return ids as a list, all of them the pool's."""
        if isinstance(ids, str):
            raise invalid("ids", "a list of ids", f"the string {ids!r}", hint=f"Use [{ids!r}].")
        wanted = list(ids)
        for name in wanted:
            if name not in self.pool:
                raise UnknownNameError(f"ids: {unknown_id(name, self.pool)}")
        return wanted

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seconds_of(name: str, value: Any) -> float:
    seconds = as_real(value)
    if not 0 <= seconds < math.inf:
        raise invalid(
            "seconds", "a finite number of at least 0", f"{value!r}", where=f"id {name!r}"
        )
    return seconds
