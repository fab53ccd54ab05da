"""The worker beside the server: in a process of its own, or in a thread.

A process, because a fit takes the interpreter's lock, the global random generators and the
model's weights for minutes, while Label Studio gives up after a second.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from typing import Any

from altasks.errors import LoopWarning, invalid
from altasks.serve.inbox import Inbox, Knock
from altasks.serve.work import Plan, Standing, work

LOG = logging.getLogger("altasks.serve")
#: Seconds between messages to the process, in which knocks become one.
_APART = 0.1
#: Seconds that a process may take to end by itself.
_PATIENCE = 5.0
_NAMES = {one.name for one in fields(Standing)}


class ThreadWorker:
    """Works in a thread of this process: for models so small that a fit doesn't matter."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.inbox = Inbox()
        self._lock = threading.Lock()
        self._standing = Standing()
        self._thread = threading.Thread(target=self._run, daemon=True, name="altasks-worker")

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        with self._lock:
            return self._standing

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def knock(self, knock: Knock | None = None) -> None:
        """Ask for a step; never waits."""
        self.inbox.knock(knock)

    def stop(self) -> None:
        """End, at the latest after a step that is being made; nothing that was told is lost."""
        self.inbox.stop()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        work(self.plan, self.inbox, self._report)

    def _report(self, said: Mapping[str, Any]) -> None:
        with self._lock:
            before = self._standing
            new = {name: value for name, value in said.items() if name in _NAMES}
            self._standing = replace(before, **new)
        if line := said.get("line"):
            LOG.info("%s", line)
        for name in ("trouble", "notice"):
            if (text := said.get(name)) and text != getattr(before, name):
                LOG.warning("%s", text)


class ProcessWorker(ThreadWorker):
    """Works in a process of its own, which is started again if it ends.

    Raises:
        InvalidInputError: for functions that another process can't be given.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        try:
            ForkingPickler.dumps(plan)
        except Exception as error:  # whatever an object of somebody's raises
            raise invalid(
                "open_loop", "functions at the top of a module, or functools.partial of them",
                f"something that can't be sent to another process ({error})",
                hint="Or say worker='thread'.",
            ) from error  # fmt: skip

    def _run(self) -> None:
        """Keep a process running until the inbox stops."""
        context = get_context("spawn")  # a forked one can't use what torch has started
        ended = threading.Event()
        wait = 1.0
        while not ended.is_set():
            ours, theirs = context.Pipe()
            process = context.Process(target=_process, args=(self.plan, theirs), daemon=False)
            process.start()
            theirs.close()
            sender = threading.Thread(target=self._forward, args=(ours, ended), daemon=True)
            sender.start()
            begun = time.monotonic()
            with contextlib.suppress(EOFError, OSError):
                while True:
                    self._report(ours.recv())
            self._end(process)
            if ended.is_set():
                return
            ours.close()
            wait = 1.0 if time.monotonic() - begun > 60 else min(wait * 2, 60.0)
            self._report({
                "phase": "idle", "line": None,
                "trouble": f"the process that fits ended (exit code {process.exitcode}; -9 may be "
                f"for lack of memory). It is started again in {wait:.0f} s; no label is lost.",
            })  # fmt: skip
            ended.wait(wait)
            self.inbox.knock()  # frees the sender, which finds its pipe closed
            sender.join(_PATIENCE)

    def _forward(self, pipe: Any, ended: threading.Event) -> None:
        """Hand knocks on to the process."""
        try:
            while (knock := self.inbox.wait(None)) is not None:
                pipe.send(knock)
                time.sleep(_APART)
            ended.set()
            pipe.send(None)
        except (OSError, ValueError):  # the process is gone; a new one makes a step at once
            return

    def _end(self, process: Any) -> None:
        process.join(_PATIENCE)
        if process.is_alive():
            process.terminate()
            process.join(_PATIENCE)


# In the other process.


def _process(plan: Plan, pipe: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that serves
    # It is in what is reported, too.
    warnings.filterwarnings("ignore", "The label of", LoopWarning)
    threading.Thread(target=_listen, args=(pipe,), daemon=True).start()
    work(plan, _INBOX, pipe.send)


_INBOX = Inbox()


def _listen(pipe: Any) -> None:
    """Take knocks; end at once when told to, or when the process that serves is gone.

    Nothing is lost by that: what is in the store is there, and a fit that isn't logged is none.
    """
    with contextlib.suppress(EOFError, OSError):
        while (knock := pipe.recv()) is not None:
            _INBOX.knock(knock)
    os._exit(0)
