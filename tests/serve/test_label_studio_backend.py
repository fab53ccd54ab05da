"""What `LabelStudioBackend` answers, by an HTTP client; the tool and the model are small fakes.

With a real Label Studio: `tests/oracles/label_studio/test_serve.py`.
"""

from __future__ import annotations

import base64
import concurrent.futures
import http.client
import json
import logging
import socket
import time

import pytest
from serve_parts import POOL, TOKEN, Tool, backend, open_loop, until

from altasks.errors import InvalidInputError
from altasks.serve import LabelStudioBackend

pytest.importorskip("uvicorn", reason="needs the extra serve")
testclient = pytest.importorskip("starlette.testclient", reason="needs the extra serve")

AUTH = ("altasks", TOKEN)


def config_of(folder):
    return Tool(folder).converter.config()


def tasks(*names):
    return [{"id": i, "data": {"altasks_id": n, "text": POOL.get(n)}} for i, n in enumerate(names)]


@pytest.fixture
def open_backend(tmp_path):
    """Return a function that makes a backend, and one that talks to it without a socket."""
    made = []

    def opened(**options):
        served = backend(tmp_path, **options)
        made.append(served)
        client = testclient.TestClient(served.app)
        client.auth = AUTH
        return served, client

    yield opened
    for one in made:
        one.stop()


