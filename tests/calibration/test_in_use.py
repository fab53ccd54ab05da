"""Scoring and loops with calibrated predictions: every function, plain, ragged and streamed."""

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError, StoreError, UnsupportedPredictionError
from altasks.registry import ACQUISITIONS
from altasks.testing.acquisitions import make_predictions

TEMPERATURE = 2.5
OPTIONS = {"label_cardinality_inconsistency": {"mean_labels": 1.2}}


class Given:
    """A task whose samples are rows of a prediction."""

    def __init__(self, prediction):
        self.prediction = prediction

    def predict(self, samples):
        return self.prediction[list(samples)]


class Streamed(Given):
    def iter_predict(self, samples):
        for place, sample in enumerate(samples):
            one = self.prediction[sample]
            for start in range(0, len(one.units), 2):
                part = one.units[start : start + 2]
                rows = {name: v[start : start + 2] for name, v in one.fields.items()}
                yield place, al.Ragged(part, [len(part)], rows)


def predictions(name):
    """Plain and ragged predictions that a function reads and that can be calibrated."""
    function = al.get_acquisition(name)
    generator = torch.Generator().manual_seed(0)
    for kind in (al.Categorical, al.Bernoulli):
        if kind not in function.reads:
            continue
        plain = make_predictions(kind, members=4, n=24)[0]
        plain = kind(plain.probs, torch.rand(24, 5, generator=generator))
        fields = {
            "span": torch.tensor([0, 0, -1, 1] * 6),
            "boundary": torch.rand(24, generator=generator),
            "overlap": torch.rand(24, 4, generator=generator),
            "conf": torch.rand(24, generator=generator),
        }
        yield plain, False
        yield al.Ragged(plain, [4, 8, 0, 12], fields), True


@pytest.mark.parametrize("name", ACQUISITIONS.names())
def test_every_function_scores_what_is_calibrated(name):
    scaling = al.TemperatureScaling(TEMPERATURE)
    function, options = al.get_acquisition(name), OPTIONS.get(name, {})
    seen = 0
    for prediction, ragged in predictions(name):
        try:
            expected = function(scaling(prediction), **options)
        except UnsupportedPredictionError:
            if ragged:
                raise
            continue  # of units only
        seen += 1
        pool = list(range(len(prediction)))
        tasks = [Given(prediction), *([Streamed(prediction)] if ragged else [])]
        for task in tasks:
            found = al.score(
                task, pool, name, calibration=TEMPERATURE, acquisition_options=options,
                batch_size=3, progress=False,
            )  # fmt: skip
            np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-5, atol=1e-7)
    reads = set(function.reads)
    assert seen or not reads & {al.Categorical, al.Bernoulli}
    if not seen:
        normal = make_predictions(*reads, members=4)[0]
        with pytest.raises(UnsupportedPredictionError, match="temperature: reads Categorical"):
            al.score(Given(normal), [0, 1], name, calibration=TEMPERATURE, progress=False)


