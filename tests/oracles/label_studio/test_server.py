"""People who label in a real Label Studio; see `conftest.py` for what these tests need."""

from __future__ import annotations

import itertools
import logging
import time

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, LoopWarning, ToolError
from altasks.loop import Query
from altasks.oracles.label_studio.queue import RANK
from altasks.testing.oracles import PeopleSuite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ANN, BOB, EVA = (f"{name}@example.org" for name in ("anna", "bob", "eva"))
TITLES = (f"test {time.time():.0f} {number}" for number in itertools.count())


class Topics:
    """What an oracle wants to know of a task."""

    name, labels, multi_label = "text-classification", ["x", "y"], False


POOL = {name: f"text {name} 😀" for name in "abcdef"}


def choice(label):
    """Write a choice as Label Studio's editor does."""
    return [
        {"id": "r", "from_name": "label", "to_name": "sample", "type": "choices",
         "value": {"choices": [label]}}
    ]  # fmt: skip


class Project:
    """A project, and what people do in it through its own interface."""

    def __init__(self, site, task=None, pool=None, **options):
        self.site, self.task, self.pool = site, task or Topics(), pool or POOL
        self.options = {"url": site.url, "token": site.token, **options}
        self.number = self.made(next(TITLES)).project

    def made(self, project):
        return al.LabelStudio(self.task, self.pool, project, **self.options)

    def oracle(self):
        return self.made(self.number)

    def tasks(self, fields="task_only"):
        path = f"api/tasks/?project={self.number}&page_size=100&fields={fields}"
        found = self.site.call("GET", path)["tasks"]
        return {task["data"]["altasks_id"]: task for task in found}

    def mine(self, name, who):
        task = self.tasks("all")[name]
        emails = {one["id"]: one["email"] for one in self.site.call("GET", "api/users/")}
        found = [one for one in task["annotations"] if emails[one["completed_by"]] == who]
        return task["id"], found

    def say(self, name, label, who):
        task, found = self.mine(name, who)
        if found:
            path = f"api/annotations/{found[0]['id']}/"
            self.site.call("PATCH", path, {"result": choice(label), "was_cancelled": False}, who)
        else:
            self.site.annotate(task, choice(label), who)

    def skip(self, name, who):
        self.site.annotate(self.mine(name, who)[0], [], who, was_cancelled=True)

    def delete(self, name, who):
        (one,) = self.mine(name, who)[1]
        self.site.call("DELETE", f"api/annotations/{one['id']}/", None, who)

    def served(self, label, who=None, most=100):
        """Label what is displayed first until there is nothing; return the ids."""
        found = []
        while len(found) < most and (task := self.site.next_task(self.number, who)):
            found.append(task["data"]["altasks_id"])
            self.site.annotate(task["id"], label(found[-1]), who)
        return found


def query_of(pool, ids, described=()):
    descriptions = dict(described)
    return Query(list(ids), [pool[name] for name in ids], [None] * len(ids), 1, descriptions)


class TestLabelStudio(PeopleSuite):
    people = (ANN, BOB)
    every = 4

    @pytest.fixture
    def pool(self):
        return POOL

    @pytest.fixture
    def open_tool(self, site):
        return lambda: Project(site)


@pytest.mark.parametrize(
    "sampling", ["Sequential sampling", "Uniform sampling", "Uncertainty sampling"]
)
def test_the_tab_keeps_the_order_for_one_and_for_three_whatever_the_sampling(site, sampling):
    pool = {f"n{i:02d}": f"text {i}" for i in range(20)}
    project = Project(site, pool=pool, annotations=3)
    site.call("PATCH", f"api/projects/{project.number}/", {"sampling": sampling})
    order = np.random.default_rng(1).permutation(list(pool)).tolist()
    described = {name: {"predicted": "xy"[i % 2]} for i, name in enumerate(order)}
    project.oracle().push(query_of(pool, order[:10], described))
    project.oracle().push(query_of(pool, order, described))
    for who in (None, ANN, BOB):
        assert project.served(lambda _: choice("x"), who) == order
    assert project.served(lambda _: choice("x"), EVA) == []  # three have done each
    assert len(project.oracle().pull().by_id[order[0]]) == 3


def test_side_by_side_nobody_gets_what_another_has(site):
    pool = {f"n{i:02d}": f"text {i}" for i in range(9)}
    project = Project(site, pool=pool, people=3)
    order = list(pool)[::-1]
    project.oracle().push(query_of(pool, order))
    tabs = site.call("GET", f"api/dm/views/?project={project.number}")
    people = (None, ANN, BOB)
    served = []
    for _ in range(3):
        open_now = [site.in_tab(project.number, *pair) for pair in zip(tabs, people, strict=True)]
        served += [task["data"]["altasks_id"] for task in open_now]
        for task, who in zip(open_now, people, strict=True):
            site.annotate(task["id"], choice("x"), who)
    assert sorted(served) == sorted(order)
    turns = [served[k::3] for k in range(3)]
    assert all(turn == sorted(turn, key=order.index) for turn in turns)
    assert {*served[:3]} == {*order[:3]}


