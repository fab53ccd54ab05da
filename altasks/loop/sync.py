"""`ActiveLoop.sync`: a store made equal to what people said in a tool, and the tool's queue to it.

Each sample is compared as a whole: what its people say now with what the store has of them. So a
sync may be repeated, and cut off at any step:

    died before                  the store has            the next sync
    an answer was written        the old mark             pulls it again; what is there is no news
    the mark was put             the answers              pulls them again, and finds no news
    the queue was pushed         the answers, the mark    pushes it: a tool takes a sample once

A mark is put when all before it has been written. A label that the task refuses is remembered with
it, and asked for again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from altasks.errors import InvalidInputError, LoopWarning, UnknownNameError, invalid
from altasks.loop.answers import Answer, Answers, Synced
from altasks.loop.base import Event, Store
from altasks.loop.query_maker import QueryMaker
from altasks.loop.queue import open_queue

if TYPE_CHECKING:
    from altasks.oracles.base import AsksPeople

#: Above so many samples the whole history is read once instead of each one's.
_FEW = 200
#: The longest name: keys of a store have room for so much.
_LONGEST = 40


class Sync:
    """One call of `ActiveLoop.sync`.

    Args:
        store: of the loop.
        query_maker: of the loop.
        check_label: (id, label) -> the label as the store keeps it.
        oracle: what people label with.
    """

    def __init__(
        self,
        store: Store,
        query_maker: QueryMaker,
        check_label: Callable[[str, Any], Any],
        oracle: AsksPeople,
    ) -> None:
        self.store = store
        self.query_maker = query_maker
        self.check_label = check_label
        self.oracle = oracle
        for method in ("push", "pull"):
            if not callable(getattr(oracle, method, None)):
                wanted = "an oracle with name, push and pull"
                raise invalid("oracle", wanted, type(oracle).__name__)
        name = oracle.name
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or "/" in name:
            wanted = f"an oracle with a name of at most {_LONGEST} characters, without '/'"
            raise invalid("oracle", wanted, f"{name!r}")
        self.name = name
        self.refused: dict[str, str] = {}

    def run(self, *, rerank: bool, everything: bool) -> Synced:
        """Take in what is new, then hand out what is still open."""
        key = f"sync/{self.name}"
        kept = self.store.get(key) or {"mark": None, "refused": []}
        since = None if everything else kept["mark"]
        answers = self.oracle.pull(since, also=list(kept["refused"]))
        labels, skips, withdrawn = self._take_in(answers)
        now = {"mark": answers.mark, "refused": sorted(self.refused)}
        if now != kept:
            self.store.put(key, now)
        if self.refused:
            first, why = next(iter(self.refused.items()))
            more = f" and {len(self.refused) - 1} more" if len(self.refused) > 1 else ""
            warnings.warn(
                f"The label of {first!r}{more} was not taken: {why} Correct it in the tool; each "
                "sync tries again.",
                LoopWarning,
                stacklevel=4,
            )
        query = open_queue(self.query_maker, rerank=rerank)
        self.oracle.push(query)
        return Synced(labels, skips, withdrawn, dict(self.refused), list(query.ids))

    def _take_in(self, answers: Answers) -> tuple[int, int, int]:
        """Write what people say; return how many labels, skips and withdrawals were news."""
        said: dict[str, list[tuple[str, Answer, Any]]] = {}
        for name, given in answers.by_id.items():
            said[name] = self._readable(name, given)
        had = self._had(said)
        gone: dict[str, list[str]] = {}
        for name, mine in said.items():
            # A label that can't be read leaves what this person said before.
            there = {self._who(one) for one in answers.by_id[name]}
            skipping = {who for who, answer, _ in mine if answer.skipped}
            for who, kind in had.get(name, {}).items():
                if who not in there or (kind == "label" and who in skipping):
                    gone.setdefault(who, []).append(name)
        withdrawn = sum(self.store.withdraw(ids, annotator=who) for who, ids in gone.items())
        labels = sum(self._tell(wave) for wave in _waves(said))
        return labels, self._skip(said), withdrawn

    def _who(self, answer: Answer) -> str:
        return f"{self.name}/{answer.annotator}"

    def _readable(self, name: str, given: Iterable[Answer]) -> list[tuple[str, Answer, Any]]:
        """Return (annotator, answer, checked label) of each answer; note why others are not."""
        found = []
        for answer in given:
            label = None
            try:
                if answer.fault:
                    raise InvalidInputError(answer.fault)
                if not answer.skipped:
                    label = self.check_label(name, answer.label)
                elif name not in self.query_maker.pool:
                    raise UnknownNameError(f"{name!r} is not in the pool.")
            except (InvalidInputError, UnknownNameError) as error:
                by = f"{answer.annotator}: " if answer.annotator else ""
                self.refused[name] = f"{by}{error}"
                continue
            found.append((self._who(answer), answer, label))
        return found

    def _had(self, ids: Collection[str]) -> dict[str, dict[str, str]]:
        """Return id -> annotator of this tool -> `label` or `skip`, as the store has it."""
        found: dict[str, dict[str, str]] = {}
        for event in self._events(ids):
            if event.id in ids and event.annotator.startswith(f"{self.name}/") and not event.part:
                mine = found.setdefault(event.id, {})
                mine.pop(event.annotator, None)
                if event.kind != "withdraw":
                    mine[event.annotator] = event.kind
        return found

    def _events(self, ids: Collection[str]) -> Iterable[Event]:
        if len(ids) > _FEW:
            return self.store.history()
        return (event for name in ids for event in self.store.history(name))

    def _tell(self, wave: Mapping[str, dict[str, tuple[Answer, Any]]]) -> int:
        told = 0
        for who, by_id in wave.items():
            labels = {name: label for name, (_, label) in by_id.items()}
            seconds = {
                name: float(answer.seconds)
                for name, (answer, _) in by_id.items()
                if answer.seconds is not None
            }
            told += self.store.tell(labels, annotator=who, replace=True, seconds=seconds)
        return told

    def _skip(self, said: Mapping[str, list[tuple[str, Answer, Any]]]) -> int:
        by_person: dict[str, list[str]] = {}
        for name, mine in said.items():
            skippers = [who for who, answer, _ in mine if answer.skipped]
            if skippers and len(skippers) == len(mine):  # a label of anyone counts more
                by_person.setdefault(skippers[-1], []).append(name)
        return sum(self.store.skip(ids, annotator=who) for who, ids in by_person.items())


def _waves(
    said: Mapping[str, list[tuple[str, Answer, Any]]],
) -> list[dict[str, dict[str, tuple[Answer, Any]]]]:
    """Return labels by person, in as many rounds as a sample has people: the last one's last."""
    waves: list[dict[str, dict[str, tuple[Answer, Any]]]] = []
    for name, mine in said.items():
        labelled = [(who, answer, label) for who, answer, label in mine if not answer.skipped]
        for place, (who, answer, label) in enumerate(labelled):
            if place == len(waves):
                waves.append({})
            waves[place].setdefault(who, {})[name] = (answer, label)
    return waves
