"""Label Studio's ML backend: the door for programs."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from altasks._internal.extras import require
from altasks._internal.numbers import as_real, require_whole
from altasks.abilities import Trainable, provides
from altasks.errors import invalid
from altasks.serve.app import Door, Limits, make_app
from altasks.serve.connect import Connect
from altasks.serve.predictor import Predictor
from altasks.serve.secret import Secret, find_token
from altasks.serve.work import Plan, Standing
from altasks.serve.worker import ProcessWorker, ThreadWorker

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop
    from altasks.oracles.label_studio.oracle import LabelStudio

LOG = logging.getLogger("altasks.serve")


class LabelStudioBackend:
    """Answers Label Studio: predictions for tasks that are opened, fits on what people label.

    Two processes share the store. This one serves, with a model of its own; the other takes in
    what people label, fits after every `fit_every` of them, asks, and puts the open tasks in their
    new order. So people are served by the last model while the next is trained, and whichever
    process ends, nothing is lost: `docs/how-to/label_studio_backend.md`.

    Predictions have the score 1/2 - arctan(score) / pi of the loop's score, since Label Studio's
    uncertainty sampling takes the lowest first.

    Args:
        open_loop: makes the loop; called in both processes, so a function at the top of a module,
            or a `functools.partial` of one. Its store is a database, and its task one that can be
            trained, saved and loaded.
        open_people: makes the `altasks.LabelStudio` for that loop.
        fit_every: fit when so many samples have a label, or another one, that no fit has used.
        ask: have so many samples open in the project after each fit, and about half before.
        sync_every: seconds after which to look without being told; webhooks may be lost.
        token: the password that callers need; None: the environment's `ALTASKS_SERVE_TOKEN`, or
            a new one.
        host: where to listen; other than this machine's loopback only with `allow_network`.
        port: where to listen; 0: a free one.
        address: by which Label Studio reaches it; None: `http://HOST:PORT`.
        allow_network: whether other machines may call. What passes is not encrypted.
        connect: whether to add it to the project's ML backends by itself.
        limits: on bodies, waiting predictions and their time.
        worker: `"process"`, or `"thread"`, for models so small that a fit holds up nobody.

    Raises:
        InvalidInputError: for a host that others can reach, a port that is taken, a short token,
            or a loop that can't be trained or keeps its store in memory.
        MissingExtraError: without the extras `serve` and `label-studio`.
        ToolError: if Label Studio can't be reached, or refuses.
        StoreError: if the store can't be opened.
    """

    def __init__(
        self,
        open_loop: Callable[[], ActiveLoop],
        open_people: Callable[[ActiveLoop], LabelStudio],
        *,
        fit_every: int = 10,
        ask: int = 100,
        sync_every: float = 60.0,
        token: str | None = None,
        host: str = "127.0.0.1",
        port: int = 9090,
        address: str | None = None,
        allow_network: bool = False,
        connect: bool = True,
        limits: Limits | None = None,
        worker: Literal["process", "thread"] = "process",
    ) -> None:
        require_whole("fit_every", fit_every, 1)
        require_whole("ask", ask, 1)
        if not 0 < as_real(sync_every) < float("inf"):
            raise invalid("sync_every", "a number of seconds above 0", f"{sync_every!r}")
        if worker not in ("process", "thread"):
            raise invalid("worker", "'process' or 'thread'", f"{worker!r}")
        for library in ("starlette", "uvicorn"):  # before a model is loaded for nothing
            require(library, "serve", "altasks serve")
        self._secret = Secret(token if token is not None else find_token()[0])
        is_open = check_host(host, allow_network=allow_network)
        self._socket = listening(host, port)
        if is_open:
            LOG.warning(
                "%s is open to other machines: whoever reaches it can call, and what passes, the "
                "token included, is not encrypted. Put a proxy with TLS in front of it.", host,
            )  # fmt: skip
        try:
            self.port = int(self._socket.getsockname()[1])
            self.address = (address or f"http://{_in_url(host)}:{self.port}").rstrip("/")
            loop = open_loop()
            _check_loop(loop)
            people = open_people(loop)
            self.project, self.project_url = people.project, people.project_url
            converter = people.converter
            people.close()
            plan = Plan(
                open_loop, open_people,
                Connect(self.address, self._secret.token, self._secret.for_webhooks, connect),
                int(fit_every), int(ask), float(sync_every),
            )  # fmt: skip
            self._worker = ProcessWorker(plan) if worker == "process" else ThreadWorker(plan)
            self._loop = loop
            door = Door(
                Predictor(loop, converter), self._worker, self._secret, self.project,
                limits or Limits(),
            )  # fmt: skip
            #: The application, for a server of your own.
            self.app = make_app(door)
        except BaseException:
            self._socket.close()
            raise
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        """Return where it is, and for which project."""
        return f"LabelStudioBackend({self.address}, project {self.project})"

    @property
    def standing(self) -> Standing:
        """Where the worker stands."""
        return self._worker.standing

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM."""
        uvicorn = require("uvicorn", "serve", "altasks serve")
        config = uvicorn.Config(
            self.app, http="h11", ws="none", lifespan="on", log_config=None, access_log=False,
            server_header=False, limit_concurrency=200, timeout_keep_alive=5,
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._close()

    def start(self) -> None:
        """Serve in a thread, until `stop`."""
        self._thread = threading.Thread(target=self.run, daemon=True, name="altasks-serve")
        self._thread.start()

    def stop(self) -> None:
        """End what `start` began, and close what is open."""
        while self._thread is not None and self._thread.is_alive():
            if self._server is not None:
                self._server.should_exit = True
            self._thread.join(0.1)
        self._close()

    def _close(self) -> None:
        self._socket.close()
        self._loop.close()

    def __enter__(self) -> LabelStudioBackend:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def check_host(host: str, *, allow_network: bool) -> bool:
    """Return whether other machines can reach an address; refuse it, unless that is wanted.

    Raises:
        InvalidInputError: naming what to say.
    """
    if not isinstance(host, str) or not host:
        raise invalid("host", "a name or address of this machine", f"{host!r}")
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local and not allow_network:
        raise invalid(
            "host", "this machine's loopback, such as 127.0.0.1", f"{host!r}",
            hint="Say allow_network=True (--allow-network) if other machines shall call it.",
        )  # fmt: skip
    return not local


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        InvalidInputError: if it can't.
    """
    require_whole("port", port, 0)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, port))
            made.listen(128)
        except BaseException:
            made.close()
            raise
    except (socket.gaierror, UnicodeError) as error:
        raise invalid("host", "a name or address of this machine", f"{host!r} ({error})") from error
    except (OSError, OverflowError) as error:
        raise invalid(
            "port", "a free port of this machine", f"{host}:{port} ({error})",
        ) from error  # fmt: skip
    return made


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _check_loop(loop: ActiveLoop) -> None:
    if not provides(loop.task, Trainable):
        raise invalid("open_loop", "a loop with a task that has fit()", type(loop.task).__name__)
    if loop.store.in_memory:
        raise invalid(
            "store", "a database that two processes share, such as 'sqlite:///labels.db'",
            "one in memory",
        )  # fmt: skip
