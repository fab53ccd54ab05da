"""The queue of a project: which tasks there are, in which order people get them.

Label Studio's own samplings go by a task's id, by chance, or by the score of its predictions, and
with several people by chance again. The order of a tab of the data manager is kept whatever the
project says: so each task has its place in its data (`altasks_rank`), and a tab in that order. Who
presses "Label Tasks As Displayed" there gets the first task that isn't finished and that they
haven't done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from altasks.loop.query import Query
from altasks.oracles.label_studio.server import Server

ID, RANK, TURN, GUESS = "altasks_id", "altasks_rank", "altasks_turn", "altasks_guess"
#: The version of all predictions: a task has one, which changes.
VERSION = "altasks"
#: Behind every number: the place of what is no longer wanted.
LAST = "done"
#: So many tasks are imported at once.
_MANY = 200


class Queue:
    """What is in a project by altasks.

    Args:
        server: where it is.
        project: its id.
        people: how many label side by side, each in a tab of their own.
    """

    def __init__(self, server: Server, project: int, people: int) -> None:
        self.server = server
        self.project = project
        self.people = people

    def tasks(self) -> dict[str, list[dict[str, Any]]]:
        """Return the tasks of each id, without annotations; one, unless something went wrong."""
        found: dict[str, list[dict[str, Any]]] = {}
        for task in self.server.tasks(self.project, full=False):
            if isinstance(name := task["data"].get(ID), str):
                found.setdefault(name, []).append(task)
        return found

    def put(
        self,
        query: Query,
        data: Callable[[str, Any], dict[str, Any]],
        results: Mapping[str, list[dict[str, Any]]],
    ) -> None:
        """Make a query the head of the queue.

        Args:
            query: in the order wanted.
            data: (id, sample) -> the fields of a new task that show it.
            results: id -> what is predicted, as regions.
        """
        there = {name: self._only(tasks) for name, tasks in self.tasks().items()}
        guesses = {
            name: {"model_version": VERSION, "score": _score(place, len(query)), "result": regions}
            for place, name in enumerate(query.ids)
            if (regions := results.get(name)) is not None
        }
        fields = self._fields(query.ids, there, guesses)
        new = [(name, sample) for name, sample in query if name not in there]
        for start in range(0, len(new), _MANY):
            some = new[start : start + _MANY]
            tasks = [
                {"data": data(name, sample) | fields[name]}
                | ({"predictions": [guesses[name]]} if name in guesses else {})
                for name, sample in some
            ]
            path = f"api/projects/{self.project}/import"
            self.server.send("POST", path, f"adding {len(tasks)} tasks", tasks)
        for name in query.ids:
            if name in there:
                self._bring_up_to_date(there[name], fields[name], guesses.get(name))
        for name, task in there.items():
            if name not in fields and not _is_begun(task) and task["data"].get(RANK) != LAST:
                self._change(task, {RANK: LAST})

    def _fields(
        self,
        ids: Sequence[str],
        there: Mapping[str, dict[str, Any]],
        guesses: Mapping[str, dict[str, Any]],
    ) -> dict[str, dict[str, str]]:
        """Return id -> the fields that place a task, numbers left as they are where they can be."""
        ranks = _ranks([there[name]["data"].get(RANK) if name in there else None for name in ids])
        found = {}
        for name, rank in zip(ids, ranks, strict=True):
            found[name] = {ID: name, RANK: f"{rank:08d}"}
            if self.people > 1:
                found[name][TURN] = str(rank % self.people)
            if name in guesses:
                text = json.dumps(guesses[name], sort_keys=True)
                found[name][GUESS] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return found

    def _bring_up_to_date(
        self, task: dict[str, Any], fields: Mapping[str, str], guess: dict[str, Any] | None
    ) -> None:
        if guess is not None and task["data"].get(GUESS) != fields[GUESS]:
            path = "api/predictions/"
            found = self.server.get(path, "reading predictions", task=task["id"])
            mine = [one["id"] for one in found if one["model_version"] == VERSION]
            doing = f"predicting for task {task['id']}"
            if mine:
                self.server.send("PATCH", f"{path}{mine[0]}/", doing, guess)
            else:
                self.server.send("POST", path, doing, guess | {"task": task["id"]})
            for extra in mine[1:]:
                self.server.send("DELETE", f"{path}{extra}/", doing)
        # Last: it says that the prediction is there.
        if any(task["data"].get(key) != value for key, value in fields.items()):
            self._change(task, fields)

    def _change(self, task: dict[str, Any], fields: Mapping[str, str]) -> None:
        body = {"data": task["data"] | dict(fields)}
        path = f"api/tasks/{task['id']}/"
        self.server.send("PATCH", path, f"moving task {task['id']}", body)

    def _only(self, tasks: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the task of an id; of several, twice imported, untouched ones are deleted."""
        ordered = sorted(tasks, key=lambda task: (not _is_begun(task), task["id"]))
        for extra in ordered[1:]:
            if not _is_begun(extra) and not extra.get("drafts"):
                path = f"api/tasks/{extra['id']}/"
                self.server.send("DELETE", path, f"deleting the doubled task {extra['id']}")
        return ordered[0]

    def show(self) -> None:
        """See to it that there is a tab for each person, in the order of the queue."""
        path = "api/dm/views/"
        there = self.server.get(path, "reading tabs", project=self.project)
        by_title = {one["data"].get("title"): one for one in there}
        for turn in range(self.people):
            title = "altasks" if self.people == 1 else f"altasks {turn + 1} of {self.people}"
            wanted: dict[str, Any] = {"title": title, "ordering": [f"tasks:data.{RANK}"]}
            if self.people > 1:
                item = {"filter": f"filter:tasks:data.{TURN}", "operator": "equal"}
                item |= {"type": "String", "value": str(turn)}
                wanted["filters"] = {"conjunction": "and", "items": [item]}
            found = by_title.get(title)
            if found is None:
                body: dict[str, Any] = {"project": self.project, "data": wanted}
                self.server.send("POST", path, f"making the tab {title!r}", body)
            elif any(found["data"].get(key) != value for key, value in wanted.items()):
                body = {"project": self.project, "data": found["data"] | wanted}
                self.server.send("PATCH", f"{path}{found['id']}/", f"the tab {title!r}", body)


def _score(place: int, many: int) -> float:
    """Return a place as a score, the lowest wanted most, as uncertainty sampling reads it."""
    return round((place + 1) / many, 6)


def _ranks(before: Sequence[Any]) -> list[int]:
    """Return rising numbers: those there are, if they rise and what is new comes behind them.

    Example:
        >>> _ranks(["00000003", "00000007", None, None]), _ranks([None, "00000003"])
        ([3, 7, 8, 9], [1, 2])
    """
    known = [int(rank) for rank in before if isinstance(rank, str) and rank.isdigit()]
    rising = known == sorted(set(known))
    if rising and all(isinstance(rank, str) and rank.isdigit() for rank in before[: len(known)]):
        first = known[-1] + 1 if known else 1
        return known + list(range(first, first + len(before) - len(known)))
    return list(range(1, len(before) + 1))


def _is_begun(task: Mapping[str, Any]) -> bool:
    """Whether somebody has labelled or skipped a task."""
    return bool(task["total_annotations"] or task["cancelled_annotations"])


def in_order(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of tasks in the order of their places."""
    return [task["data"][ID] for task in sorted(tasks, key=lambda one: str(one["data"].get(RANK)))]
