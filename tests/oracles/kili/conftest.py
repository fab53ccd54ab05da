"""The SDK of Kili, here or in an environment of its own, and a service for it to talk to.

`ALTASKS_KILI_PYTHON` names the Python of an environment with kili 26.2; its packages are then
looked for behind all others. `.ci/run` makes one; without it these tests are skipped.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings

import pytest


@pytest.fixture(scope="session")
def sdk():
    """Make the SDK importable; what is found in both environments is that of ours."""
    found = importlib.util.find_spec("kili")
    if found is None or found.origin is None:  # a folder of that name on the path is no package
        python = os.environ.get("ALTASKS_KILI_PYTHON")
        if not python:
            pytest.skip("needs kili, here or in the environment of ALTASKS_KILI_PYTHON")
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        where = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        sys.path.append(where.stdout.strip())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the SDK imports
        import kili.client
    return kili.client


@pytest.fixture
def start(sdk, monkeypatch):
    """Return a function that starts a service; the SDK reaches it as fast as it answers."""
    import kili.core.graphql.graphql_client as graphql_client
    from kili_service import KiliService
    from pyrate_limiter import Duration, Limiter, Rate

    # It waits after 500 calls a minute, which tests make in seconds.
    free = Limiter(Rate(10**6, Duration.SECOND), max_delay=1000)
    monkeypatch.setattr(graphql_client, "_limiter", free)
    monkeypatch.setenv("KILI_SDK_SKIP_CHECKS", "1")
    for name in ("KILI_API_KEY", "KILI_API_ENDPOINT", "KILI_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    running = []

    def started(interface, names, **options):
        running.append(KiliService(interface, names, **options))
        return running[-1]

    yield started
    for one in running:
        one.close()
