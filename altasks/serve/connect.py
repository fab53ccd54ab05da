"""See to it that a project of Label Studio calls this server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from altasks.errors import ToolError
from altasks.oracles.label_studio.queue import VERSION
from altasks.serve.secret import USER, basic

#: The title of the ML backend in Label Studio. Not that of the predictions: where a project shows
#: those of a *backend*, it shows none while that is away.
TITLE = "altasks serve"
ACTIONS = ["ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]


@dataclass(frozen=True)
class Connect:
    """Registers an ML backend, and its webhook, in a project.

    Label Studio makes a webhook for each ML backend, without the backend's password: it would be
    refused here. So that webhook gets a header, and sends no bodies, as nobody reads them.

    Args:
        address: by which Label Studio calls.
        password: of the ML backend.
        for_webhooks: the password of webhooks.
        add: whether the ML backend is added; False: only webhooks of one that somebody else adds
            are seen to.
    """

    address: str
    password: str = field(repr=False)
    for_webhooks: str = field(repr=False)
    add: bool = True

    def __call__(self, people: Any, addresses: frozenset[str]) -> None:
        """Do what isn't done yet.

        Args:
            people: an `altasks.LabelStudio`.
            addresses: others by which Label Studio has called.

        Raises:
            ToolError: if it can't be reached, or refuses.
        """
        if self.add:
            self._add_backend(people)
        self._open_webhooks(people, {self.address, *addresses} if self.add else addresses)
        self._show_predictions(people)

    def _add_backend(self, people: Any) -> None:
        path, doing = "api/ml/", f"connecting it to {self.address}"
        there = people.server.get(path, "listing ML backends", project=people.project)
        mine = [one for one in there if _plain(one["url"]) == _plain(self.address)]
        wanted = {
            "url": self.address, "project": people.project, "title": TITLE,
            "auth_method": "BASIC_AUTH", "basic_auth_user": USER,
            "basic_auth_pass": self.password,
        }  # fmt: skip
        try:
            if not mine:
                people.server.send("POST", path, doing, wanted)
            elif mine[0]["state"] != "CO":  # listing has just called here
                people.server.send("PATCH", f"{path}{mine[0]['id']}", doing, wanted)
        except ToolError as error:
            raise ToolError(
                f"{str(error).replace(self.password, '(token)')} Can Label Studio reach "
                f"{self.address}? From another machine or a container that is another address "
                "(--address). One on a private network or this machine has to be allowed in Label "
                "Studio's environment, for instance by USE_DEFAULT_BANNED_SUBNETS=false."
            ) from None

    def _open_webhooks(self, people: Any, addresses: Iterable[str]) -> None:
        path = "api/webhooks/"
        there = people.server.get(path, "listing webhooks", project=people.project)
        headers = {"Authorization": basic(self.for_webhooks)}
        for address in sorted(addresses):
            url = f"{_plain(address)}/webhook"
            wanted: dict[str, Any] = {
                "url": url, "headers": headers, "send_payload": False,
                "send_for_all_actions": False, "actions": ACTIONS, "is_active": True,
            }  # fmt: skip
            mine = [one for one in there if _plain(one["url"]) == url]
            for one in mine:
                if any(one.get(key) != value for key, value in wanted.items() if key != "actions"):
                    doing = f"the webhook {url}"
                    people.server.send("PATCH", f"{path}{one['id']}/", doing, wanted)
            if not mine and address == self.address:
                body = wanted | {"project": people.project}
                people.server.send("POST", path, f"making the webhook {url}", body)

    def _show_predictions(self, people: Any) -> None:
        """Have the project show the predictions that it holds, whether this server is up or not."""
        path = f"api/projects/{people.project}/"
        if people.server.get(path, "opening the project").get("model_version") == TITLE:
            try:
                people.server.send("PATCH", path, "its predictions", {"model_version": VERSION})
            except ToolError:  # it refuses what no prediction has yet, and asks here meanwhile
                return


def _plain(url: str) -> str:
    return url.rstrip("/")