def test_what_is_kept_is_calibrated_too():
    prediction = make_predictions(al.Categorical, members=4, n=24)[0]
    scaled = al.TemperatureScaling(TEMPERATURE)(prediction)
    found = al.score(
        Given(prediction), list(range(24)), "entropy", calibration=TEMPERATURE,
        keep=("mean_probs", "draws"), progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(found.mean_probs, scaled.mean_probs.numpy(), rtol=1e-6)
    np.testing.assert_allclose(found.draws, scaled.probs.numpy(), rtol=1e-6)


def test_any_function_will_do():
    prediction = al.Categorical([[0.9, 0.1], [0.5, 0.5]])

    def flattened(found):
        return al.Categorical(found.probs * 0.5 + 0.25)

    found = al.score(
        Given(prediction), [0, 1], "least_confidence", calibration=flattened, progress=False
    )
    np.testing.assert_allclose(found.values, [0.3, 0.5])


@pytest.mark.parametrize("bad", [0, -1, True, "2", object(), al.TemperatureScaling])
def test_bad_calibration(bad):
    with pytest.raises(InvalidInputError, match=r"calibration|temperature"):
        al.score(Given(al.Categorical([[0.5, 0.5]])), [0], "entropy", calibration=bad)


class Line:
    """Two classes told apart by the sign of a number; as sure as it is told to be."""

    labels = ("low", "high")
    default_acquisition = "least_confidence"

    def __init__(self, sure=8.0):
        self.sure = sure

    def predict(self, samples):
        x = torch.tensor(samples, dtype=torch.float64)
        return al.Categorical.from_logits(torch.stack([-x, x], 1) * self.sure)

    def fit(self, samples, labels, *, seed, **_):
        self.sure *= 2


def held_out(n=300):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    high = rng.random(n) < 1 / (1 + np.exp(-2 * x))
    return al.HeldOutTemperature(x.tolist(), ["high" if one else "low" for one in high])


def test_held_out_samples_give_the_temperature_of_the_task_as_it_is():
    found = held_out()
    for sure in (4.0, 8.0, 1.0):
        assert found.fit_to(Line(sure)).temperature == pytest.approx(sure, rel=0.35)
    one, other = (
        al.score(Line(sure), [0.1, 1.0], calibration=found, progress=False).values
        for sure in (4.0, 1.0)
    )
    np.testing.assert_allclose(one, other, rtol=1e-3)
    batches = al.HeldOutTemperature(found.samples, found.labels, batch_size=7)
    assert batches.fit_to(Line()).temperature == pytest.approx(found.fit_to(Line()).temperature)


def test_a_loop_scores_calibrated_and_fits_anew():
    loop = al.ActiveLoop(Line(), [0.0, 0.5, 2.0, -0.1], calibration=held_out(), progress=False)
    loop.tell({"2": "high"})
    loop.fit()  # twice as sure; the temperature follows
    query = loop.ask(1)
    assert query.ids == ["0"]
    query = loop.ask(1)
    chance = 1 - torch.sigmoid(torch.tensor(2 * 0.1 * 16 / held_out().fit_to(Line(16)).temperature))
    assert query.scores == [pytest.approx(float(chance), rel=1e-4)]


def test_a_loop_remembers_its_calibration(tmp_path):
    path = tmp_path / "a.db"
    pool = [0.0, 0.5, 2.0]
    with al.ActiveLoop(Line(), pool, store=path, calibration=2.0, progress=False):
        pass
    with al.ActiveLoop(Line(), pool, store=path, calibration=2, progress=False):
        pass
    with pytest.raises(StoreError, match="calibration"):
        al.ActiveLoop(Line(), pool, store=path, progress=False)
    with al.ActiveLoop(None, pool, store=path):  # a queue only collects answers
        pass


class Tags(Line):
    """Several labels, each on from its own place on."""

    labels = ("a", "b")

    def predict(self, samples):
        x = torch.tensor(samples, dtype=torch.float64)
        return al.Bernoulli.from_logits(torch.stack([x, x - 1], 1) * self.sure)


def test_several_labels():
    found = al.HeldOutTemperature([-1.0, 0.5, 2.0, 3.0], [["a"], ["a"], ["a", "b"], []])
    assert found.fit_to(Tags()).temperature > 5
    with pytest.raises(InvalidInputError, match=r"one of 'a', 'b', found 'c' \(row 1\)"):
        al.HeldOutTemperature([1.0, 2.0], [["a"], ["c"]]).fit_to(Tags())
    with pytest.raises(InvalidInputError, match="the list of a sample's labels"):
        al.HeldOutTemperature([1.0], ["a"]).fit_to(Tags())


class Words(Line):
    """Many units a sample; says which column is right for each."""

    def predict(self, samples):
        x = torch.tensor([value for sample in samples for value in sample], dtype=torch.float64)
        units = al.Categorical.from_logits(torch.stack([-x, x], 1) * self.sure)
        return al.Ragged(units, [len(sample) for sample in samples])

    def targets(self, samples, labels, prediction):
        names = ["low", "high"]
        return [names.index(one) if one else -1 for label in labels for one in label]


def test_many_units():
    samples = [[0.5, -0.5], [], [1.0, -1.0, 2.0]]
    labels = [["high", "high"], [], ["high", "low", None]]
    found = al.HeldOutTemperature(samples, labels)
    targets = [1, 1, 1, 0, -1]
    expected = al.TemperatureScaling.fit(Words().predict(samples), targets)
    assert found.fit_to(Words()) == expected
    assert len(al.score(Words(), samples, calibration=found, progress=False)) == 3


def test_a_task_that_does_not_say():
    class Silent:
        predict = Line(1.0).predict

    with pytest.raises(InvalidInputError, match="TellsTargets"):
        al.HeldOutTemperature([1.0], ["a"]).fit_to(Silent())
    with pytest.raises(InvalidInputError, match="one of 'low', 'high', found 'c'"):
        al.HeldOutTemperature([1.0], ["c"]).fit_to(Line())


def test_bad_held_out_samples():
    with pytest.raises(InvalidInputError, match="1 labels and 2 samples"):
        al.HeldOutTemperature([1.0, 2.0], ["a"])
    with pytest.raises(InvalidInputError, match="at least one sample"):
        al.HeldOutTemperature([], [])
    with pytest.raises(InvalidInputError, match="by"):
        al.HeldOutTemperature([1.0], ["a"], by="x")
