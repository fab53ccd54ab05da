"""A real Label Studio: one server for all tests, in an environment of its own.

`ALTASKS_LABEL_STUDIO_PYTHON` names the Python of an environment with label-studio 1.23; the SDK
must be importable here. `.ci/run` has both; elsewhere these tests are skipped. While working on
them, `ALTASKS_LABEL_STUDIO_RUNNING="http://127.0.0.1:PORT TOKEN"` saves the start.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest


class Site:
    """A running server, and people on it."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self.tokens = {}

    def call(self, method, path, body=None, who=None):
        """Return what a request gives, as this person or else as the first user."""
        token = self.person(who) if who else self.token
        request = urllib.request.Request(
            f"{self.url}/{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                raw = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:300]}") from None
        return json.loads(raw) if raw else None

    def person(self, address):
        """Return the token of somebody, who signs up as in a browser."""
        if address not in self.tokens:
            jar = http.cookiejar.CookieJar()
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
            there = {one["email"] for one in self.call("GET", "api/users/")}
            page = f"{self.url}/user/{'login' if address in there else 'signup'}/"
            browser.open(page).read()
            form = {
                "email": address, "password": f"{address}-12345", "allow_newsletters": "false",
                "csrfmiddlewaretoken": next(one.value for one in jar if one.name == "csrftoken"),
            }  # fmt: skip
            data = urllib.parse.urlencode(form).encode()
            browser.open(urllib.request.Request(page, data=data, headers={"Referer": page})).read()
            answer = browser.open(f"{self.url}/api/current-user/token").read()
            self.tokens[address] = json.loads(answer)["token"]
        return self.tokens[address]

    def next_task(self, project, who=None):
        """Return the task that "Label Tasks As Displayed" gives in the first tab; None at the end.

        The browser sends the tab's order and filters along.
        """
        return self.in_tab(project, self.call("GET", f"api/dm/views/?project={project}")[0], who)

    def in_tab(self, project, tab, who=None):
        """Return the task that "Label Tasks As Displayed" gives in a tab."""
        body = {name: tab["data"][name] for name in ("ordering", "filters") if name in tab["data"]}
        body["project"] = project
        return self.call("POST", f"api/dm/actions/?id=next_task&project={project}", body, who)

    def annotate(self, task, result, who=None, **more):
        """Submit an annotation, and return it."""
        body = {"result": result, "lead_time": 2.5, **more}
        return self.call("POST", f"api/tasks/{task}/annotations/", body, who)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(url, process, log):
    until = time.monotonic() + 1500
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=60):
            return
        if process.poll() is not None:
            pytest.fail(f"Label Studio ended: {log.read_text()[-2000:]}")
        time.sleep(1)
    pytest.fail(f"Label Studio did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def site():
    """A server on this machine's loopback, its data in a temporary folder."""
    if importlib.util.find_spec("label_studio_sdk") is None:
        pytest.skip("needs the extra label-studio")
    if running := os.environ.get("ALTASKS_LABEL_STUDIO_RUNNING"):
        yield Site(*running.split())
        return
    python = os.environ.get("ALTASKS_LABEL_STUDIO_PYTHON")
    if not python:
        pytest.skip("needs ALTASKS_LABEL_STUDIO_PYTHON, an environment with label-studio")
    # In memory where there is such a file system: hundreds of migrations wait for the disk each.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    token, port, log = secrets.token_hex(20), _free_port(), folder / "log"
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {
        "HOME": str(folder), "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "COLLECT_ANALYTICS": "False", "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        # It may call this machine: `altasks serve`.
        "USE_DEFAULT_BANNED_SUBNETS": "false",
    }  # fmt: skip
    command = [
        Path(python).with_name("label-studio"), "start", "--no-browser", "--internal-host",
        "127.0.0.1", "--port", str(port), "--username", "a@example.org", "--password",
        secrets.token_hex(20), "--user-token", token,
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, log)
        yield Site(f"http://127.0.0.1:{port}", token)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