def test_health_and_setup_say_what_label_studio_reads(open_backend, tmp_path):
    served, client = open_backend()
    with client:
        for path in ("/", "/health"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert answer.json()["status"] == "UP"
            assert answer.json()["model_class"] == "Sign"
        body = {
            "project": "7.1700000000", "schema": config_of(tmp_path), "hostname": "http://there",
            "access_token": "somebody's own", "extra_params": None,
        }  # fmt: skip
        assert client.post("/setup", json=body).json() == {"model_version": "altasks"}
        other = client.post("/setup", json=body | {"project": "8.17"})
        assert (other.status_code, "expected 7" in other.json()["error"]) == (409, True)
        schema = config_of(tmp_path).replace("high", "higher")
        assert client.post("/setup", json=body | {"schema": schema}).status_code == 400
        assert client.get("/elsewhere").json() == {"error": "GET /elsewhere: Not Found."}
        assert client.get("/predict").status_code == 405
    assert repr(served) == f"LabelStudioBackend({served.address}, project 7)"


def test_each_task_gets_its_prediction_in_order(open_backend, tmp_path):
    _, client = open_backend()
    with client:
        body = {"tasks": tasks("n30", "nobody", "n01", "n30"), "project": "7.17",
                "label_config": config_of(tmp_path), "params": {"context": None}}  # fmt: skip
        results = client.post("/predict", json=body).json()["results"]
    assert [one and one["result"][0]["value"]["choices"] for one in results] == [
        ["high"], [], ["high"], ["high"],
    ]  # fmt: skip
    assert results[0] == results[3]
    assert results[0]["model_version"] == "altasks"
    # 1 is nearer to the boundary than 30, and Label Studio serves the lowest first.
    assert 0 < results[2]["score"] < results[0]["score"] < 1


HEADERS = [
    None, "", "Basic", "Basic !!", "Bearer x", f"Token {TOKEN}",
    *("Basic " + base64.b64encode(one.encode()).decode()
      for one in ("altasks", "altasks:wrong", f"altasks:{TOKEN}x", TOKEN, "altasks:")),
]  # fmt: skip


def test_without_the_token_nothing_is_answered(open_backend, caplog):
    _, client = open_backend()
    client.auth = None
    for header in HEADERS:
        headers = {} if header is None else {"Authorization": header}
        for method, path in (("GET", "/"), ("GET", "/health"), ("POST", "/setup"),
                             ("POST", "/predict"), ("POST", "/webhook")):  # fmt: skip
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401, (header, path)
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
            assert TOKEN not in answer.text
    assert TOKEN not in caplog.text


def test_the_webhooks_token_opens_webhooks_alone(open_backend, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    _, client = open_backend()
    with client:
        sent = until(lambda: (tmp_path / "sent").exists() and (tmp_path / "sent").read_text())
        rows = until(
            lambda: len(found := (tmp_path / "sent").read_text().splitlines()) > 2 and found
        )
        by_path = {path: body for _, path, body in map(json.loads, rows)}
        assert by_path["api/ml/"]["basic_auth_pass"] == TOKEN
        hook = by_path["api/webhooks/"]
        assert TOKEN not in json.dumps(hook)
        assert not hook["send_payload"]
        client.auth = None
        body = {"action": "ANNOTATION_CREATED"}
        assert client.post("/webhook", json=body, headers=hook["headers"]).status_code == 201
        assert client.get("/health", headers=hook["headers"]).status_code == 401
    assert sent
    assert TOKEN not in caplog.text


def test_people_label_the_model_is_fitted_and_the_order_is_new(open_backend, tmp_path):
    served, client = open_backend(fit_every=5)
    tool = Tool(tmp_path)
    with client:
        first = until(tool.cards)
        assert first == [f"n{i:02d}" for i in range(12)]
        for i, name in enumerate(first[:5]):
            assert served.standing.fit == 0, i
            tool.say(name, "low")
            body = {"action": "ANNOTATION_CREATED", "project": {"id": 7}, "annotation": {}}
            assert client.post("/webhook", json=body).status_code == 201
        until(lambda: served.standing.fit == 1 and served.standing.phase == "idle")
        assert served.standing.open == 12
        now = [name for name in tool.cards() if name not in first[:5]][:12]
        # What the new model asked for first, the rest by its scores: nearest to 10.
        assert now[0] == "n12"
        assert [int(n[1:]) for n in now if n in first] == [10, 9, 11, 8, 7, 6, 5]
        body = {"tasks": tasks("n05"), "label_config": config_of(tmp_path)}
        (said,) = client.post("/predict", json=body).json()["results"]
        assert said["result"][0]["value"]["choices"] == ["low"]
    with open_loop(tmp_path) as loop:
        assert loop.labels == dict.fromkeys(first[:5], "low")


def test_bodies_of_webhooks_are_not_believed(open_backend, tmp_path):
    served, client = open_backend()
    forged = {"action": "ANNOTATION_CREATED", "project": {"id": 7}, "task": {"id": 1, "data": {}},
              "annotation": {"id": 5, "result": [], "ground_truth": True}}  # fmt: skip
    with client:
        until(lambda: served.standing.steps)
        assert client.post("/webhook", json=forged).status_code == 201
        for body in ({"action": "PROJECT_UPDATED"}, {}, {"action": ["x"]},
                     forged | {"project": {"id": 8}}):  # fmt: skip
            assert client.post("/webhook", json=body).status_code == 200
        before = served.standing.steps
        until(lambda: served.standing.steps > before)
    with open_loop(tmp_path) as loop:
        assert loop.labels == {}


def test_start_training_fits_at_once(open_backend, tmp_path):
    served, client = open_backend()
    with client:
        Tool(tmp_path).say(until(Tool(tmp_path).cards)[0], "low")
        assert client.post("/webhook", json={"action": "START_TRAINING"}).status_code == 201
        until(lambda: served.standing.fit == 1)


BODIES = [
    (b"", 400, "expected JSON"), (b"{", 400, "expected JSON"), (b"\xff\xfe", 400, "JSON"),
    (b"[]", 400, "found list"), (b"[" * 10**5, 400, "expected JSON"),
    (b'{"tasks": 3}', 400, "tasks: expected a list"), (b'{"tasks": [3]}', 400, "tasks[0]"),
    (b'{"tasks": [{"data": []}]}', 400, "tasks[0]"),
    (b'{"tasks": [], "label_config": 3}', 400, "label_config: expected a text"),
    (b'{"tasks": [], "label_config": "<View>"}', 400, "config"),
    (b'{"tasks": [], "project": {}}', 400, "project: expected a text"),
    (b'{"n": ' + b"9" * 9999 + b"}", 400, "expected JSON"),
    (b'{"tasks": []}' + b" " * 10**6, 413, "at most 500,000 bytes"),
    (b'{"tasks": [{"data": {"altasks_id": ["n"]}}]}', 200, ""),
]  # fmt: skip


def test_bad_bodies_are_named(open_backend):
    from altasks.serve.app import Limits

    _, client = open_backend(limits=Limits(body=500_000))
    for content, status, words in BODIES:
        answer = client.post("/predict", content=content)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
        assert answer.json()  # whatever it says, it is JSON


def test_a_body_of_unknown_length_is_read_no_further_than_the_limit(open_backend):
    from altasks.serve.app import Limits

    _, client = open_backend(limits=Limits(body=1000))
    given = []

    def pieces():
        for _ in range(100):
            given.append(1)
            yield b" " * 500

    assert client.post("/predict", content=pieces()).status_code == 413


def test_a_hundred_megabytes_are_refused_before_they_are_read(open_backend):
    served, _ = open_backend()
    served.start()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {100 * 2**20}\r\nAuthorization: "
        f"Basic {base64.b64encode(f'a:{TOKEN}'.encode()).decode()}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"x" * 2**16)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert "at most 33,554,432 bytes" in json.loads(answer.read())["error"]


def call(served, method, path, body=None, timeout=10):
    """Send a request over a socket; return the status and the JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=timeout)
    auth = base64.b64encode(f"altasks:{TOKEN}".encode()).decode()
    try:
        connection.request(
            method, path, None if body is None else json.dumps(body),
            {"Authorization": f"Basic {auth}", "Content-Type": "application/json"},
        )  # fmt: skip
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_ten_clients_at_once_get_their_own_answers(open_backend):
    served, _ = open_backend()
    served.start()
    names = list(POOL)

    def ask(i):
        mine = names[i : i + 4]
        status, body = call(served, "POST", "/predict", {"tasks": tasks(*mine)})
        return status, len(body["results"]), mine, body["results"]

    with concurrent.futures.ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(ask, range(10)))
    alone = call(served, "POST", "/predict", {"tasks": tasks(*names)})[1]["results"]
    for i, (status, many, _, results) in enumerate(answers):
        assert (status, many, results) == (200, 4, alone[i : i + 4])


def test_a_slow_model_holds_up_no_other_answer(open_backend, tmp_path):
    from altasks.serve.app import Limits

    served, _ = open_backend(limits=Limits(waiting=3, seconds=0.6))
    served.start()
    until(lambda: served.standing.steps)
    (tmp_path / "slow").write_text("0.4")  # twice for each batch: scores, descriptions
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        waiting = [
            clients.submit(call, served, "POST", "/predict", {"tasks": tasks("n01")})
            for _ in range(6)
        ]
        time.sleep(0.1)
        for method, path, body in (
            ("GET", "/health", None), ("POST", "/setup", {"project": "7.1"}),
            ("POST", "/webhook", {"action": "ANNOTATION_CREATED"}),
        ):  # fmt: skip
            begun = time.monotonic()
            assert call(served, method, path, body)[0] < 300
            assert time.monotonic() - begun < 0.5
        answers = [one.result() for one in waiting]
    assert {status for status, _ in answers} == {503}
    errors = " ".join(body["error"] for _, body in answers)
    assert "3 predictions are waiting already" in errors
    assert "did not answer within 0.6 s" in errors
    (tmp_path / "slow").unlink()
    until(lambda: call(served, "POST", "/predict", {"tasks": tasks("n01")})[0] == 200)


def test_a_dead_store_is_said_and_nothing_is_lost(open_backend, tmp_path):
    served, client = open_backend(fit_every=3)
    tool = Tool(tmp_path)
    with client:
        first = until(tool.cards)
        until(lambda: served.standing.steps)
        (tmp_path / "dead").touch()
        body = {"tasks": tasks("n01")}
        answer = client.post("/predict", json=body)
        assert answer.status_code == 503
        assert "it can't be opened. Nothing is lost" in answer.json()["error"]
        for name in first[:3]:
            tool.say(name, "high")
            client.post("/webhook", json={"action": "ANNOTATION_CREATED"})
        until(lambda: served.standing.store_fails)
        for answer in (
            client.get("/health"), client.post("/setup", json={"project": "7.1"}),
            client.post("/webhook", json={"action": "ANNOTATION_CREATED"}),
        ):  # fmt: skip
            assert answer.status_code == 503
            assert "Nothing is lost" in answer.json()["error"]
        (tmp_path / "dead").unlink()
        until(lambda: served.standing.fit == 1)
        assert client.get("/health").status_code == 200
        assert client.post("/predict", json=body).status_code == 200
    with open_loop(tmp_path) as loop:
        assert loop.labels == dict.fromkeys(first[:3], "high")


def test_a_fit_that_fails_is_said_and_waits_for_more_labels(open_backend, tmp_path):
    served, client = open_backend(fit_every=2)
    tool = Tool(tmp_path)
    (tmp_path / "bad").touch()
    with client:
        first = until(tool.cards)
        for name in first[:2]:
            tool.say(name, "low")
        client.post("/webhook", json={"action": "ANNOTATION_CREATED"})
        trouble = until(lambda: served.standing.trouble)
        assert "RuntimeError: no memory left" in trouble
        assert client.get("/health").json()["trouble"] == trouble
        assert client.post("/predict", json={"tasks": tasks("n01")}).status_code == 200
        (tmp_path / "bad").unlink()
        before = served.standing.steps
        until(lambda: served.standing.steps > before + 1)
        assert served.standing.fit == 0
        for name in first[2:4]:
            tool.say(name, "low")
        until(lambda: served.standing.fit == 1)


def test_what_can_not_be_served_is_refused(tmp_path, caplog):
    with pytest.raises(InvalidInputError, match="allow_network=True"):
        backend(tmp_path, host="0.0.0.0")
    with pytest.raises(InvalidInputError, match="host: expected a name or address"):
        backend(tmp_path, host="no such host", allow_network=True)
    with pytest.raises(InvalidInputError, match="token: expected at least 16"):
        backend(tmp_path, token="short")
    with pytest.raises(InvalidInputError, match="fit_every"):
        backend(tmp_path, fit_every=0)
    with pytest.raises(InvalidInputError, match="sync_every"):
        backend(tmp_path, sync_every=float("nan"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InvalidInputError, match="port: expected a free port"):
            backend(tmp_path, port=taken.getsockname()[1])
    import altasks as al

    for task, words in ((None, "a loop with a task"), (open_loop(tmp_path).task, "one in memory")):
        with pytest.raises(InvalidInputError, match=words):
            LabelStudioBackend(lambda task=task: al.ActiveLoop(task, POOL), None, port=0)
    with pytest.raises(InvalidInputError, match="worker='thread'"):
        LabelStudioBackend(
            lambda: open_loop(tmp_path), lambda loop: Tool(tmp_path), port=0, worker="process"
        )
    assert caplog.text == ""
    made = backend(tmp_path, host="0.0.0.0", allow_network=True)
    assert "is not encrypted" in caplog.text
    assert made.address == f"http://127.0.0.1:{made.port}"
    made.stop()
