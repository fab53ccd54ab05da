"""What people said: annotations as answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from altasks.errors import AltasksError
from altasks.loop.answers import Answer
from altasks.oracles.label_studio.server import Server


class People:
    """Who annotates, by number and by address.

    Args:
        server: that knows them.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._address: dict[int, str] | None = None

    def address(self, who: Any) -> str:
        """Return the e-mail address of a user, or their number where nobody says it."""
        if isinstance(who, Mapping):
            return str(who.get("email") or who.get("id") or "")
        if not isinstance(who, int):
            return ""
        if self._address is None or who not in self._address:
            users = self._server.get("api/users/", "listing people")
            self._address = {one["id"]: one.get("email") or str(one["id"]) for one in users}
        return self._address.get(who, str(who))


def answers_of(
    tasks: Sequence[Mapping[str, Any]],
    address: Callable[[Any], str],
    read: Callable[[Any], Any],
) -> list[Answer]:
    """Return what people say of one sample now, the last at the end.

    Where there is a ground truth, it counts alone. Of several annotations of one person the last
    one counts. A cancelled annotation is a skip; drafts and predictions are nothing said.

    Args:
        tasks: of this sample, with annotations.
        address: of a user.
        read: makes a label of a result.
    """
    given = [one for task in tasks for one in task.get("annotations") or ()]
    truths = [one for one in given if one.get("ground_truth") and not one.get("was_cancelled")]
    by_person: dict[str, Answer] = {}
    for one in sorted(truths or given, key=lambda one: (str(one.get("updated_at")), one["id"])):
        who = address(one.get("completed_by"))
        by_person.pop(who, None)
        by_person[who] = _answer(one, who, read)
    return list(by_person.values())


def _answer(annotation: Mapping[str, Any], who: str, read: Callable[[Any], Any]) -> Answer:
    seconds = annotation.get("lead_time")
    known = isinstance(seconds, int | float) and 0 <= seconds < math.inf
    spent = float(seconds) if known else None  # type: ignore[arg-type]
    if annotation.get("was_cancelled"):
        return Answer(annotator=who, seconds=spent)
    try:
        return Answer(read(annotation.get("result")), who, spent)
    except AltasksError as error:
        fault = f"annotation {annotation['id']}: {error}"
        return Answer(annotator=who, seconds=spent, fault=fault)
