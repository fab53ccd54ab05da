"""A model, a store and a tool for the tests of `altasks serve`, for both of its processes.

The tool is a folder: so another process sees what people say in it, as it would on a server.
"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

import altasks as al
from altasks.data.label_studio import ChoiceConverter
from altasks.errors import InvalidInputError, StoreError
from altasks.loop import Answer, Answers, SQLStore, ToolState

POOL = {f"n{i:02d}": f"number {i}" for i in range(40)}
TOKEN = "a token that is long".replace(" ", "-")


class Sign:
    """Knows which numbers lie above a boundary, which each fit moves up by 10."""

    name, labels, multi_label = "text-classification", ["low", "high"], False
    default_acquisition, default_strategy = "least_confidence", "top_k"

    def __init__(self, folder):
        self.folder, self.boundary = folder, 0.0

    def predict(self, samples):
        if (self.folder / "slow").exists():
            time.sleep(float((self.folder / "slow").read_text()))
        x = np.array([float(text.split()[1]) for text in samples]) - self.boundary
        return al.Categorical.from_logits(torch.tensor(np.stack([-x, x], 1) / 10))

    def describe(self, sample, prediction):
        return {"predicted": self.labels[int(prediction.mean_probs[0].argmax())]}

    def check_label(self, label):
        if label not in self.labels:
            raise InvalidInputError(f"label: expected low or high, found {label!r}.")
        return label

    def fit(self, samples, labels, *, seed):
        if (self.folder / "long").exists():
            time.sleep(float((self.folder / "long").read_text()))
        if (self.folder / "bad").exists():
            raise RuntimeError("no memory left")
        self.boundary += 10.0

    def save(self, directory):
        (Path(directory) / "boundary.json").write_text(json.dumps(self.boundary))

    def load(self, directory):
        self.boundary = json.loads((Path(directory) / "boundary.json").read_text())


class MortalStore(SQLStore):
    """Fails while there is a file `dead` beside it."""

    folder: Path

    def _check(self):
        if (self.folder / "dead").exists():
            raise StoreError(f"store {self.name}: it can't be opened.")

    def state(self):
        self._check()
        return super().state()

    def get(self, key):
        self._check()
        return super().get(key)


class Service:
    """The requests of Label Studio that connecting needs; what was sent is in a file."""

    def __init__(self, folder):
        self.sent = folder / "sent"

    def get(self, path, doing, **params):
        return {"model_version": "altasks serve"} if path.startswith("api/projects/") else []

    def send(self, method, path, doing, body=None):
        with self.sent.open("a") as out:
            out.write(json.dumps([method, path, body]) + "\n")


class Tool:
    """A folder with the cards, and a file for what each person says of one."""

    name, project, project_url = "tool", 7, "http://tool.example/7"

    def __init__(self, folder):
        self.folder, self.server = folder, Service(folder)
        self.converter = ChoiceConverter(Sign.labels)

    def close(self):
        pass

    def cards(self):
        found = self.folder / "cards"
        return json.loads(found.read_text()) if found.exists() else []

    def push(self, query):
        rest = [name for name in self.cards() if name not in query.ids]
        new = self.folder / "cards.new"
        new.write_text(json.dumps([*query.ids, *rest]))
        new.replace(self.folder / "cards")

    def said(self):
        return {path.name[5:]: path.read_text() for path in self.folder.glob("said-*")}

    def say(self, name, label):
        (self.folder / f"said-{name}").write_text(label)

    def pull(self, since=None, *, also=()):
        said = self.said()
        by_id = {n: [Answer(said[n], "ann")] if n in said else [] for n in {*self.cards(), *said}}
        return Answers(by_id, 1)

    def state(self):
        said = self.said()
        return ToolState([n for n in self.cards() if n not in said], list(said), [])


def open_loop(folder):
    store = MortalStore(folder / "labels.db")
    store.folder = folder
    return al.ActiveLoop(Sign(folder), POOL, store=store, cold_start="top_k", progress=False)


def open_people(folder, loop):
    return Tool(folder)


def backend(folder, **options):
    from altasks.serve import LabelStudioBackend

    options = {"token": TOKEN, "port": 0, "worker": "thread", "sync_every": 0.05, "ask": 12,
               **options}  # fmt: skip
    return LabelStudioBackend(partial(open_loop, folder), partial(open_people, folder), **options)


def until(seen, seconds=20.0):
    """Wait until something is seen, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := seen():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")
