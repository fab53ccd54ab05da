"""Three members, each with its own idea of where low and high numbers lie."""

import json
from pathlib import Path

import torch

import altasks as al
from altasks.errors import InvalidInputError, invalid

CLASSES = ["low", "high"]


class NumberLine:
    """A class is as likely as its mean is near."""

    default_acquisition = "widest_gap"
    default_strategy = "middling"
    joint_draws = True

    def __init__(self, jitter=0.1):
        self.jitter = jitter
        self.labels = CLASSES
        self.start_over()

    def start_over(self):
        spread = torch.tensor([-1.0, 0.0, 1.0])[:, None] * self.jitter
        self.means = torch.tensor([0.0, 1.0]) + spread  # K x C

    def start_round(self, round):
        """Nothing is drawn at random when predicting."""

    def predict(self, samples):
        x = self.embed(samples)[:, :, None]  # n x 1 x 1
        return al.Categorical.from_logits(-((x - self.means) ** 2))

    def embed(self, samples):
        return torch.tensor(samples, dtype=torch.float32).reshape(-1, 1)

    def check_samples(self, samples):
        for row, sample in enumerate(samples):
            if not isinstance(sample, float | int):
                raise invalid("samples", "numbers", repr(sample), where=f"row {row}")

    def size(self, sample):
        return 1

    def cost(self, sample, prediction=None):
        return 1.0

    def check_label(self, label):
        if label not in CLASSES:
            raise invalid("label", "low or high", repr(label))
        return label

    def fit(self, samples, labels, *, seed, weights=None, valid=None, unlabelled=None):
        if not len(samples) or len(samples) != len(labels):
            raise InvalidInputError("labels: expected one for each of at least one sample.")
        self.start_over()
        noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(seed)) * self.jitter
        for place, label in enumerate(CLASSES):
            own = [x for x, other in zip(samples, labels, strict=True) if other == label]
            if own:
                self.means[:, place] = sum(own) / len(own)
        self.means += noise

    def evaluate(self, samples, labels):
        if len(samples) != len(labels):
            raise InvalidInputError("labels: expected one for each sample.")
        best = self.predict(samples).mean_probs.argmax(-1).tolist()
        right = [CLASSES[i] == label for i, label in zip(best, labels, strict=True)]
        return {"accuracy": sum(right) / len(right)}

    def save(self, directory):
        Path(directory).mkdir(parents=True, exist_ok=True)
        Path(directory, "means.json").write_text(json.dumps(self.means.tolist()))

    def load(self, directory):
        path = Path(directory, "means.json")
        if not path.is_file():
            raise invalid("directory", "a folder that NumberLine.save wrote", str(directory))
        self.means = torch.tensor(json.loads(path.read_text()))

    def describe(self, sample, prediction):
        high = float(prediction.mean_probs[0, 1])
        return {"predicted": CLASSES[int(high > 0.5)], "high": round(high, 4)}
