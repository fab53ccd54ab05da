"""The ML backend's protocol of Label Studio, as a Starlette application.

Label Studio waits a second for `/health` and `/webhook` and three for `/setup`: these do no work,
and look at what is known already. It waits 100 for `/predict`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from altasks._internal.extras import require
from altasks.errors import AltasksError, InvalidInputError, StoreError
from altasks.oracles.label_studio.queue import VERSION
from altasks.serve.bodies import RefusedError, read_json
from altasks.serve.inbox import Knock
from altasks.serve.predictor import Predictor
from altasks.serve.secret import Secret
from altasks.serve.worker import ThreadWorker

LOG = logging.getLogger("altasks.serve")
#: What a webhook tells that the worker should know of.
NEWS = {
    "ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED",
    "ANNOTATIONS_DELETED",
}  # fmt: skip
#: A refusal is logged once in so many seconds, for each path and status.
_APART = 60.0
#: So many addresses by which it was called are of interest.
_MOST = 8
#: Seconds that a body may take to come.
_FOR_BODIES = 30.0


@dataclass(frozen=True)
class Limits:
    """What is refused.

    Args:
        body: bytes of a request.
        waiting: predictions under way or waiting for their turn.
        seconds: that one may take, waiting included.
    """

    body: int = 32 * 2**20
    waiting: int = 32
    seconds: float = 90.0


class Door:
    """What is behind each path.

    Args:
        predictor: predicts, in a thread of its own.
        worker: takes in, fits and hands out.
        secret: what callers must have.
        project: the number of the project.
        limits: what is refused.
    """

    def __init__(
        self, predictor: Predictor, worker: ThreadWorker, secret: Secret, project: int,
        limits: Limits,
    ) -> None:  # fmt: skip
        self.predictor = predictor
        self.worker = worker
        self.secret = secret
        self.project = project
        self.limits = limits
        self.waiting = 0
        self._noted: dict[tuple[str, int], float] = {}
        self._addresses: set[str] = set()
        self.thread = ThreadPoolExecutor(1, "altasks-predictor")

    async def health(self, request: Any) -> dict[str, Any]:
        """Say that it is up, and where it stands; an error while the store can't be used."""
        del request
        self._check_store()
        standing = asdict(self.worker.standing)
        model = type(self.predictor.loop.task).__name__
        return {"status": "UP", "model_class": model, **standing}

    async def setup(self, request: Any) -> dict[str, Any]:
        """Check that the project is ours, and fits; its access token is not even looked at."""
        body = await self._body(request)
        self._check_project(body)
        self._check_store()
        self.predictor.check(_text(body, "schema"))
        self._see_address(request)
        return {"model_version": VERSION}

    def _see_address(self, request: Any) -> None:
        """Tell the worker by which address it was called: that of the webhook, too."""
        address = f"{request.url.scheme}://{request.headers.get('host', '')}"
        # Label Studio sets up before each prediction: once is enough.
        if len(address) < 300 and address not in self._addresses and len(self._addresses) < _MOST:
            self._addresses.add(address)
            self.worker.knock(Knock(addresses=frozenset({address})))

    async def predict(self, request: Any) -> dict[str, Any]:
        """Return a prediction for each task, in order."""
        until = time.monotonic() + self.limits.seconds
        # Early enough that what is predicted by then can be given.
        last_batch = until - 0.2 * self.limits.seconds
        if self.waiting >= self.limits.waiting:
            raise RefusedError(
                503, f"{self.waiting} predictions are waiting already. Ask again later.",
                Retry_After="5",
            )  # fmt: skip
        self.waiting += 1
        try:
            body = await self._body(request)
            self._check_project(body)
            tasks = _tasks(body)
            self.predictor.check(_text(body, "label_config"))
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(self.thread, self.predictor.predict, tasks, last_batch)
            async with asyncio.timeout(until - time.monotonic()):
                results = await work
        except TimeoutError:
            raise RefusedError(
                503, f"The model did not answer within {self.limits.seconds:g} s: it is slow, or "
                "busy with other tasks. Ask for fewer tasks at once.", Retry_After="30",
            ) from None  # fmt: skip
        finally:
            self.waiting -= 1
        return {"results": results}

    async def webhook(self, request: Any) -> tuple[int, dict[str, Any]]:
        """Have the worker look. What is true it asks Label Studio itself; bodies are not believed.

        So a webhook that is lost, doubled or forged does no harm.
        """
        body = await self._body(request)
        action = str(body.get("action"))[:80]
        project = body.get("project")
        number = project.get("id") if isinstance(project, dict) else None
        if number is not None and number != self.project:
            return 200, {"status": "ignored", "reason": f"this is for project {self.project}"}
        if action == "START_TRAINING":
            self.worker.knock(Knock(fit=True))
        elif action in NEWS:
            self.worker.knock()
        else:
            return 200, {"status": "ignored", "reason": f"nothing to do for {action!r}"}
        self._check_store()  # after the knock: it is known, and taken in when the store is back
        return 201, {"status": "queued"}

    def note(self, path: str, status: int, message: str) -> None:
        """Log a refusal: Label Studio shows few of them."""
        now = time.monotonic()
        if now - self._noted.get((path, status), -_APART) >= _APART:
            self._noted[path, status] = now
            LOG.warning("%s answered %d: %s", path, status, message)

    async def _body(self, request: Any) -> dict[str, Any]:
        return await read_json(request, self.limits.body, _FOR_BODIES)

    def _check_project(self, body: dict[str, Any]) -> None:
        """Refuse another project than ours: its tasks have other labels."""
        uid = _text(body, "project") or ""
        if uid and uid.partition(".")[0] != str(self.project):
            raise RefusedError(
                409, f"project: expected {self.project}, found {uid[:40]!r}. This server is for "
                "one project; start another for that.",
            )  # fmt: skip

    def _check_store(self) -> None:
        standing = self.worker.standing
        if standing.store_fails:
            raise RefusedError(503, _of_store(standing.trouble), Retry_After="30")


