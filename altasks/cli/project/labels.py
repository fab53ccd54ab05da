"""Labels of rows, checked by the task and put into the store: `altasks tell`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from altasks._internal.labels import check_label
from altasks.abilities import ChecksLabels, provides
from altasks.cli.project.rows import LabelRow, raise_problems
from altasks.data.spreadsheets import plain_cell
from altasks.data.text_files import parse_json
from altasks.errors import InvalidInputError, LabelConflictError, UnknownNameError, invalid

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.loop import ActiveLoop

#: What JSON that is more than a text begins with.
_JSON = tuple('[{-0123456789tfn"')


@dataclass(frozen=True)
class Told:
    """What came of some rows.

    Attributes:
        labels: how many labels were new or changed.
        skips: how many samples were newly skipped.
        known: how many rows said what the store has already.
        empty: how many rows had neither label nor skip.
    """

    labels: int
    skips: int
    known: int
    empty: int


def take(
    loop: ActiveLoop,
    rows: Sequence[LabelRow],
    *,
    annotator: str = "",
    replace_labels: bool = False,
    several: bool = False,
) -> Told:
    """Put rows into the store: all are checked before the first is written.

    Each group of labels is one transaction, and the same again is harmless. So a command that died
    in between is repeated.

    Args:
        loop: with the store and the task.
        rows: as they stand in a file.
        annotator: of rows that name none.
        replace_labels: whether labels that an annotator gave before are corrected.
        several: whether a cell may name several classes, separated by semicolons.

    Raises:
        InvalidInputError: naming the lines of rows that can't be taken.
        LabelConflictError: if an annotator gave another label before.
    """
    said = [row for row in rows if row.label is not None or row.skip]
    problems: list[str] = []
    checked: list[LabelRow] = []
    for row in said:
        try:
            checked.append(_checked(loop.task, loop.pool, row, several))
        except (InvalidInputError, UnknownNameError) as error:
            problems.append(f"{row.place}: {error}")
    seen: dict[tuple[str, str], LabelRow] = {}
    for row in checked:
        key = (row.id, row.annotator or annotator)
        before = seen.setdefault(key, row)
        if before is not row and (before.label, before.skip) != (row.label, row.skip):
            problems.append(f"{row.place}: id {row.id!r} has another label than in {before.place}.")
    raise_problems(problems)
    told = skipped = 0
    for wave in _waves(list(seen.values()), annotator):
        for who, mine in wave.items():
            labels = {row.id: row.label for row in mine if not row.skip}
            seconds = {row.id: row.seconds for row in mine if row.seconds is not None}
            seconds = {name: spent for name, spent in seconds.items() if name in labels}
            if labels:
                places = {row.id: row.place for row in mine}
                told += _tell(loop, labels, seconds, who, replace_labels, places)
            if skips := [row.id for row in mine if row.skip]:
                skipped += loop.skip(skips, annotator=who)
    return Told(told, skipped, len(seen) - told - skipped, len(rows) - len(said))


def _tell(
    loop: ActiveLoop,
    labels: Mapping[str, Any],
    seconds: Mapping[str, float | None],
    who: str,
    replace_labels: bool,
    places: Mapping[str, str],
) -> int:
    spent = {name: one for name, one in seconds.items() if one is not None}
    try:
        return loop.tell(labels, annotator=who, replace=replace_labels, seconds=spent)
    except LabelConflictError as error:
        message = str(error).removeprefix("labels: ").replace("replace=True", "--replace")
        message = message.replace("annotator=.", "--annotator NAME.")
        place = next((place for name, place in places.items() if repr(name) in message), "labels")
        raise LabelConflictError(f"{place}: {message}") from error


def _waves(rows: Sequence[LabelRow], annotator: str) -> list[dict[str, list[LabelRow]]]:
    """Return rows by person, in as many rounds as a sample has people: the file's last one last."""
    waves: list[dict[str, list[LabelRow]]] = []
    count: dict[str, int] = {}
    for row in rows:
        place = count.get(row.id, 0)
        count[row.id] = place + 1
        if place == len(waves):
            waves.append({})
        waves[place].setdefault(row.annotator or annotator, []).append(row)
    return waves


def _checked(task: Any, pool: Pool, row: LabelRow, several: bool) -> LabelRow:
    """Return a row with the label as the store keeps it."""
    name = row.id
    if name not in pool:
        name = plain_cell(name)
    sample = pool[name]
    if row.text is not None and isinstance(sample, str) and row.text.split() != sample.split():
        raise invalid(
            f"id {name!r}", f"the pool's text, {_short(sample)}", _short(row.text),
            hint="Is it a file of another pool, or were its rows sorted apart from their ids?",
        )  # fmt: skip
    if row.skip:
        return replace(row, id=name)
    if not row.from_text:
        return replace(row, id=name, label=_asked(task, row.label, sample))
    text = row.label
    if several and not text.startswith("["):
        names = [one.strip() for one in text.split(";")]
        return replace(row, id=name, label=_asked(task, [n for n in names if n], sample))
    try:
        return replace(row, id=name, label=_asked(task, text, sample))
    except (InvalidInputError, UnknownNameError):
        # A number, boxes, spans: what a table can only say in JSON.
        if not text.startswith(_JSON):
            raise
        try:
            value = parse_json(text)
        except ValueError:
            value = text
        if isinstance(value, str):
            raise
        return replace(row, id=name, label=_asked(task, value, sample))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _asked(task: Any, label: Any, sample: Any) -> Any:
    return check_label(task, label, lambda: sample) if provides(task, ChecksLabels) else label


def untold(loop: ActiveLoop, rows: Sequence[LabelRow], several: bool) -> list[str]:
    """Return the ids of rows whose label or skip the store doesn't have as it stands there."""
    labels, skipped = loop.labels, {*loop.skipped}
    found = []
    for row in rows:
        if row.label is None and not row.skip:
            continue
        try:
            one = _checked(loop.task, loop.pool, row, several)
        except (InvalidInputError, UnknownNameError):
            found.append(row.id)
            continue
        there = one.id in skipped if row.skip else labels.get(one.id) == one.label
        if not there:
            found.append(row.id)
    return found
