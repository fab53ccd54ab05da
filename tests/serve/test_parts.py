"""Connecting, steps, knocks and tokens, each by itself."""

from __future__ import annotations

import base64
import logging
import threading

import pytest
from serve_parts import TOKEN, Tool, open_loop

from altasks.errors import InvalidInputError, ToolError
from altasks.serve.connect import TITLE, Connect
from altasks.serve.inbox import Inbox, Knock
from altasks.serve.rounds import Rounds
from altasks.serve.secret import Secret, basic, find_token

HERE = "http://127.0.0.1:9090"


class Service:
    """What a project has, and what is sent."""

    def __init__(self, backends=(), webhooks=(), version=TITLE, fault=None):
        self.there = {"api/ml/": list(backends), "api/webhooks/": list(webhooks),
                      "api/projects/7/": {"model_version": version}}  # fmt: skip
        self.sent, self.fault = [], fault

    def get(self, path, doing, **params):
        return self.there[path]

    def send(self, method, path, doing, body=None):
        if self.fault and path.startswith("api/ml"):
            raise ToolError(self.fault)
        self.sent.append((method, path, body))


class People:
    project = 7

    def __init__(self, server):
        self.server = server


def connected(service, addresses=(), **options):
    Connect(HERE, TOKEN, "other", **options)(People(service), frozenset(addresses))
    return [(method, path) for method, path, _ in service.sent]


def test_what_is_there_is_left_as_it_is():
    assert connected(Service()) == [
        ("POST", "api/ml/"), ("POST", "api/webhooks/"), ("PATCH", "api/projects/7/"),
    ]  # fmt: skip
    backend = {"id": 3, "url": HERE + "/", "state": "CO"}
    hook = {"id": 4, "url": HERE + "/webhook", "headers": {"Authorization": basic("other")},
            "send_payload": False, "send_for_all_actions": False, "is_active": True}  # fmt: skip
    assert connected(Service([backend], [hook], "altasks")) == []
    # A token that is new, and the webhook that Label Studio makes by itself.
    asked = Service([backend | {"state": "DI"}], [hook | {"headers": {}}], "altasks")
    assert connected(asked) == [("PATCH", "api/ml/3"), ("PATCH", "api/webhooks/4/")]
    assert asked.sent[1][2]["headers"] == {"Authorization": basic("other")}


def test_connected_by_hand_only_the_webhook_of_that_address_is_seen_to():
    other = "http://host.docker.internal:9090"
    hooks = [{"id": 1, "url": f"{other}/webhook", "headers": {}},
             {"id": 2, "url": "http://elsewhere/webhook", "headers": {}}]  # fmt: skip
    assert connected(Service([], hooks, ""), add=False) == []
    assert connected(Service([], hooks, ""), [other], add=False) == [("PATCH", "api/webhooks/1/")]


def test_a_refusal_says_what_to_do_and_not_the_token():
    with pytest.raises(ToolError, match="USE_DEFAULT_BANNED_SUBNETS=false") as caught:
        connected(Service(fault=f"403: basic_auth_pass {TOKEN}"))
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(Connect(HERE, TOKEN, "other"))


def test_when_to_fit_is_read_from_the_store(tmp_path):
    tool = Tool(tmp_path)

    def step(**options):
        with open_loop(tmp_path) as loop:  # as after a start
            rounds = Rounds(loop, tool, fit_every=3, ask=6)
            return rounds.step(**options), rounds.waiting()

    first, _ = step()
    assert (first.fit, first.open, len(tool.cards())) == (None, 6, 6)
    names = tool.cards()
    tool.say(names[0], "low")
    tool.say(names[1], "low")
    done, waiting = step()
    assert (done.labels, done.fit, done.open, waiting) == (2, None, 4, 2)
    (tmp_path / f"said-{names[1]}").unlink()
    assert step()[1] == 1  # deleted again
    assert step(fit_now=True)[0].fit == 1
    assert step(fit_now=True)[0].fit is None  # nothing new
    for name in names[1:4]:
        tool.say(name, "high")
    done, waiting = step()
    assert (done.fit, done.open, waiting) == (2, 6, 0)
    tool.say(names[4], "neither")
    with pytest.warns(UserWarning, match="was not taken"):
        assert step()[0].refused.keys() == {names[4]}


def test_a_small_pool_is_asked_to_its_end(tmp_path):
    tool = Tool(tmp_path)
    with open_loop(tmp_path) as loop:
        rounds = Rounds(loop, tool, fit_every=100, ask=90)
        assert rounds.step().open == 40
        for name in tool.cards():
            tool.say(name, "low")
        done = rounds.step()
        assert (done.labels, done.open, done.fit) == (40, 0, None)


def test_any_number_of_knocks_is_one():
    inbox = Inbox()
    for i in range(100):
        inbox.knock(Knock(fit=i == 3, addresses=frozenset({f"http://{i}"})))
    knock = inbox.wait(0)
    assert knock.fit
    assert len(knock.addresses) == 8
    assert inbox.wait(0.01) == Knock()
    threading.Timer(0.05, inbox.stop).start()
    assert inbox.wait(None) is None
    inbox.rest(60)
    inbox.knock()
    assert inbox.wait(60) is None


def test_tokens_are_found_checked_and_never_shown(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ALTASKS_SERVE_TOKEN", TOKEN)
    assert find_token() == (TOKEN, False)
    monkeypatch.delenv("ALTASKS_SERVE_TOKEN")
    made, new = find_token()
    assert new
    assert len(made) > 40
    assert made != find_token()[0]
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert find_token(file) == (TOKEN, False)
    file.write_text(" \n")
    with pytest.raises(InvalidInputError, match="--token-file"):
        find_token(file)
    for bad in (
        "short",
        "x" * 15,
        "with a blank in it",
        "não-é-ascii-de-todo",
        "line\nfeed-line-feed",
    ):
        with pytest.raises(InvalidInputError) as caught:
            Secret(bad)
        assert bad not in str(caught.value)
    secret = Secret(TOKEN)
    assert TOKEN not in repr(secret) + str(vars(secret).keys())
    assert secret.opens(basic(TOKEN))
    assert secret.opens("basic " + base64.b64encode(f"a:{TOKEN}".encode()).decode())
    assert not secret.opens(basic(secret.for_webhooks))
    assert secret.opens(basic(secret.for_webhooks), webhook=True)
    assert secret.opens(basic(TOKEN), webhook=True)
    assert not secret.opens(basic(TOKEN[:-1]))
    assert caplog.text == ""