def test_a_lost_answer_of_any_write_doubles_nothing(site):
    order, described = list("cabd"), {name: {"predicted": "x"} for name in "abcd"}
    for cut in range(100):
        project = Project(site)
        project.oracle().push(query_of(POOL, "ab", described))
        oracle = project.oracle()
        writes, send = itertools.count(), oracle._server.send

        def lossy(method, *args, send=send, writes=writes, cut=cut, **options):
            answer = send(method, *args, **options)
            if method != "GET" and next(writes) == cut:
                raise ToolError("the answer was lost")
            return answer

        oracle._server.send = lossy
        try:
            oracle.push(query_of(POOL, order, described))
            done = True
        except ToolError:
            done = False
            project.oracle().push(query_of(POOL, order, described))
        assert project.oracle().state().open == order
        tasks = project.tasks("all")
        assert sorted(tasks) == sorted(order)
        assert site.call("GET", f"api/projects/{project.number}/")["task_number"] == 4
        scores = {name: [one["score"] for one in tasks[name]["predictions"]] for name in order}
        assert scores == {name: [(i + 1) / 4] for i, name in enumerate(order)}
        if done:
            break
    assert cut > 3


def test_a_doubled_task_is_one_sample(site):
    project = Project(site)
    oracle = project.oracle()
    oracle.push(query_of(POOL, "ab"))
    first = project.tasks()["a"]
    path = f"api/projects/{project.number}/import"
    site.call("POST", path, [{"data": first["data"]}] * 2)
    site.annotate(first["id"], choice("x"), ANN)
    mark = oracle.pull().mark
    oracle.push(query_of(POOL, "b"))
    assert site.call("GET", f"api/projects/{project.number}/")["task_number"] == 2
    site.call("POST", path, [{"data": first["data"]}])
    twin = max(
        site.call("GET", f"api/tasks/?project={project.number}")["tasks"], key=lambda x: x["id"]
    )
    site.annotate(twin["id"], choice("y"), BOB)
    said = oracle.pull(mark).by_id["a"]
    assert [(one.annotator, one.label) for one in said] == [(ANN, "x"), (BOB, "y")]


def test_ground_truth_drafts_and_strangers(site):
    project = Project(site)
    oracle = project.oracle()
    oracle.push(query_of(POOL, "abc"))
    site.call("POST", f"api/projects/{project.number}/import", [{"data": {"text": "not ours"}}])
    found = {
        task["data"].get("altasks_id"): task["id"]
        for task in site.call("GET", f"api/tasks/?project={project.number}&page_size=100")["tasks"]
    }
    site.annotate(found[None], choice("x"), ANN)
    site.annotate(found["a"], choice("x"), ANN, ground_truth=True)
    site.annotate(found["a"], choice("y"), BOB)
    site.call(
        "POST", f"api/tasks/{found['b']}/drafts", {"result": choice("x"), "lead_time": 1}, ANN
    )
    site.annotate(found["c"], [], ANN)
    answers = oracle.pull().by_id
    assert set(answers) == {"a", "b", "c"}
    assert [(one.annotator, one.label, one.seconds) for one in answers["a"]] == [(ANN, "x", 2.5)]
    assert answers["b"] == []
    assert "one choice, found none" in answers["c"][0].fault
    with al.ActiveLoop(None, POOL) as loop, pytest.warns(LoopWarning, match="'c' was not taken"):
        assert loop.sync(oracle).refused.keys() == {"c"}


def test_a_project_is_made_once_and_one_that_does_not_fit_is_refused(site):
    title = next(TITLES)
    project = Project(site)
    first = project.made(title)
    assert project.made(title).project == first.project
    assert repr(first) == f"LabelStudio({first.project_url}, ChoiceConverter(2 classes))"
    project.task = type("Other", (), {"name": "text-classification", "labels": ["x", "z"],
                                      "multi_label": False})()  # fmt: skip
    with pytest.raises(InvalidInputError, match="without 'z' and with 'y'"):
        project.made(title)
    with pytest.raises(ToolError, match="answered 404"):
        project.made(10**6)
    config = site.call("GET", f"api/projects/{first.project}/")["label_config"]
    site.call("POST", "api/projects/", {"title": title, "label_config": config})
    with pytest.raises(InvalidInputError, match="one project, found 2"):
        Project.made(Project(site), title)


def test_the_token_is_nowhere(site, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    project = Project(site)
    texts = [repr(project.oracle()), repr(vars(project.oracle())), repr(project.oracle()._server)]
    path = tmp_path / "a.db"
    with al.ActiveLoop(None, POOL, store=path, strategy="random") as loop:
        loop.ask(2)
        loop.sync(project.oracle())
    for options in ({"token": "f" * 40}, {"url": "http://127.0.0.1:9"}):
        with pytest.raises(ToolError) as caught:
            al.LabelStudio(Topics(), POOL, "abc", **{**project.options, **options})
        assert caught.value.__cause__ is None
        texts.append(str(caught.value))
    assert "answered 401" in texts[-2]
    assert "f" * 40 not in texts[-2]
    assert "Is it running?" in texts[-1]
    assert site.token not in "".join(texts) + caplog.text
    assert site.token.encode() not in path.read_bytes()


def test_images_are_uploaded_as_they_are(site, tmp_path):
    from PIL import Image

    turned = Image.new("RGB", (40, 20), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    pool = {"file": tmp_path / "turned.jpg", "array": np.zeros((30, 50, 3), np.uint8)}
    task = type("Boxes", (), {"name": "object-detection", "labels": ["x"]})()
    project = Project(site, task, pool)
    project.oracle().push(query_of(pool, ["file", "array"]))
    addresses = {name: one["data"]["image"] for name, one in project.tasks().items()}
    import urllib.request

    for name, size in (("file", (tmp_path / "turned.jpg").stat().st_size), ("array", None)):
        request = urllib.request.Request(
            site.url + addresses[name], headers={"Authorization": f"Token {site.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        assert size is None or len(content) == size
    assert RANK in project.tasks()["file"]["data"]
