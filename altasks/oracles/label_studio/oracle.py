"""The oracle of people who label in Label Studio."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from altasks._internal.numbers import require_whole
from altasks.data import as_pool
from altasks.data.label_studio import Converter
from altasks.errors import ToolError, invalid
from altasks.loop.answers import Answers, ToolState
from altasks.loop.query import Query
from altasks.oracles.guesses import guesses_of
from altasks.oracles.label_studio.images import is_address, uploaded
from altasks.oracles.label_studio.kinds import converter_for
from altasks.oracles.label_studio.people import People, answers_of
from altasks.oracles.label_studio.queue import ID, Queue, in_order
from altasks.oracles.label_studio.server import Server

#: Pulled again each time: a change may be written some time after its own time.
OVERLAP = timedelta(minutes=2)


class LabelStudio:
    """People who label in a project of Label Studio; give it to `loop.sync`.

    The project gets a tab "altasks" (with `people` above 1: one for each): who opens it and presses
    "Label Tasks As Displayed" is given the samples in the order of the query, with what the model
    predicts of them, whatever the project's sampling. What is read and lost on the way:
    `docs/concepts/label_studio.md`.

    The token is kept by the SDK alone: it is in no file, log, error or `repr`.

    Args:
        task: a task adapter; its classes make the labelling interface.
        pool: the samples, as the loop has them.
        project: the id of a project, or a title: a project of that title is taken, or made.
        url: of the server; None: the environment's `LABEL_STUDIO_URL`, or this machine's port 8080.
        token: of the user to act as; None: the environment's `LABEL_STUDIO_API_KEY`.
        people: how many label side by side. Each has a tab of their own, with every so-manieth
            sample of the order, so that no two get the same.
        annotations: how many people label each sample, in a project that is made. For more than
            one, `people` stays 1: all work through the same tab.
        converter: one of `altasks.data.label_studio`; None: by the task.
        control: the name of the tag to use, where a project's interface has several that would do.
        data: (id, sample) -> the fields of a task's `data`; None: texts as they are, images at an
            address as they are, others uploaded.
        predictions: whether people see what the model predicts.

    Raises:
        InvalidInputError: if the project's interface is for another task or has other classes.
        MissingExtraError: if the SDK is not installed.
        ToolError: if the server can't be reached, or refuses.
    """

    def __init__(
        self,
        task: Any,
        pool: Any,
        project: int | str,
        *,
        url: str | None = None,
        token: str | None = None,
        people: int = 1,
        annotations: int = 1,
        converter: Converter | None = None,
        control: str | None = None,
        data: Callable[[str, Any], Mapping[str, Any]] | None = None,
        predictions: bool = True,
    ) -> None:
        require_whole("people", people, 1)
        require_whole("annotations", annotations, 1)
        self.pool = as_pool(pool)
        made = converter or converter_for(task, self.pool.at(0) if len(self.pool) else None)
        token = token or os.environ.get("LABEL_STUDIO_API_KEY")
        if not token:
            raise invalid(
                "token", "an access token", "none",
                hint="Label Studio shows yours under Account & Settings; put it into the "
                "environment: export LABEL_STUDIO_API_KEY=...",
            )  # fmt: skip
        url = url or os.environ.get("LABEL_STUDIO_URL") or "http://localhost:8080"
        self._server = Server(url, token)
        found = self._project(project, made, annotations)
        self.project = int(found["id"])
        self._created_at = str(found.get("created_at"))
        self.converter = made.attached(found["label_config"], control=control)
        self._queue = Queue(self._server, self.project, int(people))
        self._people = People(self._server)
        self._data = data
        self._predictions = predictions

    def __repr__(self) -> str:
        """Return the project and where it is."""
        return f"LabelStudio({self.project_url}, {self.converter!r})"

    def close(self) -> None:
        """Close the connections to the server."""
        self._server.close()

    def __enter__(self) -> LabelStudio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """`label-studio-` and the number of the project."""
        return f"label-studio-{self.project}"

    @property
    def server(self) -> Server:
        """The server, and the right to use it."""
        return self._server

    @property
    def project_url(self) -> str:
        """The project's page, for people."""
        return f"{self._server.url}/projects/{self.project}/data"

    def _project(self, project: Any, converter: Converter, annotations: int) -> dict[str, Any]:
        if isinstance(project, int) and not isinstance(project, bool):
            found: dict[str, Any] = self._server.get(
                f"api/projects/{project}/", f"opening project {project}"
            )
            return found
        if not isinstance(project, str) or not 3 <= len(project) <= 50:
            raise invalid("project", "an id, or a title of 3 to 50 characters", f"{project!r}")
        named = [one for one in self._all_projects(project) if one["title"] == project]
        if len(named) > 1:
            ids = ", ".join(str(one["id"]) for one in named)
            raise invalid("project", "the title of one project", f"{len(named)}: {ids}", hint="Id.")
        if named:
            return named[0]
        body = {
            "title": project,
            "label_config": converter.config(),
            "sampling": "Sequential sampling",
            "maximum_annotations": int(annotations),
            "show_collab_predictions": True,
        }
        made: dict[str, Any] = self._server.send(
            "POST", "api/projects/", f"making the project {project!r}", body
        )
        return made

    def _all_projects(self, title: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._server.get(
                "api/projects/", "listing projects", title=title, page_size=100,
                page=len(found) // 100 + 1,
            )  # fmt: skip
            found += page["results"]
            if not page["results"] or len(found) >= page["count"]:
                return found

    # Out.

    def push(self, query: Query) -> None:
        """Make a query what people get next, in its order; see `AsksPeople.push`."""
        results = (
            guesses_of(query, self.converter, self.converter.result) if self._predictions else {}
        )
        self._queue.put(query, self._shown, results)
        self._queue.show()

    def _shown(self, name: str, sample: Any) -> dict[str, Any]:
        if self._data is not None:
            return dict(self._data(name, sample))
        image = sample["image"] if isinstance(sample, Mapping) and "image" in sample else sample
        if self.converter.control.sample_tag == "Image" and not is_address(image):
            address = uploaded(self._server, self.project, name, sample)
            return {self.converter.control.field: address}
        return self.converter.data(sample)

    # In.

    def pull(self, since: Any = None, *, also: Collection[str] = ()) -> Answers:
        """Return what people say of each sample that something changed about."""
        mark = self._mark_of(since)
        filters = [] if mark is None else [_newer_than(_moved(mark, -OVERLAP))]
        found: dict[str, list[dict[str, Any]]] = {}
        newest = mark or ""
        for task in self._server.tasks(self.project, full=True, filters=filters):
            newest = max(newest, str(task["updated_at"]))
            if isinstance(name := task["data"].get(ID), str):
                found.setdefault(name, []).append(task)
        # Of a sample that was imported twice, annotations may be in two places.
        twice = [n for n, own in self._queue.tasks().items() if len(own) > 1] if mark else []
        for name in {*also, *twice}:
            item = {"filter": f"filter:tasks:data.{ID}", "operator": "equal"}
            item |= {"type": "String", "value": name}
            found[name] = [
                task
                for task in self._server.tasks(self.project, full=True, filters=[item])
                if task["data"].get(ID) == name
            ]
        by_id = {name: self._said(name, tasks) for name, tasks in found.items()}
        return Answers(by_id, {"created_at": self._created_at, "upto": newest} if newest else None)

    def _said(self, name: str, tasks: list[dict[str, Any]]) -> list[Any]:
        def read(result: Any) -> Any:
            return self.converter.label(result, self.pool[name])

        return answers_of(tasks, self._people.address, read)

    def _mark_of(self, since: Any) -> str | None:
        if since is None:
            return None
        if since.get("created_at") != self._created_at:
            raise ToolError(
                f"Label Studio at {self._server.url}: project {self.project} was made at "
                f"{self._created_at}, and the loop's at {since.get('created_at')}: it is another "
                "project of the same number. Give each loop one project."
            )
        return str(since["upto"])

    def state(self) -> ToolState:
        """Return what is open, in the order of the tab, what is labelled and what is skipped."""
        tasks = [own[0] for own in self._queue.tasks().values()]
        labelled = [task for task in tasks if task["total_annotations"]]
        rest = [task for task in tasks if not task["total_annotations"]]
        skipped = [task for task in rest if task["cancelled_annotations"]]
        opened = [task for task in rest if not task["cancelled_annotations"]]
        return ToolState(in_order(opened), in_order(labelled), in_order(skipped))

    def label(self, query: Query) -> dict[str, Any]:
        """Push a query, and return what people have said of it so far; for `loop.run`.

        `loop.sync` takes in more: skips, who said it, how long it took, corrections.
        """
        self.push(query)
        answers = self.pull().by_id
        said = {
            name: [one.label for one in answers.get(name, ()) if one.label is not None]
            for name in query.ids
        }
        return {name: labels[-1] for name, labels in said.items() if labels}


def _moved(stamp: str, by: timedelta) -> str:
    when = datetime.fromisoformat(stamp.replace("Z", "+00:00")) + by
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _newer_than(stamp: str) -> dict[str, Any]:
    return {
        "filter": "filter:tasks:updated_at",
        "operator": "greater_or_equal",
        "type": "Datetime",
        "value": stamp,
    }
