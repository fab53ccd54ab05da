"""Calls to Kili, through its SDK; the key stays in there."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from altasks._internal.extras import require
from altasks.data.kili.counting import COUNTING
from altasks.errors import AltasksError, ToolError, invalid

#: The most assets in one call, by the SDK's own batches: what fails fails for so many.
BATCH = 100
#: Fields of a label that say whether anything is new.
_LIGHT = ("id", "labelType", "createdAt", "secondsToLabel", "author.email", "labelOf.externalId")


@dataclass(frozen=True)
class Asset:
    """An asset of a project.

    Args:
        id: Kili's.
        name: the external id, which is the sample's.
        priority: of two assets the one with the higher number comes first.
        waiting: whether nobody has begun with it.
        skipped: whether it can't be labelled, as somebody said.
    """

    id: str
    name: str
    priority: int
    waiting: bool
    skipped: bool


@dataclass(frozen=True)
class Outcome:
    """What became of assets whose priority was to be set.

    Args:
        declined: ids of those that are in progress, done or skipped.
        failed: id -> what the server said of it.
    """

    declined: Sequence[str] = ()
    failed: Mapping[str, str] | None = None


class Service:
    """A project on a Kili server, and the right to use it.

    Nothing that writes is sent twice by itself, and everything written here may be.

    Args:
        project: its id.
        url: the server's GraphQL endpoint; None: the SDK's.
        key: of the user to act as.

    Raises:
        InvalidInputError: for a URL that is none, or has a password in it.
        MissingExtraError: if the SDK is not installed.
        ToolError: if the server can't be reached, or refuses.
    """

    def __init__(self, project: str, url: str | None, key: str) -> None:
        if url is not None:
            parts = urlsplit(url) if isinstance(url, str) else None
            if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
                raise invalid("url", "the address of a GraphQL endpoint", type(url).__name__)
            if parts.username or parts.password:
                raise invalid("url", "an address without a user or password", "one", hint="key=")
        self.project = project
        self.url = url or "its default address"
        self._hide = key
        sdk = require("kili.client", "kili", "Kili")
        # The SDK keeps the server's schema in HOME, or fails where that was switched off.
        folder = tempfile.mkdtemp(prefix="altasks-kili-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        with self._doing("signing in"):
            self._client: Any = sdk.Kili(
                api_key=key,
                api_endpoint=url,
                disable_tqdm=True,
                graphql_client_params={"graphql_schema_cache_dir": folder},
            )
        self.url = str(self._client.api_endpoint)
        self._by_level: bool = hasattr(self._client, "set_assets_priority")
        self._version = ""

    def __repr__(self) -> str:
        """Return where it is."""
        return f"Service({self.url}, {self.project!r})"

    def interface(self) -> dict[str, Any]:
        """Return the project's `jsonInterface`.

        Raises:
            ToolError: if there is no such project for this user.
        """
        with self._doing("opening the project"):
            found = self._client.projects(
                project_id=self.project, fields=["id", "jsonInterface", "workflowVersion"], first=1
            )
            found = list(found)
        if not found:
            raise self._error("opening the project: there is none of this id for this user.")
        self._version = str(found[0]["workflowVersion"])
        return dict(found[0]["jsonInterface"])

    def assets(self) -> list[Asset]:
        """Return all assets of the project, the first uploaded first."""
        old = self._version == "V1"
        status = "status" if old else "currentStep.status"
        with self._doing("listing assets"):
            rows = list(
                self._client.assets(
                    self.project,
                    fields=["id", "externalId", "priority", "skipped", status],
                    as_generator=True,
                    disable_tqdm=True,
                )
            )
        found = []
        for row in rows:
            state = row["status"] if old else (row.get("currentStep") or {}).get("status")
            out = bool(row.get("skipped")) or state == "SKIPPED"
            waiting = state in ("TODO", "TO_DO") and not out
            priority = int(row.get("priority") or 0)
            found.append(Asset(row["id"], row["externalId"], priority, waiting, out))
        return found

    def labels(self) -> dict[str, list[dict[str, Any]]]:
        """Return name of an asset -> its labels by people, without what was answered."""
        return self._labels(_LIGHT)

    def answers(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return name of an asset -> its labels by people, with what was answered."""
        found: dict[str, list[dict[str, Any]]] = {}
        for some in _batches(names):
            found |= self._labels((*_LIGHT, "jsonResponse"), asset_external_id_strictly_in=some)
        return found

    def _labels(self, fields: Sequence[str], **where: Any) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        with self._doing("listing labels"):
            for one in self._client.labels(
                self.project, fields=fields, type_in=list(COUNTING), as_generator=True,
                disable_tqdm=True, **where,
            ):  # fmt: skip
                found.setdefault(one["labelOf"]["externalId"], []).append(one)
        return found

    def prioritize(self, priorities: Mapping[int, Sequence[str]]) -> Outcome:
        """Set the priority of assets, in the order given.

        Args:
            priorities: priority -> ids of assets.

        Returns:
            What was declined and failed; by the older call of the SDK nobody says.
        """
        declined: list[str] = []
        failed: dict[str, str] = {}
        left = {priority: list(ids) for priority, ids in priorities.items() if ids}
        while left and self._by_level:
            priority, ids = next(iter(left.items()))
            again = self._set(priority, ids, declined)
            if again is not None:
                failed |= self._set(priority, list(again), declined) or {}
                del left[priority]
        if left:
            self._set_by_asset(left)
        return Outcome(declined, failed)

    def _set(self, priority: int, ids: list[str], declined: list[str]) -> dict[str, str] | None:
        """Return id -> what was said of those that failed; None if the server has no such call."""
        failed: dict[str, str] = {}
        for some in _batches(ids):
            try:
                with self._doing("setting priorities"):
                    outcome = self._client.set_assets_priority(priority=priority, asset_ids=some)
            except ToolError as error:
                # A server of one's own may be older than the SDK.
                if "setAssetsPriority" not in str(error) or "Cannot query field" not in str(error):
                    raise
                self._by_level = False
                return None
            declined += [one["assetId"] for one in outcome["declined"]]
            failed |= {one["assetId"]: str(one.get("details")) for one in outcome["failed"]}
        return failed

    def _set_by_asset(self, priorities: Mapping[int, Sequence[str]]) -> None:
        """Set priorities by the older call: one for each asset, and a second's rest at the end."""
        ids = [one for some in priorities.values() for one in some]
        numbers = [priority for priority, some in priorities.items() for _ in some]
        with self._doing("setting priorities"), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._client.update_properties_in_assets(asset_ids=ids, priorities=numbers)

    def predict(self, responses: Mapping[str, Mapping[str, Any]], model: str) -> None:
        """Write predictions, in place of earlier ones of the same name.

        Args:
            responses: id of an asset -> `jsonResponse`.
            model: the name.
        """
        for some in _batches(list(responses)):
            with self._doing("writing predictions"):
                self._client.append_labels(
                    asset_id_array=some,
                    json_response_array=[dict(responses[one]) for one in some],
                    label_type="PREDICTION",
                    model_name=model,
                    project_id=self.project,
                    overwrite=True,
                    disable_tqdm=True,
                )

    @contextlib.contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            yield
        except AltasksError:
            raise
        except Exception as error:  # of the SDK, of what it speaks with, of what came back
            # The SDK's own message shows the last characters of the key.
            refused = type(error).__name__ == "AuthenticationFailed"
            said = "the key was refused." if refused else " ".join(str(error).split())
            said = said if len(said) <= 300 else said[:300] + "..."
            text = f"{what}: {type(error).__name__}: {said} Everything may be called again."
            raise self._error(text) from None

    def _error(self, text: str) -> ToolError:
        hidden = text.replace(self._hide, "(key)") if self._hide else text
        return ToolError(f"Kili at {self.url}, project {self.project}, {hidden}")


def _batches(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH)]
