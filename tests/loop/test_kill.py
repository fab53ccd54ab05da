"""Processes killed with SIGKILL, at random moments and at every single step."""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from altasks.loop import SQLStore

RUN = {"work": "run", "budget": 45, "batch": 6}
KILLED = 9

Server = Callable[..., dict[str, Any]]


def asks(url: str) -> dict[int, list[tuple[str, Any, Any]]]:
    """Return what was asked: ids in order, scores and descriptions, exactly."""
    store = SQLStore(url)
    return {
        number: [(row.id, row.score, row.description) for row in store.asked(number)]
        for number in range(1, store.state().round + 1)
    }


def outcome(url: str) -> dict[str, Any]:
    """Return everything that must not depend on when processes died."""
    store = SQLStore(url)
    return {
        "asks": asks(url),
        "labels": store.labels().values,
        "rounds": {
            number: (row["ids"], row["labelled"], row["metrics"], row["cost"])
            for number, row in store.rounds().items()
        },
        # What stopping rules and the random share rest on.
        "seen": store.get("stopping"),
        "estimates": store.get("estimates"),
        "fits": [(fit.round, fit.seed, fit.labels_hash, fit.n_labels) for fit in store.fits()],
    }


def check_events(url: str) -> None:
    """No label twice, none lost: the history is gap-free and says what the current view says."""
    store = SQLStore(url)
    events = store.history()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    told = Counter((event.id, event.annotator) for event in events)
    assert set(told.values()) <= {1}
    assert {event.id: event.value for event in events} == store.labels().values


