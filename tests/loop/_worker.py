"""A cheap real task, and a server that forks processes to be killed.

Run as a script it reads one JSON order a line, forks a child that carries it out, kills the child
with SIGKILL when told to, and answers what the child was doing. torch is imported once, here, so
that a trial takes milliseconds.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import altasks as al
from altasks._internal.random import derive_rng
from altasks.errors import InvalidInputError
from altasks.loop import SQLStore
from altasks.loop.weights_folder import WorkFolder
from altasks.strategies import Candidates

CLASSES = ("blue", "green", "red")


def make_data(n: int = 120, seed: int = 3) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return samples and labels: three overlapping clouds in four dimensions."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1.2, (3, 4))
    kinds = rng.integers(0, 3, n)
    points = centres[kinds] + rng.normal(size=(n, 4))
    samples = {f"s{i:03d}": point.tolist() for i, point in enumerate(points)}
    return samples, {f"s{i:03d}": CLASSES[kind] for i, kind in enumerate(kinds)}


class VectorTask:
    """A committee of softmax regressions, each trained on its own bootstrap sample."""

    default_acquisition = "bald"
    default_strategy = "top_k"
    joint_draws = True

    def __init__(self, members: int = 4, steps: int = 20, warm_start: bool = False) -> None:
        self.members, self.steps, self.warm_start = members, steps, warm_start
        self.weights = np.zeros((members, 5, 3))
        self.fits: list[tuple[int, tuple[str, ...]]] = []

    def predict(self, samples: Sequence[Sequence[float]]) -> al.Categorical:
        logits = np.einsum("nd,kdc->nkc", _inputs(samples), self.weights)
        return al.Categorical.from_logits(torch.as_tensor(logits))

    def embed(self, samples: Sequence[Sequence[float]]) -> torch.Tensor:
        return torch.as_tensor(np.asarray(samples, dtype=np.float64))

    def cost(self, sample: Sequence[float], prediction: Any = None) -> float:
        return 1.0 + abs(sample[0])

    def check_label(self, label: Any) -> str:
        if label not in CLASSES:
            raise InvalidInputError(f"label: expected one of {CLASSES}, found {label!r}.")
        return str(label)

    def fit(self, samples: Any, labels: Any, *, seed: int, **_: Any) -> None:
        self.fits.append((seed, tuple(labels)))
        x, y = _inputs(samples), np.array([CLASSES.index(label) for label in labels])
        if not self.warm_start:
            self.weights = np.zeros_like(self.weights)
        for k in range(self.members):
            rows = derive_rng(seed, k).integers(0, len(y), len(y))
            target = np.eye(3)[y[rows]]
            for _step in range(self.steps):
                logits = x[rows] @ self.weights[k]
                probs = np.exp(logits - logits.max(1, keepdims=True))
                probs /= probs.sum(1, keepdims=True)
                self.weights[k] -= 0.5 * x[rows].T @ (probs - target) / len(y)

    def evaluate(self, samples: Any, labels: Any) -> dict[str, float]:
        best = self.predict(samples).probs.mean(1).argmax(-1).tolist()
        right = [CLASSES[i] == label for i, label in zip(best, labels, strict=True)]
        return {"accuracy": sum(right) / len(right)}

    def save(self, directory: Path | str) -> None:
        save_file({"weights": self.weights}, Path(directory) / "weights.safetensors")

    def load(self, directory: Path | str) -> None:
        self.weights = load_file(Path(directory) / "weights.safetensors")["weights"].copy()

    def describe(self, sample: Any, prediction: Any) -> dict[str, Any]:
        probs = prediction.probs.mean(1)[0]
        return {"class": CLASSES[int(probs.argmax())], "probability": float(probs.max())}


def _inputs(samples: Any) -> np.ndarray:
    x = np.asarray(samples, dtype=np.float64)
    return np.concatenate([x, np.ones((len(x), 1))], 1)


class Greedy:
    """A strategy that needs everything a strategy may need: nothing is left untried."""

    needs = frozenset(
        {
            "embeddings",
            "mean_probs",
            "draws",
            "costs",
            "labelled_embeddings",
            "pending_embeddings",
        }
    )

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        known = [candidates.labelled_embeddings, candidates.pending_embeddings]
        for name in self.needs:
            assert getattr(candidates, name) is not None, name
        there = np.concatenate([np.asarray(block) for block in known])
        gain = candidates.values / candidates.costs
        if len(there):
            here = np.asarray(candidates.embeddings)
            gain = gain + np.linalg.norm(here[:, None] - there[None], axis=-1).min(1)
        order = np.lexsort((rng.random(len(gain)), -gain))
        return [candidates.ids[i] for i in order[:n]]


# What a child does. Each phase is marked in memory shared with the server.

PHASES = ("start", "open", "between", "ask", "tell", "fit", "save", "log", "record", "done")


class Marks:
    """What the child is doing, how many calls have returned, where it dies by its own hand."""

    def __init__(self) -> None:
        self.shared = mmap.mmap(-1, 4096)
        self.die_at = -1
        self.passed = 0

    def set(self, phase: str) -> None:
        if self.phase == "open":
            self.shared[16:24] = struct.pack("d", time.monotonic())
        self.shared[0] = PHASES.index(phase)

    @property
    def opened(self) -> float:
        """When the store was open, by the clock all processes share; 0 if it never was."""
        return float(struct.unpack("d", self.shared[16:24])[0])

    @property
    def phase(self) -> str:
        return PHASES[self.shared[0]]

    @property
    def count(self) -> int:
        return int.from_bytes(self.shared[8:16], "little")

    @count.setter
    def count(self, value: int) -> None:
        self.shared[8:16] = value.to_bytes(8, "little")

    def reset(self) -> None:
        self.shared[0:24] = bytes(24)

    def point(self) -> None:
        """Pass one of the moments between two steps; die if it is the one."""
        if self.passed == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1
        self.count = self.passed


def mark_calls(marks: Marks) -> None:
    """Mark the phases; only in a child, which never comes back."""
    for owner, name, phase in (
        (SQLStore, "record_ask", "ask"),
        (SQLStore, "tell", "tell"),
        (VectorTask, "fit", "fit"),
        (WorkFolder, "save", "save"),
        (VectorTask, "save", "save"),
        (WorkFolder, "publish", "log"),
        (SQLStore, "log_fit", "log"),
        (WorkFolder, "prune", "log"),
        (SQLStore, "record_round", "record"),
        (SQLStore, "put", "record"),
        (al.ActiveLoop, "ask", "ask"),
    ):
        setattr(owner, name, _wrap(getattr(owner, name), marks, phase))


def _wrap(method: Callable[..., Any], marks: Marks, phase: str) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        before = marks.phase
        marks.point()
        marks.set(phase)
        result = method(*args, **kwargs)
        marks.point()
        marks.set(before)
        return result

    return wrapped


def open_loop(order: dict[str, Any]) -> al.ActiveLoop:
    samples, _ = make_data()
    options = order.get("options", {})
    return al.ActiveLoop(
        VectorTask(steps=order.get("steps", 20), warm_start=order.get("warm_start", False)),
        samples,
        store=order["url"],
        seed=5,
        progress=False,
        **options,
    )


def work_run(order: dict[str, Any], marks: Marks) -> None:
    samples, labels = make_data()
    held_out = (list(samples.values())[:40], list(labels.values())[:40])
    loop = open_loop(order)
    marks.set("between")
    oracle = al.Simulated(labels, noise=0.1)
    plan = order.get("plan") or {"budget": order["budget"], "batch": order["batch"], "initial": 9}
    for _round in loop.run(oracle, **plan, test=held_out):
        pass


def work_tell(order: dict[str, Any], marks: Marks) -> None:
    """Tell one label after the other, two annotators in turn, counting those that returned."""
    _, labels = make_data()
    loop = open_loop(order)
    marks.set("tell")
    for i, (name, label) in enumerate(list(labels.items())[: order.get("labels", 40)]):
        loop.tell({name: label}, annotator=order.get("annotator", "ab"[i % 2]))
        marks.count = i + 1


def work_ask(order: dict[str, Any], marks: Marks) -> None:
    loop = open_loop(order)
    marks.set("ask")
    while loop.round < order["rounds"]:
        loop.ask(order["batch"])
        marks.count = loop.round


def together(order: dict[str, Any], work: Callable[[int], None]) -> None:
    """Do `work(i)` in several processes that begin at once; fail if one does."""
    gate = mmap.mmap(-1, 4096)
    children = []
    for i in range(order["writers"]):
        pid = os.fork()
        if pid == 0:
            try:
                while not gate[0]:
                    time.sleep(0.001)
                work(i)
                os._exit(0)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
        children.append(pid)
    gate[0] = 1
    ends = [os.waitpid(pid, 0)[1] for pid in children]
    if any(ends):
        raise RuntimeError("a process failed; its traceback is above")


def work_writers(order: dict[str, Any], marks: Marks) -> None:
    def write(i: int) -> None:
        store = SQLStore(order["url"])
        who = f"p{i}"
        for j in range(order["each"]):
            store.tell({f"{who}-{j}": j, f"shared-{j}": who}, annotator=who, replace=False)
            store.skip([f"skip-{who}-{j}"])

    together(order, write)


def work_askers(order: dict[str, Any], marks: Marks) -> None:
    def ask(i: int) -> None:
        loop = open_loop(order)
        for _ in range(order["each"]):
            loop.ask(order["batch"])

    together(order, ask)


WORK = {
    "run": work_run,
    "tell": work_tell,
    "ask": work_ask,
    "writers": work_writers,
    "askers": work_askers,
}


def child(order: dict[str, Any], marks: Marks) -> None:
    """Carry out an order and leave, without the server's clean-up."""
    try:
        marks.die_at = order.get("die_at", -1)
        # Counting calls and passing points share a counter: an order uses one of them.
        if order["work"] == "run":
            mark_calls(marks)
        marks.set("open")
        WORK[order["work"]](order, marks)
        marks.set("done")
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def _lives(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def serve() -> None:
    torch.set_num_threads(1)
    al.bald(al.Categorical.from_logits(torch.zeros(2, 2, 2)))  # everything lazy is loaded now
    marks = Marks()
    for line in sys.stdin:
        order = json.loads(line)
        marks.reset()
        pid = os.fork()
        if pid == 0:
            child(order, marks)
        kill_after = order.get("kill_after")
        if kill_after is not None:
            # Counted from when the store is open, so that no kill is wasted on the start.
            while order.get("when_open") and marks.phase in ("start", "open") and _lives(pid):
                time.sleep(0.0005)
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        answer = {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "phase": marks.phase,
            "count": marks.count,
            # Without the opening, which takes longest on a quiet machine.
            "working": time.monotonic() - marks.opened if marks.opened else 0.0,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
