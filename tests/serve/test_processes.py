"""The worker in a process of its own: it fits beside the server, and its death loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from serve_parts import TOKEN, Tool, backend, open_loop, until

pytest.importorskip("uvicorn", reason="needs the extra serve")
testclient = pytest.importorskip("starlette.testclient", reason="needs the extra serve")

pytestmark = pytest.mark.slow


def commands():
    """Return the command line of every process that this machine shows."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found)


def test_a_worker_that_is_killed_in_a_fit_begins_again_and_predictions_go_on(tmp_path):
    served = backend(tmp_path, worker="process", fit_every=3, sync_every=0.5)
    tool = Tool(tmp_path)
    tasks = {"tasks": [{"data": {"altasks_id": "n01"}}]}
    with testclient.TestClient(served.app) as client:
        client.auth = ("altasks", TOKEN)
        first = until(tool.cards, 120)
        assert TOKEN.encode() not in commands()
        (tmp_path / "long").write_text("600")
        for name in first[:3]:
            tool.say(name, "low")
        client.post("/webhook", json={"action": "ANNOTATION_CREATED"})
        until(lambda: served.standing.phase == "fitting", 60)
        begun = time.monotonic()
        (before,) = client.post("/predict", json=tasks).json()["results"]
        assert before["result"][0]["value"]["choices"] == ["high"]
        assert time.monotonic() - begun < 5
        tool.say(first[3], "low")
        (child,) = multiprocessing.active_children()
        (tmp_path / "long").unlink()
        os.kill(child.pid, signal.SIGKILL)
        trouble = until(lambda: served.standing.trouble, 60)
        assert "exit code -9" in trouble
        assert client.get("/health").json()["trouble"] == trouble
        until(lambda: served.standing.fit == 1, 120)
        (after,) = client.post("/predict", json=tasks).json()["results"]
        assert after["result"][0]["value"]["choices"] == ["low"]
    served.stop()
    assert multiprocessing.active_children() == []
    with open_loop(tmp_path) as loop:
        assert loop.labels == dict.fromkeys(first[:4], "low")
        assert [one.n_labels for one in loop.store.fits()] == [4]