@pytest.fixture(scope="module")
def reference(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An undisturbed run: how it ends, how long it takes, how many steps it has."""
    url = f"sqlite:///{tmp_path_factory.mktemp('reference')}/reviews.db"
    answer = server(url=url, **RUN)
    assert (answer["code"], answer["phase"]) == (0, "done")
    result = outcome(url)
    assert len(result["asks"]) == 7
    assert sum(len(rows) for rows in result["asks"].values()) == 45
    # The last asks were the model's, not random ones.
    assert all(score is not None for _, score, _ in result["asks"][7])
    return {"outcome": result, "working": answer["working"], "points": answer["count"]}


def finish(server: Server, url: str, **options: Any) -> dict[str, Any]:
    answer = server(url=url, **{**RUN, **options})
    assert (answer["code"], answer["phase"]) == (0, "done")
    return answer


def random_moment(rng: random.Random, working: float) -> dict[str, Any]:
    """Return when to kill a process that works for `working` seconds once its store is open.

    Late enough to get somewhere, early enough to be hit several times; now and then counted from
    the very start, so that opening is hit too.
    """
    return {"kill_after": rng.uniform(0.0, 0.6) * working, "when_open": rng.random() < 0.8}


def kill_runs(
    server: Server, reference: dict[str, Any], folder: Path, kills: int, seed: int
) -> Counter[str]:
    """Kill runs at random moments until `kills` were hit, each run to its end; count where."""
    rng = random.Random(seed)
    phases: Counter[str] = Counter()
    trial = 0
    while phases.total() < kills:
        trial += 1
        url = f"sqlite:///{folder}/run-{trial}.db"
        while True:
            moment = random_moment(rng, reference["working"])
            answer = server(url=url, **moment, **RUN)
            if answer["signal"] != KILLED:
                assert answer["code"] == 0
                break
            phases[answer["phase"]] += 1
        check_events(url)
        assert outcome(url) == reference["outcome"]
    return phases


def test_a_killed_run_asks_what_an_undisturbed_one_asks(
    server: Server, reference: dict[str, Any], tmp_path: Path
) -> None:
    kill_runs(server, reference, tmp_path, kills=3, seed=0)


@pytest.mark.slow
def test_twenty_kills_of_a_run(server: Server, reference: dict[str, Any], tmp_path: Path) -> None:
    phases = kill_runs(server, reference, tmp_path, kills=20, seed=1)
    inside = sum(phases[name] for name in ("ask", "tell", "fit", "save", "log", "record"))
    # That the kills are worth something; the rest is scoring, evaluating, opening. How they fall on
    # steps of milliseconds is the machine's affair: `test_a_run_killed_at_every_step` hits each.
    assert inside >= 0.1 * phases.total(), phases
    assert phases["done"] <= 0.3 * phases.total(), phases


@pytest.fixture
def memory_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder without a disk behind it: SIGKILL doesn't care, and hundreds of stores are fast."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"warm_start": False, "budget": 21}, 60),
        ({"warm_start": True, "budget": 21}, 60),
        ({"plan": {"cost_budget": 40, "cost_batch": 13, "per_cost": True}}, 54),
        (
            {
                "plan": {"budget": 21, "batch": 6, "initial": 9, "stop": "overall_uncertainty"},
                "options": {"random_share": 0.34},
            },
            68,
        ),
    ],
    ids=["again", "warm", "by cost", "stopping"],
)
def test_a_run_killed_at_every_step(
    server: Server, memory_folder: Path, options: dict[str, Any], steps: int
) -> None:
    """Before and after each call that writes anything: no moment between two steps is left out.

    With a warm start, a fit goes on from the one before, and is repeated from that.
    """
    whole = f"sqlite:///{memory_folder}/whole.db"
    points = finish(server, whole, **options)["count"]
    assert points == steps
    expected = outcome(whole)
    for point in range(points):
        url = f"sqlite:///{memory_folder}/point-{point}.db"
        answer = server(url=url, die_at=point, **{**RUN, **options})
        assert answer["signal"] == KILLED
        assert answer["count"] == point
        check_events(url)
        finish(server, url, **options)
        check_events(url)
        assert outcome(url) == expected, point


def kill_tells(server: Server, folder: Path, kills: int, seed: int) -> Counter[str]:
    rng = random.Random(seed)
    phases: Counter[str] = Counter()
    working = server(url=f"sqlite:///{folder}/whole.db", work="tell")["working"]
    trial = 0
    while phases.total() < kills:
        trial += 1
        url = f"sqlite:///{folder}/tell-{trial}.db"
        while True:
            answer = server(url=url, work="tell", **random_moment(rng, working))
            if answer["signal"] != KILLED:
                assert answer["code"] == 0
                break
            phases[answer["phase"]] += 1
            if answer["count"]:
                # What had returned is there; at most one more was on its way.
                told = list(SQLStore(url).labels().values)
                before = answer["count"]
                assert before <= len(told)
                check_events(url)
            if phases.total() >= kills:
                break
    return phases


def test_killed_while_telling(server: Server, tmp_path: Path) -> None:
    kill_tells(server, tmp_path, kills=5, seed=0)


@pytest.mark.slow
def test_twenty_kills_while_telling(server: Server, tmp_path: Path) -> None:
    phases = kill_tells(server, tmp_path, kills=20, seed=1)
    assert phases["tell"] >= 0.2 * phases.total(), phases


def test_a_tell_that_returned_is_kept_exactly(server: Server, data: Any, tmp_path: Path) -> None:
    """On a new store, the labels kept are those whose tell returned, or one more."""
    names = list(data[1])
    working = server(url=f"sqlite:///{tmp_path}/whole.db", work="tell")["working"]
    hit = 0
    for trial in range(40):
        url = f"sqlite:///{tmp_path}/{trial}.db"
        delay = (0.05 + 0.02 * trial) * working
        answer = server(url=url, work="tell", kill_after=delay, when_open=True)
        if answer["signal"] == KILLED and answer["count"]:
            events = SQLStore(url).history()
            assert len(events) in (answer["count"], answer["count"] + 1)
            assert [event.id for event in events] == names[: len(events)]
            hit += 1
            if hit == 3:
                return
    raise AssertionError(f"only {hit} of 40 kills hit a tell")


def kill_asks(server: Server, folder: Path, kills: int, seed: int) -> Counter[str]:
    rng = random.Random(seed)
    order = {"work": "ask", "rounds": 30, "batch": 4}
    whole = f"sqlite:///{folder}/whole.db"
    answer = server(url=whole, **order)
    assert answer["code"] == 0
    expected = asks(whole)
    working = answer["working"]
    phases: Counter[str] = Counter()
    trial = 0
    while phases.total() < kills:
        trial += 1
        url = f"sqlite:///{folder}/ask-{trial}.db"
        while True:
            answer = server(url=url, **random_moment(rng, working), **order)
            if answer["signal"] != KILLED:
                assert answer["code"] == 0
                break
            phases[answer["phase"]] += 1
            if answer["count"]:
                so_far = asks(url)
                assert len(so_far) >= answer["count"]
                assert so_far == {n: expected[n] for n in so_far}
        assert asks(url) == expected
    return phases


def test_killed_while_asking(server: Server, tmp_path: Path) -> None:
    kill_asks(server, tmp_path, kills=3, seed=0)


@pytest.mark.slow
def test_twenty_kills_while_asking(server: Server, tmp_path: Path) -> None:
    phases = kill_asks(server, tmp_path, kills=20, seed=1)
    assert phases["ask"] >= 0.2 * phases.total(), phases


def test_eight_processes_tell_one_store_at_once(server: Server, tmp_path: Path) -> None:
    """They also all find it missing, and make it."""
    url = f"sqlite:///{tmp_path}/reviews.db"
    each = 12
    answer = server(url=url, work="writers", writers=8, each=each)
    assert answer["code"] == 0
    store = SQLStore(url)
    labels = store.labels().values
    events = store.history()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len(events) == 8 * each * 3
    assert len(store.state().skipped) == 8 * each
    for i in range(8):
        own = {name: label for name, label in labels.items() if name.startswith(f"p{i}-")}
        assert own == {f"p{i}-{j}": j for j in range(each)}
    for j in range(each):
        said = {event.annotator: event.value for event in store.history(f"shared-{j}")}
        assert said == {f"p{i}": f"p{i}" for i in range(8)}


def test_four_processes_ask_one_store_at_once(server: Server, tmp_path: Path) -> None:
    """No sample is asked twice, and every round has all it was asked for."""
    url = f"sqlite:///{tmp_path}/reviews.db"
    answer = server(url=url, work="askers", writers=4, each=5, batch=6)
    assert answer["code"] == 0
    rounds = asks(url)
    assert sorted(rounds) == list(range(1, 21))
    assert all(len(rows) == 6 for rows in rounds.values())
    assert len({row[0] for rows in rounds.values() for row in rows}) == 120
