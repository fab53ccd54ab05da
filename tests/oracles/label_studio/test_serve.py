"""A real Label Studio asks a real `altasks serve`; see `conftest.py` for what these tests need."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time

import pytest

import altasks as al

pytest.importorskip("uvicorn", reason="needs the extra serve")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BOARD = {"card": ["lost", "stolen", "blocked", "broken"], "rate": ["exchange", "interest", "best"],
         "top-up": ["failed", "pending", "cash"]}  # fmt: skip
POOL = {
    f"q{i}{word}": f"{word} {name} please {'now' * (i % 3)} {i}"
    for name, words in BOARD.items() for word in words for i in range(4)
}  # fmt: skip
TRUTH = {
    f"q{i}{word}": name for name, words in BOARD.items() for word in words for i in range(4)
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small BERT with a trained head, as `task.save` writes it."""
    transformers = pytest.importorskip("transformers")
    import torch

    folder = tmp_path_factory.mktemp("start")
    words = sorted({word for text in POOL.values() for word in text.split()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join(special + words) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    names = dict(enumerate(BOARD))
    config = transformers.BertConfig(
        vocab_size=len(special + words), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=64, max_position_embeddings=32, id2label=names,
        label2id={name: i for i, name in names.items()},
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


class Served:
    """A running `altasks serve`, and requests to it."""

    def __init__(self, command, environment, log, port, token):
        self.command, self.environment, self.log = command, environment, log
        self.port, self.token, self.process = port, token, None

    def start(self):
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )

    def end(self, how=signal.SIGINT):
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        self.process.wait(60)

    def call(self, method, path, body=None, token=None, timeout=100):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        auth = base64.b64encode(f"altasks:{token or self.token}".encode()).decode()
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Authorization": f"Basic {auth}"})  # fmt: skip
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def standing(self):
        with contextlib.suppress(OSError):
            return self.call("GET", "/health")[1]
        assert self.process.poll() is None, self.log.read_text()
        return {}

    def until(self, seen, seconds=300):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := seen(self.standing()):
                return found
            time.sleep(0.3)
        raise AssertionError(f"it did not come: {self.standing()} {self.log.read_text()[-3000:]}")


@pytest.fixture
def serve(site, model, tmp_path):
    """Return a function that starts `altasks serve` on a new project."""
    started = []

    def start(title, **more):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        pool = tmp_path / "pool.csv"
        rows = [f"{name},{text}" for name, text in POOL.items()]
        pool.write_text("\n".join(["id,text", *rows]) + "\n")
        token = secrets.token_urlsafe(20)
        options = {
            "task": "text-classification", "model": model, "pool": pool, "project": title,
            "store": tmp_path / "labels.db", "url": site.url, "port": port, "fit-every": 10,
            "number": 20, "sync-every": 5, **more,
        }  # fmt: skip
        command = [sys.executable, "-m", "altasks", "serve", "--label-studio"]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        environment = {
            **os.environ, "LABEL_STUDIO_API_KEY": site.token, "ALTASKS_SERVE_TOKEN": token,
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        served = Served(command, environment, tmp_path / "serve.log", port, token)
        served.start()
        started.append(served)
        return served

    yield start
    for one in started:
        one.end(signal.SIGKILL)


def tasks_of(site, project, fields="all"):
    found = site.call("GET", f"api/tasks/?project={project}&page_size=100&fields={fields}")
    return {task["data"]["altasks_id"]: task for task in found["tasks"]}


def number_of(site, title):
    found = site.call("GET", f"api/projects/?title={title}")["results"]
    return next(one["id"] for one in found if one["title"] == title)


def choice(label):
    return [{"id": "r", "from_name": "label", "to_name": "sample", "type": "choices",
             "value": {"choices": [label]}}]  # fmt: skip


def shown(site, project):
    """Return the ids of the open tasks in the order of the tab."""
    rows = [one for one in tasks_of(site, project, "task_only").values()
            if not one["total_annotations"]]  # fmt: skip
    return [
        one["data"]["altasks_id"] for one in sorted(rows, key=lambda x: x["data"]["altasks_rank"])
    ]


def test_label_studio_connects_gets_guesses_and_ten_labels_later_a_new_order(site, serve, tmp_path):
    title = f"serve-{time.time():.0f}"
    served = serve(title)
    standing = served.until(lambda now: now.get("steps") and now)
    assert (standing["trouble"], standing["notice"], standing["open"]) == ("", "", 20)
    project = number_of(site, title)

    # Label Studio says that it is connected, by its own check.
    (backend,) = site.call("GET", f"api/ml/?project={project}")
    assert (backend["state"], backend["model_version"]) == ("CO", "altasks")
    hooks = site.call("GET", f"api/webhooks/?project={project}")
    assert [one["url"] for one in hooks] == [f"http://127.0.0.1:{served.port}/webhook"]
    assert served.token not in json.dumps([backend, hooks])
    wrong = dict(backend, basic_auth_user="altasks", basic_auth_pass="a wrong one, and long")
    with pytest.raises(AssertionError, match="authentication parameters were"):
        site.call("PATCH", f"api/ml/{backend['id']}", wrong)

    # A task that is opened has a guess of the model, though none was pushed: it isn't trained yet.
    first = shown(site, project)
    before = tasks_of(site, project)
    assert not any(task["predictions"] for task in before.values())
    opened = site.call("GET", f"api/tasks/{before[first[0]]['id']}/?project={project}")
    (guess,) = opened["predictions"]
    assert guess["model_version"] == "altasks"
    assert guess["result"][0]["value"]["choices"][0] in BOARD
    assert 0 < guess["score"] < 1

    # Ten labels later the model is fitted, and the open tasks are in its order.
    done = first[:10]
    begun = time.monotonic()
    for name in done:
        site.annotate(before[name]["id"], choice(TRUTH[name]))
    assert time.monotonic() - begun < 60
    served.until(lambda now: now.get("fit") == 1 and now["phase"] == "idle")
    after = shown(site, project)
    left = [name for name in after if name in first]
    assert sorted(left) == sorted(first[10:])
    assert left != first[10:]
    assert len(after) == 20
    now = tasks_of(site, project)
    assert all(len(now[name]["predictions"]) == 1 for name in after)
    path = f"api/projects/{project}/"
    served.until(lambda _: site.call("GET", path)["model_version"] == "altasks")
    store = tmp_path / "labels.db"
    with al.ActiveLoop(None, POOL, store=store) as loop:
        assert loop.labels == {name: TRUTH[name] for name in done}
        (fit,) = loop.store.fits()
        assert fit.n_labels == 10

    # "Retrieve predictions" of all: one request, and each gets one.
    for task in now.values():
        for one in task["predictions"]:
            site.call("DELETE", f"api/predictions/{one['id']}/")
    path = f"api/dm/actions/?id=retrieve_tasks_predictions&project={project}"
    site.call("POST", path, {"selectedItems": {"all": True, "excluded": []}})
    assert all(len(task["predictions"]) == 1 for task in tasks_of(site, project).values())

    # Killed: what people do meanwhile is taken in by the next start; updated and deleted, too.
    served.end(signal.SIGKILL)
    more = after[:9]
    for name in more:
        site.annotate(now[name]["id"], choice(TRUTH[name]))
    changed = now[done[0]]["annotations"][0]["id"]
    other = next(name for name in BOARD if name != TRUTH[done[0]])
    site.call("PATCH", f"api/annotations/{changed}/", {"result": choice(other)})
    site.call("DELETE", f"api/annotations/{now[done[1]]['annotations'][0]['id']}/")
    served.start()
    served.until(lambda now: now.get("fit") == 2 and now["phase"] == "idle")
    said = {name: TRUTH[name] for name in (*done, *more)} | {done[0]: other}
    del said[done[1]]
    with al.ActiveLoop(None, POOL, store=store) as loop:
        assert loop.labels == said
        assert [one.n_labels for one in loop.store.fits()] == [10, 18]
    text = served.log.read_text() + store.read_bytes().decode("latin1")
    for secret in (served.token, site.token):
        assert secret not in text
    served.end()
    assert served.process.returncode == 0, served.log.read_text()[-2000:]
    assert "Ended. The same command goes on" in served.log.read_text()


def test_ten_at_once_a_body_of_100_mb_a_wrong_token_and_a_dead_store(site, serve, tmp_path):
    title = f"crowd-{time.time():.0f}"
    served = serve(title)
    served.until(lambda now: now.get("steps"))
    project = number_of(site, title)
    tasks = list(tasks_of(site, project).values())

    def ask(i):
        begun = time.monotonic()
        body = {"tasks": tasks[i : i + 5], "project": f"{project}.1"}
        status, found = served.call("POST", "/predict", body)
        return status, found["results"], time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(ask, range(10)))
        opened = list(clients.map(
            lambda task: site.call("GET", f"api/tasks/{task['id']}/?project={project}"), tasks[:10]
        ))  # fmt: skip
    assert all(status == 200 and len(found) == 5 for status, found, _ in answers)
    assert max(seconds for *_, seconds in answers) < 90
    assert all(len(task["predictions"]) >= 1 for task in opened)
    assert served.call("POST", "/predict", {"tasks": []}, token="wrong")[0] == 401
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        auth = base64.b64encode(f"a:{served.token}".encode()).decode()
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {auth}\r\n"
        connection.sendall(f"{head}Content-Length: {100 * 2**20}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413

    # A store that is no database any more: said at once, and what is labelled is not lost.
    store, away = tmp_path / "labels.db", tmp_path / "away.db"
    store.rename(away)
    store.write_bytes(b"no database" * 1000)
    said = {task["data"]["altasks_id"]: "card" for task in tasks[:3]}
    for task in tasks[:3]:
        site.annotate(task["id"], choice("card"))
    served.until(lambda now: "Nothing is lost" in now.get("error", ""))
    for path, body in (("/predict", {"tasks": tasks[:1]}), ("/setup", {"project": f"{project}.1"}),
                       ("/webhook", {"action": "ANNOTATION_CREATED"})):  # fmt: skip
        status, answer = served.call("POST", path, body)
        assert (status, "Nothing is lost" in answer["error"]) == (503, True)
    (backend,) = site.call("GET", f"api/ml/?project={project}")
    assert backend["state"] == "DI"
    away.replace(store)
    served.until(lambda now: now.get("waiting") == 3)
    assert served.call("POST", "/predict", {"tasks": tasks[:1]})[0] == 200
    with al.ActiveLoop(None, POOL, store=store) as loop:
        assert loop.labels == said