def _of_store(text: str) -> str:
    return (
        f"{text} Nothing is lost: what people label stays in Label Studio, and is taken in when "
        "the store is back."
    )


def _text(body: dict[str, Any], name: str) -> str | None:
    found = body.get(name)
    if found is None or isinstance(found, str):
        return found
    raise RefusedError(400, f"{name}: expected a text, found {type(found).__name__}.")


def _tasks(body: dict[str, Any]) -> list[dict[str, Any]]:
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise RefusedError(400, f"tasks: expected a list, found {type(tasks).__name__}.")
    for place, task in enumerate(tasks):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise RefusedError(400, f"tasks[{place}]: expected an object with 'data', an object.")
    return tasks


Answer = Callable[[Any], Awaitable[dict[str, Any] | tuple[int, dict[str, Any]]]]


def make_app(door: Door) -> Any:
    """Return the application; with it the worker begins and ends.

    Raises:
        MissingExtraError: if Starlette is not installed.
    """
    routing = require("starlette.routing", "serve", "altasks serve")
    applications = require("starlette.applications", "serve", "altasks serve")
    json_response = require("starlette.responses", "serve", "altasks serve").JSONResponse

    def refused(request: Any, error: RefusedError) -> Any:
        door.note(request.url.path, error.status, str(error))
        return json_response({"error": str(error)}, error.status, headers=error.headers)

    def endpoint(answer: Answer, *, webhook: bool = False) -> Any:
        async def respond(request: Any) -> Any:
            try:
                if not door.secret.opens(request.headers.get("authorization"), webhook=webhook):
                    raise RefusedError(
                        401, "The token is missing or wrong: give it as the password of basic "
                        "authentication.", WWW_Authenticate='Basic realm="altasks"',
                        Connection="close",
                    )  # fmt: skip
                found = await answer(request)
            except RefusedError as error:
                return refused(request, error)
            except StoreError as error:
                return refused(request, RefusedError(503, _of_store(str(error)), Retry_After="30"))
            except InvalidInputError as error:
                return refused(request, RefusedError(400, str(error)))
            except AltasksError as error:
                return refused(request, RefusedError(500, str(error)))
            except Exception as error:
                LOG.exception("%s failed", request.url.path)
                return refused(request, RefusedError(500, f"{type(error).__name__}: {error}"))
            status, body = found if isinstance(found, tuple) else (200, found)
            return json_response(body, status)

        return respond

    async def not_found(request: Any, error: Any) -> Any:
        return json_response({"error": f"{request.method} {request.url.path[:200]}: "
                              f"{error.detail}."}, error.status_code)  # fmt: skip

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        door.worker.start()
        try:
            yield
        finally:
            door.thread.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(door.worker.stop)

    return applications.Starlette(
        routes=[
            routing.Route("/", endpoint(door.health), methods=["GET"]),
            routing.Route("/health", endpoint(door.health), methods=["GET"]),
            routing.Route("/setup", endpoint(door.setup), methods=["POST"]),
            routing.Route("/predict", endpoint(door.predict), methods=["POST"]),
            routing.Route("/webhook", endpoint(door.webhook, webhook=True), methods=["POST"]),
        ],
        exception_handlers={404: not_found, 405: not_found},
        lifespan=lifespan,
    )
