"""A stranger's task and tables of labels, for the tests of projects; run as a script: the shell."""

from __future__ import annotations

import csv
import json
import os
import signal

import numpy as np
from centroids import CLASSES, Centroids

from altasks.errors import invalid
from altasks.registry import TASKS


class Checked(Centroids):
    """The same, which says what it takes for a label, and can be saved."""

    def __init__(self, labels=None, noise=0.0):
        super().__init__(noise)
        self.labels = list(labels or CLASSES)

    def check_label(self, label):
        if label not in self.labels:
            raise invalid("label", f"one of {', '.join(self.labels)}", repr(label))
        return label

    def describe(self, sample, prediction):
        return {"predicted": CLASSES[int(prediction.mean_probs[0].argmax())]}

    def fit(self, samples, labels, **options):
        if os.environ.get("ALTASKS_TEST_KILL") == "fit":
            os.kill(os.getpid(), signal.SIGKILL)
        super().fit(samples, labels, **options)

    def save(self, directory):
        (directory / "altasks.json").write_text(json.dumps({"centres": self.centres.tolist()}))

    def load(self, directory):
        text = (directory / "altasks.json").read_text()
        self.centres = np.array(json.loads(text)["centres"])


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_table(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":  # for tests that kill it
    from altasks.cli import main

    TASKS.register("centroids", Checked)
    main()
