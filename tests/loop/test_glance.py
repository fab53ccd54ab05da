"""A look at samples by the last fit: the same scores as an ask's, and no trace."""

import json
from pathlib import Path

import numpy as np
import torch

import altasks as al
from altasks.loop.glance import glance


class Step:
    """Knows on which side of a boundary a number lies; a fit moves it by 1."""

    default_acquisition = "least_confidence"
    boundary = 0.0

    def predict(self, samples):
        x = np.array(samples, float) - self.boundary
        return al.Categorical.from_logits(torch.tensor(np.stack([-x, x], 1)))

    def describe(self, sample, prediction):
        return {"predicted": float(sample) > self.boundary}

    def fit(self, samples, labels, *, seed):
        self.boundary += 1.0

    def save(self, directory):
        (Path(directory) / "boundary.json").write_text(json.dumps(self.boundary))

    def load(self, directory):
        self.boundary = json.loads((Path(directory) / "boundary.json").read_text())


POOL = {str(i): i / 4 for i in range(12)}


def test_it_sees_what_an_ask_after_the_last_fit_would_whoever_fitted(tmp_path):
    def opened():
        return al.ActiveLoop(Step(), POOL, store=tmp_path / "a.db", progress=False)

    with opened() as looking, opened() as other:
        assert glance(looking, ["3"])[1] == {"3": {"predicted": True}}
        other.tell({"0": True})
        other.fit()
        before = looking.store.state()
        scores, described = glance(looking, ["3", "5"])
        assert described == {"3": {"predicted": False}, "5": {"predicted": True}}
        assert looking.store.state() == before
        query = other.ask(11)
        asked = dict(zip(query.ids, query.scores, strict=True))
        assert scores == {name: asked[name] for name in ("3", "5")}
