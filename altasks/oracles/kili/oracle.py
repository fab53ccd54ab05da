"""The oracle of people who label in Kili."""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from altasks._internal.numbers import require_whole
from altasks.data import as_pool
from altasks.data.kili import Converter, counted_labels
from altasks.data.kili.counting import annotator_of
from altasks.errors import AltasksError, LoopWarning, invalid
from altasks.loop.answers import Answer, Answers, ToolState
from altasks.loop.query import Query
from altasks.oracles.guesses import guesses_of
from altasks.oracles.kili.kinds import converter_for
from altasks.oracles.kili.levels import MOST, levels_of
from altasks.oracles.kili.service import Asset, Service


@dataclass(frozen=True)
class Pushed:
    """What the last push did.

    Args:
        placed: how many assets got another priority.
        predicted: how many predictions were written.
        declined: the ids whose priority stayed as it is, since they are in progress, done or
            skipped. The SDK's older call doesn't tell.
        failed: id -> what the server said, of assets that failed twice. The next push tries again.
    """

    placed: int = 0
    predicted: int = 0
    declined: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Kili:
    """People who label in a project of Kili; give it to `loop.sync`.

    The project is there, with its assets: their external ids are the ids of the pool. A query goes
    out as priorities, so that the automatic queue serves its samples first, in order; assets of one
    priority are served in the order of their upload. What is read and lost on the way:
    `docs/concepts/kili.md`.

    The key is kept by the SDK alone: it is in no file, log, error or `repr`.

    Args:
        task: a task adapter; its classes are looked up in the project's interface.
        pool: the samples, as the loop has them.
        project: the id of the project.
        url: of the GraphQL endpoint; None: the environment's `KILI_API_ENDPOINT`, or Kili's own.
        key: the API key to act with; None: the environment's `KILI_API_KEY`.
        converter: one of `altasks.data.kili`; None: by the task.
        job: the name of the job, where the interface has several that would do.
        levels: into how many priorities a query is put, 1 to 100. Each takes a call for every 100
            assets. Priorities 1 to 100 are altasks'; assets with others are left alone until they
            are asked for.
        predictions: whether people see what the model predicts.
        model_name: what the predictions are called; earlier ones of the name are replaced.

    Attributes:
        last_push: what the last push did, and what was declined.

    Raises:
        InvalidInputError: if the project's interface is for another task or has other classes.
        MissingExtraError: if the SDK is not installed.
        ToolError: if the server can't be reached, or refuses.
    """

    def __init__(
        self,
        task: Any,
        pool: Any,
        project: str,
        *,
        url: str | None = None,
        key: str | None = None,
        converter: Converter | None = None,
        job: str | None = None,
        levels: int = 20,
        predictions: bool = True,
        model_name: str = "altasks",
    ) -> None:
        self.levels = require_whole("levels", levels, 1, MOST)
        if not isinstance(project, str) or not 0 < len(project) <= 35 or "/" in project:
            raise invalid("project", "the id of a project, such as 'cl0abc...'", repr(project)[:80])
        if not isinstance(model_name, str) or not model_name:
            raise invalid("model_name", "a name", repr(model_name)[:80])
        self.pool = as_pool(pool)
        made = converter or converter_for(task)
        key = key or os.environ.get("KILI_API_KEY")
        if not isinstance(key, str) or not key:
            raise invalid("key", "an API key, or KILI_API_KEY", "none")
        self.project = project
        self._service = Service(project, url, key)
        self.converter = made.attached(self._service.interface(), job=job)
        self._predictions = predictions
        self._model_name = model_name
        self.last_push = Pushed()

    def __repr__(self) -> str:
        """Return the project and where it is."""
        return f"Kili({self._service.url}, {self.project!r}, {self.converter!r})"

    @property
    def name(self) -> str:
        """`kili-` and the id of the project."""
        return f"kili-{self.project}"

    # Out.

    def push(self, query: Query) -> None:
        """Make a query what people get next, in its order; see `AsksPeople.push`.

        What an earlier push put first and this one doesn't is put back to 0 before anything else.

        Raises:
            InvalidInputError: for samples that are no assets of the project.
            ToolError: if the server can't be reached, or refuses. Push again then.
        """
        assets = self._service.assets()
        by_name = self._by_name(assets, query.ids)
        level = dict(zip(query.ids, levels_of(len(query), self.levels), strict=True))
        stale = [
            one.id for one in assets
            if one.name not in level and 1 <= one.priority <= MOST and one.waiting
        ]  # fmt: skip
        priorities = {0: stale}
        for name in query.ids:
            if by_name[name].priority != level[name]:
                priorities.setdefault(level[name], []).append(by_name[name].id)
        outcome = self._service.prioritize(priorities)
        guesses = (
            guesses_of(query, self.converter, self.converter.response) if self._predictions else {}
        )
        self._service.predict(
            {by_name[name].id: response for name, response in guesses.items()}, self._model_name
        )
        self._report(assets, priorities, outcome.declined, outcome.failed or {}, len(guesses))

    def _by_name(self, assets: Sequence[Asset], ids: Sequence[str]) -> dict[str, Asset]:
        wanted, found = {*ids}, {}
        for one in assets:
            if one.name in wanted and one.name in found:
                raise invalid("ids", "assets with external ids of their own", f"two {one.name!r}")
            found[one.name] = one
        missing = [name for name in ids if name not in found]
        if missing:
            shown = ", ".join(map(repr, missing[:5])) + (", ..." if len(missing) > 5 else "")
            raise invalid(
                "ids", "external ids of assets in the project",
                f"{len(missing)} that are none: {shown}",
                hint="Upload them: kili.append_many_to_dataset(..., external_id_array=ids).",
            )  # fmt: skip
        return found

    def _report(
        self,
        assets: Sequence[Asset],
        priorities: Mapping[int, Sequence[str]],
        declined: Collection[str],
        failed: Mapping[str, str],
        predicted: int,
    ) -> None:
        name = {one.id: one.name for one in assets}
        asked = sum(map(len, priorities.values()))
        self.last_push = Pushed(
            asked - len(declined) - len(failed), predicted,
            [name[one] for one in declined], {name[one]: said for one, said in failed.items()},
        )  # fmt: skip
        if failed:
            first, said = next(iter(self.last_push.failed.items()))
            warnings.warn(
                f"The priorities of {len(failed)} assets could not be set, such as that of "
                f"{first!r}: {said}. The next push tries again.",
                LoopWarning,
                stacklevel=3,
            )

    # In.

    def pull(self, since: Any = None, *, also: Collection[str] = ()) -> Answers:
        """Return what people say of each sample that something changed about.

        Compared is which labels there are, so that deleted ones are noticed too. A label that
        somebody changes in place through the API is not: `loop.sync(everything=True)` finds it.
        """
        skipped = {one.name for one in self._service.assets() if one.skipped}
        before = since or {}
        there = {
            name: labels for name, labels in self._service.labels().items() if name in self.pool
        }
        now = {
            name: _mark(there.get(name, ()), name in skipped)
            for name in {*there, *(name for name in skipped if name in self.pool)}
        }
        changed = {name for name, mark in now.items() if before.get(name) != mark}
        changed |= {name for name in before if name not in now} | {*also}
        answers = self._service.answers(sorted(changed & {*there}))
        by_id = {}
        for name in sorted(changed):
            labels = answers.get(name, [])
            by_id[name] = self._said(name, labels, name in skipped)
            if labels or name in skipped:
                now[name] = _mark(labels, name in skipped)
            else:
                now.pop(name, None)
        return Answers(by_id, dict(sorted(now.items())))

    def _said(
        self, name: str, labels: Sequence[Mapping[str, Any]], is_skipped: bool
    ) -> list[Answer]:
        counted = counted_labels(labels)
        if not counted:
            return [Answer()] if is_skipped else []  # Kili doesn't say who skipped it
        return [self._answer(name, one) for one in counted]

    def _answer(self, name: str, label: Mapping[str, Any]) -> Answer:
        who, spent = annotator_of(label), label.get("secondsToLabel")
        known = isinstance(spent, int | float) and 0 <= spent < math.inf
        seconds = float(spent) if known else None  # type: ignore[arg-type]
        try:
            read = self.converter.label(label.get("jsonResponse"), self.pool[name])
            return Answer(read, who, seconds)
        except AltasksError as error:
            return Answer(annotator=who, seconds=seconds, fault=f"label {label['id']}: {error}")

    def state(self) -> ToolState:
        """Return what is open, in the order of the queue, what is labelled and what is skipped."""
        assets = [one for one in self._service.assets() if one.name in self.pool]
        labelled = self._service.labels()
        rest = [one for one in assets if one.name not in labelled]
        queue = sorted((one for one in rest if not one.skipped), key=lambda one: -one.priority)
        return ToolState(
            [one.name for one in queue],
            [one.name for one in assets if one.name in labelled],
            [one.name for one in rest if one.skipped],
        )

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


def _mark(labels: Sequence[Mapping[str, Any]], is_skipped: bool) -> str:
    """Return a few characters that differ where the labels differ."""
    entries = sorted([str(one["id"]), str(one["createdAt"])] for one in labels)
    text = json.dumps([entries, is_skipped])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
